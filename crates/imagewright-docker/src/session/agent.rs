//! SSH agents: what a step says to its socket goes to that of the user, and back.

use std::sync::Arc;

use bollard_buildkit_proto::moby::sshforward::v1::BytesMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::{AgentSocket, Session};
use crate::address::Address;
use crate::connection::connect;

/// The agent that is meant where none is named.
const DEFAULT: &str = "default";
/// Bytes that go in one message.
const PIECE: usize = 32 * 1024;

type Answers = ReceiverStream<Result<BytesMessage, Status>>;

/// The agent of a name.
pub(super) fn find<'a>(session: &'a Session, name: &str) -> Result<&'a AgentSocket, Status> {
    let name = if name.is_empty() { DEFAULT } else { name };
    let agent = session.agents.get(name);
    agent.ok_or_else(|| Status::not_found(format!("the SSH agent `{name}` was not given")))
}

/// Connects a step to an agent.
pub(super) async fn forward(
    session: Arc<Session>,
    request: Request<Streaming<BytesMessage>>,
) -> Result<Response<Answers>, Status> {
    let AgentSocket(path) = find(&session, &name_in(request.metadata()))?;
    let address = Address::Unix(path.clone());
    let agent = connect(&address, |port, _| port.unwrap_or_default()).await;
    let (mut from_agent, mut to_agent) = split(agent.map_err(|error| session.fail(error))?);
    let mut incoming = request.into_inner();
    tokio::spawn(async move {
        while let Ok(Some(message)) = incoming.message().await {
            if to_agent.write_all(&message.data).await.is_err() {
                return;
            }
        }
        // The agent sees that no more questions come.
        let _ = to_agent.shutdown().await;
    });
    let (answers, answered) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(amount @ 1..) = from_agent.read(&mut buffer).await {
            if answers.send(Ok(BytesMessage { data: buffer[..amount].to_vec() })).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(answered)))
}

fn name_in(metadata: &MetadataMap) -> String {
    let name = metadata.get("buildkit.ssh.id").and_then(|value| value.to_str().ok());
    name.unwrap_or_default().to_owned()
}
