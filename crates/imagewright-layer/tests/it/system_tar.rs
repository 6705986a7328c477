//! GNU tar reads what we write, and we read what it writes.

use std::io::Write;
use std::process::{Command, Stdio};

use imagewright_layer::{Compression, Entry, EntryKind, LayerEncoder};

use crate::support::{data, entry, file, path, read, write};

#[expect(clippy::print_stderr, reason = "the report of a skipped test")]
pub(crate) fn has(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    let first =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let found = ["tar (GNU tar)", "gzip ", "pigz "].iter().any(|name| first.starts_with(name));
    if !found {
        eprintln!("SKIP: there is no `{program}`");
    }
    found
}

pub(crate) fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    command.env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

#[test]
fn gnu_tar_lists_what_we_write() {
    if !has("tar") {
        return;
    }
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let entries = [
        (entry("", EntryKind::Directory), vec![]),
        (
            Entry { mode: 0o4755, uid: 3_000_000, gid: 7, mtime: 86_400, ..file("bin/su", 5) },
            b"12345".to_vec(),
        ),
        (file(&long, 3), b"abc".to_vec()),
        (entry("l", EntryKind::Symlink { target: "t".repeat(150).into() }), vec![]),
        (entry("h", EntryKind::HardLink { target: path(&long) }), vec![]),
        (entry("null", EntryKind::CharDevice { major: 1, minor: 3 }), vec![]),
        (entry("sda", EntryKind::BlockDevice { major: 8, minor: 0 }), vec![]),
        (entry("p", EntryKind::Fifo), vec![]),
        (entry("etc/gone", EntryKind::Whiteout), vec![]),
        (entry("opt", EntryKind::OpaqueDirectory), vec![]),
        (Entry { xattrs: [("user.a".into(), b"\n".to_vec())].into(), ..file("x", 0) }, vec![]),
    ];
    let listed = run(Command::new("tar").args(["-tvf", "-", "--numeric-owner"]), &write(&entries));
    let listed = String::from_utf8(listed).unwrap();
    let words: Vec<String> =
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "drwxr-xr-x 0/0 0 1970-01-01 00:00 ./".to_owned(),
        "-rwsr-xr-x 3000000/7 5 1970-01-02 00:00 bin/su".to_owned(),
        format!("-rwxr-xr-x 0/0 3 1970-01-01 00:00 {long}"),
        format!("lrwxr-xr-x 0/0 0 1970-01-01 00:00 l -> {}", "t".repeat(150)),
        format!("hrwxr-xr-x 0/0 0 1970-01-01 00:00 h link to {long}"),
        "crwxr-xr-x 0/0 1,3 1970-01-01 00:00 null".to_owned(),
        "brwxr-xr-x 0/0 8,0 1970-01-01 00:00 sda".to_owned(),
        "prwxr-xr-x 0/0 0 1970-01-01 00:00 p".to_owned(),
        "-rwxr-xr-x 0/0 0 1970-01-01 00:00 etc/.wh.gone".to_owned(),
        "-rwxr-xr-x 0/0 0 1970-01-01 00:00 opt/.wh..wh..opq".to_owned(),
        "-rwxr-xr-x 0/0 0 1970-01-01 00:00 x".to_owned(),
    ];
    assert_eq!(words, expected);
}

#[test]
fn all_formats_of_gnu_tar_are_read() {
    if !has("tar") {
        return;
    }
    // ustar has room for neither a large group nor a long link.
    for (format, group, link) in
        [("gnu", 3_000_000, 150), ("oldgnu", 3_000_000, 150), ("pax", 3_000_000, 150), ("ustar", 3, 90)]
    {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let directory = "d".repeat(90);
        let deep = format!("{directory}/{}", "f".repeat(60));
        let contents = data(70_000, 2);
        std::fs::create_dir(at(&directory)).unwrap();
        std::fs::write(at(&deep), &contents).unwrap();
        std::fs::write(at("a"), "").unwrap();
        std::fs::hard_link(at("a"), at("h")).unwrap();
        std::os::unix::fs::symlink("t".repeat(link), at("l")).unwrap();

        let mut command = Command::new("tar");
        command.args(["--sort=name", "--mtime=@1700000000.5", "--owner=0", "--format", format]);
        command.arg(format!("--group={group}")).args(["-cf", "-", "."]).current_dir(folder.path());
        let entries = read(&run(&mut command, b"")).unwrap();

        let paths: Vec<_> = entries.iter().map(|(entry, _)| entry.path.clone()).collect();
        assert_eq!(paths, ["", "a", &directory, &deep, "h", "l"].map(path), "{format}");
        assert!(entries[3].1 == contents);
        assert_eq!(entries[4].0.kind, EntryKind::HardLink { target: path("a") });
        assert_eq!(entries[5].0.kind, EntryKind::Symlink { target: "t".repeat(link).into() });
        let same = |entry: &Entry| (entry.uid, entry.gid, entry.mtime) == (0, group, 1_700_000_000);
        assert!(entries.iter().all(|(entry, _)| same(entry)), "{format}");
    }
}

#[test]
fn gzip_reads_what_we_compress() {
    if !has("gzip") {
        return;
    }
    let plain = data(3 << 20, 8);
    let mut encoder = LayerEncoder::new(Vec::new(), Compression::default(), 2);
    encoder.write_all(&plain).unwrap();
    let (bytes, _) = encoder.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer.gz");
    std::fs::write(&file, bytes).unwrap();
    assert!(run(Command::new("gzip").arg("-dc").arg(&file), b"") == plain);
}
