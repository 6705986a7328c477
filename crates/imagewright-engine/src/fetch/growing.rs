//! A file that is read while it is still being fetched.
//!
//! Archives keep their directory at their end. Where a server gives ranges, the end is fetched first; then whoever
//! reads from front to back follows the transfer and never waits for all of it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use imagewright_model::SecretUrl;
use imagewright_python::zip::ReadAt;

use super::{Expected, FetchError, Fetcher, PARTIAL_PREFIX};

/// What is fetched of the end at first; the directory of most archives is in it.
const END: u64 = 256 << 10;
/// The longest directory that is fetched by itself.
const LONGEST_END: u64 = 64 << 20;

/// Why a file could not be followed to its end.
pub(crate) enum Followed<E> {
    /// It could not be fetched.
    Transfer(FetchError),
    /// Who read it along could not use it.
    Reader(E),
}

impl<E> From<FetchError> for Followed<E> {
    fn from(error: FetchError) -> Self {
        Self::Transfer(error)
    }
}

/// Where a transfer stands.
#[derive(Debug)]
enum State {
    /// So many bytes are there.
    Running(u64),
    /// All are there, and they are the expected ones.
    Done,
    /// It will not be finished.
    Failed,
}

/// A file on its way, of which every part can be asked for.
pub(crate) struct Growing<'a> {
    fetcher: &'a Fetcher,
    url: &'a SecretUrl,
    size: u64,
    /// The unfinished file, for reading.
    file: File,
    state: Mutex<State>,
    moved: Condvar,
    /// The last bytes and where they begin.
    end: Mutex<Option<(u64, Vec<u8>)>>,
    /// Whether the directory is still being read.
    opening: AtomicBool,
}

impl Fetcher {
    /// Fetches to `path` as [`Fetcher::fetch_path`] does, and lets `read` follow: it is called once with the growing
    /// file, and what it gives counts only when the bytes turn out to be the expected ones. For this `read` has to call
    /// [`Growing::wait`] before it makes anything visible. Where a transfer is begun anew, a reader may fail that is
    /// ahead of it; the file is at `path` all the same.
    pub(crate) fn follow<T: Send, E: From<FetchError> + Send>(
        &self,
        url: &SecretUrl,
        expected: &Expected,
        size: u64,
        path: &Path,
        on_bytes: &mut dyn FnMut(i64),
        read: impl FnOnce(&Growing<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let wrong = |source| FetchError::Write { path: path.to_owned(), source };
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new().prefix(PARTIAL_PREFIX).tempfile_in(folder).map_err(wrong)?;
        let file = temporary.reopen().map_err(wrong)?;
        let state = Mutex::new(State::Running(0));
        let growing = Growing {
            fetcher: self,
            url,
            size,
            file,
            state,
            moved: Condvar::new(),
            end: Mutex::new(None),
            opening: AtomicBool::new(true),
        };
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read(&growing));
            let mut temporary = temporary;
            let mut done = 0;
            let fetched = self.fetch_file(url, expected, temporary.as_file_mut(), &mut |bytes| {
                done += bytes;
                growing.reached(u64::try_from(done).unwrap_or(0));
                on_bytes(bytes);
            });
            growing.finish(fetched.is_ok());
            let result = reader.join().expect("readers of archives do not panic");
            // Why it could not be fetched says more than what the reader made of it.
            fetched.map_err(|error| error.at(path))?;
            temporary.persist(path).map_err(|error| wrong(error.error))?;
            result
        })
    }
}

impl Growing<'_> {
    /// Its size in the end.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Says that the directory is known: from now on nothing is fetched by itself.
    pub(crate) fn opened(&self) {
        self.opening.store(false, Ordering::Relaxed);
    }

    /// Waits until all bytes are there and are the expected ones.
    pub(crate) fn wait(&self) -> io::Result<()> {
        self.wait_for(u64::MAX)
    }

    /// Reads at a place, as soon as that has come. What lies far behind what has come is asked for by itself.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = offset.saturating_add(buffer.len() as u64).min(self.size);
        if wanted <= offset {
            return Ok(0);
        }
        let length = usize::try_from(wanted - offset).unwrap_or(buffer.len());
        let buffer = &mut buffer[..length];
        if !self.has(wanted)? && self.read_end(buffer, offset)? {
            return Ok(length);
        }
        self.wait_for(wanted)?;
        self.file.read_at(buffer, offset)
    }

    /// Reads from the end, which is fetched by itself; false where that cannot be done.
    fn read_end(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let opening = self.opening.load(Ordering::Relaxed);
        let needed = match end.as_ref().map(|(start, _)| *start) {
            Some(start) if offset >= start => None,
            None if opening && self.size - offset <= END => Some(self.size.saturating_sub(END)..self.size),
            // The directory is longer than thought.
            Some(start) if opening && self.size - offset <= LONGEST_END && start < self.size => {
                Some(offset..start)
            }
            _ => return Ok(false),
        };
        if let Some(range) = needed {
            let Some(bytes) = self.fetch(range.clone())? else {
                // Nothing can be fetched by itself here: from now on everybody waits.
                *end = Some((self.size, Vec::new()));
                return Ok(false);
            };
            let rest = end.take().map(|(_, rest)| rest).unwrap_or_default();
            *end = Some((range.start, [bytes, rest].concat()));
        }
        let Some((start, bytes)) = end.as_ref().filter(|(start, _)| offset >= *start) else {
            return Ok(false);
        };
        let from = usize::try_from(offset - start).unwrap_or(usize::MAX);
        let Some(bytes) = bytes.get(from..from + buffer.len()) else { return Ok(false) };
        buffer.copy_from_slice(bytes);
        Ok(true)
    }

    fn fetch(&self, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        // A server that fails here may still give the whole: then the reader waits.
        Ok(self.fetcher.fetch_range(self.url, range).unwrap_or(None))
    }

    fn has(&self, wanted: u64) -> io::Result<bool> {
        match *self.state() {
            State::Done => Ok(true),
            State::Running(there) => Ok(there >= wanted),
            State::Failed => Err(given_up()),
        }
    }

    fn wait_for(&self, wanted: u64) -> io::Result<()> {
        let mut state = self.state();
        loop {
            match *state {
                State::Done => return Ok(()),
                State::Running(there) if there >= wanted => return Ok(()),
                State::Failed => return Err(given_up()),
                State::Running(_) => state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn reached(&self, there: u64) {
        if let State::Running(known) = &mut *self.state() {
            *known = (*known).max(there);
        }
        self.moved.notify_all();
    }

    fn finish(&self, whole: bool) {
        *self.state() = if whole { State::Done } else { State::Failed };
        self.moved.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadAt for Growing<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Growing::read_at(self, buffer, offset)
    }

    fn size(&self) -> u64 {
        Growing::size(self)
    }
}

fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the transfer was given up")
}
