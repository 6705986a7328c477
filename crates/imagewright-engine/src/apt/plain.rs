//! Archives whose files are decoded, for dpkg.
//!
//! dpkg decodes one archive after the other, and the same ones in every build. So each is decoded once, on all cores
//! and while apt is still getting ready, and the copy is kept. What is not done when dpkg comes to it, dpkg decodes
//! itself: it installs the same from either.
//!
//! apt keeps its books and looks at the archives as they came: it finds them through a link. The last thing it does
//! before it starts dpkg is to turn that link to a folder with a name for each archive, which leads to the copy where
//! there is one. All of this is below `/dev/imagewright`.
//!
//! dpkg trusts what apt gives it. So a copy is kept only if the bytes it was made of had the hash of the solution.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use imagewright_oci::Hasher;

use super::surroundings::Caches;
use crate::bootstrap::copy_with_plain_files;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::parallel;
use crate::step::SolvedPackage;
use crate::workbench::{Command, Site, Workbench, bind};

/// The cache that copies are kept in, by the hash of what they were made of.
const CACHE: &str = "apt-plain";
/// The folder that leads to archives or to their copies, below [`INSIDE`].
pub(super) const FOLDER: &str = "turn/current";
/// How the name of an unfinished copy begins.
const UNFINISHED: &str = ".unfinished-";
const BUFFER_SIZE: usize = 256 * 1024;

/// The archives of a step, some of which have copies already.
pub(super) struct PlainArchives {
    copies: PathBuf,
    /// A name for each archive. Read-only inside, because we go on writing here.
    names: PathBuf,
    /// Holds the link that apt turns; written only inside.
    turn: PathBuf,
    missing: Vec<Missing>,
}

/// An archive that has no copy yet.
struct Missing {
    name: String,
    path: PathBuf,
    size: u64,
    sha256: String,
}

impl PlainArchives {
    /// Looks which of `archives`, which are those of `solution`, have copies. None where copies cannot be kept.
    pub(super) fn of(
        site: Site<'_>,
        bench: &Workbench<'_>,
        caches: &Caches,
        archives: &[String],
        solution: &[SolvedPackage],
    ) -> Result<Option<Self>, EngineError> {
        let Some(copies) = site.store.boot_cache_dir(CACHE)? else { return Ok(None) };
        let (names, turn) = (bench.room("names")?, bench.room("turn")?);
        let link = turn.join("current");
        symlink("../archives", &link).map_err(EngineError::io("create", link))?;
        let mut plain = Self { copies, names, turn, missing: Vec::new() };
        for (name, package) in archives.iter().zip(solution) {
            let (path, sha256) = (caches.archive(name), package.sha256.concat());
            if plain.touch(&sha256) {
                plain.name_copy(name, &sha256)?;
                continue;
            }
            plain.give_name(name, &format!("{INSIDE}/archives/{name}"))?;
            let size = fs::metadata(&path).map_err(EngineError::io("look at", &path))?.len();
            plain.missing.push(Missing { name: name.clone(), path, size, sha256 });
        }
        // The largest take longest.
        plain.missing.sort_by_key(|archive| std::cmp::Reverse(archive.size));
        Ok(Some(plain))
    }

    /// What makes apt give these to dpkg.
    pub(super) fn options() -> [String; 4] {
        let turn = format!("DPkg::Pre-Invoke::=ln -sfn ../names {INSIDE}/turn/current || true");
        ["-o".into(), format!("Dir::Cache::archives={INSIDE}/turn/current"), "-o".into(), turn]
    }

    pub(super) fn surround(&self, command: Command) -> Command {
        command
            .mount(bind(&self.copies, &format!("{INSIDE}/plain"), true))
            .mount(bind(&self.names, &format!("{INSIDE}/names"), true))
            .mount(bind(&self.turn, &format!("{INSIDE}/turn"), false))
    }

