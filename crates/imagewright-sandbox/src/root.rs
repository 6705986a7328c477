//! The root file system: an overlay, mounted where nobody else sees it, in which mount points are found or
//! made without ever following an image's links out of it.
//!
//! Until [`RootFileSystem::enter`] the process still sees the host, so that mounts can name their sources.

use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use nix::mount::{MntFlags, MsFlags};
use nix::sys::stat::{Mode, SFlag};

use crate::protocol::{Attempt, Failure};
use crate::{Root, user_namespace};

pub(crate) const MOUNT_OVERLAY: &str = "mount the overlay that writes to the host's";

/// Symbolic links followed for one mount point, as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// Device nodes of the image cannot be opened: with them root inside could reach the machine's disks.
const ROOT_FLAGS: MsFlags = MsFlags::MS_NODEV;

/// A root file system that is mounted but not entered.
pub(crate) struct RootFileSystem {
    directory: OwnedFd,
    /// Where the root lies, as the kernel spells it.
    location: PathBuf,
    /// Private directory in memory for what belongs to this sandbox only.
    scaffold: PathBuf,
    /// Tells the overlay's own directories from what is mounted in them.
    device: u64,
    private_files: usize,
    stubs: Vec<PathBuf>,
}

/// What a mount point is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

impl RootFileSystem {
    /// Mounts the overlay, in a mount namespace of this process's own.
    pub(crate) fn mount(root: &Root) -> Result<Self, Failure> {
        let Root::Overlay { base, lower, upper, work } = root;
        mount(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None).attempt("make mounts private")?;
        let upper_directory = open_directory(upper)?;
        let work_directory = open_directory(work)?;
        forget_last_mount(work)?;

        // Nothing needs the upper directory by name any more, so its name serves as the place for a scaffold.
        let scaffold = upper.clone();
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), &scaffold, Some("tmpfs"), flags, Some("mode=0700"))
            .attempt_on("mount a private directory over the host's", &scaffold)?;
        nix::unistd::chdir(&scaffold).attempt_on("enter the host's", &scaffold)?;
        let layers = link_layers(base, lower)?;
        fs::create_dir("root").attempt("create the root's mount point")?;
        let options = format!(
            "lowerdir={layers},upperdir={},workdir={},index=off,volatile,{}",
            name_of(&upper_directory),
            name_of(&work_directory),
            kinds_of_marks(),
        );
        mount(Some("overlay"), "root", Some("overlay"), ROOT_FLAGS, Some(&options))
            .attempt_on(MOUNT_OVERLAY, upper)?;
        let root = Self::open_mounted(scaffold)?;
        root.refuse_read_only(&work_directory).attempt_on("write to the host's", upper)?;
        Ok(root)
    }

    /// The kernel mounts an overlay read-only when it can make nothing in the work directory. What it cannot is
    /// found out by trying again.
    fn refuse_read_only(&self, work: &OwnedFd) -> nix::Result<()> {
        let flags = nix::sys::statvfs::fstatvfs(&self.directory)?.flags();
        if !flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
            return Ok(());
        }
        let trial = "trial";
        nix::sys::stat::mkdirat(work, trial, Mode::S_IRWXU)?;
        nix::unistd::unlinkat(work, trial, nix::unistd::UnlinkatFlags::RemoveDir)?;
        Err(Errno::EROFS)
    }

    fn open_mounted(scaffold: PathBuf) -> Result<Self, Failure> {
        let directory = open_directory(&scaffold.join("root"))?;
        let location = fs::read_link(name_of(&directory)).attempt("find the root's place")?;
        let device = nix::sys::stat::fstat(&directory).attempt("examine the root")?.st_dev;
        Ok(Self { directory, location, scaffold, device, private_files: 0, stubs: Vec::new() })
    }

    /// Opens a path inside, as a mere place.
    pub(crate) fn open(&self, path: &Path) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        nix::fcntl::openat2(&self.directory, path, how)
    }

    /// Opens a mount point inside. What is missing of it is created.
    pub(crate) fn mount_point(&mut self, path: &Path, kind: Kind) -> Result<OwnedFd, Failure> {
        self.find_or_create(path, kind, MOST_LINKS).attempt_on("make the mount point", path)
    }

    /// Refuses an image in which a directory of the system's is a link: what is mounted there would end up where
    /// programs do not look for it.
    pub(crate) fn refuse_link(&self, path: &Path) -> Result<(), Failure> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS);
        match nix::fcntl::openat2(&self.directory, path, how) {
            Ok(_) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno).attempt_on("use the image's", path),
        }
    }

    /// Mount points that were missing in the image, relative to the root, parents first.
    pub(crate) fn stubs(&self) -> &[PathBuf] {
        &self.stubs
    }

    /// Puts bytes into a file of this sandbox's own and returns where it lies before the root is entered.
    pub(crate) fn private_file(
        &mut self,
        bytes: &[u8],
        mode: u32,
        (uid, gid): (u32, u32),
    ) -> io::Result<PathBuf> {
        let path = self.scaffold.join(format!("file-{}", self.private_files));
        self.private_files += 1;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(bytes)?;
        if (uid, gid) != (0, 0) {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
        Ok(path)
    }

    /// Makes this the root directory of the process, and lets go of the host's file system.
    pub(crate) fn enter(self) -> Result<(), Failure> {
        nix::unistd::fchdir(&self.directory).attempt("enter the root")?;
        // The old root ends up on top of the new one, from where it is taken off.
        nix::unistd::pivot_root(".", ".").attempt("change the root")?;
        nix::mount::umount2(".", MntFlags::MNT_DETACH).attempt("detach the host's root")?;
        nix::unistd::chdir("/").attempt("enter the root")
    }

    fn find_or_create(&mut self, path: &Path, kind: Kind, links: usize) -> nix::Result<OwnedFd> {
        match self.open(path) {
            Ok(found) => return of_kind(found, kind),
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        let parent = path.parent().ok_or(Errno::ENOENT)?;
        let directory = self.find_or_create(parent, Kind::Directory, links)?;
        let Some(name) = path.file_name() else {
            // It ends in `..`, which exists now.
            return of_kind(self.open(path)?, kind);
        };
        match nix::fcntl::readlinkat(&directory, name) {
            // A link that leads nowhere: it is where it points to that has to exist.
            Ok(target) => {
                let links = links.checked_sub(1).ok_or(Errno::ELOOP)?;
                self.find_or_create(&parent.join(target), kind, links)
            }
            Err(Errno::ENOENT) => self.create(&directory, name.as_ref(), kind),
            Err(errno) => Err(errno),
        }
    }

    fn create(&mut self, directory: &OwnedFd, name: &Path, kind: Kind) -> nix::Result<OwnedFd> {
        match kind {
            Kind::Directory => nix::sys::stat::mkdirat(directory, name, Mode::from_bits_truncate(0o755))?,
            Kind::File => {
                let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
                nix::fcntl::openat(directory, name, flags, Mode::from_bits_truncate(0o644)).map(drop)?;
            }
        }
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let created = nix::fcntl::openat(directory, name, flags, Mode::empty())?;
        if nix::sys::stat::fstat(directory)?.st_dev == self.device {
            let path = nix::fcntl::readlink(name_of(&created).as_str())?;
            let inside = Path::new(&path).strip_prefix(&self.location).map_err(|_| Errno::EXDEV)?;
            self.stubs.push(inside.to_owned());
        }
        Ok(created)
    }
}

fn of_kind(found: OwnedFd, kind: Kind) -> nix::Result<OwnedFd> {
    let mode = SFlag::from_bits_truncate(nix::sys::stat::fstat(&found)?.st_mode) & SFlag::S_IFMT;
    match (kind, mode == SFlag::S_IFDIR) {
        (Kind::Directory, false) => Err(Errno::ENOTDIR),
        (Kind::File, true) => Err(Errno::EISDIR),
        _ => Ok(found),
    }
}

/// Has overlays mark what layers can say and nothing else. With `userxattr` that is always so, and kernels
/// refuse to be told.
fn kinds_of_marks() -> &'static str {
    if user_namespace::is_initial() { "redirect_dir=off,metacopy=off" } else { "userxattr" }
}

