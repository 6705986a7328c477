//! What is refused, where, and what to do about it.

use std::error::Error as _;

use super::*;

/// Everything that is shown of an error.
fn told(error: &LockError) -> String {
    let cause = error.source().map(|cause| format!("\n  caused by: {cause}")).unwrap_or_default();
    format!("{error}{cause}\n  hint: {}", error.hint())
}

fn refusal(text: &str, wish: &Wish) -> String {
    match select(text, wish) {
        Ok(selection) => panic!("{selection:?}\n{text}"),
        Err(error) => told(&error),
    }
}

#[test]
fn a_lock_that_is_none_is_refused() {
    let cases = [
        ("", "pylock.toml:1:1: malformed lock: missing field `lock-version`"),
        (
            "lock-version = 1",
            "pylock.toml:1:16: malformed lock: invalid type: integer `1`, expected a string",
        ),
        ("lock-version = \"1.0\"", "pylock.toml:1:1: malformed lock: missing field `packages`"),
        (
            "lock-version = \"1.0\"\npackages = 3",
            "pylock.toml:2:12: malformed lock: invalid type: integer `3`, expected a sequence",
        ),
        (
            "lock-version = \"2.0\"\npackages = 3",
            "pylock.toml:1:16: lock version `2.0` is not one this program knows (1.0)",
        ),
        (
            "lock-version = \"1\"\npackages = []",
            "pylock.toml:1:16: lock version `1` is not one this program knows (1.0)",
        ),
        ("# é\n\"é\" = 1, lock-version", "pylock.toml:2:8: malformed lock: expected newline, `#`"),
    ];
    for (text, expected) in cases {
        let error = LockFile::parse("pylock.toml", text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    let later = LockFile::parse("pylock.toml", "lock-version = \"2.0\"").unwrap_err();
    assert_eq!(later.hint(), "lock again with a tool that writes version 1.0");
}

#[test]
fn a_lock_for_something_else_is_refused() {
    let head = |text: &str| format!("lock-version = \"1.0\"\n{text}\npackages = []\n");
    insta::assert_snapshot!(refusal(&head("requires-python = \">=3.12,<4\""), &Wish::default()), @r#"
    pylock.toml:2:19: the lock is for Python >=3.12, <4, and this is Python 3.11.2
      hint: lock again for Python 3.11.2, or choose a base with another Python
    "#);
    insta::assert_snapshot!(refusal(&head("requires-python = \"three\""), &Wish::default()), @r#"
    pylock.toml:2:19: `three` does not say which versions of Python are meant, as `>=3.10` would
      hint: lock again, for example with `uv pip compile --format pylock.toml`
    "#);
    let others = "environments = [\"sys_platform == 'win32'\", \"python_version < '3.9'\"]";
    insta::assert_snapshot!(refusal(&head(others), &Wish::default()), @r#"
    pylock.toml:2:17: the lock is for other environments: none of `sys_platform == 'win32'`, `python_version < '3.9'` holds here
      hint: lock again for this platform and interpreter
    "#);
    insta::assert_snapshot!(refusal(&head("environments = [\"sys_platform = 'linux'\"]"), &Wish::default()), @r#"
    pylock.toml:2:17: `sys_platform = 'linux'` is not a marker
      caused by: Expected a valid marker operator (such as `>=` or `not in`), found `=`
      hint: lock again, for example with `uv pip compile --format pylock.toml`
    "#);
    insta::assert_snapshot!(refusal(&head("extras = [\"a b\"]"), &Wish::default()), @r#"
    pylock.toml:2:11: `a b` is not a name
      hint: lock again, for example with `uv pip compile --format pylock.toml`
    "#);
    let web = Wish { extras: &["web"], ..Wish::default() };
    insta::assert_snapshot!(refusal(&head(""), &web), @r#"
    pylock.toml: the lock has no extra `web`
      hint: leave it out: the lock offers no extra
    "#);
    let groups = Groups { default: true, named: ["dev".parse().unwrap()].into() };
    let dev = Wish { groups, ..Wish::default() };
    insta::assert_snapshot!(refusal(&head("dependency-groups = [\"test\", \"docs\"]"), &dev), @r#"
    pylock.toml: the lock has no dependency group `dev`
      hint: it has `docs`, `test`
    "#);
    let fits =
        head("requires-python = \">=3.11\"\nenvironments = [\"os_name == 'nt'\", \"os_name == 'posix'\"]");
    assert!(select(&fits, &Wish::default()).is_ok());
}

#[test]
fn an_entry_that_says_too_little_or_too_much_is_refused() {
    #[rustfmt::skip]
    let cases = [
        ("name = \"a b\"", "4:8: `a b` is not a name"),
        ("name = \"\"", "4:8: `` is not a name"),
        ("name = \"x\"\nversion = \"one\"", "5:11: `one` is not a version"),
        ("name = \"x\"\nmarker = \"os_name\"", "5:10: `os_name` is not a marker"),
        ("name = \"x\"\nrequires-python = \">=3.12\"", "5:19: `x` is for Python >=3.12, and this is Python 3.11.2"),
        ("name = \"x\"", "4:8: `x` must have one source, and has none"),
        ("name = \"x\"\nwheels = []", "4:8: `x` must have one source, and has none"),
        ("name = \"x\"\ndirectory = { path = \"x\" }\nsdist = { path = \"x-1.zip\", hashes = { sha256 = \"HASH\" } }",
         "4:8: `x` must have one source, and has `directory`, `sdist and wheels`"),
        ("name = \"x\"\ndirectory = { path = \"x\", subdirectory = \"a/../../b\" }", "5:13: `a/../../b` does not lead to a folder inside the sources"),
        ("name = \"x\"\ndirectory = { path = \"x\", subdirectory = \"/b\" }", "5:13: `/b` does not lead to a folder inside the sources"),
        ("name = \"x\"\nsdist = { hashes = { sha256 = \"HASH\" } }", "5:9: the sdist of `x` has neither `url` nor `path`"),
        ("name = \"x\"\nsdist = { url = \"https://mirror.example\", hashes = { sha256 = \"HASH\" } }", "5:9: the sdist of `x` has no name that a file can have"),
        ("name = \"x\"\nsdist = { url = \"https://mirror.example/a%2fb\", hashes = { sha256 = \"HASH\" } }", "5:9: the sdist of `x` has no name that a file can have"),
        ("name = \"x\"\nsdist = { name = \"..\", path = \"x-1.zip\", hashes = { sha256 = \"HASH\" } }", "5:9: the sdist of `x` has no name that a file can have"),
        ("name = \"x\"\nsdist = { path = \"x-1.zip\" }", "5:9: `x-1.zip` cannot be checked"),
        ("name = \"x\"\narchive = { path = \"x-1.zip\", hashes = { md5 = \"0a\", sha1 = \"0b\" } }", "5:11: `x-1.zip` cannot be checked"),
        ("name = \"x\"\nwheels = [{ path = \"x-1-py3-none-any.whl\", hashes = { sha256 = \"0a\" } }]", "5:11: `x-1-py3-none-any.whl` cannot be checked"),
        ("name = \"x\"\nwheels = [{ path = \"x-1.whl\", hashes = { sha256 = \"HASH\" } }]", "5:11: a wheel of `x` cannot be chosen or refused"),
        ("name = \"x\"\nwheels = [{ path = \"y-1-py3-none-any.whl\", hashes = { sha256 = \"HASH\" } }]", "5:11: `y-1-py3-none-any.whl` is not a wheel of `x`"),
        ("name = \"x\"\nversion = \"2\"\nwheels = [{ path = \"x-1-py3-none-any.whl\", hashes = { sha256 = \"HASH\" } }]", "6:11: `x-1-py3-none-any.whl` is not a wheel of `x 2`"),
        ("name = \"x\"\nwheels = [{ path = \"x-1-py3-none-any.whl\", size = -1, hashes = { sha256 = \"HASH\" } }]", "5:51: malformed lock: invalid value: integer `-1`, expected u64"),
        ("name = \"x\"\nvcs = { type = \"git\", url = \"https://mirror.example/x\", commit-id = \"main\" }", "5:7: `main` is not a commit, or its repository is of an unknown kind"),
        ("name = \"x\"\nvcs = { type = \"cvs\", url = \"https://mirror.example/x\", commit-id = \"1\" }", "5:7: `1` is not a commit, or its repository is of an unknown kind"),
        ("name = \"x\"\nvcs = { type = \"svn\", commit-id = \"1\" }", "5:7: the repository of `x` has neither `url` nor `path`"),
        ("name = \"x\"\ndirectory = { path = \"x\" }\n[[packages]]\nname = \"X\"\ndirectory = { path = \"y\" }", "7:8: `x` stands twice for this interpreter, first at pylock.toml:4:8"),
    ];
    for (entry, expected) in cases {
        let text = lock(&format!("[[packages]]\n{entry}"));
        let text = text.replacen("\n\n", "\n", 1);
        let error = select(&text, &Wish::default()).expect_err(entry);
        assert_eq!(error.to_string(), format!("pylock.toml:{expected}"), "{entry}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn hashes_that_prove_nothing_are_refused_with_the_reason() {
    let hashed = |hashes: &str| {
        let text = format!("[[packages]]\nname = \"x\"\nsdist = {{ path = \"x-1.zip\", hashes = {hashes} }}");
        refusal(&lock(&text), &Wish::default())
    };
    insta::assert_snapshot!(hashed("{ md5 = \"0a\", SHA1 = \"0b\" }"), @r#"
    pylock.toml:6:9: `x-1.zip` cannot be checked
      caused by: the only hashes stated are md5, sha1
      hint: md5 and its like prove nothing; lock with hashes, for example with `uv pip compile --format pylock.toml --generate-hashes`
    "#);
    insta::assert_snapshot!(hashed("{}"), @r#"
    pylock.toml:6:9: `x-1.zip` cannot be checked
      caused by: no hash is stated
      hint: lock with hashes, for example with `uv pip compile --format pylock.toml --generate-hashes`
    "#);
    insta::assert_snapshot!(hashed("{ sha256 = \"HASH\", sha384 = \"0z\" }"), @r#"
    pylock.toml:6:9: `x-1.zip` cannot be checked
      caused by: the sha384 hash `0z` does not have 96 hexadecimal digits
      hint: lock again, for example with `uv pip compile --format pylock.toml`
    "#);
}

#[test]
fn a_package_of_which_nothing_fits_is_refused_with_what_there_is() {
    let file = |tags: &str| format!("{{ path = \"x-1-{tags}.whl\", hashes = {{ sha256 = \"HASH\" }} }}");
    let wheels = |tags: &[&str]| {
        let wheels: Vec<String> = tags.iter().map(|tags| file(tags)).collect();
        format!("[[packages]]\nname = \"x\"\nversion = \"1\"\nwheels = [{}]", wheels.join(", "))
    };
    let foreign = wheels(&["cp312-cp312-manylinux2014_x86_64", "cp311-cp311-win_amd64"]);
    insta::assert_snapshot!(refusal(&lock(&foreign), &Wish::default()), @r#"
    pylock.toml:5:8: no wheel of `x 1` fits this interpreter: it has wheels for `cp312-cp312-manylinux2014_x86_64`, `cp311-cp311-win_amd64`
      hint: this interpreter takes `cp311-cp311-manylinux_2_36_x86_64`, `cp311-cp311-manylinux_2_35_x86_64`, `cp311-cp311-manylinux_2_34_x86_64` first; lock again for it, or choose a base with another Python
    "#);
    let many: Vec<String> = (0..9).map(|minor| format!("cp2{minor}-none-any")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    insta::assert_snapshot!(refusal(&lock(&wheels(&many)), &Wish::default()), @r#"
    pylock.toml:5:8: no wheel of `x 1` fits this interpreter: it has wheels for `cp20-none-any`, `cp21-none-any`, `cp22-none-any`, `cp23-none-any`, `cp24-none-any`, `cp25-none-any` and 3 more
      hint: this interpreter takes `cp311-cp311-manylinux_2_36_x86_64`, `cp311-cp311-manylinux_2_35_x86_64`, `cp311-cp311-manylinux_2_34_x86_64` first; lock again for it, or choose a base with another Python
    "#);
    let pure = wheels(&["py3-none-any"]);
    insta::assert_snapshot!(refusal(&lock(&pure), &Wish::formats(&["x"], &[])), @r#"
    pylock.toml:5:8: `x 1` is locked to wheels only, and they are not to be used
      hint: take `x` out of no-binary or only-binary, or lock another version
    "#);
    let sdist = "\nsdist = { path = \"x-1.tar.gz\", hashes = { sha256 = \"HASH\" } }";
    let source = format!("[[packages]]\nname = \"x\"{sdist}");
    insta::assert_snapshot!(refusal(&lock(&source), &Wish::formats(&[], &[":all:"])), @r#"
    pylock.toml:5:8: `x` is locked to a source distribution only, and it is not to be built
      hint: take `x` out of no-binary or only-binary, or lock another version
    "#);
    let both = format!("{foreign}{sdist}");
    assert_eq!(shown(&lock(&both), &Wish::default()), ["x: x-1.tar.gz"]);
    let refused = refusal(&lock(&both), &Wish::formats(&[], &[":all:"]));
    assert!(refused.starts_with("pylock.toml:5:8: no wheel of `x 1` fits this interpreter"), "{refused}");
    let folder = lock("[[packages]]\nname = \"x\"\ndirectory = { path = \"x\" }");
    let refused = refusal(&folder, &Wish::formats(&[], &["x"]));
    assert!(
        refused.contains("`x` is locked to a folder of sources only, and it is not to be built"),
        "{refused}"
    );
}

#[test]
fn passwords_are_not_shown() {
    let text = "[[packages]]\nname = \"x\"\narchive = { url = \"https://me:secret@mirror.example/x.zip\", hashes = {} }";
    let refused = refusal(&lock(text), &Wish::default());
    assert!(refused.contains("no hash is stated") && !refused.contains("secret"), "{refused}");
    let text = text.replace("{} }", "{ sha256 = \"HASH\" } }");
    let shown = format!("{:?}", select(&lock(&text), &Wish::default()).unwrap());
    assert!(shown.contains("https://mirror.example/x.zip") && !shown.contains("secret"), "{shown}");
}
