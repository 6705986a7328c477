//! The protocol: authorisation code with PKCE, by `openidconnect`, which verifies tokens; requests go out by our own client.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagewright_model::Secret;
use imagewright_service::{WebClient, WebError};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::{Claimed, Provider};

/// How long what a provider says of itself is taken for true. A key that is not known is asked for at once.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// Signatures that are taken. Those with a shared secret are not: whoever knows it could make tokens.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// All claims that the standard does not name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type OwnClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a provider does not log anybody in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// What is set of it is wrong.
    #[error("the provider `{issuer}` is set wrongly")]
    Settings {
        /// Which.
        issuer: String,
        /// What is wrong.
        #[source]
        source: Cause,
    },
    /// It does not answer, or with what nobody understands.
    #[error("the provider `{issuer}` did not {doing}")]
    Unavailable {
        /// Which.
        issuer: String,
        /// What it should have done.
        doing: &'static str,
        /// What happened.
        #[source]
        source: Cause,
    },
    /// What it sent does not prove anything.
    #[error("what the provider `{issuer}` sent is no proof")]
    Unproven {
        /// Which.
        issuer: String,
        /// Why not.
        #[source]
        source: Cause,
    },
}

/// What is below an error of the protocol.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Where a browser is sent, and what has to come back.
pub(super) struct Begun {
    pub(super) address: String,
    pub(super) state: Secret,
    pub(super) nonce: Secret,
    pub(super) verifier: Secret,
}

/// What has to come back, with what came.
pub(super) struct Returned {
    pub(super) code: Secret,
    pub(super) nonce: Secret,
    pub(super) verifier: Secret,
    /// Where the browser was sent back to.
    pub(super) redirect: String,
}

/// Speaks with one provider. It blocks.
#[derive(Clone)]
pub(super) struct OidcClient {
    provider: Arc<Provider>,
    known: Arc<Mutex<Option<(Instant, CoreProviderMetadata)>>>,
}

impl OidcClient {
    pub(super) fn new(provider: Provider) -> Self {
        Self { provider: Arc::new(provider), known: Arc::default() }
    }

    pub(super) fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Begins a login that comes back to `redirect`.
    pub(super) fn begin(&self, web: &WebClient, redirect: &str) -> Result<Begun, OidcError> {
        let client = self.client(self.metadata(web)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(self.redirect(redirect)?));
        for scope in &self.provider.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (address, state, nonce) = request.url();
        Ok(Begun {
            address: address.to_string(),
            state: Secret::new(state.into_secret()),
            nonce: Secret::new(nonce.secret().as_str()),
            verifier: Secret::new(verifier.into_secret()),
        })
    }

    /// Exchanges the code for a token, and verifies it: signature, issuer, audience, nonce, time.
    pub(super) fn finish(&self, web: &WebClient, returned: &Returned) -> Result<Claimed, OidcError> {
        let metadata = self.metadata(web)?;
        let client = self.client(metadata);
        let redirect = self.redirect(&returned.redirect)?;
        let http = |request| exchange(web, request);
        let answer = client
            .exchange_code(AuthorizationCode::new(returned.code.expose().to_owned()))
            .map_err(|source| self.unavailable("say where it gives tokens", source))?
            .set_pkce_verifier(PkceCodeVerifier::new(returned.verifier.expose().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect))
            .request(&http)
            .map_err(|source| self.unavailable("give a token", source))?;
        let token = answer.id_token().ok_or_else(|| self.unproven("there is no ID token in it"))?;
        let nonce = Nonce::new(returned.nonce.expose().to_owned());
        let verified = |client: &OwnClient| {
            let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
            token.claims(&verifier, &nonce).cloned()
        };
        let claims = match verified(&client) {
            Ok(claims) => claims,
            // It may have another key since it was asked last.
            Err(openidconnect::ClaimsVerificationError::SignatureVerification(_)) => {
                self.forget();
                verified(&self.client(self.metadata(web)?)).map_err(|source| self.unproven(source))?
            }
            Err(source) => return Err(self.unproven(source)),
        };
        let issuer = claims.issuer().to_string();
        let subject = claims.subject().clone();
        let mut all = json_of(&claims);
        let settings = &self.provider.claims;
        // Many providers keep tokens small, and tell the rest when they are asked.
        if !settings.names_groups(&all)
            && let Ok(request) = client.user_info(answer.access_token().clone(), Some(subject.clone()))
        {
            let told: UserInfoClaims<OtherClaims, CoreGenderClaim> =
                request.request(&http).map_err(|source| self.unavailable("say who it is", source))?;
            merge(&mut all, json_of(&told));
        }
        Ok(settings.read(&issuer, subject.as_str(), &all))
    }

    fn client(&self, metadata: CoreProviderMetadata) -> OwnClient {
        let methods = metadata.token_endpoint_auth_methods_supported().cloned();
        let offers = |method| methods.as_ref().is_some_and(|all| all.contains(&method));
        let secret = self.provider.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let client = OwnClient::from_provider_metadata(
            metadata,
            ClientId::new(self.provider.client_id.clone()),
            secret,
        );
        // What the standard takes for granted is left only where a provider says otherwise.
        let in_body = offers(CoreClientAuthMethod::ClientSecretPost)
            && !offers(CoreClientAuthMethod::ClientSecretBasic);
        if in_body { client.set_auth_type(AuthType::RequestBody) } else { client }
    }

    fn metadata(&self, web: &WebClient) -> Result<CoreProviderMetadata, OidcError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, metadata)) = known.filter(|(since, _)| since.elapsed() < KNOWN_FOR) {
            return Ok(metadata);
        }
        let issuer = IssuerUrl::new(self.provider.issuer.clone()).map_err(|source| self.wrong(source))?;
        let http = |request| exchange(web, request);
        let metadata = CoreProviderMetadata::discover(&issuer, &http)
            .map_err(|source| self.unavailable("describe itself", source))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn redirect(&self, address: &str) -> Result<RedirectUrl, OidcError> {
        RedirectUrl::new(address.to_owned()).map_err(|source| self.wrong(source))
    }

    fn wrong(&self, source: impl Into<Cause>) -> OidcError {
        OidcError::Settings { issuer: self.provider.issuer.clone(), source: source.into() }
    }

    /// Errors of the protocol are generic over ours and not all can be sent; what they say is kept.
    fn unavailable(&self, doing: &'static str, source: impl Error) -> OidcError {
        OidcError::Unavailable { issuer: self.provider.issuer.clone(), doing, source: in_words(&source) }
    }

    fn unproven(&self, source: impl Display) -> OidcError {
        let source = Cause::from(source.to_string());
        OidcError::Unproven { issuer: self.provider.issuer.clone(), source }
    }
}

fn exchange(web: &WebClient, request: HttpRequest) -> Result<HttpResponse, WebError> {
    web.send(request)
}

fn in_words(error: &dyn Error) -> Cause {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}

fn json_of<T: Serialize>(claims: &T) -> Value {
    serde_json::to_value(claims).unwrap_or(Value::Null)
}

/// Adds what is not there yet: what is in a signed token counts for more.
fn merge(claims: &mut Value, more: Value) {
    let (Value::Object(claims), Value::Object(more)) = (claims, more) else { return };
    for (name, value) in more {
        claims.entry(name).or_insert(value);
    }
}
