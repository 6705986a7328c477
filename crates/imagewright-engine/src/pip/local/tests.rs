use std::fs;

use imagewright_model::spec::{Origin, PartialSpec};

use super::*;

/// The folder `spec` beside a project `lib` and a wheel, and a spec with these requirements.
fn spec(root: &Path, requirements: &[&str]) -> PipSpec {
    let parse = |text: &&str| PipRequirement::parse(text, Origin::flag("--pip")).unwrap();
    let partial = PartialSpec {
        base: Some("bootstrap".parse().unwrap()),
        pip: requirements.iter().map(parse).collect(),
        folder: root.join("spec"),
        ..PartialSpec::default()
    };
    partial.finish().unwrap().pip
}

fn room() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["spec", "lib", "other", "lib copy"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("lib/setup.py"), "1").unwrap();
    fs::write(root.path().join("lib copy/setup.py"), "1").unwrap();
    fs::write(root.path().join("spec/a b-1.0-py3-none-any.whl"), "wheel").unwrap();
    root
}

fn find(root: &Path, requirements: &[&str]) -> Result<(Locals, PipSpec), EngineError> {
    let spec = spec(root, requirements);
    Locals::find(&spec, &Cancel::new()).map(|locals| (locals, spec))
}

#[test]
fn questions_name_contents_and_no_paths() {
    let root = room();
    let lines = |requirements: &[&str]| {
        let (locals, spec) = find(root.path(), requirements).unwrap();
        locals.lines(&spec.requirements, Path::new("/"))
    };
    let first = lines(&["../lib[x] ; os_name == 'posix'", "numpy>=2"]);
    assert!(
        first.contains("file:///imagewright-sources/") && first.contains("/project[x] ; os_name"),
        "{first}"
    );
    assert!(first.contains("numpy>=2\n") && !first.contains("lib"), "{first}");
    assert_eq!(lines(&["../lib copy[x] ; os_name == 'posix'", "numpy>=2"]), first, "moved");
    fs::write(root.path().join("lib/setup.py"), "2").unwrap();
    assert_ne!(lines(&["../lib[x] ; os_name == 'posix'", "numpy>=2"]), first, "changed");
    let wheel = lines(&["x @ file:a%20b-1.0-py3-none-any.whl"]);
    assert!(wheel.starts_with("x @ file:///") && wheel.ends_with("/a%20b-1.0-py3-none-any.whl\n"), "{wheel}");
}

#[test]
fn what_is_not_there_or_is_nothing_to_install_is_named() {
    let root = room();
    fs::write(root.path().join("spec/notes.txt"), "").unwrap();
    for (requirement, part) in [
        ("./missing", "--pip: `./missing`: there is no `"),
        ("../other", "is no Python project: it has neither pyproject.toml nor setup.py"),
        ("./notes.txt", "is neither a wheel nor an archive"),
    ] {
        let error = find(root.path(), &[requirement]).map(|(locals, _)| locals).unwrap_err();
        assert!(error.to_string().contains(part), "{requirement}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn solutions_and_locks_are_brought_to_contents() {
    let root = room();
    let (locals, _) = find(root.path(), &["../lib", "./a b-1.0-py3-none-any.whl"]).unwrap();
    let (lib, wheel) = (&locals.found["../lib"], &locals.found["a b-1.0-py3-none-any.whl"]);
    let lock = |lib: &str, wheel: &str, tool: &str, hash: &str| {
        format!(
            "lock-version = '1.0'\n[[packages]]\nname = 'lib'\ndirectory = {{ path = '{lib}' }}\n{tool}[[packages]]\n\
             name = 'a-b'\narchive = {{ path = '{wheel}', hashes = {{ sha256 = '{hash}' }} }}\n"
        )
    };
    let hash = wheel.content.hex();
    let solution = lock(&format!("/srv/x/{}", lib.pinned()), &format!("../x/{}", wheel.pinned()), "", hash);
    let solution = locals.pin_solution(&solution).unwrap();
    assert!(solution.contains(&lib.content.to_string()) && !solution.contains("/srv"), "{solution}");
    let stray = locals.pin_solution(&lock("/srv/other", "x", "", hash)).unwrap_err().to_string();
    assert_eq!(stray, "`lib` comes from `/srv/other`, which only another package names");

    let tool = |content: &Digest| format!("tool = {{ imagewright = {{ content = '{content}' }} }}\n");
    let written = lock("./../lib/", "a b-1.0-py3-none-any.whl", &tool(&lib.content), hash);
    let pinned = locals.pin_lock(&written).unwrap();
    assert_eq!((pinned.text, pinned.changed), (solution, Vec::new()));

    let other = lock("../lib", "gone.whl", &tool(&wheel.content), hash);
    let expected = [
        "`../lib`, from which `lib` comes, has changed",
        "`gone.whl`, from which `a-b` comes, is not asked for",
    ];
    assert_eq!(locals.pin_lock(&other).unwrap().changed, expected);
    let beside = format!(
        "lock-version = '1.0'\n[[packages]]\nname = 'a-b'\nsdist = {{ path = 'elsewhere.tar.gz' }}\nwheels = [{{ path = './a b-1.0-py3-none-any.whl', hashes = {{ sha256 = '{hash}' }} }}]\n"
    );
    let pinned = locals.pin_lock(&beside).unwrap();
    assert!(
        pinned.text.contains(&wheel.pinned()) && pinned.text.contains("elsewhere.tar.gz"),
        "{}",
        pinned.text
    );
    assert!(pinned.changed.is_empty());
    assert_eq!(locks::paths_of_files(&beside), ["elsewhere.tar.gz", "a b-1.0-py3-none-any.whl"]);
    let plain = "lock-version = '1.0'\n# as it was\npackages = []\n";
    assert_eq!(locals.pin_lock(plain).unwrap().text, plain);
}

#[test]
fn what_changes_after_it_was_looked_at_is_not_used() {
    let root = room();
    let (locals, _) = find(root.path(), &["../lib", "./a b-1.0-py3-none-any.whl"]).unwrap();
    let out = tempfile::tempdir().unwrap();
    locals.put_below(out.path(), Some((0, &Cancel::new()))).unwrap();
    let copy = out.path().join(locals.found["../lib"].pinned()).join("setup.py");
    fs::write(copy, "a build writes").unwrap();
    assert_eq!(fs::read_to_string(root.path().join("lib/setup.py")).unwrap(), "1", "the user's stays");
    for (path, file) in
        [("../lib", "lib/setup.py"), ("a b-1.0-py3-none-any.whl", "spec/a b-1.0-py3-none-any.whl")]
    {
        fs::write(root.path().join(file), "3").unwrap();
        let target = out.path().join(path.replace(['/', '.'], ""));
        let error = locals.found[path].copy_to(&target, 0, &Cancel::new()).unwrap_err();
        assert!(error.to_string().ends_with("was changed while it was read"), "{error}");
    }
}
