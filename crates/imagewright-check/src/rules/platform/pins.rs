//! What Elyra installs into a container before a node runs there: `packages-replaced`, `packages-broken-by-pins`,
//! `pipeline-packages-missing`.
//!
//! The rule is that of its bootstrapper. It has `pip freeze` print what is there, and looks for each of its own packages
//! *by the text of the name*: what is not found so is installed in its version, whatever is there; what is found in an older
//! version is replaced; what is equal or newer stays. What `pip freeze` prints with an address, or as something that is
//! worked on where it lies, or with a version that is none, stays as well.

use std::collections::BTreeSet;
use std::str::FromStr;

use pep440_rs::Version;

use super::requirements::{Markers, unmet};
use crate::elyra::Pins;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::{Distribution, Installed};

pub(crate) static PACKAGES_REPLACED: Rule = Rule {
    name: "packages-replaced",
    level: Level::Warning,
    summary: "Packages of the image are not replaced before a node runs.",
    why: "Before Elyra runs a node it installs packages of its own, in versions it has fixed, and compares names to the letter with \
          what `pip freeze` prints. `Jinja2`, `jupyter_client`, `jupyter_core` and `prompt_toolkit` are printed like that by current \
          packages and asked for as `jinja2`, `jupyter-client` and so on: they count as missing and are set to Elyra's version even \
          where the image has a newer one. The node then runs with other versions than the image was made and tried with.",
    mend: "Have what Elyra wants; or bring along all that nodes need and keep it from installing:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir jupyter_client==7.4.9 'requests>=2.33.0'\n\n\
           # with papermill, minio and the others in the image\nENV ELYRA_INSTALL_PACKAGES=false\n```",
    sources: &[
        "Elyra, \"Creating a custom runtime container image\", section \"Conflicting package dependencies\"",
        "`requirements-elyra.txt` of the release; the bootstrapper of 4.1.1 as observed",
    ],
    on_platform: Some(PlatformCheck::Files(packages_replaced)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PACKAGES_BROKEN_BY_PINS: Rule = Rule {
    name: "packages-broken-by-pins",
    level: Level::Warning,
    summary: "What the image has still fits together after a node's packages were installed.",
    why: "What Elyra installs it installs in one `pip install`, which looks at the requirements of what it installs and not at those \
          of what is there. ipykernel 7, say, needs jupyter_client 8, and is left with 7.4.9: the notebook then fails when its kernel \
          starts, or anywhere later.",
    mend: "Take versions that go together with Elyra's, or keep it from installing:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir 'ipykernel<7' jupyter_client==7.4.9\n\n\
           # with papermill, minio and the others in the image\nENV ELYRA_INSTALL_PACKAGES=false\n```",
    sources: &[
        "pip, \"Dependency Resolution\"",
        "`requirements-elyra.txt` of the release; the bootstrapper of 4.1.1 as observed",
    ],
    on_platform: Some(PlatformCheck::Files(packages_broken_by_pins)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PIPELINE_PACKAGES_MISSING: Rule = Rule {
    name: "pipeline-packages-missing",
    summary: "An image that nothing is installed into has what nodes need.",
    why: "With `ELYRA_INSTALL_PACKAGES=false`, or where containers reach no package index, what runs a node must be in the image: \
          `packaging` and `minio` for all, and papermill, nbconvert, nbformat, jupyter_client and ipykernel for notebooks. Where there \
          is no index and the variable is not set, every package that Elyra pins must be there as it wants it, because whatever it \
          would install ends the node.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir packaging minio papermill nbconvert nbformat jupyter_client ipykernel\n\
           ENV ELYRA_INSTALL_PACKAGES=false\n```",
    sources: &["Elyra 4.1.1 as observed: what its bootstrapper imports"],
    on_platform: Some(PlatformCheck::Files(pipeline_packages_missing)),
    ..Rule::OF_PLATFORMS
};

/// What every node needs, and what notebooks need beside.
const FOR_ALL: [&str; 2] = ["packaging", "minio"];
const FOR_NOTEBOOKS: [&str; 5] = ["papermill", "nbconvert", "nbformat", "jupyter_client", "ipykernel"];

/// Whether the image keeps Elyra from installing.
pub(crate) fn installs_nothing(subject: &ProfileSubject<'_>) -> bool {
    let value = subject.variable("ELYRA_INSTALL_PACKAGES");
    value.is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// A package that is installed in the place of another one, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replaced<'a> {
    /// As Elyra writes it.
    name: &'a str,
    pin: &'a Version,
    before: Option<&'a Distribution>,
}

/// What is installed before a node runs.
fn replaced<'a>(pins: &'a Pins, installed: &'a Installed) -> Vec<Replaced<'a>> {
    let of = |(name, pin): (&'a str, &'a Version)| {
        let before = installed.get(name);
        let printed_so = before.filter(|before| before.name == name);
        let stays = printed_so.is_some_and(|before| {
            before.is_direct || Version::from_str(&before.version).map_or(true, |version| version >= *pin)
        });
        (!stays).then_some(Replaced { name, pin, before })
    };
    pins.iter().filter_map(of).collect()
}

/// The pins and the packages that they change; why not, where either is not known.
fn known<'a>(subject: &'a ProfileSubject<'_>) -> Result<Option<(&'a Pins, &'a Installed)>, String> {
    if installs_nothing(subject) {
        return Ok(None);
    }
    let parameters = &subject.profile.parameters;
    let Some(pins) = &parameters.pins else {
        let release = parameters.release.as_deref().unwrap_or(&subject.profile.title);
        return Err(format!("what {release} installs is not in this program: name its requirements file"));
    };
    Ok(subject.installed().map(|installed| (pins, installed)))
}

fn packages_replaced(subject: &ProfileSubject<'_>) -> Outcome {
    let (pins, installed) = match known(subject) {
        Ok(Some(known)) => known,
        Ok(None) => return Outcome::fine(),
        Err(why) => return Outcome::unknown(why),
    };
    let found = replaced(pins, installed).into_iter().filter_map(|Replaced { name, pin, before }| {
        let before = before?;
        let version = Version::from_str(&before.version).ok();
        // What is installed again in the same version changes nothing.
        if version.as_ref() == Some(pin) {
            return None;
        }
        let newer = version.is_some_and(|version| version > *pin);
        let why = match (before.name == name, newer) {
            (true, _) => String::new(),
            (false, true) => {
                format!(": `pip freeze` prints `{}`, so `{name}` counts as missing", before.name)
            }
            (false, false) => format!(" (`pip freeze` prints `{}`)", before.name),
        };
        let how = if newer { "set back" } else { "replaced" };
        let text = format!(
            "`{}` {} is {how} by {pin} before a node runs, by {}{why}",
            before.name,
            before.version,
            pins.origin()
        );
        let wanted = format!("{}=={pin}", before.name);
        Some(
            subject
                .found(text)
                .with_mend(wanted.clone())
                .with_remedy(Remedy::PipPackages { packages: vec![wanted] }),
        )
    });
    found.collect::<Vec<_>>().into()
}

fn packages_broken_by_pins(subject: &ProfileSubject<'_>) -> Outcome {
    // That the pins are not known is told once.
    let Ok(Some((pins, installed))) = known(subject) else { return Outcome::fine() };
    let Some(python) = subject.known_python3() else { return Outcome::fine() };
    let markers = Markers::of(python, &subject.image.config.platform);
    let changes = replaced(pins, installed);
    let mut after = installed.clone();
    let mut names = BTreeSet::new();
    for Replaced { name, pin, before } in &changes {
        names.insert(crate::requirement::normalised(name));
        after.insert(Distribution {
            name: (*name).to_owned(),
            version: pin.to_string(),
            // What the new version requires pip sees to.
            requires: Vec::new(),
            is_direct: false,
            folder: before.map(|before| before.folder.clone()).unwrap_or_default(),
        });
    }
    let before = unmet(installed, &markers);
    let broken = unmet(&after, &markers);
    let found = broken.iter().filter(|unmet| names.contains(&unmet.name) && !before.contains(unmet));
    let found = found.map(|unmet| {
        let found = unmet.found.as_deref().unwrap_or_default();
        let text = format!(
            "{} requires `{}`, and {found} is installed before a node runs, by {}",
            unmet.package,
            unmet.requirement,
            pins.origin()
        );
        subject.found(text)
    });
    found.collect::<Vec<_>>().into()
}

fn pipeline_packages_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let installs = !installs_nothing(subject);
    if installs && subject.profile.parameters.network {
        return Outcome::fine();
    }
    let Some(installed) = subject.installed() else { return Outcome::fine() };
    if installs {
        return offline(subject, installed);
    }
    let absent = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| !installed.has(name)).collect()
    };
    let told = |names: Vec<&str>, level: Level, what: &str| {
        let packages: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let text = format!("`ELYRA_INSTALL_PACKAGES=false`, and {what} need {}", names.join(", "));
        subject.found(text).with_level(level).with_remedy(Remedy::PipPackages { packages })
    };
    let mut found = Vec::new();
    for (names, what) in [(absent(&FOR_ALL), "nodes"), (absent(&FOR_NOTEBOOKS), "notebooks")] {
        if !names.is_empty() {
            found.push(told(names, Level::Error, what));
        }
    }
    found.into()
}

/// Where nothing can be installed and Elyra tries to: everything that it would install is missing.
fn offline(subject: &ProfileSubject<'_>, installed: &Installed) -> Outcome {
    let Some(pins) = &subject.profile.parameters.pins else { return Outcome::fine() };
    let mut packages: Vec<String> = replaced(pins, installed)
        .iter()
        .map(|replaced| format!("{}=={}", replaced.name, replaced.pin))
        .collect();
    if !installed.has("packaging") {
        packages.push("packaging".to_owned());
    }
    if packages.is_empty() {
        return Outcome::fine();
    }
    let text = format!(
        "containers reach no package index, and Elyra would install {} (by {})",
        packages.join(", "),
        pins.origin()
    );
    subject.found(text).with_remedy(Remedy::variable("ELYRA_INSTALL_PACKAGES", "false")).into()
}
