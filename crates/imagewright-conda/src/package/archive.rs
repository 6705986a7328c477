//! The two forms of a package: a zip of tar.zst archives (`.conda`), and a tar.bz2 archive.

use std::io::{self, BufReader, Read};

use bzip2::read::MultiBzDecoder;
use imagewright_python::zip::{Archive as Zip, Member, ReadAt};

use super::bounded::{Bounded, limit};
use super::error::PackageError;

const BUFFER: usize = 1 << 17;

/// An opened package.
pub struct Archive<R> {
    form: Form<R>,
    limit: u64,
}

enum Form<R> {
    Zip { zip: Box<Zip<R>>, info: Member, files: Member },
    TarBz2(R),
}

impl<R: ReadAt> Archive<R> {
    /// Opens the package called `name`.
    pub fn open(name: &str, source: R) -> Result<Self, PackageError> {
        let limit = limit(source.size());
        let form = if name.ends_with(".conda") {
            let zip = Box::new(Zip::open(source)?);
            let (info, files) = (only(&zip, "info-")?, only(&zip, "pkg-")?);
            Form::Zip { zip, info, files }
        } else if name.ends_with(".tar.bz2") {
            Form::TarBz2(source)
        } else {
            return Err(PackageError::Format { name: name.to_owned() });
        };
        Ok(Self { form, limit })
    }

    /// How many bytes may be unpacked of one of its archives.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether what tells of the package is in an archive of its own.
    pub(super) fn has_own_info(&self) -> bool {
        matches!(self.form, Form::Zip { .. })
    }

    /// Whether what tells of the package lies behind its files, so that it comes last where the package is still on its way.
    pub fn has_info_behind_files(&self) -> bool {
        match &self.form {
            Form::Zip { zip, info, files } => {
                let position =
                    |wanted: &Member| zip.members().iter().position(|it| it.name() == wanted.name());
                position(info) > position(files)
            }
            Form::TarBz2(_) => false,
        }
    }

    /// The tar archive with what tells of the package.
    pub(super) fn info(&self) -> Result<Box<dyn Read + '_>, PackageError> {
        self.stream(|info, _| info)
    }

    /// The tar archive with its files.
    pub(super) fn files(&self) -> Result<Box<dyn Read + '_>, PackageError> {
        self.stream(|_, files| files)
    }

    fn stream<'a>(
        &'a self,
        choose: impl Fn(&'a Member, &'a Member) -> &'a Member,
    ) -> Result<Box<dyn Read + 'a>, PackageError> {
        Ok(match &self.form {
            Form::Zip { zip, info, files } => {
                let member = BufReader::with_capacity(BUFFER, zip.plain(choose(info, files))?);
                let plain = zstd::Decoder::with_buffer(member).map_err(PackageError::Read)?;
                Box::new(Bounded::new(plain, self.limit))
            }
            Form::TarBz2(source) => {
                let whole = BufReader::with_capacity(BUFFER, Whole { source, at: 0 });
                Box::new(Bounded::new(MultiBzDecoder::new(whole), self.limit))
            }
        })
    }
}

fn only<R: ReadAt>(zip: &Zip<R>, wanted: &'static str) -> Result<Member, PackageError> {
    let is_wanted =
        |member: &&Member| member.name().starts_with(wanted) && member.name().ends_with(".tar.zst");
    let found: Vec<&Member> = zip.members().iter().filter(is_wanted).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        found => Err(PackageError::Member { wanted, found: found.len() }),
    }
}

/// Reads from the first byte to the last.
struct Whole<'a, R> {
    source: &'a R,
    at: u64,
}

impl<R: ReadAt> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
impl<R> Archive<R> {
    /// The same package with another limit.
    pub(super) fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }
}
