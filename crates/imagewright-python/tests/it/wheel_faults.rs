//! Wheels that are refused.

use std::error::Error as _;
use std::io::Read;

use imagewright_layer::Deflated;
use imagewright_layer::{Entry, LayerError};
use imagewright_python::wheel::{LayerSink, Scheme, Wheel, WheelError, WheelErrorKind};
use imagewright_python::zip::ZipError;

use crate::support::{
    Layer, Member, WHEEL_NAME, Zip, install, install_with, line, options, venv, wheel, wheel_members,
};

fn data(path: &str) -> Member {
    Member::new(format!("foo-1.0.data/{path}"), "contents")
}

fn info(name: &str, text: &str) -> Member {
    Member::new(format!("foo-1.0.dist-info/{name}"), text)
}

/// A wheel without one of the files about it.
fn without(name: &str) -> Vec<u8> {
    let name = format!("foo-1.0.dist-info/{name}");
    let members: Vec<_> =
        wheel_members(&[]).into_iter().filter(|member| member.name != name.as_bytes()).collect();
    Zip::of(&members).bytes
}

macro_rules! refused {
    ($($case:literal: $wheel:expr => $pattern:pat,)*) => {$({
        let error = install(&$wheel).map(|(installed, _)| installed).expect_err($case);
        assert!(matches!(error, $pattern), "{}: {error:?}", $case);
        assert!(error.to_string().contains(WHEEL_NAME), "{error}");
        assert!(error.hint().is_some(), "{}", $case);
        assert_eq!(error.kind(), WheelErrorKind::Invalid, "{}", $case);
    })*};
}

#[test]
fn wheels_that_are_not_whole() {
    refused! {
        "no archive": Vec::from("text") => WheelError::Zip { source: ZipError::NotAnArchive, .. },
        "empty": Zip::of(&[]).bytes => WheelError::Malformed { .. },
        "no METADATA": without("METADATA") => WheelError::Malformed { .. },
        "no WHEEL": without("WHEEL") => WheelError::Malformed { .. },
        "no RECORD": without("RECORD") => WheelError::Malformed { .. },
        "two of them": wheel(&[Member::new("bar-1.0.dist-info/METADATA", "")]) => WheelError::Malformed { .. },
        "another package": wheel(&[info("METADATA", "Name: bar\nVersion: 1.0\n")]) => WheelError::OtherPackage { .. },
        "another version": wheel(&[info("METADATA", "Name: foo\nVersion: 1.1\n")]) => WheelError::OtherPackage { .. },
        "a later format": wheel(&[info("WHEEL", "Wheel-Version: 2.0\n")]) => WheelError::Format { .. },
        "entry points": wheel(&[info("entry_points.txt", "[console_scripts]\nx\n")]) => WheelError::Malformed { .. },
        "a list": wheel(&[info("RECORD", "a,b\n")]) => WheelError::Record { .. },
        "bytes": wheel(&[Member::new("foo-1.0.dist-info/entry_points.txt", b"\xff")]) => WheelError::Malformed { .. },
    }
    let error = Wheel::open("foo.zip", &wheel(&[])[..]).unwrap_err();
    assert!(matches!(error, WheelError::FileName { .. }) && error.hint().is_some());
}

