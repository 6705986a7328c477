//! Wheels that are installed.

use std::collections::BTreeSet;

use imagewright_layer::{EntryKind, LayerPath};
use imagewright_python::wheel::{Wheel, WheelFileName};
use sha2::Digest as _;

use crate::support::{
    Layer, Member, WHEEL_NAME, Zip, install, install_with, options, venv, wheel, wheel_members,
};

const SITE: &str = "opt/venv/lib/python3.11/site-packages";

/// A wheel with everything that a wheel may have.
fn full() -> Vec<Member> {
    let data = |path: &str, body: &str| Member::new(format!("foo-1.0.data/{path}"), body);
    let entry_points =
        "[console_scripts]\nep = foo:main.run [x]\nz-e = foo.b : c\n[gui_scripts]\nwin=foo:g\n";
    vec![
        Member::new("foo/__init__.py", "x = 1\n".repeat(50)),
        Member::new("foo/_fast.so", "\x7fELF").stored().mode(0o100_755),
        Member::new("foo/empty/", "").stored().mode(0o040_700),
        data("scripts/plain", "#!python\nprint(1)\n"),
        data("scripts/window", "#!pythonw -E\r\nprint(2)\n"),
        data("scripts/binary", "\x7fELF"),
        data("scripts/latin", "#!python\n# -*- coding: latin-1 -*-\nx = 1\n"),
        data("scripts/ep", "#!python\n"),
        data("scripts/tiny", "#!"),
        data("data/share/foo/y.txt", "y").mode(0o100_755),
        data("data/etc/foo.conf", ""),
        data("headers/foo.h", "h"),
        data("headers/sub/i.h", "i"),
        data("purelib/pl/z.py", "z"),
        data("platlib/a,b.py", "so").mode(0o100_711),
        Member::new("foo-1.0.dist-info/entry_points.txt", entry_points),
        Member::new("foo-1.0.dist-info/INSTALLER", "pip\n"),
    ]
}

/// The tree and both lists are what uv 0.13.8 made of the same wheel in a venv at the same place.
#[test]
fn everything_is_where_uv_puts_it() {
    let (installed, layer) = install(&wheel(&full())).unwrap();
    let record = format!("{SITE}/foo-1.0.dist-info/RECORD");
    assert_eq!(layer.text(&record), include_str!("uv/RECORD"));
    let (_, spaces) = install_with(&wheel(&full()), &venv("/opt/a b/venv/bin/python"), &options()).unwrap();
    assert_eq!(spaces.text(&record), include_str!("uv/RECORD-spaces"));
    let expected = "755 SITE/foo/ 644 SITE/foo/__init__.py 755 SITE/foo/_fast.so 755 SITE/foo/empty/ \
        755 BIN/plain 755 BIN/window 755 BIN/binary 755 BIN/latin 755 BIN/tiny \
        755 opt/venv/share/foo/ 755 opt/venv/share/foo/y.txt 644 opt/venv/etc/foo.conf \
        755 INCLUDE/foo/ 644 INCLUDE/foo/foo.h 755 INCLUDE/foo/sub/ 644 INCLUDE/foo/sub/i.h \
        755 SITE/pl/ 644 SITE/pl/z.py 755 SITE/a,b.py 755 INFO/ 644 INFO/entry_points.txt 644 INFO/METADATA \
        644 INFO/WHEEL 755 BIN/ep 755 BIN/z-e 755 BIN/win 644 INFO/REQUESTED 644 INFO/INSTALLER 644 INFO/RECORD";
    let expected = expected
        .replace("INFO", "SITE/foo-1.0.dist-info")
        .replace("SITE", SITE)
        .replace("BIN", "opt/venv/bin")
        .replace("INCLUDE", "opt/venv/include/site/python3.11");
    assert_eq!(layer.listing().join(" "), expected);
    let launcher = layer.text("opt/venv/bin/win");
    assert!(
        launcher
            .starts_with("#!/opt/venv/bin/python\n# -*- coding: utf-8 -*-\nimport sys\nfrom foo import g\n")
    );
    assert_eq!(layer.text("opt/venv/bin/window"), "#!/opt/venv/bin/python\nprint(2)\n");
    assert_eq!(installed.scripts, ["ep", "z-e", "win"]);
    assert_eq!(installed.notes, [""; 0]);
}

