//! A kernelspec to be taken along: its folder as a `tar.gz`, which is the same whenever and wherever it is written.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Kernelspec;

/// The time of all files: the first second that is not none.
const TIME: u64 = 1;

impl Kernelspec {
    /// Writes its folder, to be unpacked where a gateway reads kernelspecs.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn write_archive(&self, out: impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(out, Compression::default()));
        for (path, file) in self.to_files() {
            let mut header = tar::Header::new_gnu();
            header.set_mode(file.mode());
            header.set_mtime(TIME);
            header.set_size(file.contents.len() as u64);
            archive.append_data(&mut header, format!("{}/{path}", self.name), file.contents.as_slice())?;
        }
        archive.into_inner()?.finish()?.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::MultiGzDecoder;

    use crate::{NewKernelspec, Proxy};

    #[test]
    fn it_holds_the_folder() {
        let image = "registry.example/k:1".parse().unwrap();
        let spec = NewKernelspec::new("mine".parse().unwrap(), "Mine", "python", image, Proxy::Docker);
        let spec = spec.build().unwrap();
        let mut bytes = Vec::new();
        spec.write_archive(&mut bytes).unwrap();
        let mut again = Vec::new();
        spec.write_archive(&mut again).unwrap();
        assert_eq!(bytes, again);
        let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            let file = &spec.to_files()[path.strip_prefix("mine/").unwrap()];
            assert_eq!((entry.header().mode().unwrap(), &contents), (file.mode(), &file.contents));
            found.push(path);
        }
        assert_eq!(found.len(), spec.files.len() + 1);
    }
}
