//! Files of a folder, in the protocol of `fsutil`: first everything is told, then what the daemon lacks is sent.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as blocking;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::Session;
use crate::context::{Folder, Wanted};
use crate::error::DockerError;

/// Bytes of a file in one packet.
const PIECE: usize = 32 * 1024;
/// Packets that wait to be sent.
const WAITING: usize = 16;

type Packets = ReceiverStream<Result<Packet, Status>>;

/// Begins to send a folder.
pub(super) fn send(
    session: Arc<Session>,
    request: Request<Streaming<Packet>>,
) -> Result<Response<Packets>, Status> {
    let name = values(request.metadata(), "dir-name").into_iter().next().unwrap_or_default();
    let folder = session.folders.get(&name).cloned();
    let folder = folder.ok_or_else(|| Status::not_found(format!("there is no folder `{name}`")))?;
    let mut paths = values(request.metadata(), "followpaths");
    paths.extend(values(request.metadata(), "include-patterns"));
    let (packets, outgoing) = mpsc::channel(WAITING);
    let (requests, incoming) = blocking::channel();
    tokio::spawn(receive(request.into_inner(), requests));
    // Reading files blocks, so it has a thread.
    tokio::task::spawn_blocking(move || {
        let mut sender = Sender { packets, files: Vec::new() };
        match sender.all(&folder, &Wanted { paths }, &incoming) {
            Ok(()) | Err(Ended::ByDaemon) => {}
            Err(Ended::Here(error)) => {
                let status = session.fail(error);
                // Whoever went away needs no answer.
                let _ = sender.packets.blocking_send(Err(status));
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(outgoing)))
}

/// The values of a header; those with other than plain characters come encoded as in addresses.
fn values(metadata: &MetadataMap, name: &'static str) -> Vec<String> {
    let encoded = metadata.get(format!("{name}-encoded").as_str()).is_some();
    let values = metadata.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.map(|value| if encoded { decoded(value) } else { value.to_owned() }).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let number = (*first == b'%').then(|| after.get(..2)).flatten();
        let number =
            number.and_then(|digits| hex::decode(digits).ok()).and_then(|bytes| bytes.first().copied());
        match number {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the daemon wants next.
enum Wish {
    File(u32),
    End,
}

async fn receive(mut incoming: Streaming<Packet>, wishes: blocking::Sender<Wish>) {
    while let Ok(Some(packet)) = incoming.message().await {
        let wish = match packet.r#type() {
            PacketType::PacketReq => Wish::File(packet.id),
            PacketType::PacketFin => Wish::End,
            PacketType::PacketStat | PacketType::PacketData => continue,
            PacketType::PacketErr => return,
        };
        if wishes.send(wish).is_err() {
            return;
        }
    }
}

/// Why sending ended before its end.
enum Ended {
    ByDaemon,
    Here(DockerError),
}

impl From<DockerError> for Ended {
    fn from(error: DockerError) -> Self {
        Self::Here(error)
    }
}

struct Sender {
    packets: mpsc::Sender<Result<Packet, Status>>,
    /// The paths of what was told, by its number; none of what has no contents.
    files: Vec<Option<Box<str>>>,
}

impl Sender {
    fn all(
        &mut self,
        folder: &Folder,
        wanted: &Wanted,
        wishes: &blocking::Receiver<Wish>,
    ) -> Result<(), Ended> {
        let mut gone = false;
        folder.walk(wanted, &mut |stat, has_contents| {
            self.files.push(has_contents.then(|| stat.path.as_str().into()));
            gone = gone || self.told(Some(stat)).is_err();
            Ok(())
        })?;
        if gone {
            return Err(Ended::ByDaemon);
        }
        self.told(None)?;
        loop {
            match wishes.recv().map_err(|_| Ended::ByDaemon)? {
                Wish::End => return self.packet(PacketType::PacketFin, 0, Vec::new()),
                Wish::File(number) => {
                    let place =
                        usize::try_from(number).ok().and_then(|number| self.files.get(number).cloned());
                    let path = place.flatten().ok_or(Ended::ByDaemon)?;
                    self.contents(number, &folder.path.join(&*path))?;
                }
            }
        }
    }

    fn told(&self, stat: Option<Stat>) -> Result<(), Ended> {
        let packet = Packet { r#type: PacketType::PacketStat.into(), stat, ..Packet::default() };
        self.packets.blocking_send(Ok(packet)).map_err(|_| Ended::ByDaemon)
    }

    fn contents(&self, number: u32, path: &Path) -> Result<(), Ended> {
        let unreadable = |source| DockerError::Read { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        loop {
            let mut data = Vec::with_capacity(PIECE);
            (&mut file).take(PIECE as u64).read_to_end(&mut data).map_err(unreadable)?;
            let is_last = data.is_empty();
            self.packet(PacketType::PacketData, number, data)?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn packet(&self, kind: PacketType, id: u32, data: Vec<u8>) -> Result<(), Ended> {
        let packet = Packet { r#type: kind.into(), id, data, stat: None };
        self.packets.blocking_send(Ok(packet)).map_err(|_| Ended::ByDaemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_where_they_say_so() {
        let mut metadata = MetadataMap::new();
        metadata.append("followpaths", "a%C3%A4+b".parse().unwrap());
        metadata.append("followpaths", "100%".parse().unwrap());
        assert_eq!(values(&metadata, "followpaths"), ["a%C3%A4+b", "100%"]);
        metadata.insert("followpaths-encoded", "1".parse().unwrap());
        assert_eq!(values(&metadata, "followpaths"), ["aä b", "100%"]);
        assert!(values(&metadata, "dir-name").is_empty());
    }
}