/// Gives the layers short names in the working directory, so that the mount options, which must fit into one
/// page of memory, hold as many as the kernel takes; and returns these names, joined as the kernel wants them.
fn link_layers(base: &Path, lower: &[PathBuf]) -> Result<String, Failure> {
    if lower.is_empty() {
        fs::create_dir("0").attempt("create an empty layer")?;
        return Ok("0".to_owned());
    }
    let mut names = Vec::with_capacity(lower.len());
    for (number, layer) in lower.iter().enumerate() {
        let directory = base.join(layer);
        open_directory(&directory)?;
        let name = number.to_string();
        symlink(&directory, &name).attempt_on("link to the layer", &directory)?;
        names.push(name);
    }
    Ok(names.join(":"))
}

/// Lets an upper directory be mounted again. After a `volatile` mount the kernel refuses that by a mark, because
/// data may be lost when the machine goes down; then the caller throws the directory away.
fn forget_last_mount(work: &Path) -> Result<(), Failure> {
    let mark = work.join("work/incompat/volatile");
    match fs::remove_dir_all(&mark) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).attempt_on("remove the host's", &mark)
        }
        _ => Ok(()),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::open(path, flags, Mode::empty()).attempt_on("open the host's directory", path)
}

/// A path that means what `descriptor` refers to, whatever is mounted over its name.
pub(crate) fn name_of(descriptor: impl AsFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd())
}

/// `mount(2)` without the type parameters.
pub(crate) fn mount(
    source: Option<&str>,
    target: impl AsRef<Path>,
    kind: Option<&str>,
    flags: MsFlags,
    options: Option<&str>,
) -> nix::Result<()> {
    nix::mount::mount(source, target.as_ref(), kind, flags, options)
}
