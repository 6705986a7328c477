//! The connection of a session, which lies inside a call of the daemon's `Control.Session`.

use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::Streaming;
use tonic::metadata::{AsciiMetadataValue, MetadataValue};

use super::{NAME, Session, serve};
use crate::channel::Channel;
use crate::error::DockerError;

/// Bytes that go in one message.
const PIECE: usize = 64 * 1024;
/// Messages that wait to be sent.
const WAITING: usize = 4;

/// Opens a session and answers in it until the daemon closes it.
pub(crate) async fn open(channel: &Channel, session: Arc<Session>) -> Result<(), DockerError> {
    let (near, far) = duplex(PIECE);
    let (from_us, to_us) = split(far);
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut request = tonic::Request::new(ReceiverStream::new(receiver));
    describe(&session, request.metadata_mut())?;
    tokio::spawn(serve::serve(session, Box::new(near)));
    tokio::spawn(send(from_us, sender));
    let incoming =
        channel.streaming("/moby.buildkit.v1.Control/Session", request).await.map_err(DockerError::call)?;
    tokio::spawn(receive(incoming, to_us));
    Ok(())
}

/// Says who we are and what may be asked.
fn describe(session: &Session, metadata: &mut tonic::metadata::MetadataMap) -> Result<(), DockerError> {
    let value = |text: &str| -> Result<AsciiMetadataValue, DockerError> {
        MetadataValue::try_from(text).map_err(DockerError::broken)
    };
    metadata.insert("x-docker-expose-session-uuid", value(&session.id)?);
    metadata.insert("x-docker-expose-session-name", value(NAME)?);
    metadata.insert("x-docker-expose-session-sharedkey", value(&session.shared_key)?);
    for method in serve::METHODS {
        metadata.append("x-docker-expose-session-grpc-method", value(method)?);
    }
    Ok(())
}

/// Both directions end when either side is gone; there is nobody else to tell.
async fn send(mut from_us: ReadHalf<DuplexStream>, to_daemon: mpsc::Sender<BytesMessage>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(amount @ 1..) = from_us.read(&mut buffer).await {
        if to_daemon.send(BytesMessage { data: buffer[..amount].to_vec() }).await.is_err() {
            return;
        }
    }
}

async fn receive(mut from_daemon: Streaming<BytesMessage>, mut to_us: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = from_daemon.message().await {
        if to_us.write_all(&message.data).await.is_err() {
            return;
        }
    }
    // Those who wait for more learn that there is none.
    let _ = to_us.shutdown().await;
}
