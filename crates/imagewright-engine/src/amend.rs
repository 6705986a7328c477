//! An image with small changes to its files and settings, on top of all that it has: one layer, or none.
//!
//! Nothing of the image runs for it. What is changed is written as a `COPY` would write it; folders whose owner or rights change need
//! no more than an entry each, files are in the layer once more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_layer::Compression;
use imagewright_model::EventSink;
use imagewright_model::spec::Origin;
use imagewright_oci::{ContainerConfig, Reference};
use imagewright_sandbox::Limits;
use imagewright_store::ImageRecord;
use imagewright_store::overlay::TidyRules;
use serde_json::Value;

use crate::build::{Built, COLLECTING, outcome, unless_cancelled};
use crate::cancel::Cancel;
use crate::dockerfile::write::{Look, Writer};
use crate::draft::Draft;
use crate::error::EngineError;
use crate::outside::Outside;
use crate::reporter::{BuildReporter, StepReporter};
use crate::root_view::RootView;
use crate::time::{rfc3339, source_date_epoch};
use crate::workbench::{Site, Workbench};
use crate::{Engine, config};

/// The bits of a mode that are rights.
const RIGHTS: u32 = 0o7777;

/// A change to the files of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// A folder, made where it is missing.
    Folder {
        /// Where.
        path: String,
        /// Its rights.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Owner and rights of what is there.
    Rights {
        /// Of what.
        path: String,
        /// Whether all below it counts, too.
        recursive: bool,
        /// The owner; none leaves it.
        uid: Option<u32>,
        /// The group; none leaves it.
        gid: Option<u32>,
        /// Rights that files get beside what they have; none leaves files alone.
        file_mode: u32,
        /// Rights that folders get beside what they have.
        folder_mode: u32,
    },
    /// A link.
    Link {
        /// Where.
        path: String,
        /// What it leads to.
        target: String,
    },
    /// A file, in place of one that is there.
    File {
        /// Where.
        path: String,
        /// What is in it.
        contents: Vec<u8>,
        /// Its rights.
        mode: u32,
    },
    /// A file of this machine, in place of one that is there.
    Copy {
        /// Where it is.
        from: PathBuf,
        /// Where it goes.
        path: String,
        /// Its rights.
        mode: u32,
    },
    /// Another line at the end of a file; nothing where it has that line.
    Line {
        /// The file.
        path: String,
        /// The line.
        line: String,
    },
    /// Lines of a file end as Unix has them.
    UnixLineEnds {
        /// The file.
        path: String,
    },
}

/// A change to how a container starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingChange {
    /// A variable; none takes it away.
    Variable(String, Option<String>),
    /// Who runs it.
    User(String),
    /// Where it starts.
    WorkingDirectory(String),
    /// A port it listens on.
    Port(String),
    /// No health check.
    NoHealthCheck,
    /// What it runs: the entry point goes.
    Command(Vec<String>),
}

/// What is to be changed of an image.
#[derive(Clone, Debug)]
pub struct AmendRequest {
    /// The image.
    pub image: ImageRecord,
    /// Changes of files, in order.
    pub files: Vec<Amendment>,
    /// Changes of settings.
    pub settings: Vec<SettingChange>,
    /// Why, for the history of the image.
    pub reason: String,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The names that the result gets.
    pub names: Vec<Reference>,
}

impl Engine {
    /// Makes the image that another one becomes by some changes.
    pub fn amend(
        &self,
        request: &AmendRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let reporter = BuildReporter::start(events, 1);
        let built = unless_cancelled(self.amend_step(request, &reporter, cancel), cancel);
        reporter.finish(outcome(built.as_ref()));
        built
    }

    fn amend_step(
        &self,
        request: &AmendRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
    ) -> Result<Built, EngineError> {
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let (outside, no_limits) = (Outside::new(&self.settings), Limits::default());
        let site = self.site(&outside, cancel, Compression::default(), (None, &no_limits));
        let image = self.store.image(&request.image.manifest)?;
        let kept = image.manifest.annotations.clone();
        let mut draft = Draft::on(&image, None);
        // What is changed a little stays on the base it was made on.
        draft.annotate(kept);
        draft.annotate(request.annotations.clone());
        let epoch = source_date_epoch(None, &draft.config);
        let created = rfc3339(epoch);
        let report = reporter.step(&request.reason);
        if !request.files.is_empty()
            && let Some(layer) = write(site, &draft, epoch, &request.files, &report)?
        {
            draft.push(&layer, &created, &request.reason);
        }
        for change in &request.settings {
            let told = change.apply(draft.config.config.get_or_insert_default());
            draft.note(&created, &format!("{}: {told}", request.reason));
        }
        report.finish(false, None);
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.put(draft, &created, &request.names, false)
    }
}