#[test]
fn what_was_installed_is_told() {
    let (installed, layer) = install(&wheel(&full())).unwrap();
    assert_eq!(installed.package_url, "pkg:pypi/foo@1.0");
    assert_eq!((installed.name.as_str(), installed.metadata.version.as_str()), ("foo", "1.0"));
    let files = layer.entries.iter().filter(|(entry, _)| entry.kind != EntryKind::Directory);
    assert_eq!(files.clone().count(), installed.files.len());
    for ((entry, body), file) in files.zip(&installed.files) {
        assert_eq!((&entry.path, entry.mode, body.len() as u64), (&file.path, file.mode, file.size));
        assert_eq!(<[u8; 32]>::from(sha2::Sha256::digest(body)), file.sha256, "{}", entry.path);
        assert_eq!((entry.uid, entry.gid, entry.mtime), (1000, 100, 1_700_000_000));
    }
    // Deflate streams are handed on as they are, but for scripts that change and for what is stored.
    let spliced: Vec<_> =
        layer.spliced.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert!(spliced.contains(&"__init__.py") && spliced.contains(&"binary"), "{spliced:?}");
    assert!(!spliced.contains(&"plain") && !spliced.contains(&"_fast.so"), "{spliced:?}");
}

#[test]
fn the_plan_knows_directories_before_anything_is_read() {
    let bytes = wheel(&full());
    let opened = Wheel::open(WHEEL_NAME, &bytes[..]).unwrap();
    let (scheme, options) = (venv("/opt/venv/bin/python"), options());
    let plan = opened.plan(&scheme, &options).unwrap();
    let shared: Vec<_> =
        plan.shared_directories().iter().map(|path| path.as_path().display().to_string()).collect();
    let expected = "opt opt/venv opt/venv/bin opt/venv/etc opt/venv/include opt/venv/include/site \
        opt/venv/include/site/python3.11 opt/venv/lib opt/venv/lib/python3.11 SITE opt/venv/share";
    assert_eq!(shared.join(" "), expected.replace("SITE", SITE));
    assert!(plan.shared_directories().is_subset(&scheme.shared_directories()));
    let (directories, files) = (plan.directories().clone(), plan.files().cloned().collect::<BTreeSet<_>>());
    let mut layer = Layer::default();
    plan.write(&mut layer).unwrap();
    let of = |is_directory| {
        let entries =
            layer.entries.iter().filter(|(entry, _)| (entry.kind == EntryKind::Directory) == is_directory);
        entries.map(|(entry, _)| entry.path.clone()).collect::<BTreeSet<LayerPath>>()
    };
    assert_eq!((of(true), of(false)), (directories, files));
}

#[test]
fn metadata_is_written_as_asked() {
    let chosen = [
        ("REQUESTED", false, None),
        ("direct_url.json", true, Some("{\"url\":\"https://mirror.example/foo.whl\"}".to_owned())),
    ];
    for (absent, requested, direct_url) in chosen {
        let other = if absent == "REQUESTED" { "direct_url.json" } else { "REQUESTED" };
        let options = imagewright_python::wheel::InstallOptions {
            installer: "imagewright".to_owned(),
            requested,
            direct_url: direct_url.clone(),
            ..options()
        };
        let (_, layer) = install_with(&wheel(&[]), &venv("/usr/bin/python3"), &options).unwrap();
        assert_eq!(layer.text(&format!("{SITE}/foo-1.0.dist-info/INSTALLER")), "imagewright");
        let record = layer.text(&format!("{SITE}/foo-1.0.dist-info/RECORD"));
        assert_eq!(record.contains("/REQUESTED,"), requested, "{record}");
        assert_eq!(record.contains("/direct_url.json,"), direct_url.is_some(), "{other}: {record}");
        if let Some(text) = direct_url {
            assert_eq!(layer.text(&format!("{SITE}/foo-1.0.dist-info/direct_url.json")), text);
        }
    }
}

#[test]
fn compiled_packages_go_where_those_are() {
    let mut scheme = venv("/usr/bin/python3");
    scheme.platlib = LayerPath::parse(b"opt/venv/lib64/python3.11/site-packages").unwrap();
    let compiled = Member::new("foo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n");
    let members = [Member::new("a.so", ""), Member::new("foo-1.0.data/purelib/b.py", ""), compiled];
    let (_, layer) = install_with(&wheel(&members), &scheme, &options()).unwrap();
    let record = layer.text("opt/venv/lib64/python3.11/site-packages/foo-1.0.dist-info/RECORD");
    assert!(record.contains("\na.so,sha256="), "{record}");
    assert!(record.starts_with("../../../lib/python3.11/site-packages/b.py,sha256="), "{record}");
}

