//! Folders in the manner of repo2docker.

use std::collections::BTreeMap;
use std::io;

use imagewright_model::ErrorKind;
use imagewright_model::spec::{ImageSpec, PartialSpec, SpecError, SpecFiles, read_folder};

fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn read(entries: &[(&str, &str)]) -> Result<PartialSpec, SpecError> {
    read_folder(&files(entries))
}

fn complete(entries: &[(&str, &str)]) -> ImageSpec {
    read(entries).and_then(PartialSpec::finish).unwrap_or_else(|error| panic!("{error}"))
}

const IMAGE: (&str, &str) = ("image.yaml", "base: bootstrap\n");
const PROJECT: &str = "[project]\nname = 'demo'\nrequires-python = '>=3.11'\ndependencies = [\n  'pandas>=2',\n  \
                       'numpy',\n]\n[tool.ruff]\nx = 1\n";
const LOCK: &str = "lock-version = '1.0'\ncreated-by = 'uv'\n[[packages]]\nname = 'numpy'\nversion = '2.1'\n\
                    wheels = [{ url = 'https://mirror.example/n.whl', hashes = {} }]\n\
                    [[packages]]\nname = 'Pandas'\nversion = '2.2'\n";

#[test]
fn all_files_are_joined() {
    let spec = complete(&[
        ("image.yaml", "base: bootstrap\napt: [python3]\npip: [jupyterlab]\n"),
        ("apt.txt", "git curl\n"),
        ("requirements.txt", "scipy\n"),
        ("pyproject.toml", PROJECT),
    ]);
    let apt: Vec<String> = spec.apt.packages.iter().map(|p| format!("{p} {}", p.origin)).collect();
    assert_eq!(apt, ["curl apt.txt:1", "git apt.txt:1", "python3 image.yaml:2:7"]);
    let pip: Vec<String> = spec.pip.requirements.iter().map(|r| format!("{r} {}", r.origin)).collect();
    let expected = [
        "jupyterlab image.yaml:3:7",
        "numpy pyproject.toml:6:3",
        "pandas>=2 pyproject.toml:5:3",
        "scipy requirements.txt:1",
    ];
    assert_eq!(pip, expected);
    assert_eq!(spec.pip.requires_python[0].text, ">=3.11");
}

#[test]
fn a_project_itself_is_not_installed_and_that_is_said() {
    let spec = read(&[("pyproject.toml", PROJECT)]).unwrap();
    let expected = "pyproject.toml: the dependencies of `demo` are installed, not `demo` itself";
    assert_eq!(spec.notes[0].to_string(), expected);
}

#[test]
fn settings_of_tools_are_no_project() {
    let spec = read(&[("pyproject.toml", "[tool.ruff]\nx = 1\n"), ("requirements.txt", "numpy\n")]).unwrap();
    assert!(spec.notes[0].text.contains("no [project] section"), "{:?}", spec.notes);
    assert_eq!(spec.pip.len(), 1);
}

#[test]
fn a_lock_decides_and_is_checked() {
    let spec = read(&[
        IMAGE,
        ("requirements.txt", "pandas>=2\nx; sys_platform == 'win32'\n"),
        ("pylock.toml", LOCK),
    ]);
    let spec = spec.unwrap();
    assert!(spec.notes[0].text.contains("as they are locked"), "{:?}", spec.notes);
    let pip = spec.finish().unwrap().pip;
    let lock = pip.locked.unwrap();
    assert_eq!(lock.text, LOCK);
    assert_eq!(
        lock.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(),
        ["numpy", "pandas"]
    );
    assert!(!complete(&[IMAGE, ("pylock.toml", LOCK)]).pip.is_empty());
}

#[test]
fn hashes_are_checked_against_the_lock() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let file = |kind: &str, hash: &str| {
        format!("{kind} = {{ url = 'https://mirror.example/x', hashes = {{ sha256 = '{hash}' }} }}\n")
    };
    let wheels = |hash: &str| {
        format!("wheels = [{{ url = 'https://mirror.example/x', hashes = {{ sha256 = '{hash}' }} }}]\n")
    };
    let package =
        |files: &str| format!("lock-version = '1.0'\n[[packages]]\nname = 'x'\nversion = '1'\n{files}");
    let listed = format!("x==1 --hash=sha256:{a}\n");
    let strict = format!("--require-hashes\n{listed}");
    let other = "x==1` as `pylock.toml` has it has none of the hashes listed here, but ";
    let cases = [
        (&listed, package(&wheels(&a)), None),
        (&listed, package(&(wheels(&a) + &file("sdist", &b))), None),
        (&listed, package(&file("sdist", &a)), None),
        (&strict, package(&file("archive", &a)), None),
        (&listed, package(&wheels(&b)), Some(format!("requirements.txt:1: `{other}sha256:{b}"))),
        (&listed, package(&file("sdist", &b)), Some(format!("requirements.txt:1: `{other}sha256:{b}"))),
        (&listed, package(""), Some(format!("requirements.txt:1: `{other}none at all"))),
        (
            &strict,
            package(&wheels(&a)) + "[[packages]]\nname = 'y'\nversion = '2'\n",
            Some("pylock.toml: every package must be listed with its hash, and `y==2` is not".to_owned()),
        ),
    ];
    for (requirements, lock, expected) in cases {
        let result = read(&[IMAGE, ("requirements.txt", requirements), ("pylock.toml", &lock)]);
        let result = result.and_then(PartialSpec::finish).map(drop).map_err(|error| error.to_string());
        assert_eq!(result.err(), expected, "{requirements}{lock}");
    }
}

