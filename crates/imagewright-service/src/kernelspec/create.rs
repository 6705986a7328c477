//! A kernelspec for an image.

use std::path::{Path, PathBuf};

use imagewright_kernelspec::{
    AllowedKernels, Changes, Kernelspec, KernelspecError, KernelspecName, NewKernelspec, PortRange, Proxy,
    SparkMode,
};
use imagewright_oci::{Digest, Reference};

use super::folder::{self, KernelsFolder};
use super::image::{KernelImage, KernelStart};
use crate::{Service, ServiceError};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateKernelspec {
    /// The image, as the store or its registry calls it.
    pub image: String,
    /// Whether it is looked at; else it is named, and nothing is known of it.
    pub look: bool,
    /// Whether the kernelspec names its digest, too.
    pub pin: bool,
    /// Where kernelspecs are.
    pub folder: PathBuf,
    /// Whether one of the same name may be replaced.
    pub replace: bool,
    /// The kernelspec to start from: the name of one in the folder, or the path of one.
    pub from: Option<String>,
    /// What starts the kernel; without one, that of `from`.
    pub proxy: Option<Proxy>,
    /// Its name; without one, one is made of what people choose it by.
    pub name: Option<KernelspecName>,
    /// What people choose it by; without that, it is called like its image.
    pub display_name: Option<String>,
    /// The language of the kernel; without one, what the image says.
    pub language: Option<String>,
    /// The kernelspec inside the image.
    pub kernel: Option<String>,
    /// When a session of Spark begins.
    pub spark: Option<SparkMode>,
    /// The image for workers of Spark.
    pub executor_image: Option<Reference>,
    /// Variables of the kernel.
    pub environment: Vec<(String, String)>,
    /// The ports it may take.
    pub port_range: Option<PortRange>,
    /// Who may start it.
    pub authorized_users: Vec<String>,
    /// Who may not start it.
    pub unauthorized_users: Vec<String>,
    /// The hosts it is started on.
    pub remote_hosts: Vec<String>,
    /// The address of the cluster.
    pub endpoint: Option<String>,
    /// Whether the kernel is interrupted by a message.
    pub is_interrupted_by_message: bool,
    /// What the gateway shows now; without that, what is in the folder.
    pub allowed: Option<AllowedKernels>,
}

/// A kernelspec that was made.
#[derive(Clone, Debug)]
pub struct CreatedKernelspec {
    /// The kernelspec.
    pub spec: Kernelspec,
    /// Its folder.
    pub path: PathBuf,
    /// The image's digest, where it was looked at.
    pub digest: Option<Digest>,
    /// What will not work, or not as one may think.
    pub warnings: Vec<String>,
    /// What a gateway must show for people to see it.
    pub allowed: AllowedKernels,
}

impl Service {
    /// Makes a kernelspec for an image.
    ///
    /// # Errors
    /// Where the image is not there or does not say what is needed, something does not go together, or there is a kernelspec of that name.
    /// Nothing is written then.
    pub fn create_kernelspec(&self, command: &CreateKernelspec) -> Result<CreatedKernelspec, ServiceError> {
        let folder = KernelsFolder::at(&command.folder);
        let image = command.look.then(|| self.kernel_image(&command.image)).transpose()?;
        let mut reference = match &image {
            Some(image) => image.name.clone(),
            None => command.image.parse()?,
        };
        if let Some(image) = image.as_ref().filter(|_| command.pin) {
            reference = reference.with_digest(image.digest.clone());
        }
        let from = command.from.as_deref().map(|from| start_from(&folder, from)).transpose()?;
        let wanted = Wanted { command, image: image.as_ref(), reference };
        let (spec, mut warnings) = match &from {
            Some(from) => wanted.changed(from)?,
            None => wanted.made_anew()?,
        };
        warnings.extend(image.iter().filter_map(doubt));
        warnings.extend(spec.problems().into_iter().map(|problem| problem.text));
        let path = folder.put(&spec, command.replace)?;
        let allowed = match &command.allowed {
            Some(allowed) => allowed.clone(),
            None => shown(&folder)?,
        };
        let allowed = allowed.with(&spec.name);
        Ok(CreatedKernelspec { spec, path, digest: image.map(|image| image.digest), warnings, allowed })
    }
}

/// What is asked for, and what is known of the image.
struct Wanted<'a> {
    command: &'a CreateKernelspec,
    image: Option<&'a KernelImage>,
    reference: Reference,
}

