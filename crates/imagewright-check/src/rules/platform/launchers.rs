//! What starts a kernel for Enterprise Gateway: `launcher-missing`, `launcher-outdated`, `launcher-packages-missing`,
//! `kernel-missing`, `kernel-language-unset`.

use super::commands::language;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::{Entry, Right, User};

const SOURCES: &[&str] = &[
    "Enterprise Gateway, \"Container Kernels\", section \"Bringing your own kernel image\"",
    "Enterprise Gateway 3.3.0 as observed",
];

pub(crate) static LAUNCHER_MISSING: Rule = Rule {
    name: "launcher-missing",
    summary: "The launcher of the kernel's language is there, for everybody to read.",
    why: "`bootstrap-kernel.sh` runs the launcher of the language in `/usr/local/bin/kernel-launchers`, or where \
          `KERNEL_LAUNCHERS_DIR` says. The container runs as user 1000, or whoever the platform says, so all must be able to read it.",
    mend: "Take the files of Enterprise Gateway's release:\n\n\
           ```dockerfile\nADD jupyter_enterprise_gateway_kernel_image_files-3.3.0.tar.gz /usr/local/bin/\n\
           RUN chmod 755 /usr/local/bin/bootstrap-kernel.sh && chmod -R a+rX /usr/local/bin/kernel-launchers\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(launcher_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static LAUNCHER_OUTDATED: Rule = Rule {
    name: "launcher-outdated",
    summary: "The launcher knows the protocol of the current releases.",
    why: "Since release 3 Enterprise Gateway gives launchers a key, `--public-key`. Launchers of older releases refuse the option, or \
          answer in a form that is going away.",
    mend: "Take the files of the release that runs:\n\n\
           ```dockerfile\nADD jupyter_enterprise_gateway_kernel_image_files-3.3.0.tar.gz /usr/local/bin/\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(launcher_outdated)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static LAUNCHER_PACKAGES_MISSING: Rule = Rule {
    name: "launcher-packages-missing",
    summary: "The launcher finds the packages that it imports.",
    why: "The launchers of Python and R encrypt what they send with the module `Cryptodome`, which the package **pycryptodomex** brings. \
          pycryptodome and pycrypto bring `Crypto`, and do not help, whatever older texts say. They import `jupyter_client` as well. \
          The launcher of R needs the R packages argparse, jsonlite and stringr beside.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir pycryptodomex jupyter_client\n\n# for R\nRUN Rscript -e \
           'install.packages(c(\"argparse\", \"jsonlite\", \"stringr\"))'\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(launcher_packages_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static LAUNCHER_NEEDS_OLDER_PYTHON: Rule = Rule {
    name: "launcher-needs-older-python",
    summary: "The launcher of R has a Python that can load its helper.",
    why: "The launcher of R loads a helper through Python's module `imp`, which Python 3.12 no longer has.",
    mend: "Take a Python below 3.12 for it, or a module `imp` that has `load_source`:\n\n\
           ```dockerfile\nENV PYSPARK_PYTHON=/opt/python3.11/bin/python\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(launcher_needs_older_python)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNEL_MISSING: Rule = Rule {
    name: "kernel-missing",
    summary: "The kernel that the launcher starts is there.",
    why: "The launcher answers before it loads the kernel. Without ipykernel, IRkernel or Toree a start is told to have succeeded, and \
          the notebook then waits for ever.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir ipykernel\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(kernel_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNEL_LANGUAGE_UNSET: Rule = Rule {
    name: "kernel-language-unset",
    level: Level::Warning,
    summary: "The image says which language its kernel is for.",
    why: "`bootstrap-kernel.sh` goes by `KERNEL_LANGUAGE`: `python`, `r` or `scala`. Enterprise Gateway sets it from the kernelspec, so \
          an image without it works; started by hand it does not.",
    mend: "```dockerfile\nENV KERNEL_LANGUAGE=python\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(kernel_language_unset)),
    ..Rule::OF_PLATFORMS
};

const LANGUAGES: [&str; 3] = ["python", "r", "scala"];

fn folder(subject: &ProfileSubject<'_>) -> String {
    subject.variable("KERNEL_LAUNCHERS_DIR").unwrap_or_else(|| "/usr/local/bin/kernel-launchers".to_owned())
}

/// Whether the image starts kernels by the scripts of Enterprise Gateway. One that speaks for itself needs none of them.
fn goes_by_launchers(subject: &ProfileSubject<'_>) -> bool {
    let words = subject.command();
    let named =
        words.iter().any(|word| word.contains("bootstrap-kernel") || word.contains("kernel-launchers"));
    named || subject.view.find(&folder(subject)).is_some()
}

fn script(subject: &ProfileSubject<'_>, language: &str) -> Option<String> {
    let folder = folder(subject);
    match language {
        "python" => Some(format!("{folder}/python/scripts/launch_ipykernel.py")),
        "r" => Some(format!("{folder}/R/scripts/launch_IRkernel.R")),
        _ => None,
    }
}

