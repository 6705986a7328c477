//! What a build would do: found out without making an image. `docs/plan.md` describes it as JSON.

use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

/// Version of the document; it grows when a field changes its meaning, not when one is added.
pub const PLAN_VERSION: u32 = 1;

/// What a build would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// What the build has to go by.
    pub lock: LockUse,
    /// Where the image begins.
    pub base: PlannedBase,
    /// What is installed, in order.
    pub steps: Vec<PlannedStep>,
    /// Bytes that would be fetched.
    pub download_size: u64,
    /// What would come of it; none where there is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<PlannedImage>,
    /// Why it cannot be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What a build has to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockUse {
    /// There is no lock: what the store remembers counts, else all is solved.
    None,
    /// The lock is for this spec, and every version is taken from it.
    Kept,
    /// The spec has changed, or newer versions were asked for: what the lock says is preferred.
    Preferred,
    /// There is a lock, and all is solved anew.
    Ignored,
}

/// The base of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBase {
    /// Its name as it was written.
    pub name: String,
    /// Digest of its manifest; none where it is made from packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Number of its layers.
    pub layers: u64,
    /// Bytes of its layers as stored.
    pub size: u64,
    /// Whether it was there before it was planned.
    pub cached: bool,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// What installs the packages.
    pub kind: StepKind,
    /// What was asked for, in a line.
    pub title: String,
    /// Whether its result is there already.
    pub cached: bool,
    /// The packages, by name.
    pub packages: Vec<PlannedPackage>,
    /// Bytes that would be fetched.
    pub download_size: u64,
    /// Number of its layers, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u64>,
    /// Bytes of its layers as stored.
    pub size: u64,
    /// Whether the size is known and not an estimate.
    pub size_is_exact: bool,
}

/// What installs packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Debian packages.
    Apt,
    /// conda packages.
    Conda,
    /// Python packages.
    Pip,
    /// What starts a kernel.
    Kernel,
}

/// A package of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPackage {
    /// Its name.
    pub name: String,
    /// Its version afterwards, or before where it is removed; none where only its source knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What happens to it.
    pub change: PackageChange,
    /// The version that was there, where it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its path where it lies on this machine, as the spec has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Bytes of its file, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether nothing has to be fetched for it.
    pub cached: bool,
}

/// What happens to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageChange {
    /// It comes in.
    Install,
    /// Another version takes its place.
    Replace,
    /// It goes.
    Remove,
    /// It is there and stays.
    Keep,
}

/// What would come of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedImage {
    /// Digest of the image's manifest, where that follows from what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether the image is there already.
    pub exists: bool,
    /// Bytes of its layers as stored.
    pub size: u64,
    /// Whether the size is known and not an estimate.
    pub size_is_exact: bool,
    /// Number of its layers, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u64>,
    /// How many of its layers are there already.
    pub layers_there: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const DOCUMENTATION: &str = include_str!("../../../docs/plan.md");

    /// Every field filled.
    fn full() -> Plan {
        let package = PlannedPackage {
            name: "numpy".into(),
            version: Some("2.0".into()),
            change: PackageChange::Replace,
            before: Some("1.0".into()),
            path: Some("numpy".into()),
            size: Some(1),
            cached: true,
        };
        let step = PlannedStep {
            kind: StepKind::Pip,
            title: "pip numpy".into(),
            cached: false,
            packages: vec![package],
            download_size: 1,
            layers: Some(1),
            size: 1,
            size_is_exact: true,
        };
        let image = PlannedImage {
            digest: Some(Digest::of(b"")),
            exists: true,
            size: 1,
            size_is_exact: true,
            layers: Some(2),
            layers_there: 1,
        };
        Plan {
            version: PLAN_VERSION,
            lock: LockUse::Kept,
            base: PlannedBase {
                name: "demo".into(),
                digest: Some(Digest::of(b"")),
                layers: 1,
                size: 1,
                cached: true,
            },
            steps: vec![step],
            download_size: 1,
            image: Some(image),
            conflict: Some("no".into()),
            notes: vec!["so".into()],
        }
    }

    /// The paths of all fields, as `steps.packages.name`.
    fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    found.push(path.clone());
                    fields(value, &path, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| fields(value, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_and_word_is_documented() {
        let mut names = Vec::new();
        fields(&serde_json::to_value(full()).unwrap(), "", &mut names);
        for name in &names {
            assert!(DOCUMENTATION.contains(&format!("\n| `{name}` |")), "docs/plan.md has no row `{name}`");
        }
        let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, names.len(), "a documented field does not exist");
        let words = [
            serde_json::to_value([LockUse::None, LockUse::Kept, LockUse::Preferred, LockUse::Ignored]),
            serde_json::to_value([StepKind::Apt, StepKind::Conda, StepKind::Pip, StepKind::Kernel]),
            serde_json::to_value([
                PackageChange::Install,
                PackageChange::Replace,
                PackageChange::Remove,
                PackageChange::Keep,
            ]),
        ];
        for word in words.iter().flat_map(|words| words.as_ref().unwrap().as_array().unwrap()) {
            assert!(DOCUMENTATION.contains(&format!("`{}`", word.as_str().unwrap())), "{word}");
        }
    }

    #[test]
    fn the_documented_example_is_a_plan_to_the_letter() {
        let (_, example) = DOCUMENTATION.split_once("```json\n").unwrap();
        let (example, _) = example.split_once("\n```").unwrap();
        let plan: Plan = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::to_string_pretty(&plan).unwrap(), example);
        assert!(DOCUMENTATION.contains(&format!("version of the document: {PLAN_VERSION} ")));
    }
}
