//! What is mounted into the root file system, and what traces that leaves.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use imagewright_sandbox::{Exit, MountSource};

use crate::harness::Bench;

#[test]
#[ignore = "needs root"]
fn directories_are_writable_or_not() {
    for (read_only, expected) in [(true, Exit::Code(1)), (false, Exit::Code(0))] {
        let bench = Bench::script("cat /srv/cache/old && echo new >/srv/cache/new || exit 1");
        let path = bench.directory("cache");
        fs::write(path.join("old"), "old").unwrap();
        let bench = bench.with_mount("/srv/cache", MountSource::Directory { path: path.clone(), read_only });
        let finished = bench.run();
        assert_eq!((finished.exit, finished.stdout.as_str()), (expected, "old"), "{finished:?}");
        assert_eq!(path.join("new").exists(), !read_only);
        assert_eq!(finished.stubs, [PathBuf::from("srv/cache")]);
        assert_eq!(bench.changes(), ["srv", "srv/cache"]);
    }
}

#[test]
#[ignore = "needs root"]
fn files_are_writable_or_not() {
    for (read_only, expected) in [(true, "old"), (false, "new")] {
        let bench = Bench::script("cat /etc/thing; printf new 2>/dev/null >/etc/thing; true");
        let path = bench.directory("files").join("thing");
        fs::write(&path, "old").unwrap();
        let bench = bench.with_mount("/etc/thing", MountSource::File { path: path.clone(), read_only });
        assert_eq!(bench.output(), "old");
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }
}

#[test]
#[ignore = "needs root"]
fn contents_replace_a_file_without_a_trace() {
    let bench = Bench::script("cat /etc/passwd; echo more >>/etc/passwd; stat -c %a /etc/passwd");
    let bench = bench.with_mount(
        "/etc/passwd",
        MountSource::Contents { bytes: b"root:x:0:0\n".to_vec(), mode: 0o600, owner: (0, 0) },
    );
    let finished = bench.run();
    assert_eq!(finished.stdout, "root:x:0:0\n600\n");
    assert!(finished.stubs.is_empty() && bench.changes().is_empty(), "{finished:?} {:?}", bench.changes());
}

#[test]
#[ignore = "needs root"]
fn memory_is_limited_and_leaves_no_trace() {
    let bench = Bench::script("head -c 9000 /dev/zero >/tmp/small && ! head -c 99999 /dev/zero >/tmp/large")
        .with_user(1000, 1000, &[])
        .with_mount("/tmp", MountSource::Tmpfs { size: 65536 });
    let finished = bench.run();
    assert_eq!(finished.exit, Exit::Code(0), "{finished:?}");
    assert!(bench.changes().is_empty(), "{:?}", bench.changes());
}

#[test]
#[ignore = "needs root"]
fn what_lies_below_dev_leaves_no_trace() {
    let bench =
        Bench::script("cat /dev/imagewright/ca.pem; echo x >/dev/imagewright/cache/x; ls /dev/imagewright");
    let path = bench.directory("cache");
    let bench = bench
        .with_file("/dev/imagewright/ca.pem", "certificate\n")
        .with_file("/dev/imagewright/deep/down/file", "x")
        .with_mount(
            "/dev/imagewright/cache",
            MountSource::Directory { path: path.clone(), read_only: false },
        );
    let finished = bench.run();
    assert_eq!(finished.stdout, "certificate\nca.pem\ncache\ndeep\n", "{finished:?}");
    assert!(path.join("x").exists());
    assert!(finished.stubs.is_empty() && bench.changes().is_empty(), "{finished:?} {:?}", bench.changes());
}

#[test]
#[ignore = "needs root"]
fn later_mounts_lie_in_earlier_ones() {
    let bench = Bench::script("cat /mnt/a/file")
        .with_mount("/mnt", MountSource::Tmpfs { size: 65536 })
        .with_file("/mnt/a/file", "in memory");
    let finished = bench.run();
    assert_eq!(finished.stdout, "in memory");
    assert!(bench.changes().is_empty() && finished.stubs.is_empty(), "{finished:?}");
}

/// Replaces `/etc/resolv.conf` of the image.
fn resolver_links_to(target: &str) -> Bench {
    Bench::script("cat /etc/resolv.conf; readlink /etc/resolv.conf").with_layer(|layer| {
        fs::create_dir(layer.join("etc")).unwrap();
        symlink(target, layer.join("etc/resolv.conf")).unwrap();
    })
}

