//! One wheel as one layer.

use std::io::Read;

use imagewright_layer::{Deflated, Entry, EntryKind, LayerError, LayerPath, PackageWriter};
use imagewright_oci::Digest;
use imagewright_python::wheel::{InstallOptions, LayerSink, Scheme, Wheel};
use imagewright_python::zip::ReadAt;
use imagewright_store::BlobWriter;

use super::error::PipError;
use super::layout::Layout;
use super::record;
use super::select::Chosen;
use super::wheels::WheelLayer;
use crate::error::EngineError;
use crate::package_layer::{PACKAGE_TIME, PackageLayer};
use crate::step::StepContext;

/// Who is said to have installed a package. What it installs is what uv installs, to the byte.
const INSTALLER: &str = "uv";

/// Writes the layer of a wheel.
pub(super) struct WheelWriter<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) layout: &'a Layout,
    pub(super) chosen: &'a Chosen,
    /// Whether the image is going to have the layer as it is, and that may be large.
    pub(super) is_large: bool,
}

impl WheelWriter<'_> {
    /// Writes the layer of the wheel called `name`; gives it and the paths of its files. `opened` is called when the
    /// directory is known, `done` before the layer becomes visible.
    pub(super) fn write<R: ReadAt>(
        &self,
        name: &str,
        hash: Digest,
        source: R,
        opened: impl FnOnce(),
        done: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(WheelLayer, Vec<String>), EngineError> {
        let wrong = |source| EngineError::from(PipError::Wheel { source: Box::new(source) });
        let wheel = Wheel::open(name, source).map_err(wrong)?;
        opened();
        let is_pure = wheel.root_is_purelib();
        let record = record::of_wheel(&wheel, &hash, self.chosen.direct_url());
        let scheme = scheme(self.layout);
        let options = InstallOptions {
            installer: INSTALLER.to_owned(),
            requested: true,
            direct_url: self.chosen.direct_url(),
            mtime: PACKAGE_TIME,
        };
        let plan = wheel.plan(&scheme, &options).map_err(wrong)?;
        let folders = self.layout.folders_of(plan.files(), plan.directories());
        let mut installed = None;
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            installed = Some(plan.write(&mut Sink { writer }).map_err(wrong)?);
            done()
        };
        let layer = match self.is_large {
            true => PackageLayer::write_large(self.context.site, folders, fill)?,
            false => PackageLayer::write(self.context.site, folders, fill)?,
        };
        let installed = installed.expect("it was installed where there was no error");
        for note in installed.notes {
            self.context.report.warn(format!("{name}: {note}"));
        }
        let files = installed.files.iter().map(|file| file.path.to_string()).collect();
        let (name, version) = (installed.name, installed.version.to_string());
        Ok((WheelLayer { name, version, hash, is_pure, layer, record }, files))
    }
}

fn scheme(layout: &Layout) -> Scheme {
    let path = |text: &str| LayerPath::parse(text.as_bytes()).expect("paths of an interpreter are paths");
    Scheme {
        purelib: path(&layout.scheme.purelib),
        platlib: path(&layout.scheme.platlib),
        scripts: path(&layout.scheme.scripts),
        data: path(&layout.scheme.data),
        include: path(&layout.scheme.include),
        python: layout.python.clone(),
        python_minor: layout.python_minor,
        owner: (layout.folder.uid, layout.folder.gid),
    }
}

/// Puts the files of a wheel into a layer, which has its folders already.
struct Sink<'a> {
    writer: &'a mut PackageWriter<BlobWriter>,
}

impl LayerSink for Sink<'_> {
    fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError> {
        match entry.kind {
            EntryKind::Directory => Ok(()),
            _ => self.writer.append(entry, body),
        }
    }

    fn append_deflated(
        &mut self,
        entry: &Entry,
        deflated: Deflated,
        stream: &mut dyn Read,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LayerError> {
        self.writer.append_deflated(entry, deflated, stream, observe)
    }
}