#[test]
fn files_that_cannot_be_placed() {
    let long = "x".repeat(256);
    refused! {
        "outside": wheel(&[Member::new("../a", "")]) => WheelError::Zip { source: ZipError::Name { .. }, .. },
        "another kind": wheel(&[data("lib/a")]) => WheelError::Malformed { .. },
        "a kind as file": wheel(&[data("purelib")]) => WheelError::Malformed { .. },
        "data as file": wheel(&[data("a")]) => WheelError::Malformed { .. },
        "a folder of scripts": wheel(&[data("scripts/sub/a")]) => WheelError::Malformed { .. },
        "too long": wheel(&[Member::new(&long, "")]) => WheelError::Path { .. },
        "an interpreter": wheel(&[data("scripts/python3")]) => WheelError::ReservedScript { .. },
        "an interpreter as data": wheel(&[data("data/bin/Python.exe")]) => WheelError::ReservedScript { .. },
        "scripts outside": wheel(&[info("entry_points.txt", "[console_scripts]\n../x = a:b\n")])
            => WheelError::Malformed { .. },
        "scripts below": wheel(&[info("entry_points.txt", "[console_scripts]\na/x = a:b\n")])
            => WheelError::Malformed { .. },
        "scripts without a name": wheel(&[info("entry_points.txt", "[console_scripts]\n. = a:b\n")])
            => WheelError::Malformed { .. },
        "a script as interpreter": wheel(&[info("entry_points.txt", "[gui_scripts]\npython3.13 = a:b\n")])
            => WheelError::ReservedScript { .. },
        "an endless line": wheel(&[Member::new("foo-1.0.data/scripts/a", "#!python".repeat(10_000))])
            => WheelError::Malformed { .. },
    }
}

/// A few kilobytes of names can stand for more folders than memory has room for.
#[test]
fn folders_without_end() {
    let deep = |n: usize| Member::new(format!("{n}/{}x", "y/".repeat(1800)), "").stored();
    let members: Vec<_> = (0..40).map(deep).collect();
    let error = install(&wheel(&members)).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("it has too many folders"), "{error}");
    assert!(install(&wheel(&members[..2])).is_ok());
}

/// Two files with one path are named both.
#[test]
fn files_in_one_place() {
    let entry_points = |text: &str| info("entry_points.txt", text);
    let site = "opt/venv/lib/python3.11/site-packages";
    let cases = [
        (
            vec![Member::new("a.py", ""), data("purelib/a.py")],
            ["member `a.py`", "member `foo-1.0.data/purelib/a.py`"],
            "a.py",
        ),
        (
            vec![data("purelib/a/b.py"), data("platlib/a")],
            ["member `foo-1.0.data/platlib/a`", "a folder"],
            "a",
        ),
        (
            vec![data("purelib/foo-1.0.dist-info/RECORD")],
            ["member `foo-1.0.data/purelib/foo-1.0.dist-info/RECORD`", "the new `RECORD`"],
            "foo-1.0.dist-info/RECORD",
        ),
        (
            vec![data("data/bin/x"), entry_points("[console_scripts]\nx = a:b\n")],
            ["member `foo-1.0.data/data/bin/x`", "the script `x`"],
            "../../../bin/x",
        ),
        (
            vec![entry_points("[console_scripts]\nx = a:b\n[gui_scripts]\nx = a:c\n")],
            ["the script `x`", "the script `x`"],
            "../../../bin/x",
        ),
        (vec![data("data/bin")], ["member `foo-1.0.data/data/bin`", "a folder"], "../../../bin"),
        (vec![data("data/share")], ["member `foo-1.0.data/data/share`", "a folder"], "../../../share"),
    ];
    for (members, [first, second], at) in cases {
        let error = install(&wheel(&members)).map(|(installed, _)| installed).expect_err(at);
        let path = format!("{site}/{at}").replace("lib/python3.11/site-packages/../../../", "");
        let expected = format!("`{WHEEL_NAME}` installs both {first} and {second} as `{path}`");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
}

#[test]
fn contents_that_are_not_those_listed() {
    let record = |listed: &str| {
        let lines = line("a.py", b"text")
            + &line("foo-1.0.data/scripts/s", b"#!python\n")
            + "foo-1.0.dist-info/RECORD,,\n";
        let lines = lines.replace(listed, "");
        wheel(&[Member::new("a.py", "text"), data("scripts/s"), info("RECORD", &lines)])
    };
    // The script's contents are others than its line says; without the line nobody minds.
    let mismatch = install(&record("nothing")).map(drop).unwrap_err();
    assert!(
        matches!(&mismatch, WheelError::Mismatch { member, .. } if member == "foo-1.0.data/scripts/s"),
        "{mismatch}"
    );
    assert!(install(&record(&line("foo-1.0.data/scripts/s", b"#!python\n"))).is_ok());
    let size = line("a.py", b"text").replace(",4\n", ",5\n");
    let hash = line("a.py", b"tent");
    let sha512 = "a.py,sha512=abc,4\n".to_owned();
    for (what, line) in [("size", size), ("hash", hash), ("hash", sha512)] {
        for member in [Member::new("a.py", "text"), Member::new("a.py", "text").stored()] {
            let error = install(&wheel(&[member, info("RECORD", &line)])).map(drop).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("member `a.py` of `{WHEEL_NAME}` has the {what} `")), "{text}");
            assert!(error.hint().unwrap().contains("fetch it again"));
        }
    }
    // A script is compared as it was, before its first line changed.
    let wrong = line("foo-1.0.data/scripts/s", b"#!python\ny");
    let members = [Member::new("foo-1.0.data/scripts/s", "#!python\nx"), info("RECORD", &wrong)];
    assert!(matches!(install(&wheel(&members)).map(drop), Err(WheelError::Mismatch { .. })));
}

