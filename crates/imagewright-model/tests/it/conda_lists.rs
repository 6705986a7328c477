//! Lists of exact conda packages: which of them is meant, and what becomes of it.

use std::collections::BTreeMap;

use imagewright_model::spec::{
    CondaList, ImageSpec, ListedPackages, LockPart, Origin, PartialSpec, Problem, SpecError, SpecFlags,
    read_folder,
};
use imagewright_oci::Platform;

const FOLDER: &str = "https://mirror.example/team/noarch";
const PYLOCK: &str = "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'six'\nversion = '1.16'\n\
                      wheels = [{ url = 'https://mirror.example/six-1.16-py3-none-any.whl', hashes = { sha256 = 'aa' } }]\n";

/// An explicit list of one package.
fn explicit(name: &str) -> String {
    format!("@EXPLICIT\n{FOLDER}/{name}-1-0.conda#{}\n", "0".repeat(32))
}

fn partial(files: &[(&str, &str)]) -> Result<PartialSpec, SpecError> {
    let image = ("image.yaml", "base: bootstrap\n");
    let files: BTreeMap<String, String> =
        [image].iter().chain(files).map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    read_folder(&files)
}

/// What stands for the reader of locks: a lock holds `locked`, named after what is asked for, and Python packages.
fn lock_reader(list: &CondaList, subdir: &str, part: &LockPart) -> Result<ListedPackages, SpecError> {
    let LockPart { environment, categories } = part;
    let name = [&["locked", subdir], environment.as_deref().as_slice()].concat().join("_");
    let name = [name].iter().chain(categories).cloned().collect::<Vec<_>>().join("_");
    let line = format!("{FOLDER}/{}-1-0.conda#{}", name.replace('-', "_"), "0".repeat(32));
    Ok(ListedPackages { conda: vec![(Origin::line(&list.source, 7), line)], pylock: Some(PYLOCK.to_owned()) })
}

fn on(architecture: &str, spec: PartialSpec) -> Result<ImageSpec, SpecError> {
    spec.with_conda_list(&Platform::linux(architecture), &lock_reader)?.finish()
}

fn packages(spec: &ImageSpec) -> Vec<String> {
    spec.conda.packages.iter().map(|package| format!("{} {}", package.origin, package.name)).collect()
}

#[test]
fn the_list_for_the_platform_is_taken() {
    let (amd64, arm64) = (explicit("of-amd64"), explicit("of-arm64"));
    let (of_amd64, of_arm64) = (("conda-linux-64.lock", &*amd64), ("conda-linux-aarch64.lock", &*arm64));
    let both = [of_amd64, of_arm64, ("conda-lock.yml", "version: 1"), ("pixi.lock", "version: 6")];
    for (architecture, expected) in
        [("amd64", "conda-linux-64.lock:2 of-amd64"), ("arm64", "conda-linux-aarch64.lock:2 of-arm64")]
    {
        let spec = on(architecture, partial(&both).unwrap()).unwrap();
        assert_eq!(packages(&spec), [expected]);
        assert!(spec.conda.explicit.is_some() && spec.pip.locked.is_none());
    }
    let error = on("arm64", partial(&[of_amd64]).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conda-linux-64.lock: no list of conda packages is for `linux/arm64`: there are `conda-linux-64.lock`"
    );
    assert!(error.hint().is_some());
    on("riscv64", partial(&[("pixi.lock", "version: 6")]).unwrap()).unwrap_err();
    // Without a platform none of them is taken, and that is no secret.
    let error = partial(&[of_amd64]).unwrap().finish().unwrap_err();
    assert!(matches!(error.problem(), Problem::ListNotRead), "{error}");
}

