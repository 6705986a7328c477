//! A private `/dev`: the few devices every program may use, in memory, so that nothing of it reaches a layer.

use std::path::Path;

use nix::mount::MsFlags;

use crate::mounts::{bind, mount_new};
use crate::protocol::{Attempt, Failure};
use crate::root::{Kind, RootFileSystem};

/// Bound from the host: ordinary users cannot make device nodes, and these are the same everywhere.
const DEVICES: [&str; 6] = ["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// Mounts `/dev` and what belongs in it.
pub(crate) fn mount_devices(root: &mut RootFileSystem) -> Result<(), Failure> {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let memory = quiet | MsFlags::MS_NODEV;
    mount_new(root, "tmpfs", Path::new("/dev"), memory, Some("mode=0755,size=64m"))?;
    for device in DEVICES {
        bind(root, Path::new(device), Path::new(device), Kind::File)?;
    }
    mount_new(root, "tmpfs", Path::new("/dev/shm"), memory, Some("mode=1777"))?;
    let terminals = Some("newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_new(root, "devpts", Path::new("/dev/pts"), quiet, terminals)?;
    let directory = root.open(Path::new("/dev")).attempt_on("open", "/dev")?;
    for (name, target) in LINKS {
        nix::unistd::symlinkat(target, &directory, name)
            .attempt_on("create the link", Path::new("/dev").join(name))?;
    }
    Ok(())
}