#[test]
fn damaged_members() {
    for member in [Member::new("a.py", "some text"), Member::new("a.py", "some text").stored()] {
        let members = wheel_members(&[member]);
        let zip = Zip::of(&members);
        let at = zip.local[0] + 30 + "a.py".len();
        let error = install(&zip.patch(at + 2, b"x").bytes).map(drop).unwrap_err();
        let is_damage = matches!(&error, WheelError::Zip { source: ZipError::Contents { member, .. }, .. } if member == "a.py")
            || matches!(&error, WheelError::Layer { entry, .. } if entry.ends_with("/a.py"));
        assert!(is_damage, "{error:?}");
    }
}

#[test]
fn interpreters_have_absolute_paths() {
    for python in ["python3", "", "/bin/python\n"] {
        let scheme = Scheme { python: python.to_owned(), ..venv("") };
        let error = install_with(&wheel(&[]), &scheme, &options()).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("absolute")), (WheelErrorKind::Usage, true));
    }
}

/// A layer on a full disk.
struct Full;

impl LayerSink for Full {
    fn append(&mut self, _: &Entry, _: &mut dyn Read) -> Result<(), LayerError> {
        Err(LayerError::Write { source: std::io::ErrorKind::StorageFull.into() })
    }

    fn append_deflated(
        &mut self,
        entry: &Entry,
        _: Deflated,
        _: &mut dyn Read,
        _: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LayerError> {
        self.append(entry, &mut std::io::empty())
    }
}

/// A layer that reads half of what it is given.
struct Careless(Layer);

impl LayerSink for Careless {
    fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError> {
        self.0.append(entry, body)
    }

    fn append_deflated(
        &mut self,
        _: &Entry,
        _: Deflated,
        _: &mut dyn Read,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LayerError> {
        observe(b"te");
        Ok(())
    }
}

#[test]
fn layers_that_fail() {
    let bytes = wheel(&[Member::new("a.py", "text")]);
    let opened = Wheel::open(WHEEL_NAME, &bytes[..]).unwrap();
    let scheme = venv("/usr/bin/python3");
    let error = opened.install(&scheme, &options(), &mut Full).unwrap_err();
    assert_eq!(error.kind(), WheelErrorKind::Io);
    let written = error.source().unwrap().downcast_ref::<LayerError>();
    assert!(matches!(written, Some(LayerError::Write { .. })));
    let error = opened.install(&scheme, &options(), &mut Careless(Layer::default())).unwrap_err();
    assert!(matches!(error, WheelError::Zip { source: ZipError::Contents { .. }, .. }), "{error:?}");
}
