//! Lists of exact packages: `@EXPLICIT`, and the locks of conda-lock and pixi.

use std::fs;

use imagewright_testkit::conda::{CondaPackage, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;

use super::support::{BASE, channels, context_with, fill, newer, text, tree};

/// A folder with a spec, and a channel on a server in which there is a newer `lib` than the lists name.
struct Place {
    context: TestContext,
    server: HttpServer,
}

impl Place {
    fn new() -> Self {
        let lib = |version: &str| CondaPackage::new("lib", version).file("share/lib", version);
        let app = CondaPackage::new("app", "1.0").depends("lib").file("share/app", "1.0");
        let docs = CondaPackage::new("docs", "1.0").noarch("generic").file("share/docs", "1.0");
        let context = context_with(Index::Json, &newer(vec![lib("1.0"), app, lib("2.0"), docs]));
        let server = HttpServer::serve(&channels(&context)).unwrap();
        context.write("spec/image.yaml", "base: oci:../base:base\n");
        Self { context, server }
    }

    /// The address of a package of the channel.
    fn address(&self, file: &str) -> String {
        let subdir = if file.starts_with("docs") { "noarch" } else { "linux-64" };
        format!("{}/team/{subdir}/{file}-0.conda", self.server.url())
    }

    fn hash(&self, file: &str) -> String {
        let path = self.address(file).replacen(&self.server.url(), "", 1);
        let bytes = fs::read(channels(&self.context).join(&path[1..])).unwrap();
        imagewright_oci::Digest::of(&bytes).hex().to_owned()
    }

    /// The line of an explicit list.
    fn line(&self, file: &str) -> String {
        format!("{}#{}\n", self.address(file), self.hash(file))
    }

    /// A lock of conda-lock: `docs` is for development.
    fn conda_lock(&self) -> String {
        let package = |file: &str, category: &str| {
            let (name, version) = file.split_once('-').unwrap();
            format!(
                "- name: {name}\n  version: '{version}'\n  manager: conda\n  platform: linux-64\n  dependencies: {{}}\n  \
                 url: {}\n  hash:\n    sha256: {}\n  category: {category}\n  optional: false\n",
                self.address(file),
                self.hash(file)
            )
        };
        let packages = [package("app-1.0", "main"), package("lib-1.0", "main"), package("docs-1.0", "dev")];
        format!("version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n{}", packages.concat())
    }

    /// A lock of pixi: `docs` is in an environment of its own.
    fn pixi(&self) -> String {
        let reference = |file: &&str| format!("      - conda: {}\n", self.address(file));
        let described =
            |file: &&str| format!("- conda: {}\n  sha256: {}\n", self.address(file), self.hash(file));
        let files = ["app-1.0", "lib-1.0", "docs-1.0"];
        let of = |name: &str, files: &[&str]| {
            let references: String = files.iter().map(reference).collect();
            format!("  {name}:\n    channels: []\n    packages:\n      linux-64:\n{references}")
        };
        format!(
            "version: 6\nenvironments:\n{}{}packages:\n{}",
            of("default", &files[..2]),
            of("docs", &files[2..]),
            files.iter().map(described).collect::<String>()
        )
    }

    /// What of the packages is in the image.
    fn built(&self, arguments: &[&str]) -> String {
        let arguments = ["build", "-t", "demo/list", "--bytecode", "none"].iter().chain(arguments);
        drop(self.context.run(arguments).success());
        let tree = tree(&self.context, "demo/list");
        let names = ["app", "lib", "docs"]
            .iter()
            .filter(|name| tree.contains_key(&format!("opt/conda/share/{name}")));
        let shown = names.map(|name| format!("{name} {}", text(&tree, &format!("opt/conda/share/{name}"))));
        shown.collect::<Vec<_>>().join(", ")
    }

    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        self.context.run(["build"].iter().chain(arguments)).exits(code).stderr
    }
}