/// The layer with the changes; none where all is as it should be.
fn write(
    site: Site<'_>,
    draft: &Draft,
    epoch: i64,
    changes: &[Amendment],
    report: &StepReporter<'_>,
) -> Result<Option<crate::draft::DraftLayer>, EngineError> {
    let bench = Workbench::on(site, draft, epoch, report)?;
    let origin = Origin::file("the changes");
    let mut hand =
        Hand { writer: Writer::new(bench.upper(), bench.view(), &origin), view: bench.view(), epoch };
    for change in changes {
        hand.carry_out(change)?;
    }
    hand.writer.finish()?;
    bench.seal(draft, TidyRules { source_date_epoch: epoch, ..TidyRules::default() })
}

/// Carries out changes.
struct Hand<'a> {
    writer: Writer<'a>,
    view: RootView,
    epoch: i64,
}

impl Hand<'_> {
    fn carry_out(&mut self, change: &Amendment) -> Result<(), EngineError> {
        let new = |mode: u32, time: i64| Look { mode, uid: 0, gid: 0, time };
        match change {
            Amendment::Folder { path, mode, uid, gid } => {
                let place = self.room(path)?;
                let look = Look { mode: *mode, uid: *uid, gid: *gid, time: self.epoch };
                self.writer.folder(&place, look, None)
            }
            Amendment::Rights { path, recursive, uid, gid, file_mode, folder_mode } => {
                let rights =
                    Rights { uid: *uid, gid: *gid, file_mode: *file_mode, folder_mode: *folder_mode };
                let Some(real) = self.view.resolve(Path::new(path)) else { return Ok(()) };
                self.rights(&real, *recursive, &rights)
            }
            Amendment::Link { path, target } => {
                let place = self.room(path)?;
                self.writer.link(&place, Path::new(target), new(0o777, self.epoch))
            }
            Amendment::File { path, contents, mode } => {
                let place = self.room(path)?;
                self.file(&place, new(*mode, self.epoch), contents)
            }
            Amendment::Copy { from, path, mode } => {
                let place = self.room(path)?;
                self.writer.file(&place, new(*mode, self.epoch), None, |out| {
                    let mut source = File::open(from).map_err(EngineError::io("open", from))?;
                    io::copy(&mut source, out).map_err(EngineError::io("copy", from))
                })?;
                Ok(())
            }
            Amendment::Line { path, line } => {
                let (look, text) = self.text(path);
                if text.lines().any(|known| known == line) {
                    return Ok(());
                }
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                let place = self.room(path)?;
                self.file(&place, look, format!("{text}{end}{line}\n").as_bytes())
            }
            Amendment::UnixLineEnds { path } => {
                let (look, text) = self.text(path);
                let place = self.room(path)?;
                self.file(&place, look, text.replace("\r\n", "\n").as_bytes())
            }
        }
    }

    /// Where something goes; the folders on the way to it are there afterwards.
    fn room(&mut self, path: &str) -> Result<PathBuf, EngineError> {
        // What a link leads to is changed, and not the link.
        let place = match self.view.resolve(Path::new(path)) {
            Some(real) => real.strip_prefix("/").map_or(real.clone(), Path::to_path_buf),
            None => self.writer.place(path)?,
        };
        if let Some(above) = place.parent() {
            let look = Look { mode: 0o755, uid: 0, gid: 0, time: self.epoch };
            self.writer.folders(above, look)?;
        }
        Ok(place)
    }

    fn file(&mut self, place: &Path, look: Look, contents: &[u8]) -> Result<(), EngineError> {
        self.writer
            .file(place, look, None, |out| out.write_all(contents).map_err(EngineError::io("write", place)))
    }

    /// A text, and how its file looks; an empty one where there is none.
    fn text(&self, path: &str) -> (Look, String) {
        let found = self.view.find(Path::new(path)).map(|(_, metadata)| Look {
            mode: metadata.mode() & RIGHTS,
            uid: metadata.uid(),
            gid: metadata.gid(),
            time: metadata.mtime(),
        });
        let look = found.unwrap_or(Look { mode: 0o644, uid: 0, gid: 0, time: self.epoch });
        (look, self.view.read_to_string(path).unwrap_or_default())
    }

    fn rights(&mut self, path: &Path, recursive: bool, wanted: &Rights) -> Result<(), EngineError> {
        let Some((host, metadata)) = self.view.find_itself(path) else { return Ok(()) };
        let place = path.strip_prefix("/").unwrap_or(path);
        let now = Look {
            mode: metadata.mode() & RIGHTS,
            uid: metadata.uid(),
            gid: metadata.gid(),
            time: metadata.mtime(),
        };
        if metadata.is_dir() {
            if let Some(look) = wanted.of_folder(now) {
                self.above(place)?;
                self.writer.folder(place, look, Some(&host))?;
            }
            if recursive {
                for name in self.view.list(path) {
                    self.rights(&path.join(name), true, wanted)?;
                }
            }
        } else if metadata.is_file()
            && let Some(look) = wanted.of_file(now)
        {
            self.above(place)?;
            if !self.writer.linked(place, &metadata)? {
                self.writer.file(place, look, Some(&host), |out| {
                    let mut source = File::open(&host).map_err(EngineError::io("open", &host))?;
                    io::copy(&mut source, out).map_err(EngineError::io("copy", &host))
                })?;
            }
        }
        Ok(())
    }

    fn above(&mut self, place: &Path) -> Result<(), EngineError> {
        let look = Look { mode: 0o755, uid: 0, gid: 0, time: self.epoch };
        place.parent().map_or(Ok(()), |above| self.writer.folders(above, look))
    }
}

