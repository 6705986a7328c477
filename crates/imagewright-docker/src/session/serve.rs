//! The methods of a session, by their paths.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::{Request, Response};
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::{CredentialsRequest, CredentialsResponse};
use bollard_buildkit_proto::moby::sshforward::v1::{CheckAgentRequest, CheckAgentResponse};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::{RegistryLogin, Session, agent, files, image};
use crate::channel::LARGEST_MESSAGE;
use crate::connection::Duplex;

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const FILES: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const IMAGE: &str = "/moby.filesync.v1.FileSend/DiffCopy";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CHECK_AGENT: &str = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD_AGENT: &str = "/moby.sshforward.v1.SSH/ForwardAgent";

/// What a session says it can do.
pub(super) const METHODS: [&str; 7] = [HEALTH, FILES, IMAGE, CREDENTIALS, SECRET, CHECK_AGENT, FORWARD_AGENT];

/// The registry's name for the default one, and ours.
const DEFAULT_REGISTRY_HOSTS: [&str; 2] = ["registry-1.docker.io", "index.docker.io"];
const DEFAULT_REGISTRY: &str = "docker.io";

/// A function as a method of gRPC.
struct Method<F>(F);

impl<Q, A, F, R> Service<Q> for Method<F>
where
    F: FnMut(Q) -> R,
    R: Future<Output = Result<A, Status>>,
{
    type Response = A;
    type Error = Status;
    type Future = R;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> R {
        (self.0)(request)
    }
}

/// Answers on a connection until its other end closes.
pub(super) async fn serve(session: Arc<Session>, connection: Box<dyn Duplex>) {
    let answer = service_fn(move |request| {
        let session = session.clone();
        async move { Ok::<_, Infallible>(dispatch(session, request).await) }
    });
    // Where the connection breaks, the build does, and says so.
    let _ =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(connection), answer).await;
}

async fn dispatch(session: Arc<Session>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        HEALTH => {
            let method = |_: tonic::Request<HealthCheckRequest>| async {
                let status = ServingStatus::Serving.into();
                Ok(tonic::Response::new(HealthCheckResponse { status }))
            };
            Grpc::new(ProstCodec::default()).unary(Method(method), request).await
        }
        CREDENTIALS => {
            let method = |request: tonic::Request<CredentialsRequest>| {
                credentials(session.clone(), request.into_inner().host)
            };
            Grpc::new(ProstCodec::default()).unary(Method(method), request).await
        }
        SECRET => {
            let method = |request: tonic::Request<GetSecretRequest>| {
                let answer = secret(&session, &request.into_inner().id);
                async { answer }
            };
            Grpc::new(ProstCodec::default()).unary(Method(method), request).await
        }
        CHECK_AGENT => {
            let method = |request: tonic::Request<CheckAgentRequest>| {
                let known = agent::find(&session, &request.into_inner().id).map(|_| ());
                async { known.map(|()| tonic::Response::new(CheckAgentResponse {})) }
            };
            Grpc::new(ProstCodec::default()).unary(Method(method), request).await
        }
        FORWARD_AGENT => {
            let method = |request| agent::forward(session.clone(), request);
            Grpc::new(ProstCodec::default()).streaming(Method(method), request).await
        }
        FILES => {
            let method = |request| {
                let answer = files::send(session.clone(), request);
                async { answer }
            };
            Grpc::new(ProstCodec::default())
                .max_decoding_message_size(LARGEST_MESSAGE)
                .streaming(Method(method), request)
                .await
        }
        IMAGE => {
            let method = |request| {
                let answer = image::take(session.clone(), request);
                async { answer }
            };
            Grpc::new(ProstCodec::default())
                .max_decoding_message_size(LARGEST_MESSAGE)
                .streaming(Method(method), request)
                .await
        }
        _ => Status::unimplemented(format!("{path} is not answered")).into_http(),
    }
}

async fn credentials(
    session: Arc<Session>,
    host: String,
) -> Result<tonic::Response<CredentialsResponse>, Status> {
    let host = match DEFAULT_REGISTRY_HOSTS.contains(&host.as_str()) {
        true => DEFAULT_REGISTRY.to_owned(),
        false => host,
    };
    let asked = tokio::task::spawn_blocking(move || session.credentials.login(&host)).await;
    let login = asked.map_err(|error| Status::internal(error.to_string()))?.map_err(Status::unknown)?;
    let answer = login.map_or_else(CredentialsResponse::default, |RegistryLogin { username, secret }| {
        CredentialsResponse { username, secret: secret.expose().to_owned() }
    });
    Ok(tonic::Response::new(answer))
}

fn secret(session: &Session, id: &str) -> Result<tonic::Response<GetSecretResponse>, Status> {
    let secret = session.secrets.get(id);
    let secret = secret.ok_or_else(|| Status::not_found(format!("the secret `{id}` was not given")))?;
    Ok(tonic::Response::new(GetSecretResponse { data: secret.expose().as_bytes().to_vec() }))
}