#[test]
fn a_project_that_cannot_be_read_is_refused() {
    let cases = [
        ("[tool.ruff]\n", "there is no [project] section"),
        ("[build-system]\n[tool.uv.sources]\nx = { path = '.' }\n", "[tool.uv] has `sources`"),
        ("[tool.poetry.dependencies]\nnumpy = '*'\n", "which only Poetry reads"),
        (
            "[project]\nname = 'x'\ndynamic = ['dependencies']\n",
            "pyproject.toml:3:12: the dependencies are dynamic",
        ),
        (
            "[project]\nname = 'x'\ndependencies = ['a=>1']\n",
            "pyproject.toml:3:17: `a=>1` is not a requirement",
        ),
        ("[project]\nname = 'x'\ndependencies = 'a'\n", "pyproject.toml:3:16: malformed TOML"),
        ("[project]\nname = 'x'\nrequires-python = '3.x'\n", "`3.x` does not say which versions of Python"),
        ("[project]\nname = 'x'\n[tool.uv.sources]\nx = { path = '.' }\n", "[tool.uv] has `sources`"),
        ("[project\n", "pyproject.toml:1:9: malformed TOML in `[project`"),
    ];
    for (text, part) in cases {
        let error = read(&[IMAGE, ("pyproject.toml", text)]).unwrap_err();
        assert!(error.to_string().contains(part), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_lock_that_cannot_be_installed_is_refused() {
    let cases = [
        ("", "malformed TOML"),
        ("lock-version = '2.0'\npackages = []\n", "pylock.toml:1:16: lock version `2.0`"),
        ("lock-version = '1.0'\n", "missing field `packages`"),
        ("lock-version = '1.0'\n[[packages]]\nname = 'x'\ndirectory = '.'\n", "malformed TOML"),
        ("lock-version = '1.0'\n[[packages]]\nname = '-'\n", "`-` is not the name of a package"),
    ];
    for (text, part) in cases {
        let error = read(&[IMAGE, ("pylock.toml", text)]).unwrap_err();
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn an_environment_lists_conda_and_python_packages() {
    let environment = "name: x\nchannels: [team]\ndependencies:\n- python=3.13\n- pip:\n  - pandas\n";
    let image = ("image.yaml", "base: bootstrap\nconda: {packages: [git], channels: [other]}\n");
    let tools = ("pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    for name in ["environment.yml", "environment.yaml"] {
        let spec = read(&[image, (name, environment), tools]).unwrap();
        let conda: Vec<String> = spec.conda.iter().map(ToString::to_string).collect();
        assert_eq!(conda, ["python=3.13", "git"]);
        assert_eq!(spec.conda[0].origin.to_string(), format!("{name}:4:3"));
        let channels: Vec<&str> =
            spec.conda_channels.iter().map(imagewright_model::spec::CondaChannel::name).collect();
        assert_eq!(channels, ["other", "team"]);
        assert_eq!(spec.pip[0].to_string(), "pandas");
        let ignored = ("image.yaml", &*format!("base: bootstrap\nignore: [{name}]\n"));
        assert!(read(&[ignored, (name, environment)]).unwrap().conda.is_empty());
    }
    let error = read(&[image, ("environment.yml", environment), ("environment.yaml", "")]).unwrap_err();
    assert!(error.to_string().contains("also holds `environment.yaml`"), "{error}");
}

#[test]
fn files_of_other_tools_are_refused_unless_ignored() {
    let names = [
        "pixi.toml",
        "Pipfile",
        "Pipfile.lock",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "setup.cfg",
        "runtime.txt",
        "install.R",
        "DESCRIPTION",
        "REQUIRE",
        "Project.toml",
        "JuliaProject.toml",
        "default.nix",
        "postBuild",
        "start",
        "Dockerfile",
        "Containerfile",
        "binder",
        ".binder",
    ];
    for name in names {
        let error = read(&[IMAGE, (name, "")]).map(|spec| format!("{spec:?}")).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("{name}: this file would not be honoured: it "))
                || name.ends_with("binder"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains(&format!("`ignore: [{name}]`")), "{:?}", error.hint());
        let image = format!("base: bootstrap\nignore: [{name}]\n");
        complete(&[("image.yaml", &image), (name, "")]);
    }
}

#[test]
fn what_another_file_covers_is_not_refused() {
    complete(&[IMAGE, ("pyproject.toml", PROJECT), ("setup.py", ""), ("setup.cfg", "")]);
    complete(&[IMAGE, ("pylock.toml", LOCK), ("uv.lock", ""), ("poetry.lock", "")]);
    complete(&[IMAGE, ("setup.py", ""), ("setup.cfg", "")]);
    for lock in ["pixi.lock", "conda-linux-64.lock"] {
        read(&[IMAGE, (lock, ""), ("pixi.toml", "")]).unwrap();
    }
    read(&[IMAGE, ("conda-lock.yml", ""), ("pixi.toml", "")]).unwrap_err();
    let settings = ("pyproject.toml", "[tool.ruff]\n");
    read(&[IMAGE, ("requirements.txt", "numpy\n"), settings, ("setup.cfg", "")]).unwrap_err();
}

#[test]
fn a_project_is_installed_where_it_can_be_built() {
    let build = "[build-system]\nrequires = ['setuptools']\n";
    let dynamic =
        format!("{build}[project]\nname = 'x'\ndynamic = ['dependencies']\nrequires-python = '>=3.11'\n");
    let poetry = format!("{build}[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\nnumpy = '*'\n");
    let built = format!("{build}{PROJECT}");
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[IMAGE, ("pyproject.toml", &built)], ". pyproject.toml"),
        (&[IMAGE, ("pyproject.toml", &dynamic)], ". pyproject.toml"),
        (&[IMAGE, ("pyproject.toml", &poetry)], ". pyproject.toml"),
        (&[IMAGE, ("setup.py", "")], ". setup.py"),
        (&[IMAGE, ("setup.py", ""), ("pyproject.toml", PROJECT)], ". setup.py"),
        (&[IMAGE, ("setup.py", ""), ("pyproject.toml", "[tool.ruff]\n")], ". setup.py"),
        (&[IMAGE, ("requirements.txt", "-e .\n"), ("setup.py", "")], ". setup.py"),
    ];
    for (entries, expected) in cases {
        let requirements = complete(entries).pip.requirements;
        let project = requirements.iter().find(|it| it.text == ".").unwrap();
        assert_eq!(format!("{project} {}", project.origin), expected);
        assert!(requirements.iter().all(|it| it.local.as_ref().is_some_and(|local| local.path == ".")));
    }
    let ignored = ("image.yaml", "base: bootstrap\nignore: [setup.py]\n");
    assert!(complete(&[ignored, ("setup.py", "")]).pip.is_empty());
}

#[test]
fn beside_a_lock_a_project_is_installed_if_that_holds_it() {
    let lock = format!("{LOCK}[[packages]]\nname = 'demo'\ndirectory = {{ path = './' }}\n");
    for lock in [LOCK, &lock] {
        let spec = read(&[IMAGE, ("setup.py", ""), ("pylock.toml", lock)]).unwrap();
        assert!(spec.notes[0].text.contains("only if pylock.toml holds it"), "{:?}", spec.notes);
        assert!(spec.finish().unwrap().pip.requirements.is_empty());
    }
    complete(&[IMAGE, ("requirements.txt", ".\n"), ("pylock.toml", &lock)]);
    let missing = read(&[IMAGE, ("requirements.txt", "./sub\n"), ("pylock.toml", &lock)]).unwrap();
    let error = missing.finish().map(drop).unwrap_err();
    let expected =
        "requirements.txt:1: `./sub` is not what `pylock.toml` holds: there is no path `sub` in it";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_editable_install_becomes_a_plain_one_and_that_is_said() {
    let spec = read(&[IMAGE, ("requirements.txt", "numpy\n-e ./lib[dev]\n")]).unwrap();
    let warnings: Vec<String> = spec.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("requirements.txt:2: `-e ./lib[dev]` is installed as it is now"),
        "{warnings:?}"
    );
}

#[test]
fn files_of_ours_can_be_ignored_too() {
    let image = ("image.yaml", "base: bootstrap\nignore: [requirements.txt, pyproject.toml]\n");
    let spec = complete(&[image, ("requirements.txt", "numpy\n"), ("pyproject.toml", "[project\n")]);
    assert!(spec.pip.is_empty());
}

#[test]
fn only_what_would_count_can_be_ignored() {
    for name in ["readme.md", "image.yaml", "requirement.txt"] {
        let error = read(&[("image.yaml", &format!("base: bootstrap\nignore: [{name}]\n"))]).unwrap_err();
        let expected = format!("image.yaml:2:10: `{name}` is not a file that would be read or refused");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn either_ending_of_image_yaml_but_not_both() {
    assert!(read(&[("image.yml", "base: bootstrap\n")]).unwrap().base.is_some());
    let error = read(&[IMAGE, ("image.yml", "")]).unwrap_err();
    assert_eq!(error.to_string(), "image.yaml: the folder also holds `image.yml`, which means the same");
}

#[test]
fn files_that_cannot_be_read_are_named_as_the_folder_shows_them() {
    struct Broken;

    impl SpecFiles for Broken {
        fn read(&self, _: &str) -> io::Result<Option<String>> {
            Err(io::ErrorKind::PermissionDenied.into())
        }

        fn exists(&self, path: &str) -> bool {
            path == "apt.txt"
        }

        fn shown(&self, path: &str) -> String {
            format!("demo/{path}")
        }
    }

    let error = read_folder(&Broken).unwrap_err();
    assert_eq!(error.to_string(), "demo/apt.txt: could not be read");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(std::error::Error::source(&error).is_some());
}
