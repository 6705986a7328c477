//! Mending an image: what rules found missing is added as layers and settings, and the image is looked at again.
//!
//! Findings say how they would be mended ([`Remedy`]). Packages are solved and installed as those of any spec are, on the image itself;
//! files and settings are changed by [`Engine::amend`](imagewright_engine::Engine). What one round brings may be found wanting by the
//! next one: a Python without pip, say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imagewright_check::{Finding, Level, Remedy};
use imagewright_engine::{
    AmendRequest, Amendment, Cancel, SettingChange, account_line, kernel_launcher_of, kernel_launcher_path,
    wrapper_script,
};
use imagewright_model::spec::SpecFlags;
use imagewright_model::{EventSink, Progress};
use imagewright_oci::{Digest, Reference};
use imagewright_store::ImageRecord;

use super::{CheckCommand, Checked};
use crate::gate::{KNOWN_LATER, WorkingName};
use crate::{BuildCommand, Service, ServiceError};

/// After so many rounds nothing new comes of it.
const ROUNDS: usize = 4;
/// What the history of a mended image says.
const REASON: &str = "imagewright check --fix";
/// Notes which image was mended.
const MENDED: &str = "dev.imagewright.mended";

/// What mending came to.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// What was found first.
    pub before: Checked,
    /// What was done, in sentences.
    pub done: Vec<String>,
    /// Findings that could not be mended, and why.
    pub left: Vec<String>,
    /// The mended image; none where nothing was done.
    pub image: Option<Digest>,
    /// What is found of it.
    pub after: Checked,
}

/// What is to be done in one round.
#[derive(Debug, Default)]
struct Work {
    /// The program that starts kernels, where there is one.
    launcher: Option<PathBuf>,
    apt: BTreeSet<String>,
    pip: BTreeSet<String>,
    files: Vec<Amendment>,
    settings: Vec<SettingChange>,
    done: Vec<String>,
    left: Vec<String>,
}

impl Service {
    /// Mends an image of the store, and gives it these names; where there are none, those it was called by.
    ///
    /// # Errors
    /// Where the image cannot be looked at or built on. The names stay where they are then.
    pub fn fix(
        &self,
        command: &CheckCommand,
        names: &[Reference],
        events: &dyn EventSink,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Fixed, ServiceError> {
        let before = self.check(command, cancel, progress)?;
        let record = self.store().resolve(&command.subject)?;
        let names = match names {
            [] => vec![
                record
                    .names
                    .first()
                    .cloned()
                    .ok_or_else(|| ServiceError::NoNameForFixed { image: command.subject.clone() })?,
            ],
            names => names.to_vec(),
        };
        let launcher = Some(kernel_launcher_of(self.store())).filter(|path| path.is_file());
        let working = WorkingName::on(self, &record)?;
        let called = names.first().map(ToString::to_string);
        let mut fixed =
            Fixed { before: before.clone(), done: Vec::new(), left: Vec::new(), image: None, after: before };
        let mut tried: BTreeSet<String> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let work = Work::of(&fixed.after, &mut tried, launcher.as_deref());
            fixed.left = work.left.clone();
            if work.is_empty() {
                break;
            }
            let before = working.image()?;
            let image = self.mend_once(&work, &record, &working, events, cancel)?;
            working.forget(&before);
            fixed.done.extend(work.done);
            fixed.image = Some(image.manifest.digest.clone());
            let again = CheckCommand {
                subject: working.name.to_string(),
                called: called.clone(),
                // What was made just now is in no registry yet.
                selection: command.selection.clone().without(KNOWN_LATER)?,
                ..command.clone()
            };
            fixed.after = self.check(&again, cancel, progress)?;
        }
        if fixed.image.is_some() {
            let mended = working.image()?;
            for name in &names {
                self.store().tag(&mended, name)?;
            }
        }
        Ok(fixed)
    }

