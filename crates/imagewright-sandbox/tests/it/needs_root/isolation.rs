//! What the command can see of the machine, and do to it.

use std::ffi::c_long;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use imagewright_sandbox::{Capability, Exit, Network, PrivateNetwork};

use crate::harness::Bench;

/// Makes a system call in the sandbox and returns the error number, 0 for success.
fn system_call(bench: Bench, number: c_long, arguments: &str) -> String {
    bench.with_script(&format!("perl -e 'print syscall({number}, {arguments}) < 0 ? $!+0 : 0'")).output()
}

#[test]
#[ignore = "needs root"]
fn sees_only_its_own_processes() {
    let text = Bench::script("echo $$; ls -d /proc/[0-9]*").output();
    assert!(text.starts_with("2\n/proc/1\n/proc/2\n") && text.lines().count() <= 4, "{text}");
}

#[test]
#[ignore = "needs root"]
fn no_network_is_loopback_only() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort; \
         perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(\"127.0.0.1:{port}\") ? \"reached\" : $!'"
    );
    assert_eq!(Bench::script(&script).output(), "lo\nConnection refused");
    let own = "perl -MIO::Socket::INET -e '$server = IO::Socket::INET->new(Listen => 1) or die; \
               print IO::Socket::INET->new(\"127.0.0.1:\" . $server->sockport) ? 1 : $!'";
    assert_eq!(Bench::script(own).output(), "1", "its own loopback interface works");
    let mut bench = Bench::script(&script);
    bench.spec.network = Network::Host;
    assert!(bench.output().ends_with("\nreached"));
}

#[test]
#[ignore = "needs root"]
fn root_has_the_default_capabilities_only() {
    let script = "grep Cap /proc/self/status; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status";
    let text = Bench::script(script).output();
    let expected = "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n\
                    CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
    assert_eq!(text, expected);
    let text = Bench::script(script).with_user(1000, 1000, &[]).output();
    let nothing = "0000000000000000";
    assert!(
        text.contains(&format!("CapPrm:\t{nothing}\nCapEff:\t{nothing}\nCapBnd:\t00000000a80425fb")),
        "{text}"
    );
}

#[test]
#[ignore = "needs root"]
fn privileges_can_be_chosen() {
    let mut bench = Bench::script("grep -E 'CapBnd|CapEff|NoNewPrivs|Seccomp:' /proc/self/status");
    bench.spec.privileges.capabilities = [Capability::CAP_CHOWN].into();
    bench.spec.privileges.no_new_privileges = false;
    bench.spec.privileges.seccomp = false;
    let one = "0000000000000001";
    assert_eq!(bench.output(), format!("CapEff:\t{one}\nCapBnd:\t{one}\nNoNewPrivs:\t0\nSeccomp:\t0\n"));
}

#[test]
#[ignore = "needs root"]
fn set_uid_programs_elevate_only_with_new_privileges() {
    for (no_new_privileges, expected) in [(true, "1000\n"), (false, "0\n")] {
        let mut bench = Bench::script("/opt/id -u").with_user(1000, 1000, &[]).with_layer(|layer| {
            fs::create_dir(layer.join("opt")).unwrap();
            fs::copy("/usr/bin/id", layer.join("opt/id")).unwrap();
            fs::set_permissions(layer.join("opt/id"), fs::Permissions::from_mode(0o4755)).unwrap();
        });
        bench.spec.privileges.no_new_privileges = no_new_privileges;
        assert_eq!(bench.output(), expected, "no_new_privileges: {no_new_privileges}");
    }
}