/// `RECORD` is mended as uv does it.
#[test]
fn lists_that_are_not_whole() {
    let record = "a.py,,\ngone.py,sha256=abc,5\n./b.py,,\n/foo-1.0.dist-info/METADATA,,\na.py,,\n";
    let members = [
        Member::new("a.py", "x"),
        Member::new("b.py", "yy"),
        Member::new("foo-1.0.data/scripts/s", "#!python\nx"),
        Member::new("foo-1.0.dist-info/RECORD", record),
        Member::new("foo-1.0.dist-info/RECORD.jws", "signature"),
    ];
    let (installed, layer) = install(&wheel(&members)).unwrap();
    let script = "../../../bin/s,sha256=wYnxztKOkZLJXMmWnDTn3Z2IGMdZfmjJaP9M1e0gB3w,24";
    let expected = format!(
        "{}\n./b.py,,\na.py,,\nfoo-1.0.dist-info/INSTALLER,sha256=5hhM4Q4mYTT9z6QB6PGpUAW81PGNFrYrdXMj4oM_6ak,2\n\
        foo-1.0.dist-info/METADATA,,\nfoo-1.0.dist-info/RECORD,,{}\n\
        foo-1.0.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\nfoo-1.0.dist-info/WHEEL,,72\n",
        script,
        record.len()
    );
    assert_eq!(layer.text(&format!("{SITE}/foo-1.0.dist-info/RECORD")), expected);
    assert_eq!(layer.text(&format!("{SITE}/foo-1.0.dist-info/RECORD.jws")), "signature");
    let notes =
        ["`RECORD` lists files that it does not have: 2", "it has files that `RECORD` does not list: 3"];
    assert_eq!(installed.notes, notes);
}

#[test]
fn a_file_that_is_packed_twice_is_there_once() {
    let members = [Member::new("a.py", "x"), Member::new("a.py", "x"), Member::new("./a.py", "x")];
    let (_, layer) = install(&wheel(&members)).unwrap();
    assert_eq!(layer.listing().iter().filter(|line| line.ends_with("/a.py")).count(), 1);
}

/// uv writes over the list of the wheel, but replaces its other files.
#[test]
fn the_list_keeps_its_permissions() {
    let mut members = wheel_members(&[Member::new("foo-1.0.dist-info/INSTALLER", "").mode(0o100_755)]);
    members.last_mut().unwrap().mode = 0o100_755;
    let (_, layer) = install(&Zip::of(&members).bytes).unwrap();
    let listing = layer.listing();
    for (mode, name) in [("755", "RECORD"), ("644", "INSTALLER")] {
        assert!(listing.contains(&format!("{mode} {SITE}/foo-1.0.dist-info/{name}")), "{listing:?}");
    }
}

#[test]
fn one_function_may_be_two_scripts() {
    let text = "[console_scripts]\nx = a:b\n[gui_scripts]\nx = a : b\n";
    let members = [Member::new("foo-1.0.dist-info/entry_points.txt", text)];
    let (installed, layer) = install(&wheel(&members)).unwrap();
    assert_eq!(installed.scripts, ["x"]);
    let record = layer.text(&format!("{SITE}/foo-1.0.dist-info/RECORD"));
    assert_eq!(record.matches("../../../bin/x,").count(), 2, "{record}");
}

#[test]
fn an_installation_repeats() {
    let bytes = wheel(&full());
    let (first, second) = (install(&bytes).unwrap(), install(&bytes).unwrap());
    assert_eq!(first.0, second.0);
    assert_eq!(first.1.entries, second.1.entries);
}

#[test]
fn the_name_of_the_folder_may_be_written_otherwise() {
    let rename = |member: Member| {
        let name = String::from_utf8(member.name.clone()).unwrap().replace("foo-1.0.", "Foo-1.0.0.");
        let body = String::from_utf8(member.body.clone()).unwrap().replace("foo-1.0.", "Foo-1.0.0.");
        Member { name: name.into(), body: body.into(), ..member }
    };
    let members: Vec<_> = wheel_members(&[]).into_iter().map(rename).collect();
    let bytes = Zip::of(&members).bytes;
    let name = "foo-1.0+local.1-py3-none-any.whl";
    let opened = Wheel::open(name, &bytes[..]).unwrap();
    assert_eq!(opened.file_name(), &name.parse::<WheelFileName>().unwrap());
    assert_eq!(opened.package_url(), "pkg:pypi/foo@1.0%2Blocal.1");
    assert!(Wheel::open("foo-1.1-py3-none-any.whl", &bytes[..]).is_err());
    assert!(Wheel::open("bar-1.0-py3-none-any.whl", &bytes[..]).is_err());
}
