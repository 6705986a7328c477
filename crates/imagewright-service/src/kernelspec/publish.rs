//! Kernelspecs on the way to a gateway: in images, for there they come from where no folder is mounted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imagewright_engine::{AmendRequest, Amendment, Cancel};
use imagewright_kernelspec::{Kernelspec, KernelspecName};
use imagewright_model::EventSink;
use imagewright_model::spec::SpecFlags;
use imagewright_oci::{Digest, Reference};

use super::folder::KernelsFolder;
use crate::gate::WorkingName;
use crate::{BuildCommand, Service, ServiceError};

/// What the history of the image says.
const REASON: &str = "imagewright kernelspec publish";
/// Names the kernelspecs that an image brings.
const KERNELSPECS: &str = "dev.imagewright.kernelspecs";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct PublishKernelspecs {
    /// Where kernelspecs are.
    pub folder: PathBuf,
    /// Which; all where none is named.
    pub names: Vec<KernelspecName>,
    /// The image they go onto: that of a gateway, or one that brings them to a gateway.
    pub onto: String,
    /// The folder they go to.
    pub at: String,
    /// What the image is called.
    pub tags: Vec<Reference>,
}

/// What was published.
#[derive(Clone, Debug)]
pub struct PublishedKernelspecs {
    /// The kernelspecs.
    pub names: Vec<KernelspecName>,
    /// The image with them.
    pub image: Digest,
}

impl Service {
    /// The kernelspecs of these names; all of the folder where none is named.
    ///
    /// # Errors
    /// Where one is not there or cannot be read.
    pub fn kernelspecs(
        &self,
        folder: &KernelsFolder,
        names: &[KernelspecName],
    ) -> Result<Vec<Kernelspec>, ServiceError> {
        if names.is_empty() {
            let listed = folder.list()?.into_iter();
            return Ok(listed.map(|listed| listed.spec).collect::<Result<_, _>>()?);
        }
        Ok(names.iter().map(|name| folder.find(name)).collect::<Result<_, _>>()?)
    }

    /// Puts kernelspecs onto an image, as one layer.
    ///
    /// # Errors
    /// Where one of them is not there, or the image is not. No image is named then.
    pub fn publish_kernelspecs(
        &self,
        command: &PublishKernelspecs,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<PublishedKernelspecs, ServiceError> {
        let specs = self.kernelspecs(&KernelsFolder::at(&command.folder), &command.names)?;
        let names: Vec<KernelspecName> = specs.iter().map(|spec| spec.name.clone()).collect();
        // Whatever the base is, it is brought or made as that of any spec.
        let working = WorkingName::new(self);
        let base = BuildCommand {
            flags: SpecFlags {
                base: Some(command.onto.clone()),
                tag: vec![working.name.to_string()],
                ..SpecFlags::default()
            },
            ..BuildCommand::default()
        };
        self.build(&base, events, cancel)?;
        let all = names.iter().map(KernelspecName::as_str).collect::<Vec<_>>().join(",");
        let request = AmendRequest {
            image: working.image()?,
            files: specs.iter().flat_map(|spec| files(spec, &command.at)).collect(),
            settings: Vec::new(),
            reason: REASON.to_owned(),
            annotations: BTreeMap::from([(KERNELSPECS.to_owned(), all)]),
            names: command.tags.clone(),
        };
        let image = self.engine.amend(&request, events, cancel)?.image;
        Ok(PublishedKernelspecs { names, image: image.manifest.digest })
    }
}

fn files(spec: &Kernelspec, at: &str) -> impl Iterator<Item = Amendment> {
    let folder = format!("{}/{}", at.trim_end_matches('/'), spec.name);
    spec.to_files().into_iter().map(move |(path, file)| Amendment::File {
        path: format!("{folder}/{path}"),
        mode: file.mode(),
        contents: file.contents,
    })
}
