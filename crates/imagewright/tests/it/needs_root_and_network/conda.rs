//! conda packages that run: a Python of this machine as a conda package, other packages for it, and Python packages on top.

mod elsewhere;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use imagewright_oci::Digest;
use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::wheels::Wheel;

use super::seed::{BASE, context_with_wheels, wheel_folder};
use crate::conda::support::{layers, read_layer};

/// Parts of a standard library that nothing here needs.
const UNUSED: [&str; 8] = [
    "test",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "__pycache__",
    "dist-packages",
    "EXTERNALLY-MANAGED",
];

/// The version of the machine's Python, as `3.13`.
pub(super) fn version() -> String {
    let program = "import sys; print('%d.%d' % sys.version_info[:2])";
    let asked = Command::new("/usr/bin/python3").args(["-I", "-c", program]).output().unwrap();
    String::from_utf8(asked.stdout).unwrap().trim().to_owned()
}

/// The machine's Python, made one that has its packages where conda's have them.
fn python(version: &str) -> CondaPackage {
    let program = fs::read(format!("/usr/bin/python{version}")).unwrap();
    let mut package = CondaPackage::new("python", &format!("{version}.1"))
        .build("h0_cpython")
        .program(&format!("bin/python{version}"), program)
        .symlink("bin/python3", &format!("python{version}"))
        .symlink("bin/python", &format!("python{version}"))
        .file(&format!("lib/python{version}/sitecustomize.py"), CUSTOMIZE);
    let library = format!("/usr/lib/python{version}");
    let mut open = vec![(Path::new(&library).to_path_buf(), format!("lib/python{version}"))];
    while let Some((folder, inside)) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (name, kind) = (entry.file_name().into_string().unwrap(), entry.file_type().unwrap());
            let path = format!("{inside}/{name}");
            if UNUSED.contains(&name.as_str()) || name == "sitecustomize.py" || name.starts_with("config-") {
                continue;
            }
            if kind.is_dir() {
                open.push((entry.path(), path));
            } else if kind.is_file() {
                package = package.file(&path, as_elsewhere(&name, fs::read(entry.path()).unwrap()));
            }
        }
    }
    package
}

/// Debian's Python looks for packages in places of its own, and says that they belong there.
fn as_elsewhere(name: &str, contents: Vec<u8>) -> Vec<u8> {
    match (name, String::from_utf8(contents)) {
        ("sysconfig.py" | "__init__.py", Ok(text)) => {
            text.replace("prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'").into_bytes()
        }
        (_, Ok(text)) => text.into_bytes(),
        (_, Err(error)) => error.into_bytes(),
    }
}

/// Where to look is compiled into it; this is added to that.
const CUSTOMIZE: &str = "\
import os, site, sys
site.addsitedir(os.path.join(sys.prefix, 'lib', 'python%d.%d' % sys.version_info[:2], 'site-packages'))
";

/// Surroundings with the channel `team`.
pub(super) fn context(version: &str) -> TestContext {
    // On no index is there a `greeting`: conda alone has it.
    let beta = Wheel::new("beta", "1.0")
        .requires("greeting>=0.9")
        .module("import greeting\nprint(greeting.hello())\n");
    let newer = Wheel::new("newer", "1.0").requires("greeting>=2");
    let extra = Wheel::new("colour", "3.0");
    let context = context_with_wheels(&[beta, newer, extra]);
    let folder = context.folder().join("channels");
    let mut channel = Channel::new(&folder.join("team"), Index::Zstd);
    let greeting = CondaPackage::new("greeting", "1.0")
        .noarch("python")
        .depends(&format!("python >={version}"))
        .depends("__glibc >=2.17")
        .entry_point("greet = greeting:main")
        .file(
            "site-packages/greeting.py",
            "def hello():\n    return 'hello'\n\n\ndef main():\n    print(hello())\n",
        )
        .file(
            "site-packages/greeting-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n\
             Requires-Dist: colour; extra == \"colour\"\nProvides-Extra: colour\n",
        )
        .file("site-packages/greeting-1.0.dist-info/INSTALLER", "conda")
        .file("site-packages/greeting-1.0.dist-info/RECORD", "greeting.py,,\n");
    let farewell = CondaPackage::new("farewell", "1.0")
        .noarch("python")
        .depends("greeting")
        .file("site-packages/farewell.py", "def bye():\n    return 'bye'\n");
    for package in [python(version), greeting, farewell] {
        channel.add(&package, Format::Conda).unwrap();
    }
    context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", format!("file://{}", folder.display()))
}