fn launcher_missing(subject: &ProfileSubject<'_>) -> Outcome {
    if !goes_by_launchers(subject) {
        return Outcome::fine();
    }
    let language = language(subject);
    if !LANGUAGES.contains(&language.as_str()) {
        let text =
            format!("`KERNEL_LANGUAGE` is `{language}`, and there are launchers for python, r and scala");
        return subject.found(text).into();
    }
    if language == "scala" {
        return toree(subject);
    }
    let path = script(subject, &language).unwrap_or_default();
    let remedy = Remedy::KernelLauncher { language };
    match subject.view.find(&path) {
        None => subject.found(format!("there is no launcher at `{path}`")).with_remedy(remedy).into(),
        Some(file) => unreadable(subject, &file),
    }
}

/// Finds that not everybody may read a file.
fn unreadable(subject: &ProfileSubject<'_>, file: &Entry<'_>) -> Outcome {
    let stranger = User { uid: 1_000_660_000, gid: 1_000_660_000, groups: Vec::new() };
    if stranger.may(Right::Read, file) {
        return Outcome::fine();
    }
    let path = file.path();
    let text = format!("not everybody may read `{path}`, and containers run as whoever the platform says");
    let remedy = Remedy::Permissions {
        path: folder(subject),
        recursive: true,
        uid: None,
        gid: None,
        file_mode: 0o444,
        folder_mode: 0o555,
    };
    subject.found(text).with_mend(format!("RUN chmod -R a+rX {}", folder(subject))).with_remedy(remedy).into()
}

/// What Toree needs: one jar of each kind, Spark, and what submits to it.
fn toree(subject: &ProfileSubject<'_>) -> Outcome {
    let library = format!("{}/scala/lib", folder(subject));
    let jars = |beginning: &str| {
        let folder = subject.view.find(&library);
        folder.map_or(0, |folder| {
            let is_jar =
                |entry: &Entry<'_>| entry.name().starts_with(beginning) && entry.name().ends_with(".jar");
            folder.children().filter(is_jar).count()
        })
    };
    let mut found = Vec::new();
    for beginning in ["toree-assembly", "toree-launcher"] {
        let count = jars(beginning);
        if count != 1 {
            let text = format!("`{library}` has {count} files `{beginning}*.jar`, and one is wanted");
            found.push(
                subject.found(text).with_remedy(Remedy::KernelLauncher { language: "scala".to_owned() }),
            );
        }
    }
    match subject.variable("SPARK_HOME") {
        None => found.push(subject.found("`SPARK_HOME` is not set, and Toree is submitted to Spark")),
        Some(home) => {
            let submit = format!("{home}/bin/spark-submit");
            if !subject.view.find(&submit).is_some_and(|entry| entry.is_program()) {
                found.push(subject.found(format!("there is no `{submit}` to start Toree with")));
            }
        }
    }
    found.into()
}

fn launcher_outdated(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(path) = script(subject, &language(subject)) else { return Outcome::fine() };
    let Some(text) = subject.view.text(&path) else { return Outcome::fine() };
    match text.contains("public-key") || text.contains("public_key") {
        true => Outcome::fine(),
        false => subject
            .found(format!("`{path}` does not know `--public-key`: it is of an older release"))
            .with_remedy(Remedy::KernelLauncher { language: language(subject) })
            .into(),
    }
}

fn launcher_packages_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let language = language(subject);
    if !goes_by_launchers(subject) || language == "scala" {
        return Outcome::fine();
    }
    let mut found = Vec::new();
    if let Some(python) = super::python_command::launcher_python(subject) {
        let has = |module: &str| subject.view.has_module(python, module);
        if !has("Cryptodome") {
            let beside = match has("Crypto") {
                true => "; `Crypto`, which pycryptodome brings, is another one",
                false => "",
            };
            let text = format!("`{}` has no module `Cryptodome`{beside}", python.program);
            found.push(subject.found(text).with_remedy(Remedy::pip(["pycryptodomex"])));
        }
        if !has("jupyter_client") {
            let text = format!("`{}` has no module `jupyter_client`", python.program);
            found.push(subject.found(text).with_remedy(Remedy::pip(["jupyter_client"])));
        }
    }
    if language == "r" {
        let missing: Vec<String> = ["argparse", "jsonlite", "stringr"]
            .into_iter()
            .filter(|name| !has_r_package(subject, name))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            let text = format!("the launcher of R does not find the R packages {}", missing.join(", "));
            found.push(subject.found(text).with_remedy(Remedy::RPackages { packages: missing }));
        }
    }
    found.into()
}

/// Where R has its packages.
const R_LIBRARIES: [&str; 6] = [
    "/opt/conda/lib/R/library",
    "/usr/local/lib/R/site-library",
    "/usr/local/lib/R/library",
    "/usr/lib/R/site-library",
    "/usr/lib/R/library",
    "/usr/lib64/R/library",
];