#[test]
fn a_lock_is_read_for_the_platform_and_the_part_that_is_chosen() {
    for lock in ["conda-lock.yml", "pixi.lock"] {
        let spec = on("arm64", partial(&[(lock, "version: 1")]).unwrap()).unwrap();
        assert_eq!(packages(&spec), [format!("{lock}:7 locked_linux_aarch64")]);
        assert_eq!(spec.conda.explicit.as_ref().unwrap().to_string(), lock);
        let python = spec.pip.locked.as_ref().unwrap();
        assert_eq!((python.source.as_str(), python.packages[0].name.as_str()), (lock, "six"));
    }
    let chosen = "base: x\nconda: {lock-environment: gpu, lock-categories: [main, dev]}\n";
    let chosen = PartialSpec::from_yaml("image.yaml", chosen).unwrap();
    let spec = partial(&[("pixi.lock", "version: 6")]).unwrap().merge(chosen.clone());
    assert_eq!(packages(&on("amd64", spec).unwrap()), ["pixi.lock:7 locked_linux_64_gpu_main_dev"]);
    // Where there is nothing to choose from, a choice is an error.
    let explicit = explicit("a");
    let spec = partial(&[("conda-linux-64.lock", &explicit)]).unwrap().merge(chosen.clone());
    let told = on("amd64", spec).unwrap_err().to_string();
    assert!(
        told.starts_with("image.yaml:2:") && told.contains("the list `conda-linux-64.lock` has none"),
        "{told}"
    );
    let told = on("amd64", chosen).unwrap_err().to_string();
    assert!(told.contains("there is no lock of conda packages"), "{told}");
}

#[test]
fn two_locks_contradict_each_other() {
    let error =
        on("amd64", partial(&[("conda-lock.yml", "version: 1"), ("pixi.lock", "version: 6")]).unwrap());
    let told = error.unwrap_err().to_string();
    assert_eq!(told, "conda-lock.yml: `pixi.lock` locks conda packages as well");
    let error =
        on("amd64", partial(&[("pixi.lock", "version: 6"), ("pylock.toml", PYLOCK)]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "pixi.lock: `pixi.lock` holds Python packages, and so does `pylock.toml`");
    assert!(error.hint().is_some());
}

#[test]
fn a_list_by_itself_tells_what_it_is() {
    for (text, expected) in [
        (explicit("a"), "list:2 a"),
        (format!("# version: 1\n{}", explicit("a")), "list:3 a"),
        ("# made by a tool\nversion: 1\n".to_owned(), "list:7 locked_linux_64"),
        ("\u{feff}version: 6\n".to_owned(), "list:7 locked_linux_64"),
    ] {
        let conda_lists = vec![CondaList::new("list", text.clone())];
        let base = Some("bootstrap".parse().unwrap());
        let spec = PartialSpec { base, conda_lists, ..PartialSpec::default() };
        assert_eq!(packages(&on("amd64", spec).unwrap()), [expected], "{text}");
    }
    let spec =
        PartialSpec { conda_lists: vec![CondaList::new("list", "a\n".to_owned())], ..PartialSpec::default() };
    let told = on("amd64", spec).unwrap_err().to_string();
    assert!(told.contains("does not begin with `@EXPLICIT`, and is no lock"), "{told}");
}

#[test]
fn a_list_is_named_by_key_and_flag_and_the_flag_counts() {
    let path = |spec: &PartialSpec| spec.conda_lock.as_ref().map(|named| named.path.display().to_string());
    let of_key = PartialSpec::from_yaml("image.yaml", "conda: {lock: lists/gpu.txt}\n").unwrap();
    assert_eq!(path(&of_key).as_deref(), Some("lists/gpu.txt"));
    let flags = SpecFlags { conda_lock: Some("../other.lock".to_owned()), ..SpecFlags::default() };
    assert_eq!(flags.given(), ["--conda-lock"]);
    let of_flag = PartialSpec::from_flags(&flags).unwrap();
    assert_eq!(path(&of_key.merge(of_flag)).as_deref(), Some("../other.lock"));
    for text in ["''", "https://mirror.example/pixi.lock", "\"a\\u0007\""] {
        let error = PartialSpec::from_yaml("image.yaml", &format!("conda: {{lock: {text}}}\n")).unwrap_err();
        assert!(
            error.to_string().starts_with("image.yaml:1:15: a list of conda packages is named by"),
            "{error}"
        );
    }
}

#[test]
fn python_packages_of_a_lock_are_held_against_what_is_asked_for() {
    let with = |requirements: &str| {
        let files = [("pixi.lock", "version: 6"), ("requirements.txt", requirements)];
        on("amd64", partial(&files).unwrap()).map(|spec| spec.pip.requirements.len())
    };
    assert_eq!(with("six>=1\n").unwrap(), 1);
    // What conda installs is there, too.
    assert_eq!(with("Locked.Linux.64>=1,<2\n").unwrap(), 1);
    let told = with("locked-linux-64>=2\n").unwrap_err().to_string();
    assert!(told.contains("is not what `pixi.lock` holds: it has version 1, from conda"), "{told}");
    let told = with("numpy\n").unwrap_err().to_string();
    assert!(told.contains("there is no `numpy` in it"), "{told}");
}
