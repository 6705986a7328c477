//! Blobs and their uploads.

use imagewright_oci::Digest;
use imagewright_service::distribution::{ServedBlob, Upload, UploadId};
use imagewright_service::{Service, ServiceError};

use super::open::{Opened, Purpose};
use super::{Caller, DistributionError, Incoming, RepositoryName};
use crate::{Server, ServerError};

/// What came of the wish to upload a blob.
#[derive(Debug)]
pub enum Begun {
    /// It was in another repository, and now is in this one.
    Mounted,
    /// It can be sent.
    Upload(UploadId, Box<Incoming>),
}

impl Server {
    /// A blob that is the repository's. A layer that was left in a registry is only brought here where `bytes` are wanted.
    pub async fn registry_blob(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        digest: &Digest,
        bytes: bool,
    ) -> Result<ServedBlob, DistributionError> {
        let place = self.open(caller, name, Purpose::Pull).await?.place;
        let wanted = digest.clone();
        let found = self.blocking(move |service| {
            let repository = service.repository(&place);
            match repository.blob(&wanted)? {
                Some(ServedBlob::Elsewhere(size)) if bytes => repository.fetch_blob(&wanted, size),
                found => Ok::<_, ServiceError>(found),
            }
        });
        found.await??.ok_or_else(|| DistributionError::BlobUnknown(digest.to_string()))
    }

    /// Removes a blob from a repository.
    pub async fn registry_delete_blob(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), DistributionError> {
        let place = self.open(caller, name, Purpose::Delete).await?.place;
        let wanted = digest.clone();
        let removed = self.blocking(move |service| service.repository(&place).remove_blob(&wanted)).await??;
        if removed { Ok(()) } else { Err(DistributionError::BlobUnknown(digest.to_string())) }
    }

    /// Begins an upload, unless the blob can be had from another repository, which whoever asks must be allowed to pull from.
    pub async fn registry_begin_upload(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        mount: Option<(Digest, RepositoryName)>,
    ) -> Result<Begun, DistributionError> {
        let opened = self.open(caller, name, Purpose::Push).await?;
        if let Some((digest, from)) = mount
            && self.mounted(caller, &opened, digest, &from).await?
        {
            return Ok(Begun::Mounted);
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(ServerError::Random)?;
        let id = UploadId::of(bytes);
        let (place, new) = (opened.place.clone(), id.clone());
        let upload = self.blocking(move |service| service.repository(&place).begin_upload(&new)).await??;
        Ok(Begun::Upload(id, Box::new(Incoming::new(upload, opened.place))))
    }

    async fn mounted(
        &self,
        caller: &Caller,
        to: &Opened,
        digest: Digest,
        from: &RepositoryName,
    ) -> Result<bool, DistributionError> {
        // What may not be pulled is sent instead, as where there is nothing.
        let Ok(from) = self.open(caller, from, Purpose::Pull).await else { return Ok(false) };
        let to = to.place.clone();
        Ok(self.blocking(move |service| service.repository(&to).mount(&digest, &from.place)).await??)
    }

    /// Goes on with an upload.
    pub async fn registry_upload(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: &UploadId,
    ) -> Result<Incoming, DistributionError> {
        let place = self.open(caller, name, Purpose::Push).await?.place;
        let (at, wanted) = (place.clone(), id.clone());
        let found = self.blocking(move |service| service.repository(&at).upload(&wanted)).await??;
        let upload = found.ok_or_else(|| DistributionError::UploadUnknown(id.to_string()))?;
        Ok(Incoming::new(upload, place))
    }

    /// How far an upload has come.
    pub async fn registry_upload_size(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: &UploadId,
    ) -> Result<u64, DistributionError> {
        let place = self.open(caller, name, Purpose::Push).await?.place;
        let wanted = id.clone();
        let size = self.blocking(move |service| service.repository(&place).upload_size(&wanted)).await??;
        size.ok_or_else(|| DistributionError::UploadUnknown(id.to_string()))
    }

    /// Gives an upload up.
    pub async fn registry_abandon_upload(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: &UploadId,
    ) -> Result<(), DistributionError> {
        let upload = self.registry_upload(caller, name, id).await?.settled().await?;
        let abandoned = self.blocking(move |_| upload.abandon().map_err(ServiceError::from)).await?;
        Ok(abandoned?)
    }

    /// Makes a blob of what came.
    pub async fn registry_finish_upload(
        &self,
        mut incoming: Incoming,
        digest: &Digest,
    ) -> Result<u64, DistributionError> {
        incoming.flush().await?;
        let place = incoming.place().clone();
        let upload: Upload = incoming.settled().await?;
        let expected = digest.clone();
        let finish = move |service: &Service| service.repository(&place).finish_upload(upload, &expected);
        Ok(self.blocking(finish).await??)
    }
}