pub(super) fn has_r_package(subject: &ProfileSubject<'_>, name: &str) -> bool {
    let own = subject.variable("R_LIBS_USER").into_iter().chain(subject.variable("R_LIBS"));
    let own: Vec<String> =
        own.flat_map(|paths| paths.split(':').map(str::to_owned).collect::<Vec<_>>()).collect();
    let mut folders = R_LIBRARIES.into_iter().chain(own.iter().map(String::as_str));
    folders.any(|folder| subject.view.find(&format!("{folder}/{name}/DESCRIPTION")).is_some())
}

fn launcher_needs_older_python(subject: &ProfileSubject<'_>) -> Outcome {
    if language(subject) != "r" || !goes_by_launchers(subject) {
        return Outcome::fine();
    }
    let Some(python) = super::python_command::launcher_python(subject) else { return Outcome::fine() };
    let helper = subject.view.text(&format!("{}/R/scripts/launch_IRkernel.R", folder(subject)));
    let is_fixed = helper.is_some_and(|text| !text.contains("imp") || text.contains("importlib"));
    if python.version < (3, 12) || is_fixed || subject.view.has_module(python, "imp") {
        return Outcome::fine();
    }
    let text = format!(
        "the launcher of R loads its helper through `imp`, which Python {} no longer has",
        python.version_text()
    );
    subject.found(text).into()
}

/// Whether it starts them by our launcher, which needs the kernel alone.
pub(super) fn goes_by_ours(subject: &ProfileSubject<'_>) -> bool {
    subject.command().iter().any(|word| word.ends_with("imagewright-kernel-launcher"))
}

fn kernel_missing(subject: &ProfileSubject<'_>) -> Outcome {
    if !goes_by_launchers(subject) && !goes_by_ours(subject) {
        return Outcome::fine();
    }
    match language(subject).as_str() {
        "python" => {
            let Some(python) = super::python_command::launcher_python(subject) else {
                return Outcome::fine();
            };
            match subject.view.has_module(python, "ipykernel") {
                true => Outcome::fine(),
                false => subject
                    .found(format!("`{}` has no ipykernel: the kernel never comes up", python.program))
                    .with_remedy(Remedy::pip(["ipykernel"]))
                    .into(),
            }
        }
        "r" if !has_r_package(subject, "IRkernel") => subject
            .found("R has no IRkernel: the kernel never comes up")
            .with_remedy(Remedy::RPackages { packages: vec!["IRkernel".to_owned()] })
            .into(),
        "scala" if goes_by_ours(subject) => toree_of_packages(subject),
        _ => Outcome::fine(),
    }
}

/// What our launcher starts for Scala: a kernelspec, or Toree as Enterprise Gateway's files or a package of Python bring it, with Spark.
fn toree_of_packages(subject: &ProfileSubject<'_>) -> Outcome {
    let kernels = super::kernelspecs::kernels(subject);
    let is_named = subject.variable("IMAGEWRIGHT_KERNELSPEC").is_some();
    if is_named || kernels.iter().any(|kernel| kernel.language() == "scala") {
        return Outcome::fine();
    }
    let packages = subject.known_python3().map(|python| python.packages.as_slice()).unwrap_or_default();
    let has_archive = |library: String| {
        let is_archive = |entry: Entry<'_>| entry.name().starts_with("toree-assembly");
        subject.view.find(&library).is_some_and(|library| library.children().any(is_archive))
    };
    let has_spark = |home: String| {
        subject.view.find(&format!("{home}/bin/spark-submit")).is_some_and(|entry| entry.is_program())
    };
    let libraries = packages.iter().map(|folder| format!("{folder}/toree/lib"));
    let mut libraries = libraries.chain([format!("{}/scala/lib", folder(subject))]);
    let homes = packages.iter().map(|folder| format!("{folder}/pyspark"));
    let mut homes = homes.chain(subject.variable("SPARK_HOME"));
    let mut found = Vec::new();
    if !libraries.any(has_archive) {
        let text = "there is neither a kernelspec for Scala nor Toree: the kernel never comes up";
        found.push(subject.found(text).with_remedy(Remedy::pip(["toree"])));
    }
    if !homes.any(has_spark) {
        let text =
            "there is no Spark, neither in `SPARK_HOME` nor as the package pyspark, to start Toree with";
        found.push(subject.found(text).with_remedy(Remedy::pip(["pyspark<4"])));
    }
    if !subject.has_program("java") && subject.variable("JAVA_HOME").is_none() {
        found.push(subject.found("there is no `java`, by which Spark and Toree run"));
    }
    found.into()
}

fn kernel_language_unset(subject: &ProfileSubject<'_>) -> Outcome {
    match subject.variable("KERNEL_LANGUAGE") {
        Some(_) => Outcome::fine(),
        None => subject
            .found("`KERNEL_LANGUAGE` is not set, and the kernelspec alone decides")
            .with_mend("ENV KERNEL_LANGUAGE=python")
            .with_remedy(Remedy::variable("KERNEL_LANGUAGE", "python"))
            .into(),
    }
}