    /// One round: packages first, because what else is changed may be theirs.
    fn mend_once(
        &self,
        work: &Work,
        mended: &ImageRecord,
        working: &WorkingName<'_>,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<ImageRecord, ServiceError> {
        let name = &working.name;
        if !work.apt.is_empty() || !work.pip.is_empty() {
            let flags = SpecFlags {
                base: Some(name.to_string()),
                apt: work.apt.iter().cloned().collect(),
                pip: work.pip.iter().cloned().collect(),
                tag: vec![name.to_string()],
                ..SpecFlags::default()
            };
            self.build(&BuildCommand { flags, ..BuildCommand::default() }, events, cancel)?;
        }
        let image = working.image()?;
        let annotations = BTreeMap::from([(MENDED.to_owned(), mended.manifest.digest.to_string())]);
        let request = AmendRequest {
            image,
            files: work.files.clone(),
            settings: work.settings.clone(),
            reason: REASON.to_owned(),
            annotations,
            names: vec![name.clone()],
        };
        let packages = request.image.clone();
        let image = self.engine.amend(&request, events, cancel)?.image;
        working.forget(&packages);
        Ok(image)
    }
}

impl Work {
    /// What mends the findings of a check, those that were tried before left out.
    fn of(checked: &Checked, tried: &mut BTreeSet<String>, launcher: Option<&Path>) -> Self {
        let mut work = Self { launcher: launcher.map(Path::to_owned), ..Self::default() };
        let of_profiles = checked.reports.iter().flat_map(|report| &report.findings);
        for finding in checked.findings.iter().chain(of_profiles) {
            if finding.level == Level::Note {
                continue;
            }
            match &finding.remedy {
                Some(remedy) if tried.insert(format!("{remedy:?}")) => work.add(remedy, finding),
                Some(_) => work.leave(finding, "what should have mended it did not"),
                None => work.leave(finding, "it is not mended by adding something"),
            }
        }
        work
    }

    fn is_empty(&self) -> bool {
        self.apt.is_empty() && self.pip.is_empty() && self.files.is_empty() && self.settings.is_empty()
    }

    fn leave(&mut self, finding: &Finding, why: &str) {
        let told = format!("{}: {} ({why})", finding.rule, finding.message);
        if !self.left.contains(&told) {
            self.left.push(told);
        }
    }

    fn add(&mut self, remedy: &Remedy, finding: &Finding) {
        let done = match remedy {
            Remedy::AptPackages { packages } => {
                self.apt.extend(packages.iter().cloned());
                format!("Debian packages: {}", packages.join(", "))
            }
            Remedy::RPackages { packages } => {
                let debian = packages.iter().map(|name| format!("r-cran-{}", name.to_lowercase()));
                self.apt.extend(debian);
                format!("R packages: {}", packages.join(", "))
            }
            Remedy::PipPackages { packages } => {
                self.pip.extend(packages.iter().cloned());
                format!("Python packages: {}", packages.join(", "))
            }
            Remedy::Environment { name, value } => {
                self.settings.push(SettingChange::Variable(name.clone(), value.clone()));
                match value {
                    Some(value) => format!("variable {name}={value}"),
                    None => format!("variable {name} taken away"),
                }
            }
            Remedy::User { user } => {
                self.settings.push(SettingChange::User(user.clone()));
                format!("user {user}")
            }
            Remedy::Account { name, uid, gid, groups, home } => {
                self.account(name, (*uid, *gid), groups, home);
                format!("account {name} ({uid}:{gid}) with the home {home}")
            }
            Remedy::WorkingDirectory { path } => {
                self.files.push(Amendment::Folder { path: path.clone(), mode: 0o2775, uid: 1000, gid: 0 });
                self.settings.push(SettingChange::WorkingDirectory(path.clone()));
                format!("working directory {path}")
            }
            Remedy::PathLink { path, target } => {
                self.files.push(Amendment::Link { path: path.clone(), target: target.clone() });
                format!("link {path} to {target}")
            }
            Remedy::Wrapper { path, program } => {
                let contents = wrapper_script(program).into_bytes();
                self.files.push(Amendment::File { path: path.clone(), contents, mode: 0o755 });
                format!("script {path}, which runs {program}")
            }
            Remedy::Permissions { path, recursive, uid, gid, file_mode, folder_mode } => {
                self.files.push(Amendment::Rights {
                    path: path.clone(),
                    recursive: *recursive,
                    uid: *uid,
                    gid: *gid,
                    file_mode: *file_mode,
                    folder_mode: *folder_mode,
                });
                let below = if *recursive { " and what is in it" } else { "" };
                format!("owner and rights of {path}{below}")
            }
            Remedy::Port { port } => {
                self.settings.push(SettingChange::Port(port.clone()));
                format!("port {port}")
            }
            Remedy::NoHealthCheck => {
                self.settings.push(SettingChange::NoHealthCheck);
                "the health check taken away".to_owned()
            }
            Remedy::UnixLineEnds { path } => {
                self.files.push(Amendment::UnixLineEnds { path: path.clone() });
                format!("line ends of {path}")
            }
            Remedy::KernelLauncher { language } => {
                let Some(from) = self.launcher.clone() else {
                    return self.leave(
                        finding,
                        "there is no kernel launcher in the tools of the store: `scripts/build-launcher` puts it there",
                    );
                };
                let path = kernel_launcher_path();
                self.files.push(Amendment::Copy { from, path: path.clone(), mode: 0o755 });
                self.settings.push(SettingChange::Command(vec![path]));
                let variable = ("KERNEL_LANGUAGE".to_owned(), Some(language.clone()));
                self.settings.push(SettingChange::Variable(variable.0, variable.1));
                format!("the kernel launcher, for {language}, and that containers start it")
            }
        };
        if !self.done.contains(&done) {
            self.done.push(done);
        }
    }

