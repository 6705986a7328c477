//! The image's apt sources, fetched from the configured mirrors instead. The image itself keeps what it says.

use std::path::{Path, PathBuf};

use imagewright_model::AptSettings;
use imagewright_sandbox::{Mount, MountSource};

use crate::bootstrap::{self, Machine};
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::root_view::RootView;
use crate::workbench::contents;

/// Sources that take the place of the image's while apt runs.
pub(crate) struct Redirected {
    sources: String,
    keyring: Option<PathBuf>,
}

impl Redirected {
    /// What `settings` make of the sources of an image; none where they change nothing.
    pub(crate) fn of(
        view: &RootView,
        settings: &AptSettings,
        architecture: &str,
    ) -> Result<Option<Self>, EngineError> {
        if settings.mirror.is_none() && settings.security_mirror.is_none() && settings.keyring.is_none() {
            return Ok(None);
        }
        let sources = bootstrap::parse_sources(&source_files(view))?;
        let os_release = view.read_to_string("/etc/os-release").unwrap_or_default();
        let machine = Machine { os_release: &os_release, sources: &sources, has_keyring: &|_| true };
        // Inside the sandbox the keyring stands elsewhere.
        let inside = AptSettings {
            keyring: settings.keyring.as_ref().map(|_| PathBuf::from(keyring_inside())),
            ..settings.clone()
        };
        let Some(redirected) = bootstrap::redirect(&machine, &inside, architecture) else { return Ok(None) };
        Ok(Some(Self { sources: bootstrap::to_deb822(&redirected), keyring: settings.keyring.clone() }))
    }

    /// Lines of apt's configuration that make it read these sources alone.
    pub(crate) fn configuration() -> String {
        format!("Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{INSIDE}/sources\";\n")
    }

    pub(crate) fn mounts(&self) -> impl Iterator<Item = Mount> {
        let sources = contents(self.sources.as_str(), &format!("{INSIDE}/sources/mirror.sources"), 0o644);
        let keyring = self.keyring.iter().map(|path| Mount {
            target: PathBuf::from(keyring_inside()),
            source: MountSource::File { path: path.clone(), read_only: true },
        });
        std::iter::once(sources).chain(keyring)
    }
}

fn keyring_inside() -> String {
    format!("{INSIDE}/keyring.gpg")
}

/// The source files of an image, as apt finds them.
pub(super) fn source_files(view: &RootView) -> Vec<(PathBuf, String)> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let parts = view.list(folder).into_iter().map(|name| folder.join(name)).filter(|path| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    });
    std::iter::once(PathBuf::from("/etc/apt/sources.list"))
        .chain(parts)
        .filter_map(|path| Some((path.clone(), view.read_to_string(&path)?)))
        .collect()
}