    /// Makes the missing copies on `threads` threads while `install` goes on, and stops when it is done.
    pub(super) fn decode_during<T>(&self, threads: usize, install: impl FnOnce() -> T) -> T {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                // An archive that cannot be decoded here is dpkg's to complain of, and a full disk everybody's.
                let _ = parallel::map(&self.missing, threads, |archive| self.decode(archive, &stop));
            });
            let installed = install();
            stop.store(true, Ordering::Relaxed);
            installed
        })
    }

    fn decode(&self, archive: &Missing, stop: &AtomicBool) -> Result<(), EngineError> {
        let failed = || EngineError::io("decode", &archive.path);
        let mut source =
            Checked { file: File::open(&archive.path).map_err(failed())?, hasher: Hasher::default(), stop };
        let copy = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.copies).map_err(failed())?;
        let out = BufWriter::with_capacity(BUFFER_SIZE, copy.as_file());
        copy_with_plain_files(&mut source, out).map_err(failed())?;
        io::copy(&mut source, &mut io::sink()).map_err(failed())?;
        if source.hasher.finish().hex() == archive.sha256 {
            copy.persist(self.copy(&archive.sha256)).map_err(|error| failed()(error.error))?;
            self.name_copy(&archive.name, &archive.sha256)?;
        }
        Ok(())
    }

    fn copy(&self, sha256: &str) -> PathBuf {
        self.copies.join(format!("{sha256}.deb"))
    }

    /// Whether there is a copy; notes that it was used.
    fn touch(&self, sha256: &str) -> bool {
        File::options()
            .write(true)
            .open(self.copy(sha256))
            .and_then(|copy| copy.set_modified(SystemTime::now()))
            .is_ok()
    }

    fn name_copy(&self, name: &str, sha256: &str) -> Result<(), EngineError> {
        self.give_name(name, &format!("{INSIDE}/plain/{sha256}.deb"))
    }

    /// Makes a name lead to `target` from now on.
    fn give_name(&self, name: &str, target: &str) -> Result<(), EngineError> {
        let (path, fresh) = (self.names.join(name), self.names.join(format!("{UNFINISHED}{name}")));
        symlink(target, &fresh)
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(EngineError::io("create", path))
    }
}

/// Reads an archive and hashes what is read, until it is told to stop.
struct Checked<'a> {
    file: File,
    hasher: Hasher,
    stop: &'a AtomicBool,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it is not needed any more"));
        }
        let length = self.file.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use imagewright_testkit::archive::Package;

    use super::*;

    #[test]
    fn a_copy_is_made_only_of_what_has_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let room = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (archives, copies, names, turn) = (room("archives"), room("copies"), room("names"), room("turn"));
        let mut plain =
            PlainArchives { copies: copies.clone(), names: names.clone(), turn, missing: Vec::new() };
        for name in ["good", "other", "broken"] {
            let deb = Package::new(name, "1").file("./file", name).deb().unwrap();
            let (path, sha256) = (archives.join(name), imagewright_oci::Digest::of(&deb).hex().to_owned());
            let bytes = match name {
                "other" => Package::new(name, "1").file("./file", "planted").deb().unwrap(),
                "broken" => deb[..deb.len() - 9].to_vec(),
                _ => deb,
            };
            fs::write(&path, bytes).unwrap();
            plain.give_name(name, &format!("{INSIDE}/archives/{name}")).unwrap();
            plain.missing.push(Missing { name: name.to_owned(), path, size: 0, sha256 });
        }
        for archive in &plain.missing {
            let made = plain.decode(archive, &AtomicBool::new(false));
            assert_eq!(made.is_ok(), archive.name != "broken");
            let target = fs::read_link(names.join(&archive.name)).unwrap();
            assert_eq!(target.starts_with(format!("{INSIDE}/plain")), archive.name == "good");
            assert_eq!(plain.touch(&archive.sha256), archive.name == "good");
        }
        let left: Vec<_> = fs::read_dir(copies).unwrap().chain(fs::read_dir(names).unwrap()).collect();
        assert_eq!(left.len(), 1 + 3);
    }

    #[test]
    fn decoding_ends_with_what_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        fs::write(&path, Package::new("late", "1").file("./file", "").deb().unwrap()).unwrap();
        let (copies, names) = (folder.path().to_owned(), folder.path().to_owned());
        let plain = PlainArchives { copies, names, turn: PathBuf::new(), missing: Vec::new() };
        let late = Missing { name: "late".to_owned(), path, size: 0, sha256: String::new() };
        assert!(plain.decode(&late, &AtomicBool::new(true)).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
