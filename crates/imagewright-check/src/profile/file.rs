//! Profiles of a site: a TOML file that extends a profile, leaves rules out, adds some, and says how much each matters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Profile, ProfileError, ProfileRule};
use crate::elyra::Pins;
use crate::rule::Level;

/// A profile of a site, as its file has it.
#[derive(Clone, Debug)]
pub struct ProfileFile {
    file: String,
    written: Written,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    title: Option<String>,
    extends: Option<String>,
    /// Whether containers reach a package index.
    network: Option<bool>,
    /// The requirements file of the site's Elyra, beside this file.
    requirements: Option<String>,
    /// Platforms that machines of the site have.
    platforms: Option<Vec<String>>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    rules: BTreeMap<String, Change>,
}

/// What a site says of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    level: Option<WrittenLevel>,
    why: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenLevel {
    Note,
    Warning,
    Error,
}

impl From<WrittenLevel> for Level {
    fn from(level: WrittenLevel) -> Self {
        match level {
            WrittenLevel::Note => Self::Note,
            WrittenLevel::Warning => Self::Warning,
            WrittenLevel::Error => Self::Error,
        }
    }
}

impl ProfileFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        let wrong = |reason: String| ProfileError::File { file: file.to_owned(), reason };
        let written: Written = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if written.name.is_empty() || !written.name.chars().all(is_name) {
            return Err(wrong(format!(
                "`{}` is no name: letters, digits, `-`, `_` and `.` are",
                written.name
            )));
        }
        Ok(Self { file: file.to_owned(), written })
    }

    /// The requirements file that it names, as it is written.
    pub fn requirements(&self) -> Option<&str> {
        self.written.requirements.as_deref()
    }

    /// The profile; `requirements` is the text of the file that it names.
    ///
    /// # Errors
    /// Names a rule, or a profile to extend, that does not exist.
    pub fn profile(&self, requirements: Option<&str>) -> Result<Profile, ProfileError> {
        let Written { name, title, extends, network, without, rules, .. } = &self.written;
        let wrong = |reason: String| ProfileError::File { file: self.file.clone(), reason };
        let mut profile = match extends {
            Some(base) => Profile::named(base).map_err(|error| wrong(error.to_string()))?,
            None => Profile::empty(),
        };
        title.as_ref().unwrap_or(name).clone_into(&mut profile.title);
        profile.name.clone_from(name);
        let known = |rule: &str| crate::rule(rule).map_err(|error| wrong(error.to_string()));
        for rule in without {
            let rule = known(rule)?;
            profile.rules.retain(|entry| entry.rule.name != rule.name);
        }
        for (rule, change) in rules {
            let rule = known(rule)?;
            if rule.on_image.is_none() && !rule.is_for_platforms_alone() {
                return Err(wrong(format!("`{}` looks at Dockerfiles alone", rule.name)));
            }
            let entry = match profile.rules.iter_mut().find(|entry| entry.rule.name == rule.name) {
                Some(entry) => entry,
                None => {
                    profile.rules.push(ProfileRule { rule, level: None, forced: None, why: None });
                    profile.rules.last_mut().expect("one was just put there")
                }
            };
            entry.forced = change.level.map(Level::from);
            entry.why = change.why.clone().map(Cow::Owned).or_else(|| entry.why.take());
        }
        let platforms = self.written.platforms.iter().flatten();
        for platform in platforms {
            let platform = platform.parse().map_err(|error| wrong(format!("{error}")))?;
            profile.parameters.platforms.push(platform);
        }
        profile.parameters.network = network.unwrap_or(profile.parameters.network);
        if let Some((file, text)) = self.requirements().zip(requirements) {
            profile.parameters.pins = Some(Pins::parse(file, text));
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_changes_what_matters_there() {
        let text = "name = \"our-cluster\"\nextends = \"elyra@4.1\"\nnetwork = false\nrequirements = \"own.txt\"\n\
                    without = [\"reference-needs-secret\"]\n[rules.base-latest]\n\
                    [rules.curl-missing]\nlevel = \"note\"\nwhy = \"we bake it in\"\n";
        let file = ProfileFile::parse("our.toml", text).unwrap();
        assert_eq!(file.requirements(), Some("own.txt"));
        let profile = file.profile(Some("requests==1\n")).unwrap();
        let names: Vec<_> = profile.rule_names().collect();
        assert!(!names.contains(&"reference-needs-secret") && names.contains(&"base-latest"));
        let curl = profile.rules.iter().find(|entry| entry.rule.name == "curl-missing").unwrap();
        assert_eq!((curl.forced, curl.why.as_deref()), (Some(Level::Note), Some("we bake it in")));
        assert_eq!((profile.pins(), profile.parameters.network), (Some("own.txt"), false));
        let alone = ProfileFile::parse("x.toml", "name = \"x\"\n[rules.curl-missing]\n").unwrap();
        assert_eq!(alone.profile(None).unwrap().rule_names().collect::<Vec<_>>(), ["curl-missing"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("name = \"x\"\nextend = \"elyra\"", "unknown field `extend`"),
            ("name = \"\"", "`` is no name"),
            ("name = \"x\"\n[rules.x]\nlevel = \"fatal\"", "unknown variant `fatal`"),
            ("name = \"x\"\nextends = \"elyrs\"", "there is no profile `elyrs`"),
            ("name = \"x\"\nextends = \"elyra@9\"", "nothing is known of release `9`"),
            ("name = \"x\"\nwithout = [\"curl\"]", "there is no rule `curl`"),
            ("name = \"x\"\n[rules.remote-without-checksum]", "looks at Dockerfiles alone"),
            ("name", ""),
        ] {
            let error = ProfileFile::parse("x.toml", text).and_then(|file| file.profile(None)).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
