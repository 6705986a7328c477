//! Kernelspecs at a gateway: whether one works there. For all systems: it is the gateway that starts kernels.

use imagewright_gateway::{Gateway, GatewayError};
use imagewright_model::{ErrorKind, Secret, TrustSettings};

use crate::Cancel;

pub use imagewright_gateway::verify::{Cell, Outcome, Problem, Report, Step, StepReport, VerifyRequest};

/// Which gateway, and how it is reached.
pub struct GatewayAccess<'a> {
    /// Its address.
    pub address: &'a str,
    /// The token that it wants.
    pub token: Option<Secret>,
    /// Authorities and proxies.
    pub trust: &'a TrustSettings,
}

/// A gateway cannot even be asked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AccessError(#[from] GatewayError);

impl AccessError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

/// Finds out whether a kernelspec works: listed, started, executed, interrupted, restarted, stopped. Each step is told as it ends.
pub fn verify_kernelspec(
    access: GatewayAccess<'_>,
    request: &VerifyRequest,
    cancel: &Cancel,
    tell: &mut dyn FnMut(&StepReport),
) -> Result<Report, AccessError> {
    let gateway = Gateway::new(access.address, access.token, access.trust)?;
    Ok(imagewright_gateway::verify::verify(&gateway, request, cancel.stop(), tell))
}
