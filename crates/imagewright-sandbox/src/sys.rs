//! All unsafe code of the program: the system calls for which no safe wrapper exists.

#![expect(unsafe_code, reason = "each block wraps one system call and says why that is sound")]

use std::ffi::{c_int, c_ulong};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::wait::WaitStatus;
use nix::unistd::ForkResult;

/// Lets the program that `command` starts inherit `descriptor`, under its present number.
pub(crate) fn inherit(command: &mut Command, descriptor: impl AsFd) {
    let number = descriptor.as_fd().as_raw_fd();
    // SAFETY: the closure runs between fork and exec and makes one async-signal-safe call on plain numbers.
    // Were the descriptor closed before the spawn, the call would fail and the spawn with it.
    unsafe {
        command.pre_exec(move || {
            Errno::result(libc::fcntl(number, libc::F_SETFD, 0)).map(drop).map_err(Into::into)
        })
    };
}

/// Lets the program that `command` starts end when the calling thread does, however that comes about.
pub(crate) fn end_with_this_thread(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec and makes two async-signal-safe calls on plain numbers.
    unsafe {
        command.pre_exec(move || {
            let killed = libc::SIGKILL as c_ulong;
            Errno::result(libc::prctl(libc::PR_SET_PDEATHSIG, killed, 0, 0, 0))?;
            // A parent that ended before that call would never be noticed.
            if libc::getppid() == parent.as_raw() { Ok(()) } else { Err(Errno::ESRCH.into()) }
        })
    };
}

/// Takes over the inherited descriptor `number` as the control socket, and closes all others but the
/// standard three: whatever else the caller leaked must not reach the sandbox.
pub(crate) fn adopt_only(number: RawFd) -> io::Result<UnixStream> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: reads the descriptor's flags, and fails when it is not open.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    close_range(3, number as u32 - 1)?;
    close_range(number as u32 + 1, u32::MAX)?;
    // SAFETY: open, as the call above has shown, and nobody else's: this is called first thing by a program
    // that has opened nothing itself, so inherited descriptors have no owner yet.
    Ok(unsafe { OwnedFd::from_raw_fd(number) }.into())
}

fn close_range(first: u32, last: u32) -> nix::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: see `adopt_only`, the only caller: none of these descriptors has an owner.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Forks this process, which must have one thread only.
pub(crate) fn fork() -> io::Result<ForkResult> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(Errno::EBUSY.into());
    }
    // SAFETY: with a single thread no lock can be held by a thread that does not exist in the child.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// Tries to enter new namespaces, in a process of its own that ends at once.
pub(crate) fn try_unshare(flags: CloneFlags) -> nix::Result<()> {
    // SAFETY: whatever threads there are, the child makes two system calls and touches no memory of theirs.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => {
            let errno = nix::sched::unshare(flags).map_or_else(|errno| errno as i32, |()| 0);
            // SAFETY: ends the process without running anything of it.
            unsafe { libc::_exit(errno) }
        }
        ForkResult::Parent { child } => match nix::sys::wait::waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, errno) => Err(Errno::from_raw(errno)),
            _ => Err(Errno::EINTR),
        },
    }
}

/// Adds `flags` to those of the mount at `place` and of all below it.
pub(crate) fn restrict_tree(place: impl AsFd, flags: MsFlags) -> nix::Result<()> {
    // These and no others are the same numbers here.
    let restrictions = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let attributes = (flags & restrictions).bits();
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the kernel reads an empty string and the structure, whose size is given, during the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            place.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const change,
            size_of_val(&change),
        )
    };
    Errno::result(result).map(drop)
}

/// Ignores `signal`.
pub(crate) fn ignore_signal(signal: Signal) -> nix::Result<()> {
    // SAFETY: installs no handler.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) }.map(drop)
}

/// Gives every signal its default disposition: ignored ones would stay ignored in the command.
pub(crate) fn default_signals() -> nix::Result<()> {
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: installs no handler.
        unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// Removes capability number `capability` from the bounding set; `EINVAL` when the kernel has none such.
pub(crate) fn drop_from_bounding_set(capability: u8) -> nix::Result<()> {
    // SAFETY: takes and returns plain numbers.
    Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, c_ulong::from(capability), 0, 0, 0) }).map(drop)
}

/// Installs a seccomp filter. Unlike [`seccompiler::apply_filter`] it does not set `no_new_privs`, so it needs
/// `CAP_SYS_ADMIN`.
pub(crate) fn install_filter(program: &[seccompiler::sock_filter]) -> nix::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::E2BIG)?;
    // `seccompiler::sock_filter` and `libc::sock_filter` are both the kernel's structure.
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the kernel copies the program during the call, which `program` outlives, and does not write it.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    Errno::result(result).map(drop)
}

/// Switches the loopback interface on.
pub(crate) fn raise_loopback(socket: &UdpSocket) -> nix::Result<()> {
    // SAFETY: all zeros is a valid value of this structure of numbers and byte arrays.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *slot = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request reads this structure, which is whole and outlives the call.
    let result: c_int =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    Errno::result(result).map(drop)
}
