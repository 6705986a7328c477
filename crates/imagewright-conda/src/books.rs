//! The books of an environment, by which conda and others know what is installed: a record of each package in `conda-meta`, and
//! the history.

use std::fmt::Write as _;

use rattler_conda_types::PrefixRecord;
use url::Url;

use crate::channel::NAMED;
use crate::package::Installed;
use crate::{Package, Wanted};

/// A record of `conda-meta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRecord {
    /// The name of its file.
    pub file: String,
    /// Its text.
    pub text: String,
}

impl Package {
    /// The record of the package where it was installed; `named` is the address that channels have in the image which go by a
    /// name, `wanted` what was asked for.
    ///
    /// It says nothing of the machine that installed it: no caches, no mirrors, no times.
    pub fn book_record(&self, installed: &Installed, wanted: &[Wanted], named: Option<&Url>) -> BookRecord {
        let mut record = self.0.clone();
        record.channel = self.channel().map(|channel| channel.name().to_owned());
        if let (Some(named), Some(rest)) = (named, record.url.as_str().strip_prefix(NAMED)) {
            record.url = named.join(rest).unwrap_or(record.url);
        }
        let mut record = PrefixRecord::from_repodata_record(record, installed.paths.clone());
        let own = wanted.iter().filter(|wanted| wanted.name() == self.name());
        record.requested_specs = own.map(asked).collect();
        let file = record.file_name();
        let text = serde_json::to_string_pretty(&record).expect("records of packages are plain data");
        BookRecord { file, text: text + "\n" }
    }

    /// The name of its record.
    pub fn book_file(&self) -> String {
        format!("{}-{}-{}.json", self.name(), self.version(), self.build())
    }

    /// The package as the history names it.
    fn in_history(&self) -> String {
        let channel = self.channel().map(|channel| format!("{}/{}::", channel.name(), self.subdir()));
        format!("{}{}-{}-{}", channel.unwrap_or_default(), self.name(), self.version(), self.build())
    }
}

/// What the history says of an installation; `time` as `2000-01-01 00:00:00`.
pub fn history(time: &str, gone: &[Package], come: &[Package], wanted: &[Wanted]) -> String {
    let mut text = format!("==> {time} <==\n# cmd: imagewright build\n");
    let mut lines: Vec<String> = gone.iter().map(|package| format!("-{}", package.in_history())).collect();
    lines.extend(come.iter().map(|package| format!("+{}", package.in_history())));
    lines.sort();
    for line in lines {
        writeln!(text, "{line}").expect("a text takes what is written to it");
    }
    let mut specs: Vec<String> = wanted.iter().map(asked).collect();
    specs.sort();
    let specs = serde_json::to_string(&specs).expect("texts serialise");
    writeln!(text, "# update specs: {specs}").expect("a text takes what is written to it");
    text
}

fn asked(wanted: &Wanted) -> String {
    match wanted.channel() {
        Some(channel) => format!("{channel}::{}", wanted.text()),
        None => wanted.text().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use imagewright_testkit::conda::{CondaPackage, Format};
    use rattler_conda_types::MinimalPrefixRecord;

    use super::*;
    use crate::Channel;

    fn package(channel: &str) -> Package {
        let package = CondaPackage::new("tool", "1.0").depends("lib >=2").build("h1_0");
        let channel = Channel::new(channel).unwrap();
        let base = Url::parse(&channel.subdir("linux-64")).unwrap();
        let record = serde_json::from_value(package.record(b"bytes")).unwrap();
        Package::listed(&channel, (package.subdir(), &base), &package.file_name(Format::Conda), record)
            .unwrap()
    }

    #[test]
    fn records_are_read_by_rattler_and_by_us() {
        let wanted =
            [Wanted::parse("tool >=1", Channel::new("team"), None).unwrap(), Wanted::any("lib").unwrap()];
        let package = package("team");
        let record = package.book_record(&Installed::default(), &wanted, None);
        assert_eq!((record.file.as_str(), package.book_file()), ("tool-1.0-h1_0.json", record.file.clone()));
        let read: PrefixRecord = record.text.parse().unwrap();
        assert_eq!(read.repodata_record.channel.as_deref(), Some("team"));
        assert_eq!(read.requested_specs, ["team::tool >=1"]);
        assert_eq!(read.repodata_record.package_record.depends, ["lib >=2"]);
        assert_eq!(Package::installed(&record.text).unwrap().shown(), "tool 1.0 h1_0");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(&record.file), &record.text).unwrap();
        MinimalPrefixRecord::from_path(&folder.path().join(&record.file)).unwrap();
    }

    #[test]
    fn addresses_are_those_that_the_image_is_to_have() {
        let url = |package: &Package, named: Option<&str>| {
            let named = named.map(|named| Url::parse(named).unwrap());
            let record: PrefixRecord =
                package.book_record(&Installed::default(), &[], named.as_ref()).text.parse().unwrap();
            record.repodata_record.url.to_string()
        };
        let named = Some("https://mirror.example/conda/");
        assert_eq!(url(&package("team"), None), "https://channels.invalid/team/linux-64/tool-1.0-h1_0.conda");
        assert_eq!(
            url(&package("team"), named),
            "https://mirror.example/conda/team/linux-64/tool-1.0-h1_0.conda"
        );
        let own = package("https://other.example/c");
        assert_eq!(url(&own, named), "https://other.example/c/linux-64/tool-1.0-h1_0.conda");
    }

    #[test]
    fn old_records_are_read_too() {
        let text = r#"{"name": "old", "version": "1", "build": "0", "build_number": 0, "depends": [],
            "files": ["bin/old"], "link": {"source": "/pkgs/old", "type": 1}}"#;
        let package = Package::installed(text).unwrap();
        assert_eq!((package.shown().as_str(), package.sha256()), ("old 1 0", None));
        let odd = r#"{"name": "odd", "version": "1", "build": "0", "build_number": 0, "depends": [], "fn": "odd", "url": "x"}"#;
        assert_eq!(Package::installed(odd).unwrap().name(), "odd");
        assert_eq!(Package::installed("{}"), None);
        assert_eq!(Package::installed("no json"), None);
    }

    #[test]
    fn the_history_says_what_came_and_went() {
        let wanted = [Wanted::any("tool").unwrap()];
        let text = history("2000-01-01 00:00:00", &[package("old")], &[package("team")], &wanted);
        let expected = "==> 2000-01-01 00:00:00 <==\n# cmd: imagewright build\n+team/linux-64::tool-1.0-h1_0\n\
                        -old/linux-64::tool-1.0-h1_0\n# update specs: [\"tool\"]\n";
        assert_eq!(text, expected);
    }
}