impl Wanted<'_> {
    fn made_anew(&self) -> Result<(Kernelspec, Vec<String>), ServiceError> {
        let command = self.command;
        let proxy = command.proxy.ok_or(ServiceError::NoProxy)?;
        let language =
            self.language().ok_or_else(|| ServiceError::NoKernelLanguage { image: command.image.clone() })?;
        let display_name = command.display_name.clone().unwrap_or_else(|| called_like(&self.reference));
        let name = self.name(&display_name, proxy.name())?;
        let new = NewKernelspec {
            executor_image: command.executor_image.clone(),
            kernel: command.kernel.clone(),
            spark: command.spark,
            environment: command.environment.clone(),
            port_range: command.port_range,
            authorized_users: command.authorized_users.clone(),
            unauthorized_users: command.unauthorized_users.clone(),
            remote_hosts: command.remote_hosts.clone(),
            endpoint: command.endpoint.clone(),
            is_interrupted_by_message: command.is_interrupted_by_message,
            ..NewKernelspec::new(name, &display_name, &language, self.reference.clone(), proxy)
        };
        Ok((new.build()?, new.warnings()))
    }

    fn changed(&self, from: &Kernelspec) -> Result<(Kernelspec, Vec<String>), ServiceError> {
        let command = self.command;
        if let Some(wanted) = command.proxy.filter(|proxy| from.proxy() != Some(*proxy)) {
            let known = from
                .class_name()
                .map(|class| from.proxy().map_or(class.to_owned(), |proxy| proxy.to_string()));
            return Err(KernelspecError::Proxy { name: from.name.to_string(), known, wanted }.into());
        }
        let display_name = command.display_name.clone().unwrap_or_else(|| called_like(&self.reference));
        let suffix = from.proxy().map_or("", Proxy::name);
        let users = [
            ("authorized_users", &command.authorized_users),
            ("unauthorized_users", &command.unauthorized_users),
        ];
        let users = users.into_iter().filter(|(_, users)| !users.is_empty());
        let mut settings: Vec<(&'static str, String)> =
            users.map(|(name, users)| (name, users.join(","))).collect();
        settings.extend(command.port_range.map(|range| ("port_range", range.to_string())));
        let kernel =
            command.kernel.iter().map(|kernel| ("IMAGEWRIGHT_KERNELSPEC".to_owned(), kernel.clone()));
        let spec = from.changed(&Changes {
            name: self.name(&display_name, suffix)?,
            display_name,
            language: self.language(),
            image: self.reference.clone(),
            executor_image: command.executor_image.clone(),
            environment: kernel.chain(command.environment.iter().cloned()).collect(),
            settings,
        })?;
        Ok((spec, self.not_taken_up()))
    }

    /// What was asked for and a kernelspec that starts from another one has from there.
    fn not_taken_up(&self) -> Vec<String> {
        let command = self.command;
        let asked = [
            ("--spark", command.spark.is_some()),
            ("--remote-host", !command.remote_hosts.is_empty()),
            ("--endpoint", command.endpoint.is_some()),
            ("--interrupt-mode", command.is_interrupted_by_message),
        ];
        let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
        asked
            .map(|(option, _)| {
                format!("{option} counts for nothing with --from: it is as in the kernelspec started from")
            })
            .collect()
    }

    /// What was said counts for more than what the image says.
    fn language(&self) -> Option<String> {
        let of_image = self.image.and_then(|image| image.language.clone());
        self.command.language.clone().or(of_image)
    }

    fn name(&self, display_name: &str, suffix: &str) -> Result<KernelspecName, ServiceError> {
        if let Some(name) = &self.command.name {
            return Ok(name.clone());
        }
        let text = match self.command.display_name {
            Some(_) => display_name.to_owned(),
            None => format!("{}_{suffix}", last_part(&self.reference)),
        };
        let empty = || KernelspecError::Name { name: text.clone(), like: None };
        Ok(KernelspecName::like(&text).ok_or_else(empty)?)
    }
}

/// The kernelspec to start from.
fn start_from(folder: &KernelsFolder, from: &str) -> Result<Kernelspec, ServiceError> {
    let path = Path::new(from);
    if from.contains(std::path::is_separator) || path.join(imagewright_kernelspec::KERNEL_JSON).is_file() {
        return Ok(folder::read(path)?);
    }
    Ok(folder.find(&from.parse()?)?)
}

/// What a gateway without a list shows: all that is there.
fn shown(folder: &KernelsFolder) -> Result<AllowedKernels, ServiceError> {
    let names = folder.list()?.into_iter().filter_map(|listed| listed.name.parse().ok());
    Ok(AllowedKernels::Only(names.collect()))
}

fn doubt(image: &KernelImage) -> Option<String> {
    (image.start == KernelStart::Other).then(|| {
        format!(
            "`{0}` starts no launcher of kernels that is known here: `imagewright check {0} --for enterprise-gateway --fix` mends it",
            image.name
        )
    })
}

fn last_part(reference: &Reference) -> &str {
    reference.repository().rsplit('/').next().unwrap_or_default()
}

/// A name for people: `kernel-py 1.2`.
fn called_like(reference: &Reference) -> String {
    let tag = reference.tag().map(imagewright_oci::Tag::as_str).filter(|tag| *tag != "latest");
    match tag {
        Some(tag) => format!("{} {tag}", last_part(reference)),
        None => last_part(reference).to_owned(),
    }
}