#[test]
fn explicit_lists_are_installed_as_they_are() {
    let place = Place::new();
    let context = &place.context;
    let list = |lines: &str| {
        context.write("spec/conda-linux-64.lock", &format!("# platform: linux-64\n@EXPLICIT\n{lines}"))
    };
    let (app, lib) = (place.line("app-1.0"), place.line("lib-1.0").replace('#', "#sha256:"));
    // A newer version that would do as well is not taken.
    list(&format!("{app}{lib}"));
    drop(context.run(["build", "spec", "-t", "demo/list"]).success());
    assert_eq!(text(&tree(context, "demo/list"), "opt/conda/share/lib"), "1.0");
    // Nothing comes along that the list does not name.
    list(&app);
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(
        told.contains("conda-linux-64.lock: the list is not whole: `lib` must be installed with it"),
        "{told}"
    );
    list(&format!("{app}{}#{}\n", place.address("lib-1.0"), "0".repeat(32)));
    let told = context.run(["build", "spec"]).exits(1).stderr;
    assert!(told.contains("cannot be installed together"), "{told}");
    list(&format!("{app}{}", lib.replace("linux-64", "osx-64")));
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(
        told.contains("conda-linux-64.lock:4: `") && told.contains("is for another architecture"),
        "{told}"
    );
}

#[test]
fn the_list_for_the_platform_of_the_image_is_taken() {
    let place = Place::new();
    let list = format!("@EXPLICIT\n{}{}", place.line("app-1.0"), place.line("lib-1.0"));
    // Whoever read the other one would stumble.
    place.context.write("spec/conda-linux-aarch64.lock", "@EXPLICIT\nno address\n");
    let told = place.refused(4, &["spec"]);
    assert!(
        told.contains(
            "no list of conda packages is for `linux/amd64`: there are `spec/conda-linux-aarch64.lock`"
        ),
        "{told}"
    );
    place.context.write("spec/conda-linux-64.lock", &list);
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0");
}

#[test]
fn locks_of_conda_lock_and_pixi_are_installed_as_they_are() {
    let place = Place::new();
    let write = |name: &str, text: &str| place.context.write(&format!("spec/{name}"), text);
    let image =
        |more: &str| drop(write("image.yaml", &format!("base: oci:../base:base\nconda: {{{more}}}\n")));
    write("conda-lock.yml", &place.conda_lock());
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0");
    // Not by its hundreds of packages, and not by where it lies.
    let planned = place.context.run(["plan", "spec", "--json"]).success().json();
    assert_eq!(planned["steps"][0]["title"], "conda conda-lock.yml");
    image("lock-categories: [main, dev]");
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0, docs 1.0");
    image("lock-environment: docs");
    let told = place.refused(4, &["spec"]);
    assert!(
        told.contains("spec/conda-lock.yml: it is a lock of conda-lock, which has no environments"),
        "{told}"
    );
    fs::rename(place.context.work().join("spec/conda-lock.yml"), place.context.work().join("other.yml"))
        .unwrap();
    write("pixi.lock", &place.pixi());
    assert_eq!(place.built(&["spec"]), "docs 1.0");
    image("lock-environment: gpu");
    let told = place.refused(4, &["spec"]);
    assert!(told.contains("spec/pixi.lock: it has no environment `gpu`, but `default`, `docs`"), "{told}");
    image("packages: [app]");
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0");
    image("packages: ['lib>=2']");
    let told = place.refused(1, &["spec"]);
    assert!(told.contains("cannot be installed together"), "{told}");
    write("pixi.lock", &place.pixi().replace("linux-64:", "osx-arm64:"));
    image("packages: [app]");
    let told = place.refused(4, &["spec"]);
    assert!(told.contains("spec/pixi.lock: it holds nothing for `linux-64`, but for `osx-arm64`"), "{told}");
    write("conda-lock.yml", &place.conda_lock());
    let told = place.refused(4, &["spec"]);
    assert!(told.contains("`spec/pixi.lock` locks conda packages as well"), "{told}");
}

