//! Requirements of pip as far as versions go: which version a line allows at most.

use std::str::FromStr;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// A package and the versions that are allowed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// Normalised.
    pub(crate) name: String,
    /// As it is written, without markers.
    pub(crate) text: String,
    versions: VersionSpecifiers,
}

/// What a requirement comes to for a version that somebody else wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The wanted version, or a newer one, may be there.
    Fits,
    /// Only older ones are allowed.
    Older,
    /// Only newer ones are allowed.
    Newer,
}

impl Requirement {
    /// Reads `name[extras] specifiers ; marker`; none where it is no such thing, or says nothing of versions.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split(';').next().unwrap_or_default().trim();
        let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter)));
        let (name, rest) = text.split_at(end?);
        let rest = match rest.trim_start().strip_prefix('[') {
            Some(extras) => extras.split_once(']')?.1,
            None => rest,
        };
        let rest = rest.trim().trim_start_matches('(').trim_end_matches(')');
        let versions = VersionSpecifiers::from_str(rest).ok()?;
        let is_name = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        (is_name && versions.iter().next().is_some()).then(|| Self {
            name: normalised(name),
            text: text.to_owned(),
            versions,
        })
    }

    pub(crate) fn against(&self, wanted: &Version) -> Against {
        if self.versions.contains(wanted) {
            return Against::Fits;
        }
        let bounds = |bound: fn(&VersionSpecifier, &Version) -> bool| {
            self.versions.iter().any(|specifier| bound(specifier, wanted))
        };
        if bounds(is_below) {
            Against::Older
        } else if bounds(is_above) {
            Against::Newer
        } else {
            Against::Fits
        }
    }
}

/// Whether everything that a specifier allows is older.
fn is_below(specifier: &VersionSpecifier, wanted: &Version) -> bool {
    let version = specifier.version();
    match specifier.operator() {
        Operator::LessThan => version <= wanted,
        Operator::LessThanEqual
        | Operator::Equal
        | Operator::ExactEqual
        | Operator::EqualStar
        | Operator::TildeEqual => version < wanted && !specifier.contains(wanted),
        _ => false,
    }
}

/// Whether everything that a specifier allows is newer.
fn is_above(specifier: &VersionSpecifier, wanted: &Version) -> bool {
    let version = specifier.version();
    match specifier.operator() {
        Operator::GreaterThan => version >= wanted,
        Operator::GreaterThanEqual
        | Operator::Equal
        | Operator::ExactEqual
        | Operator::EqualStar
        | Operator::TildeEqual => version > wanted,
        _ => false,
    }
}

/// A name as indexes compare it.
pub(crate) fn normalised(name: &str) -> String {
    let mut normalised = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normalised.ends_with('-') => {}
            '-' | '_' | '.' => normalised.push('-'),
            _ => normalised.push(letter.to_ascii_lowercase()),
        }
    }
    normalised
}

/// The requirements of a requirements file with their lines, and the files it names with `-r`.
pub(crate) fn in_file(text: &str) -> (Vec<(u32, Requirement)>, Vec<String>) {
    let (mut all, mut files) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.starts_with('#') {
            continue;
        }
        let file = line.strip_prefix("--requirement").or_else(|| line.strip_prefix("-r"));
        if let Some(file) = file {
            files.push(file.trim_start_matches('=').trim().to_owned());
        }
        // Hashes and other options follow the requirement.
        let line = line.split(" --").next().unwrap_or_default().trim_end_matches('\\');
        all.extend(Requirement::parse(line).map(|requirement| (number, requirement)));
    }
    (all, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_there_is_told_from_what_may_not() {
        let wanted: Version = "7.4.9".parse().unwrap();
        for (text, expected) in [
            ("x==7.4.9", Against::Fits),
            ("x>=7", Against::Fits),
            ("x~=7.4", Against::Fits),
            ("x==7.*", Against::Fits),
            ("x!=7.4.9", Against::Fits),
            ("x<8", Against::Fits),
            ("x==6.1", Against::Older),
            ("x<7.4.9", Against::Older),
            ("x<=7.4.8", Against::Older),
            ("x~=6.1", Against::Older),
            ("x==6.*", Against::Older),
            ("x[extra] (>=6,<7); python_version < '4'", Against::Older),
            ("x==8.6.3", Against::Newer),
            ("x>=8", Against::Newer),
            ("x>=8,<9", Against::Newer),
            ("x~=8.0", Against::Newer),
        ] {
            assert_eq!(Requirement::parse(text).unwrap().against(&wanted), expected, "{text}");
        }
        for text in [
            "x",
            "",
            "-e .",
            "./x.whl",
            "x @ https://server.example/x.whl",
            "git+https://server.example/x",
            "x==$VERSION",
        ] {
            assert_eq!(Requirement::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_has_requirements_and_names_others() {
        let text = "# jinja2==1\nJinja2==3.0 # why\n-r other.txt\nrequests==2.0 \\\n  --hash=sha256:00\nzope.interface==5 --hash=sha256:00\n";
        let (all, files) = in_file(text);
        let all: Vec<_> = all.iter().map(|(line, it)| (*line, it.name.as_str())).collect();
        assert_eq!(all, [(2, "jinja2"), (4, "requests"), (6, "zope-interface")]);
        assert_eq!(files, ["other.txt"]);
    }
}
