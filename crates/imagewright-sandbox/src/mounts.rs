//! What is mounted in the root file system: `/proc`, `/sys`, and what the specification asks for.
//!
//! Each target is opened inside the root first and then mounted on by descriptor, so that no name is looked up
//! twice and no link of the image leads a mount elsewhere.

use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use crate::protocol::{Attempt, Failure};
use crate::root::{Kind, RootFileSystem, mount, name_of};
use crate::{Mount, MountSource, Network, sys, user_namespace};

/// Parts of `/proc` through which root inside could change the machine.
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Parts of `/proc` and `/sys` that tell too much about the machine.
const HIDDEN_PATHS: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const INERT: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Mounts `/proc` of this process's pid namespace and `/sys`, both without their dangerous parts.
pub(crate) fn mount_system(root: &mut RootFileSystem, network: Network) -> Result<(), Failure> {
    for path in ["/dev", "/proc", "/sys"] {
        root.refuse_link(Path::new(path))?;
    }
    mount_new(root, "proc", Path::new("/proc"), INERT, None)?;
    match network {
        // Shows the interfaces of the sandbox's own network namespace, and no others.
        Network::None | Network::Joined { .. } => {
            mount_new(root, "sysfs", Path::new("/sys"), INERT | MsFlags::MS_RDONLY, None)?;
        }
        // A sysfs of one's own can be mounted only by who owns the network namespace.
        Network::Host => {
            bind(root, Path::new("/sys"), Path::new("/sys"), Kind::Directory)?;
            restrict(root, Path::new("/sys"), INERT | MsFlags::MS_RDONLY)?;
        }
    }
    for path in READ_ONLY_PATHS {
        seal(root, Path::new(path)).attempt_on("make read-only", path)?;
    }
    for path in HIDDEN_PATHS {
        hide(root, Path::new(path)).attempt_on("hide", path)?;
    }
    Ok(())
}

/// Mounts what the specification asks for.
pub(crate) fn mount_requested(root: &mut RootFileSystem, mounts: &[Mount]) -> Result<(), Failure> {
    for Mount { target, source } in mounts {
        match source {
            MountSource::Directory { path, read_only } => {
                bind(root, path, target, Kind::Directory)?;
                restrict(root, target, access(*read_only))?;
            }
            MountSource::File { path, read_only } => {
                bind(root, path, target, Kind::File)?;
                restrict(root, target, access(*read_only))?;
            }
            MountSource::Contents { bytes, mode, owner } => {
                let file =
                    root.private_file(bytes, *mode, *owner).attempt_on("write the contents of", target)?;
                bind(root, &file, target, Kind::File)?;
            }
            MountSource::Tmpfs { size } => {
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
                mount_new(root, "tmpfs", target, flags, Some(&format!("mode=1777,size={size}")))?;
            }
        }
    }
    Ok(())
}

fn access(read_only: bool) -> MsFlags {
    if read_only { MsFlags::MS_NODEV | MsFlags::MS_RDONLY } else { MsFlags::MS_NODEV }
}

/// Mounts a new file system.
pub(crate) fn mount_new(
    root: &mut RootFileSystem,
    kind: &str,
    target: &Path,
    flags: MsFlags,
    options: Option<&str>,
) -> Result<(), Failure> {
    let place = root.mount_point(target, Kind::Directory)?;
    mount(Some(kind), name_of(&place), Some(kind), flags, options).attempt_on("mount", target)
}

/// Shows a file or directory of the host at `target`.
pub(crate) fn bind(
    root: &mut RootFileSystem,
    source: &Path,
    target: &Path,
    kind: Kind,
) -> Result<(), Failure> {
    let place = root.mount_point(target, kind)?;
    let mount =
        |flags| nix::mount::mount(Some(source), name_of(&place).as_str(), None::<&str>, flags, None::<&str>);
    match mount(MsFlags::MS_BIND) {
        // In a user namespace the kernel does not let out what somebody else has mounted below it, for that
        // may be there to cover something.
        Err(Errno::EINVAL) if !user_namespace::is_initial() => mount(MsFlags::MS_BIND | MsFlags::MS_REC),
        result => result,
    }
    .attempt_on("mount the host's", source)
}

/// Adds `flags` to those of the mount at `target`, and of what [`bind`] could not leave out below it.
fn restrict(root: &RootFileSystem, target: &Path, flags: MsFlags) -> Result<(), Failure> {
    if user_namespace::is_initial() {
        add_flags(root, target, flags)
    } else {
        root.open(target).and_then(|mounted| sys::restrict_tree(&mounted, flags))
    }
    .attempt_on("restrict the mount", target)
}

fn add_flags(root: &RootFileSystem, target: &Path, flags: MsFlags) -> nix::Result<()> {
    // Opened again: the descriptor from before the mount means what lies beneath it.
    let mounted = root.open(target)?;
    let present = fstatvfs(&mounted)?.flags();
    let mut all = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
    for (held, flag) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ] {
        all.set(flag, all.contains(flag) || present.contains(held));
    }
    mount(None, name_of(&mounted), None, all, None)
}

/// Makes a part of a mounted file system read-only, if the kernel has it.
fn seal(root: &RootFileSystem, path: &Path) -> nix::Result<()> {
    let Some(place) = existing(root, path)? else { return Ok(()) };
    let name = name_of(&place);
    mount(Some(&name), &name, None, MsFlags::MS_BIND, None)?;
    add_flags(root, path, MsFlags::MS_RDONLY)
}

/// Covers a part of a mounted file system with emptiness, if the kernel has it.
fn hide(root: &RootFileSystem, path: &Path) -> nix::Result<()> {
    let Some(place) = existing(root, path)? else { return Ok(()) };
    let name = name_of(&place);
    let flags = INERT | MsFlags::MS_RDONLY;
    match mount(Some("tmpfs"), &name, Some("tmpfs"), flags, Some("mode=0755")) {
        Err(Errno::ENOTDIR) => mount(Some("/dev/null"), &name, None, MsFlags::MS_BIND, None),
        result => result,
    }
}

fn existing(root: &RootFileSystem, path: &Path) -> nix::Result<Option<std::os::fd::OwnedFd>> {
    match root.open(path) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}
