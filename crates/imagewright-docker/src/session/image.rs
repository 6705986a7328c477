//! Takes the image that was built.

use std::io::Write;
use std::sync::{Arc, PoisonError};

use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::Streaming;
use tonic::{Request, Response, Status};

use super::Session;
use crate::error::DockerError;

/// Messages that wait to be written.
const WAITING: usize = 4;

type Answers = ReceiverStream<Result<BytesMessage, Status>>;

/// Begins to take the image; the answer ends when all of it is written.
pub(super) fn take(
    session: Arc<Session>,
    request: Request<Streaming<BytesMessage>>,
) -> Result<Response<Answers>, Status> {
    let image = session.image.lock().unwrap_or_else(PoisonError::into_inner).take();
    let image = image.ok_or_else(|| Status::failed_precondition("no image is waited for"))?;
    let (answers, answered) = mpsc::channel(1);
    let (pieces, waiting) = mpsc::channel(WAITING);
    let (done, written) = oneshot::channel();
    // Writing blocks, so it has a thread.
    tokio::task::spawn_blocking(move || done.send(write(image, waiting)));
    tokio::spawn(async move {
        if let Err(status) = pass_on(request.into_inner(), pieces).await {
            let _ = answers.send(Err(status)).await;
        } else if let Ok(Err(source)) = written.await {
            let _ = answers.send(Err(session.fail(DockerError::TakeImage(source)))).await;
        }
    });
    Ok(Response::new(ReceiverStream::new(answered)))
}

async fn pass_on(mut incoming: Streaming<BytesMessage>, pieces: mpsc::Sender<Vec<u8>>) -> Result<(), Status> {
    while let Some(piece) = incoming.message().await? {
        if pieces.send(piece.data).await.is_err() {
            // The writer has failed, and says why.
            break;
        }
    }
    Ok(())
}

fn write(mut image: Box<dyn Write + Send>, mut pieces: mpsc::Receiver<Vec<u8>>) -> std::io::Result<()> {
    while let Some(piece) = pieces.blocking_recv() {
        image.write_all(&piece)?;
    }
    image.flush()
}
