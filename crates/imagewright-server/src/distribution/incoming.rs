//! Bytes of an upload on their way from a connection to the disk.
//!
//! They are written in large pieces on a thread of its own, while the next piece comes in: two of them are in memory at
//! most, and a connection from which nothing comes holds no thread.

use imagewright_service::ServiceError;
use imagewright_service::distribution::{RepositoryPlace, Upload};
use tokio::task::JoinHandle;

use super::DistributionError;
use crate::ServerError;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

type Written = Result<Upload, ServiceError>;

/// An upload that takes bytes in.
#[derive(Debug)]
pub struct Incoming {
    place: RepositoryPlace,
    /// None while a thread has it.
    upload: Option<Upload>,
    writing: Option<JoinHandle<Written>>,
    buffer: Vec<u8>,
    size: u64,
}

impl Incoming {
    pub(crate) fn new(upload: Upload, place: RepositoryPlace) -> Self {
        Self { place, size: upload.size(), upload: Some(upload), writing: None, buffer: Vec::new() }
    }

    /// Bytes that have come so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn place(&self) -> &RepositoryPlace {
        &self.place
    }

    /// Takes bytes in.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), DistributionError> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == PIECE {
                self.begin_piece().await?;
            }
        }
        Ok(())
    }

    /// Writes what came, so that the upload can be gone on with from there.
    pub async fn flush(&mut self) -> Result<(), DistributionError> {
        if !self.buffer.is_empty() {
            self.begin_piece().await?;
        }
        self.settle().await
    }

    async fn begin_piece(&mut self) -> Result<(), DistributionError> {
        self.settle().await?;
        let Some(mut upload) = self.upload.take() else { return Err(DistributionError::Interrupted) };
        let piece = std::mem::take(&mut self.buffer);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            upload.append(&piece)?;
            Ok(upload)
        }));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), DistributionError> {
        if let Some(writing) = self.writing.take() {
            self.upload = Some(writing.await.map_err(ServerError::Panicked)??);
        }
        Ok(())
    }

    /// The upload, when all that was begun is written.
    pub(crate) async fn settled(mut self) -> Result<Upload, DistributionError> {
        self.settle().await?;
        self.upload.take().ok_or(DistributionError::Interrupted)
    }
}