/// What files and folders get beside what they have.
struct Rights {
    uid: Option<u32>,
    gid: Option<u32>,
    file_mode: u32,
    folder_mode: u32,
}

impl Rights {
    fn of_folder(&self, now: Look) -> Option<Look> {
        self.changed(now, now.mode | self.folder_mode)
    }

    /// None where nothing changes, or where files are left alone. Whoever gets rights to a file that its owner may start may start
    /// it, too.
    fn of_file(&self, now: Look) -> Option<Look> {
        if self.file_mode == 0 {
            return None;
        }
        let starts = if now.mode & 0o100 == 0 { 0 } else { (self.file_mode & 0o444) >> 2 };
        self.changed(now, now.mode | self.file_mode | starts)
    }

    fn changed(&self, now: Look, mode: u32) -> Option<Look> {
        let new = Look { mode, uid: self.uid.unwrap_or(now.uid), gid: self.gid.unwrap_or(now.gid), ..now };
        ((new.mode, new.uid, new.gid) != (now.mode, now.uid, now.gid)).then_some(new)
    }
}

impl SettingChange {
    /// Changes the settings, and says what it did.
    fn apply(&self, container: &mut ContainerConfig) -> String {
        match self {
            Self::Variable(name, Some(value)) => {
                config::set_variable(container, name, value);
                format!("env {name}={value}")
            }
            Self::Variable(name, None) => {
                container
                    .env
                    .retain(|entry| entry.split_once('=').map_or(entry.as_str(), |(known, _)| known) != name);
                format!("no env {name}")
            }
            Self::User(user) => {
                container.user.clone_from(user);
                format!("user {user}")
            }
            Self::WorkingDirectory(folder) => {
                container.working_dir.clone_from(folder);
                format!("workdir {folder}")
            }
            Self::Port(port) => {
                container
                    .exposed_ports
                    .get_or_insert_default()
                    .insert(port.clone(), Value::Object(serde_json::Map::new()));
                format!("port {port}")
            }
            Self::NoHealthCheck => {
                container.extra.remove("Healthcheck");
                "no health check".to_owned()
            }
            Self::Command(words) => {
                container.entrypoint = None;
                container.cmd = Some(words.clone());
                format!("command {}", words.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(mode: u32) -> Look {
        Look { mode, uid: 1000, gid: 1000, time: 1 }
    }

    #[test]
    fn rights_are_added_and_what_has_them_stays() {
        let group = Rights { uid: None, gid: Some(0), file_mode: 0o060, folder_mode: 0o2070 };
        let folder = group.of_folder(look(0o755)).unwrap();
        assert_eq!((folder.mode, folder.uid, folder.gid), (0o2775, 1000, 0));
        assert_eq!(group.of_file(look(0o644)).unwrap().mode, 0o664);
        assert_eq!(group.of_file(look(0o755)).unwrap().mode, 0o775);
        assert!(group.of_folder(Look { gid: 0, ..look(0o2770) }).is_none());
        let folders = Rights { file_mode: 0, ..group };
        assert!(folders.of_file(look(0o600)).is_none());
    }

    #[test]
    fn settings_change_and_say_so() {
        let mut container = ContainerConfig {
            env: vec!["A=1".to_owned(), "B=2".to_owned()],
            entrypoint: Some(vec!["x".to_owned()]),
            ..ContainerConfig::default()
        };
        container.extra.insert("Healthcheck".to_owned(), Value::Null);
        let changes = [
            SettingChange::Variable("A".to_owned(), Some("3".to_owned())),
            SettingChange::Variable("B".to_owned(), None),
            SettingChange::User("1000:100".to_owned()),
            SettingChange::Port("8888/tcp".to_owned()),
            SettingChange::NoHealthCheck,
            SettingChange::Command(vec!["run".to_owned()]),
        ];
        let told: Vec<String> = changes.iter().map(|change| change.apply(&mut container)).collect();
        assert_eq!(
            told,
            ["env A=3", "no env B", "user 1000:100", "port 8888/tcp", "no health check", "command run"]
        );
        assert_eq!((container.env, container.entrypoint), (vec!["A=3".to_owned()], None));
        assert!(container.extra.is_empty());
    }
}
