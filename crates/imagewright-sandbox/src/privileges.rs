//! What a command may do to the machine, and giving up the rest.

use std::collections::HashSet;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use serde::{Deserialize, Serialize};

use crate::protocol::{Attempt, Failure};
use crate::{User, seccomp, sys};

/// Says what a command may do to the machine. The default suits the steps this program thought out itself;
/// programs written for container engines also need `no_new_privileges` off, for `sudo` and the like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Privileges {
    /// Capabilities root has inside, and the most any set-uid program or file capability can give.
    pub capabilities: Vec<Capability>,
    /// Whether set-uid programs and file capabilities give nothing.
    pub no_new_privileges: bool,
    /// Whether only the usual system calls are allowed.
    pub seccomp: bool,
}

/// What container engines leave to root: enough to install software, nothing that reaches the machine.
const DEFAULT_CAPABILITIES: [Capability; 14] = [
    Capability::CAP_AUDIT_WRITE,
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_MKNOD,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_NET_RAW,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
];

impl Default for Privileges {
    fn default() -> Self {
        Self { capabilities: DEFAULT_CAPABILITIES.into(), no_new_privileges: true, seccomp: true }
    }
}

/// Turns this process into `user` with `privileges` and no more.
pub(crate) fn assume(user: &User, privileges: &Privileges) -> Result<(), Failure> {
    if privileges.seccomp {
        // First, while this process still has CAP_SYS_ADMIN: without it the kernel takes filters only from
        // processes with no_new_privs, and that would switch set-uid programs off.
        seccomp::install()?;
    }
    limit_capabilities(&privileges.capabilities).attempt("limit capabilities")?;
    change_user(user)?;
    let kept = if user.uid == 0 { privileges.capabilities.as_slice() } else { &[] };
    hold_capabilities(kept).attempt("give up capabilities")?;
    if privileges.no_new_privileges {
        nix::sys::prctl::set_no_new_privs().attempt("set no_new_privs")?;
    }
    Ok(())
}

/// Drops everything but `allowed` from the bounding set, also what this program has no name for.
fn limit_capabilities(allowed: &[Capability]) -> nix::Result<()> {
    let allowed = allowed.iter().fold(0, |mask, capability| mask | capability.bitmask());
    for number in (0..64).filter(|number| allowed & (1 << number) == 0) {
        match sys::drop_from_bounding_set(number) {
            Err(Errno::EINVAL) => break,
            result => result?,
        }
    }
    Ok(())
}

fn change_user(user: &User) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    nix::unistd::setgroups(&groups).attempt("set the supplementary groups")?;
    nix::unistd::setresgid(gid, gid, gid).attempt("change the group")?;
    nix::unistd::setresuid(uid, uid, uid).attempt("change the user")
}

/// Leaves this process exactly `kept`, and nothing for the next program to inherit.
fn hold_capabilities(kept: &[Capability]) -> std::io::Result<()> {
    let kept: HashSet<_> = kept.iter().copied().collect();
    let nothing = HashSet::new();
    for (set, value) in
        [(CapSet::Inheritable, &nothing), (CapSet::Effective, &kept), (CapSet::Permitted, &kept)]
    {
        caps::set(None, set, value).map_err(|_| std::io::Error::last_os_error())?;
    }
    Ok(())
}
