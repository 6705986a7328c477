//! What the engine is told of the machine it runs on. It looks at nothing of this itself.

use std::path::PathBuf;

/// Facts about the machine, gathered by whoever starts the engine.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The machine's apt sources: file name and text of each.
    pub apt_sources: Vec<(PathBuf, String)>,
    /// The text of `os-release`.
    pub os_release: String,
    /// Where the keyrings of distributions are.
    pub keyrings: PathBuf,
    /// Where a Docker daemon would listen.
    pub docker_socket: PathBuf,
    /// Programs called `uv` on the search path, first choice first.
    pub uv_candidates: Vec<PathBuf>,
}