    fn account(&mut self, name: &str, (uid, gid): (u32, u32), groups: &[u32], home: &str) {
        let line = |path: &str, line: String| Amendment::Line { path: path.to_owned(), line };
        self.files.push(line("/etc/passwd", account_line(name, (uid, gid), home, "/bin/bash")));
        for group in groups.iter().filter(|group| **group != gid) {
            self.files.push(line("/etc/group", format!("{name}-{group}:x:{group}:{name}")));
        }
        self.files.push(Amendment::Folder { path: home.to_owned(), mode: 0o2775, uid, gid });
    }
}

#[cfg(test)]
mod tests {
    use imagewright_model::spec::Origin;

    use super::*;

    fn finding(level: Level, remedy: Option<Remedy>) -> Finding {
        Finding {
            rule: "a-rule",
            level,
            message: "something is missing".to_owned(),
            why: None,
            mend: None,
            remedy,
            origin: Origin::file("image"),
        }
    }

    fn checked(findings: Vec<Finding>) -> Checked {
        Checked { subject: "image".to_owned(), findings, reports: Vec::new(), notes: Vec::new() }
    }

    fn apt(names: [&str; 2]) -> Option<Remedy> {
        Some(Remedy::AptPackages { packages: names.map(str::to_owned).to_vec() })
    }

    #[test]
    fn packages_are_joined_and_notes_left_alone() {
        let findings = vec![
            finding(Level::Error, apt(["curl", "tar"])),
            finding(Level::Warning, apt(["curl", "gzip"])),
            finding(Level::Note, apt(["git", "less"])),
            finding(Level::Error, None),
        ];
        let work = Work::of(&checked(findings), &mut BTreeSet::new(), None);
        assert_eq!(work.apt.iter().collect::<Vec<_>>(), ["curl", "gzip", "tar"]);
        assert_eq!(work.done, ["Debian packages: curl, tar", "Debian packages: curl, gzip"]);
        assert_eq!(work.left, ["a-rule: something is missing (it is not mended by adding something)"]);
    }

    #[test]
    fn a_launcher_is_brought_where_there_is_one() {
        let all = checked(vec![finding(
            Level::Error,
            Some(Remedy::KernelLauncher { language: "python".to_owned() }),
        )]);
        let work = Work::of(&all, &mut BTreeSet::new(), Some(Path::new("/tools/launcher")));
        assert!(matches!(&work.files[..], [Amendment::Copy { mode: 0o755, .. }]), "{work:?}");
        assert!(work.settings.contains(&SettingChange::Command(vec![
            "/usr/local/bin/imagewright-kernel-launcher".to_owned()
        ])));
        let without = Work::of(&all, &mut BTreeSet::new(), None);
        assert!(without.is_empty() && without.left[0].contains("scripts/build-launcher"), "{without:?}");
    }

    #[test]
    fn what_did_not_help_is_not_done_again() {
        let all = checked(vec![finding(Level::Error, apt(["curl", "tar"]))]);
        let mut tried = BTreeSet::new();
        assert!(!Work::of(&all, &mut tried, None).is_empty());
        let again = Work::of(&all, &mut tried, None);
        assert!(again.is_empty());
        assert_eq!(again.left, ["a-rule: something is missing (what should have mended it did not)"]);
    }
}
