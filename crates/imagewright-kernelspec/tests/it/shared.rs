//! What tests share: the folder with kernels and gateways, and kernelspecs in folders.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use imagewright_kernelspec::Kernelspec;

/// The folder that tests share.
pub(crate) fn shared() -> PathBuf {
    let named = env::var_os("IMAGEWRIGHT_TEST_ROOT").map(PathBuf::from);
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    named.or_else(|| Some(cache?.join("imagewright-test-store"))).unwrap()
}

/// The Python that Enterprise Gateway is installed for.
pub(crate) fn python() -> Command {
    let mut command = Command::new(shared().join("kernel/gateway/bin/python"));
    command.stdin(Stdio::null());
    command
}

/// A file of these tests.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

/// Writes a kernelspec into its folder, below `kernels`.
pub(crate) fn install(folder: &Path, spec: &Kernelspec) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder.join("kernels").join(spec.name.as_str());
    for (path, file) in spec.to_files() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &file.contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode())).unwrap();
    }
    folder
}