#[test]
fn a_list_may_lie_anywhere_and_be_named_by_key_or_flag() {
    let place = Place::new();
    let explicit = format!("# made by a tool\n@EXPLICIT\n{}{}", place.line("app-1.0"), place.line("lib-1.0"));
    for (name, list) in [("a.txt", explicit), ("b.yml", place.conda_lock()), ("c.lock", place.pixi())] {
        place.context.write(&format!("lists/{name}"), &list);
        // From where the spec lies, whatever else lies beside it.
        let spec = format!("base: oci:../base:base\nconda: {{lock: ../lists/{name}}}\n");
        place.context.write("spec/image.yaml", &spec);
        place.context.write("spec/conda-linux-64.lock", "no list");
        assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0", "{name}");
        assert_eq!(place.built(&["spec/image.yaml"]), "app 1.0, lib 1.0", "{name}");
        // From where the user stands, in place of that of the spec.
        place.context.write("spec/image.yaml", "base: oci:../base:base\nconda: {lock: nowhere}\n");
        let flag = format!("--conda-lock=lists/{name}");
        assert_eq!(place.built(&["spec", &flag]), "app 1.0, lib 1.0", "{name}");
        assert_eq!(place.built(&["--base", BASE, &flag]), "app 1.0, lib 1.0", "{name}");
    }
    let told = place.refused(3, &["spec"]);
    assert!(told.contains("spec/image.yaml:2:15: there is no file `spec/nowhere`"), "{told}");
    let told = place.refused(2, &["-f", "Dockerfile", "spec", "--conda-lock=lists/a.txt"]);
    assert!(told.contains("--conda-lock"), "{told}");
}

#[test]
fn other_channels_do_not_hide_what_a_list_names() {
    let place = Place::new();
    // The first channel has both packages, and counts strictly; the lists name files of another one.
    let other = ["app", "lib"].map(|name| CondaPackage::new(name, "9.0").file("share/other", "9.0"));
    drop(fill(&place.context, "other", Index::Json, &newer(other.to_vec())));
    let image = "base: oci:../base:base\nconda: {channels: [other]}\n";
    place.context.write("spec/image.yaml", image);
    place.context.write("spec/conda-lock.yml", &place.conda_lock());
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0");
    // One of each of two channels.
    let of_other = place.line("docs-1.0").replace("/team/", "/copy/");
    let docs = CondaPackage::new("docs", "1.0").noarch("generic").file("share/docs", "1.0");
    drop(fill(&place.context, "copy", Index::Json, &newer(vec![docs])));
    let list = format!("@EXPLICIT\n{}{}{of_other}", place.line("app-1.0"), place.line("lib-1.0"));
    place.context.write("spec/conda-linux-64.lock", &list);
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0, docs 1.0");
    let lock = fs::read_to_string(place.context.work().join("spec/image.lock")).unwrap();
    assert!(lock.contains(&format!("channel = \"{}/copy\"", place.server.url())), "{lock}");
}

#[test]
fn a_list_and_a_lock_that_contradict_each_other() {
    let place = Place::new();
    let list = |lib: &str| {
        let text = format!("@EXPLICIT\n{}{}", place.line("app-1.0"), place.line(lib));
        drop(place.context.write("spec/conda-linux-64.lock", &text));
    };
    list("lib-1.0");
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 1.0");
    let lock = || fs::read_to_string(place.context.work().join("spec/image.lock")).unwrap();
    let first = lock();
    drop(place.context.run(["build", "spec", "--locked"]).success());
    // The list is what is asked for: where it changes, the lock follows, unless it must be kept.
    list("lib-2.0");
    let told = place.refused(5, &["spec", "--locked"]);
    assert!(told.contains("lib=2.0=0") && told.contains("is asked for and not in it"), "{told}");
    assert_eq!(lock(), first);
    assert_eq!(place.built(&["spec"]), "app 1.0, lib 2.0");
    assert!(lock().contains("version = \"2.0\""), "{}", lock());
    drop(place.context.run(["build", "spec", "--locked"]).success());
    // A lock that somebody has edited is taken as it stands, where it is for this list: that is what locks are for.
    list("lib-1.0");
    let told = place.refused(5, &["spec", "--locked"]);
    assert!(told.contains("lib=1.0=0"), "{told}");
    let planned = place.context.run(["plan", "spec", "--json"]).success().json();
    assert_eq!(planned["lock"], "preferred");
}
