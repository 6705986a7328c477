//! Manifests of a gateway, for the kernelspecs of a folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use imagewright_kernelspec::deploy::docker::TOKEN_FILE;
use imagewright_kernelspec::deploy::{KernelImage as Pulled, ShortProgram, docker, kubernetes};
use imagewright_kernelspec::{File, Kernelspec};
use imagewright_model::{Secret, in_one_line};
use imagewright_oci::Reference;

use super::folder::{self, KernelsFolder, KernelsFolderError};
use super::image::KernelStart;
use crate::{Service, ServiceError};

pub use imagewright_kernelspec::deploy::docker::{Orchestrator, Subnet};
pub use imagewright_kernelspec::deploy::{Gateway, docker as by_docker, kubernetes as in_kubernetes};

/// Where a gateway is to run.
#[derive(Clone, Debug)]
pub enum Deployment {
    /// Beside a Docker Engine.
    Docker(docker::Deployment),
    /// In a Kubernetes cluster.
    Kubernetes(kubernetes::Deployment),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct DeployGateway {
    /// Where, and how. Kernel images are added.
    pub deployment: Deployment,
    /// The kernelspecs that it is to have: their images are pulled beforehand, and what will not start is told.
    pub folder: PathBuf,
    /// Where the manifest is written, with what belongs to it.
    pub output: Option<PathBuf>,
    /// The token that is written beside it, if there is none yet.
    pub token: Option<Secret>,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct DeployedGateway {
    /// The manifest's name.
    pub name: &'static str,
    /// The manifest.
    pub manifest: String,
    /// The files that were written; none, where it was not said where.
    pub files: Vec<PathBuf>,
    /// The images of kernels.
    pub kernels: Vec<Reference>,
    /// What will not work, or not as one may think.
    pub warnings: Vec<String>,
}

impl Service {
    /// Makes the manifest of a gateway, and writes it.
    ///
    /// # Errors
    /// Where something is asked for that there cannot be, or a kernelspec cannot be read. Nothing is written then.
    pub fn deploy_gateway(&self, command: &DeployGateway) -> Result<DeployedGateway, ServiceError> {
        let listed = KernelsFolder::at(&command.folder).list()?.into_iter().map(|listed| listed.spec);
        let specs = listed.collect::<Result<Vec<_>, _>>()?;
        let mut warnings = Vec::new();
        if specs.is_empty() {
            let folder = command.folder.display();
            warnings.push(format!(
                "there are no kernelspecs in `{folder}`: no image of kernels is pulled beforehand"
            ));
        }
        let images = self.images_of(&specs, &mut warnings);
        let kernels = images.iter().map(|image| image.reference.clone()).collect();
        let (name, files) = match command.deployment.clone() {
            Deployment::Docker(mut deployment) => {
                deployment.gateway.kernels = images;
                warnings.extend(deployment.warnings(&specs));
                (deployment.manifest_name(), deployment.files()?)
            }
            Deployment::Kubernetes(mut deployment) => {
                deployment.gateway.kernels = images;
                warnings.extend(deployment.warnings());
                let name = "enterprise-gateway.yaml";
                (name, [(name.to_owned(), deployment.manifest()?)].into())
            }
        };
        let mut written = Vec::new();
        if let Some(output) = &command.output {
            for (name, text) in &files {
                let place = output.join(name);
                folder::write(&place, &File::text(text))?;
                written.push(place);
            }
            let token = command.token.as_ref().map(|token| (output.join(TOKEN_FILE), token));
            if let Some((place, token)) = token {
                let readable = by_group(&command.deployment);
                write_token(&place, token, readable)
                    .map_err(|source| KernelsFolderError::Write { path: place.clone(), source })?;
                written.push(place);
            }
        }
        Ok(DeployedGateway { name, manifest: files[name].clone(), files: written, kernels, warnings })
    }

    /// The images of kernelspecs, each once, with what of them ends at once.
    fn images_of(&self, specs: &[Kernelspec], warnings: &mut Vec<String>) -> Vec<Pulled> {
        let mut images: Vec<Pulled> = Vec::new();
        for spec in specs {
            let Some(text) = spec.image().or_else(|| spec.variable("KERNEL_IMAGE")) else { continue };
            let Ok(reference) = text.parse::<Reference>() else {
                warnings.push(format!("`{}` names an image that is none: `{text}`", spec.name));
                continue;
            };
            if images.iter().any(|image| image.reference == reference) {
                continue;
            }
            let program = match self.kernel_image(text).map(|image| image.start) {
                Ok(KernelStart::Launcher) => ShortProgram::Launcher,
                Ok(KernelStart::Bootstrap) => ShortProgram::Shell,
                Ok(KernelStart::Other) => ShortProgram::None,
                // Kernel images have one, but for those of ours that were made to have none.
                Err(error) => {
                    warnings.push(format!("{}: it is taken to have a shell", in_one_line(&error)));
                    ShortProgram::Shell
                }
            };
            images.push(Pulled { reference, program });
        }
        images
    }
}

/// Whether the gateway is not root, who alone could read a file of ours.
fn by_group(deployment: &Deployment) -> bool {
    matches!(deployment, Deployment::Docker(docker) if docker.socket_group.is_some())
}

/// Writes the token, unless there is one. Nobody else gets into its folder; the engine does.
fn write_token(place: &Path, token: &Secret, is_read_by_others: bool) -> io::Result<()> {
    let folder = place.parent().expect("it lies in a folder");
    fs::create_dir_all(folder)?;
    set_mode(folder, 0o700)?;
    if place.exists() {
        return Ok(());
    }
    let mut file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(folder)?;
    writeln!(file, "{}", token.expose())?;
    set_mode(file.path(), if is_read_by_others { 0o644 } else { 0o600 })?;
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_kept_and_seen_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(TOKEN_FILE);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write_token(&place, &Secret::new("one"), false).unwrap();
        assert_eq!((mode(&place), mode(place.parent().unwrap())), (0o600, 0o700));
        write_token(&place, &Secret::new("two"), true).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "one\n");
        fs::remove_file(&place).unwrap();
        write_token(&place, &Secret::new("two"), true).unwrap();
        assert_eq!((mode(&place), mode(place.parent().unwrap())), (0o644, 0o700));
    }
}
