//! Which system calls a command may make: an allow-list, so that what is new or odd (32-bit numbers, other
//! ABIs) is refused without having been thought of.

mod system_calls;

use std::collections::BTreeMap;

use nix::errno::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::protocol::{Attempt, Failure};
use crate::sys;

/// `clone` flags that make namespaces.
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u32 as u64;

/// `personality` values that change how programs see the machine but not how they are protected: Linux and
/// 32-bit Linux, each also under an old version number; and the question for the present one.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// Terminal requests that type into the terminal, which the command may share with the caller.
const TYPING: [u64; 2] = [0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */];

/// Filters the system calls of this process and of all it starts. Needs `CAP_SYS_ADMIN`.
pub(crate) fn install() -> Result<(), Failure> {
    for program in programs().map_err(|_| Errno::EINVAL).attempt("compile the system call filter")? {
        sys::install_filter(&program).attempt("install the system call filter")?;
    }
    Ok(())
}

/// Two filters, for one refuses in one way only. The kernel asks all, the last first, and obeys the first of
/// the strictest.
fn programs() -> Result<[BpfProgram; 2], seccompiler::Error> {
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    // Its flags lie in memory, where no filter sees them. C libraries fall back to `clone` when it is missing.
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([compile(rules()?, refuse, SeccompAction::Allow)?, compile(clone3, SeccompAction::Allow, missing)?])
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    action: SeccompAction,
) -> Result<BpfProgram, seccompiler::Error> {
    let filter = SeccompFilter::new(rules, otherwise, action, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

fn rules() -> Result<Rules, seccompiler::Error> {
    let mut rules: Rules = system_calls::ALLOWED.iter().map(|number| (*number, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![all_of(&[(0, SeccompCmpOp::MaskedEq(NAMESPACES), 0)])?]);
    rules.insert(libc::SYS_ioctl, vec![all_of(&TYPING.map(|request| (1, SeccompCmpOp::Ne, request)))?]);
    let personalities = PERSONALITIES.map(|value| all_of(&[(0, SeccompCmpOp::Eq, value)]));
    rules.insert(libc::SYS_personality, personalities.into_iter().collect::<Result<_, _>>()?);
    // Sockets to the hypervisor reach services of the machine.
    rules.insert(libc::SYS_socket, vec![all_of(&[(0, SeccompCmpOp::Ne, libc::AF_VSOCK as u64)])?]);
    Ok(rules)
}

/// A rule that holds when each of these (argument, comparison, value) holds.
fn all_of(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, seccompiler::Error> {
    let conditions: Result<_, _> = conditions
        .iter()
        .map(|(argument, comparison, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, comparison.clone(), *value)
        })
        .collect();
    Ok(SeccompRule::new(conditions?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_fits_into_the_kernel() {
        for program in programs().unwrap() {
            assert!(program.len() < 4096, "{} instructions", program.len());
        }
    }

    #[test]
    fn what_reaches_the_machine_is_not_allowed() {
        let rules = rules().unwrap();
        for number in [
            libc::SYS_add_key,
            libc::SYS_bpf,
            libc::SYS_delete_module,
            libc::SYS_fsmount,
            libc::SYS_fsopen,
            libc::SYS_init_module,
            libc::SYS_io_uring_setup,
            libc::SYS_kexec_load,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_mount_setattr,
            libc::SYS_move_mount,
            libc::SYS_open_by_handle_at,
            libc::SYS_open_tree,
            libc::SYS_perf_event_open,
            libc::SYS_pivot_root,
            libc::SYS_reboot,
            libc::SYS_request_key,
            libc::SYS_setns,
            libc::SYS_settimeofday,
            libc::SYS_swapon,
            libc::SYS_syslog,
            libc::SYS_umount2,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ] {
            assert!(!rules.contains_key(&number), "system call {number}");
        }
    }
}
