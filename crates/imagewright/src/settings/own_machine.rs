//! What our own engine must know of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_service::Machine;

use super::machine::{DOCKER_SOCKET, on_search_path};

/// Facts about the machine.
pub(crate) fn gather() -> Machine {
    Machine {
        apt_sources: apt_sources(Path::new("/etc/apt")),
        os_release: ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .unwrap_or_default(),
        keyrings: PathBuf::from("/usr/share/keyrings"),
        docker_socket: PathBuf::from(DOCKER_SOCKET),
        uv_candidates: on_search_path("uv"),
    }
}

fn apt_sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = vec![folder.join("sources.list")];
    let parts = fs::read_dir(folder.join("sources.list.d")).into_iter().flatten().flatten();
    let is_source = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    };
    files.extend(parts.map(|entry| entry.path()).filter(is_source));
    files.sort();
    files.into_iter().filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?))).collect()
}