#[test]
#[ignore = "needs root"]
fn refuses_dangerous_system_calls() {
    let (not_permitted, not_there) = (libc::EPERM.to_string(), libc::ENOSYS.to_string());
    for (number, arguments, expected) in [
        (libc::SYS_mount, "0, 0, 0, 0, 0", &not_permitted),
        (libc::SYS_unshare, "0", &not_permitted),
        (libc::SYS_setns, "0, 0", &not_permitted),
        (libc::SYS_keyctl, "0, 0, 0, 0, 0", &not_permitted),
        (libc::SYS_bpf, "0, 0, 0", &not_permitted),
        (libc::SYS_io_uring_setup, "0, 0", &not_permitted),
        (libc::SYS_clone, "0x10000011, 0, 0, 0, 0", &not_permitted),
        (libc::SYS_clone3, "0, 0", &not_there),
        (libc::SYS_personality, "0x0040000", &not_permitted),
        (libc::SYS_personality, "0xffffffff", &"0".to_owned()),
        (libc::SYS_socket, "40, 1, 0", &not_permitted),
        (libc::SYS_ioctl, "0, 0x5412, 0", &not_permitted),
        (5000, "0", &not_permitted),
    ] {
        assert_eq!(
            system_call(Bench::new(), number, arguments),
            *expected,
            "system call {number} ({arguments})"
        );
    }
    #[cfg(target_arch = "x86_64")]
    assert_eq!(system_call(Bench::new(), 0x4000_0000 + libc::SYS_getpid, "0"), not_permitted, "x32");
    let mut without = Bench::new();
    without.spec.privileges.seccomp = false;
    assert_eq!(system_call(without, libc::SYS_unshare, "0"), "0", "the check works");
}

#[test]
#[ignore = "needs root"]
fn seccomp_works_without_no_new_privileges() {
    for uid in [0, 1000] {
        let mut bench = Bench::new().with_user(uid, uid, &[]);
        bench.spec.privileges.no_new_privileges = false;
        assert_eq!(system_call(bench, libc::SYS_unshare, "0"), libc::EPERM.to_string());
    }
}

#[test]
#[ignore = "needs root"]
fn the_machine_cannot_be_changed() {
    for script in [
        "echo 1 >/proc/sys/kernel/printk",
        "echo h >/proc/sysrq-trigger",
        "mkdir /sys/new",
        "echo x >/sys/kernel/uevent_helper",
        "mknod /null c 1 3 && cat /null",
        "mknod /dev/mem2 c 1 1 && cat /dev/mem2",
        "cat /proc/1/environ",
        "cat /proc/1/mem",
        "ls /proc/1/root/",
        "hostname other",
        "head -c1 /proc/kcore | grep -q .",
    ] {
        let finished = Bench::script(script).run();
        assert_ne!(finished.exit, Exit::Code(0), "{script}: {finished:?}");
    }
}

#[test]
#[ignore = "needs root"]
fn what_software_installation_needs_works() {
    for script in [
        "chown 1234:1234 /etc/hostname && chmod 4755 /etc/hostname",
        "mkdir /new && chroot / true",
        "mknod /pipe p && mknod /device c 1 3",
        "useradd --system --no-create-home somebody && id somebody",
        "setcap cap_net_bind_service+ep /usr/bin/env 2>/dev/null || ! command -v setcap",
        "perl -e 'use POSIX; $< = 1000; $> = 1000; exit($> != 1000)'",
        "echo x >/dev/null && head -c 4 /dev/urandom >/dev/shm/x && test -c /dev/ptmx && test -d /dev/fd",
        "dpkg --version && apt-get --version",
        "script -qc true /dev/null",
    ] {
        let finished = Bench::script(script).run();
        assert_eq!(finished.exit, Exit::Code(0), "{script}: {finished:?}");
    }
}

#[test]
#[ignore = "needs root"]
fn whoever_holds_a_network_reaches_what_runs_in_it() {
    let network = PrivateNetwork::new().unwrap();
    let listener = network.listen(8877).unwrap();
    let mut bench = Bench::script(
        "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; ls /sys/class/net; \
         perl -MIO::Socket::INET -e '$there = IO::Socket::INET->new(\"127.0.0.1:8877\") or die $!; print $there \"hello\"'",
    );
    bench.spec.network = network.network();
    assert_eq!(bench.output(), "lo\nlo\n");
    let mut said = String::new();
    listener.accept().unwrap().0.read_to_string(&mut said).unwrap();
    assert_eq!(said, "hello");
    assert!(TcpStream::connect("127.0.0.1:8877").is_err(), "it is not the machine's");
    drop(network.connect(8877, Duration::from_secs(1)).unwrap());
    drop(listener);
    assert!(network.connect(8877, Duration::from_secs(1)).is_err());
}
