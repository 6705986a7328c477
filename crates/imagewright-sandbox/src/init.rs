//! The first process of the sandbox, pid 1 of its namespace: makes the surroundings, starts the command, and
//! reaps until the command has ended. With its own end the kernel ends all the command has left behind.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::limits::Enforcement;
use crate::protocol::{self, Attempt, Failure, Record};
use crate::root::RootFileSystem;
use crate::{Exit, Network, SandboxSpec, Stdio, command, devices, helper, mounts, network, sys};

/// Open files a program gets without asking. More breaks programs that use `select` or close all in a loop.
const OPEN_FILES: u64 = 1024;

/// Open files a program can ask for, where the caller has as many.
const MOST_OPEN_FILES: u64 = 524_288;

/// Is the first process. Whatever happens is told as records.
pub(crate) fn main(
    spec: &SandboxSpec,
    stdio: Stdio,
    limits: &Enforcement,
    records: &File,
    helper: &OwnedFd,
) -> ! {
    let record = match run(spec, stdio, limits, records, helper) {
        Ok(exit) => Record::Ended(exit),
        Err(failure) => Record::Failed(failure),
    };
    let told = protocol::send_record(records, &record);
    std::process::exit(i32::from(told.is_err()))
}

fn run(
    spec: &SandboxSpec,
    stdio: Stdio,
    limits: &Enforcement,
    records: &File,
    helper: &OwnedFd,
) -> Result<Exit, Failure> {
    die_with(helper)?;
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    let network = match spec.network {
        Network::Host | Network::Joined { .. } => CloneFlags::empty(),
        Network::None => CloneFlags::CLONE_NEWNET,
    };
    if let Network::Joined { process, descriptor } = spec.network {
        network::join(process, descriptor)?;
    }
    let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    nix::sched::unshare(namespaces | network).attempt("enter new namespaces")?;
    if spec.network == Network::None {
        network::start_loopback()?;
    }
    nix::unistd::sethostname(&spec.hostname).attempt("set the host name")?;
    enter_root(spec, records)?;
    limit_resources().attempt("limit resources")?;
    // Our memory holds the specification: processes inside must not read it, whatever capabilities they have.
    nix::sys::prctl::set_dumpable(false).attempt("protect the first process")?;
    let command = match sys::fork().attempt("fork")? {
        ForkResult::Child => command::main(spec, stdio, limits, records),
        ForkResult::Parent { child } => child,
    };
    helper::release_stdio().attempt("let go of standard output")?;
    reap_until(command).attempt("wait for the command")
}

/// Has the kernel kill this process when the helper ends.
fn die_with(helper: &OwnedFd) -> Result<(), Failure> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).attempt("ask for the death signal")?;
    // The helper may have ended before: nobody else holds the other end of this pipe.
    let mut source = [PollFd::new(helper.as_fd(), PollFlags::POLLIN)];
    let gone = nix::poll::poll(&mut source, PollTimeout::ZERO).attempt("look after the helper")? != 0;
    if gone { Err(Errno::ESRCH).attempt("find the helper") } else { Ok(()) }
}

fn enter_root(spec: &SandboxSpec, records: &File) -> Result<(), Failure> {
    let mut root = RootFileSystem::mount(&spec.root)?;
    mounts::mount_system(&mut root, spec.network)?;
    devices::mount_devices(&mut root)?;
    mounts::mount_requested(&mut root, &spec.mounts)?;
    for stub in root.stubs() {
        protocol::send_record(records, &Record::Stub(stub.clone()))
            .attempt_on("report the mount point", stub)?;
    }
    root.enter()
}

fn limit_resources() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let most = most.min(MOST_OPEN_FILES);
    setrlimit(Resource::RLIMIT_NOFILE, most.min(OPEN_FILES), most)?;
    // A core file would end up in the image.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

fn reap_until(command: Pid) -> nix::Result<Exit> {
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(process, code)) if process == command => return Ok(Exit::Code(code)),
            Ok(WaitStatus::Signaled(process, signal, _)) if process == command => {
                return Ok(Exit::Signal(signal as i32));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