#[test]
#[ignore = "needs root and network"]
fn apt_conda_and_python_packages_work_together() {
    let version = version();
    let context = context(&version);
    let spec = format!(
        "base: {BASE}\napt: [libexpat1, zlib1g]\nconda: {{packages: [python={version}, greeting], channels: [team]}}\n"
    );
    context.write("spec/image.yaml", &spec);
    context.write("spec/requirements.txt", "--no-index\nbeta\n");
    let plan = context.run(["plan", "spec", "--json"]).success().json();
    let kinds: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["apt", "conda", "pip"]);
    drop(context.run(["build", "spec", "-t", "demo/science"]).success());
    let inside = |command: &[&str]| {
        context.run(["image", "run", "demo/science", "--"].iter().chain(command)).success().stdout
    };
    // Found without a login shell, by its search path alone.
    let program = "import sys, greeting; print(sys.prefix, greeting.hello())";
    assert_eq!(inside(&["sh", "-c", &format!("python -c '{program}'")]), "/opt/conda hello\n");
    assert_eq!(inside(&["greet"]), "hello\n");
    // Modules of packages for all Pythons are compiled, and the books know it.
    let cached = "import greeting, os; print(os.path.exists(greeting.__cached__))";
    assert_eq!(inside(&["python", "-c", cached]), "True\n");
    let record = inside(&["cat", "/opt/conda/conda-meta/greeting-1.0-0.json"]);
    assert!(record.contains("site-packages/__pycache__/greeting.cpython-"), "{record}");
    assert_eq!(inside(&["sh", "-c", "echo $CONDA_PREFIX"]), "/opt/conda\n");
    // Python packages go into the Python of conda, beside what conda brought.
    let where_is = "import beta; print(beta.__file__)";
    let expected = format!("hello\n/opt/conda/lib/python{version}/site-packages/beta.py\n");
    assert_eq!(inside(&["python3", "-c", where_is]), expected);

    // What conda brought stands in no lock of Python packages, and no layer of them has it.
    let lock = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    let pip = &lock[lock.find("[pip]").unwrap()..];
    assert!(pip.contains("\"beta\"") && !pip.contains("greeting") && !lock.contains("given"), "{lock}");
    let planned: Vec<&str> = plan["steps"][2]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(planned, ["beta"]);
    let above = paths_above_conda(&context, "demo/science");
    assert!(above.iter().any(|path| path.ends_with("site-packages/beta.py")), "{above:?}");
    assert!(!above.iter().any(|path| path.contains("greeting")), "{above:?}");

    // The same again is there already.
    let again = context.run(["build", "spec", "-t", "demo/science", "--progress", "json"]).success();
    let cached: Vec<bool> = again.events().iter().filter_map(|event| event["cached"].as_bool()).collect();
    assert_eq!(cached, [true; 4], "{again}");
    drop(context.run(["build", "spec", "--locked"]).success());
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn python_packages_go_with_what_conda_installed() {
    let version = version();
    let context = context(&version);
    let spec = format!(
        "base: {BASE}\napt: [libexpat1, zlib1g]\nconda: {{packages: [python={version}, greeting], channels: [team]}}\n"
    );
    context.write("spec/image.yaml", &spec);
    let build = |requirements: &str| {
        context.write("spec/requirements.txt", &format!("--no-index\n{requirements}\n"));
        context.run(["build", "spec", "-t", "demo/science"])
    };
    let told = build("newer").exits(1).stderr;
    assert!(
        told.contains("cannot be met beside what conda installed: `greeting` 1.0\n")
            && told.contains("newer")
            && told.contains("ask for another version of it under `conda`"),
        "{told}"
    );
    Wheel::new("greeting", "2.0").write_to(&context.work().join("spec")).unwrap();
    let told = build("./greeting-2.0-py3-none-any.whl").exits(1).stderr;
    assert!(told.contains("`greeting` 1.0") && !told.contains("imagewright-given"), "{told}");
    // A lock that somebody else made is not bent.
    context.write(
        "spec/pylock.toml",
        &"lock-version = \"1.0\"\ncreated-by = \"me\"\n[[packages]]\nname = \"greeting\"\nversion = \"2.0\"\n\
         wheels = [{ url = \"https://registry.example/greeting-2.0-py3-none-any.whl\", hashes = { sha256 = \"HASH\" } }]\n"
            .replace("HASH", &"0".repeat(64)),
    );
    fs::remove_file(context.work().join("spec/requirements.txt")).unwrap();
    let told = context.run(["build", "spec"]).exits(1).stderr;
    assert!(told.contains("`greeting` 1.0\nthe lock of Python packages has 2.0"), "{told}");
    fs::remove_file(context.work().join("spec/pylock.toml")).unwrap();
    // Of an extra, what is missing is installed; what is there needs nothing.
    drop(build("greeting[colour]==1.0").success());
    let above = paths_above_conda(&context, "demo/science");
    assert!(above.iter().any(|path| path.ends_with("site-packages/colour.py")), "{above:?}");
    drop(build("greeting").success());
    assert_eq!(paths_above_conda(&context, "demo/science"), [""; 0]);
    context.assert_nothing_unfinished();
}

