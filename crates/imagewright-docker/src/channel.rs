//! Calls of gRPC methods on a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::uri::PathAndQuery;
use ::http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::Streaming;
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::connection::Duplex;
use crate::error::DockerError;

/// The largest message BuildKit sends.
pub(crate) const LARGEST_MESSAGE: usize = 16 * 1024 * 1024;

/// A connection that methods are called on; any number at once.
#[derive(Clone)]
pub(crate) struct Channel(Grpc<Sender>);

#[derive(Clone)]
struct Sender(SendRequest<Body>);

impl Service<Request<Body>> for Sender {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Channel {
    /// Begins HTTP/2 on a connection.
    pub(crate) async fn open(connection: Box<dyn Duplex>) -> Result<Self, DockerError> {
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(connection))
            .await
            .map_err(DockerError::broken)?;
        tokio::spawn(driver);
        let origin = Uri::from_static("http://buildkit");
        let grpc = Grpc::with_origin(Sender(sender), origin).max_decoding_message_size(LARGEST_MESSAGE);
        Ok(Self(grpc))
    }

    /// One message there, one back.
    pub(crate) async fn unary<Q, A>(&self, method: &'static str, request: Q) -> Result<A, tonic::Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(method);
        let codec = ProstCodec::<Q, A>::default();
        Ok(grpc.unary(tonic::Request::new(request), path, codec).await?.into_inner())
    }

    /// One message there, many back.
    pub(crate) async fn server_streaming<Q, A>(
        &self,
        method: &'static str,
        request: Q,
    ) -> Result<Streaming<A>, tonic::Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(method);
        let codec = ProstCodec::<Q, A>::default();
        Ok(grpc.server_streaming(tonic::Request::new(request), path, codec).await?.into_inner())
    }

    /// Many messages there and back.
    pub(crate) async fn streaming<Q, A, S>(
        &self,
        method: &'static str,
        request: tonic::Request<S>,
    ) -> Result<Streaming<A>, tonic::Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
        S: Stream<Item = Q> + Send + 'static,
    {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(method);
        let codec = ProstCodec::<Q, A>::default();
        Ok(grpc.streaming(request, path, codec).await?.into_inner())
    }

    async fn ready(&self) -> Result<Grpc<Sender>, tonic::Status> {
        let mut grpc = self.0.clone();
        grpc.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}