#[test]
#[ignore = "needs root"]
fn links_of_the_image_are_followed_inside_it() {
    let outside = tempfile::tempdir_in("/dev/shm").unwrap();
    let absolute = outside.path().join("resolv.conf").to_str().unwrap().to_owned();
    let escaping = format!("../../../../../../../..{absolute}");
    let place = absolute.trim_start_matches('/').to_owned();
    for (target, stub) in [
        ("../run/systemd/resolve/stub-resolv.conf", "run/systemd/resolve/stub-resolv.conf"),
        ("/run/made/up/resolv.conf", "run/made/up/resolv.conf"),
        ("../../../../etc/other", "etc/other"),
        ("missing/../other", "etc/other"),
    ] {
        let bench = resolver_links_to(target).with_file("/etc/resolv.conf", "nameserver ::1\n");
        let finished = bench.run();
        assert_eq!(finished.stdout, format!("nameserver ::1\n{target}\n"), "{finished:?}");
        assert_eq!(finished.stubs.last(), Some(&PathBuf::from(stub)), "{target}");
    }
    for target in [absolute.as_str(), escaping.as_str()] {
        // These lead below the private `/dev`, so nothing is reported; and nothing appears on the host.
        let finished = resolver_links_to(target).with_file("/etc/resolv.conf", "nameserver ::1\n").run();
        assert_eq!(finished.stdout, format!("nameserver ::1\n{target}\n"), "{place}");
        assert!(finished.stubs.is_empty());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{target}");
    }
}

#[test]
#[ignore = "needs root"]
fn links_that_lead_out_by_descriptor_or_in_a_circle_are_refused() {
    for target in
        ["/proc/self/fd/5", "/proc/self/root/etc/x", "/proc/self/cwd/x", "/etc/resolv.conf", "resolv.conf"]
    {
        let failure = resolver_links_to(target).with_file("/etc/resolv.conf", "x").failure();
        assert!(
            failure.starts_with("could not make the mount point `/etc/resolv.conf`: "),
            "{target}: {failure}"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn system_directories_that_are_links_are_refused() {
    for name in ["proc", "sys", "dev"] {
        let outside = tempfile::tempdir_in("/dev/shm").unwrap();
        let bench = Bench::new().with_layer(|layer| symlink(outside.path(), layer.join(name)).unwrap());
        let failure = bench.failure();
        assert!(failure.starts_with(&format!("could not use the image's `/{name}`: ")), "{failure}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[test]
#[ignore = "needs root"]
fn missing_parents_are_reported_before_their_children() {
    let finished = Bench::new().with_file("/opt/a/b/c", "x").run();
    assert_eq!(finished.stubs, ["opt/a", "opt/a/b", "opt/a/b/c"].map(PathBuf::from));
}

#[test]
#[ignore = "needs root"]
fn says_what_cannot_be_mounted() {
    let bench = Bench::new()
        .with_mount("/mnt", MountSource::Directory { path: "/no/such/directory".into(), read_only: true });
    assert!(bench.failure().starts_with("could not mount the host's `/no/such/directory`: No such file"));
    let bench = Bench::new().with_file("/etc", "x");
    assert!(bench.failure().starts_with("could not make the mount point `/etc`: Is a directory"));
    let bench = Bench::new().with_mount("/etc/passwd", MountSource::Tmpfs { size: 1 });
    assert!(bench.failure().starts_with("could not make the mount point `/etc/passwd`: Not a directory"));
}

#[test]
#[ignore = "needs root"]
fn nothing_of_the_host_is_seen() {
    let bench = Bench::script("cat /proc/self/mountinfo");
    let text = bench.output();
    let folder = bench.folder.path().file_name().and_then(|name| name.to_str()).unwrap();
    assert!(!text.contains(folder), "{text}");
    assert!(text.lines().next().unwrap().contains(" / / "), "{text}");
    for options in text.lines().filter(|line| line.contains(" /sys ") || line.contains(" /proc/sys ")) {
        assert!(options.contains(" ro,"), "{options}");
    }
}

#[test]
#[ignore = "needs root"]
fn mounted_files_keep_their_restrictions() {
    // `/dev/shm` may be mounted `nosuid,nodev` on the host: making a part of it read-only must not lift that.
    let bench = Bench::script("grep -E ' (/mnt|/srv) ' /proc/self/mounts | cut -d' ' -f4 | cut -d, -f1-2");
    let path = bench.directory("cache");
    let source = |read_only| MountSource::Directory { path: path.clone(), read_only };
    let text = bench.with_mount("/mnt", source(true)).with_mount("/srv", source(false)).output();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("ro,") && lines[1].starts_with("rw,"), "{text}");
    assert!(lines.iter().all(|line| line.contains("nodev") || line.contains("nosuid")), "{text}");
}

#[test]
#[ignore = "needs root"]
fn contents_can_be_programs() {
    let source =
        MountSource::Contents { bytes: b"#!/bin/sh\necho ran\n".to_vec(), mode: 0o755, owner: (0, 0) };
    let mut bench = Bench::new().with_mount("/dev/imagewright/bin/run", source);
    bench.spec.command = vec!["/dev/imagewright/bin/run".to_owned()];
    assert_eq!(bench.output(), "ran\n");
    assert!(Path::new("/dev/null").metadata().unwrap().permissions().mode() & 0o666 == 0o666);
}