/// The address and the hash of a file below a folder that is served.
fn served(server: &HttpServer, folder: &Path, path: &str) -> (String, String) {
    let hash = Digest::of(&fs::read(folder.join(path)).unwrap()).hex().to_owned();
    (format!("{}/{path}", server.url()), hash)
}

#[test]
#[ignore = "needs root and network"]
fn python_packages_of_a_lock_of_conda_packages_are_installed() {
    let version = version();
    let context = context(&version);
    let server = HttpServer::serve(context.folder()).unwrap();
    let served = |path: &str| served(&server, context.folder(), path);
    let conda = [
        served(&format!("channels/team/linux-64/python-{version}.1-h0_cpython.conda")),
        served("channels/team/noarch/greeting-1.0-0.conda"),
    ];
    let wheel = wheel_folder(&context).join("beta-1.0-py3-none-any.whl");
    let (wheel, wheel_hash) = served(wheel.strip_prefix(context.folder()).unwrap().to_str().unwrap());
    let references: String = conda.iter().map(|(address, _)| format!("      - conda: {address}\n")).collect();
    let described: String =
        conda.iter().map(|(address, hash)| format!("- conda: {address}\n  sha256: {hash}\n")).collect();
    let pixi = format!(
        "version: 6\nenvironments:\n  default:\n    channels: []\n    packages:\n      linux-64:\n{references}      \
         - pypi: {wheel}\npackages:\n{described}- pypi: {wheel}\n  name: beta\n  version: '1.0'\n  sha256: {wheel_hash}\n"
    );
    let package = |manager: &str, (address, hash): &(String, String)| {
        let name = address.rsplit('/').next().unwrap().split('-').next().unwrap();
        format!(
            "- name: {name}\n  version: '1.0'\n  manager: {manager}\n  platform: linux-64\n  url: {address}\n  \
             hash:\n    sha256: {hash}\n  category: main\n"
        )
    };
    let packages: String = conda.iter().map(|file| package("conda", file)).collect();
    let conda_lock = format!(
        "version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n{packages}{}",
        package("pip", &(wheel, wheel_hash.clone()))
    );
    context.write("spec/image.yaml", &format!("base: {BASE}\napt: [libexpat1, zlib1g]\n"));
    // Of these one is in the lock, and the other one comes from conda.
    context.write("spec/requirements.txt", "beta>=1\ngreeting>=1\n");
    for (name, text) in [("pixi.lock", &pixi), ("conda-lock.yml", &conda_lock)] {
        let path = context.write(&format!("spec/{name}"), text);
        drop(context.run(["build", "spec", "-t", "demo/locked"]).success());
        let run = ["image", "run", "demo/locked", "--", "python3", "-c", "import beta; print(beta.__file__)"];
        let expected = format!("hello\n/opt/conda/lib/python{version}/site-packages/beta.py\n");
        assert_eq!(context.run(run).success().stdout, expected, "{name}");
        let above = paths_above_conda(&context, "demo/locked");
        assert!(!above.iter().any(|path| path.contains("greeting")), "{above:?}");
        drop(context.run(["build", "spec", "--locked", "--offline"]).success());
        fs::remove_file(path).unwrap();
    }
    // Other bytes than the lock names are not installed.
    context.write("spec/pixi.lock", &pixi.replace(&wheel_hash, &"0".repeat(64)));
    let told = context.run(["build", "spec", "--no-cache"]).exits(4).stderr;
    assert!(told.contains("`beta-1.0-py3-none-any.whl` could not be fetched"), "{told}");
    context.write("spec/pixi.lock", &pixi);
    context.write("spec/requirements.txt", "colour\n");
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(told.contains("`colour` is not what `spec/pixi.lock` holds"), "{told}");
    context.assert_nothing_unfinished();
}

/// The paths of all layers above the books of conda.
fn paths_above_conda(context: &TestContext, image: &str) -> Vec<String> {
    let mut above = Vec::new();
    for digest in layers(context, image) {
        let blob = context.root().join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
        let mut tree = BTreeMap::new();
        read_layer(&blob, &mut tree);
        match tree.contains_key("opt/conda/conda-meta/history") {
            true => above.clear(),
            false => above.extend(tree.into_keys()),
        }
    }
    above
}
