//! What somebody wants of a kernelspec, and what is wrong with it, field by field.

use std::collections::BTreeMap;

use imagewright_service::ServiceError;
use imagewright_service::kernelspec::{
    KernelsFolderError, KernelspecError, KernelspecName, NewKernelspec, PortRange, Proxy, SparkMode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Ground;
use crate::ServerError;

/// A kernelspec that is wanted for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewImageKernelspec {
    /// What starts the kernel, as `imagewright kernelspec create --proxy` calls it: `docker`, `kubernetes` and so on.
    pub proxy: String,
    /// Its name; made of the display name where it is empty.
    pub name: Option<String>,
    /// What people choose it by; that of the image where it is empty.
    pub display_name: Option<String>,
    /// The language of the kernel; what the image says of itself where it is empty and the server has the image.
    pub language: Option<String>,
    /// The kernelspec inside the image, where it has several for the language.
    pub kernel: Option<String>,
    /// Whether the image for GPUs is meant, where the entry has one.
    pub gpu: bool,
    /// Whether the kernelspec names the digest that the entry has, too.
    pub pin: bool,
    /// When a session of Spark begins; none where the kernel is without Spark.
    pub spark: Option<SparkStart>,
    /// The image for workers of Spark.
    pub executor_image: Option<String>,
    /// Variables of the kernel.
    pub env: BTreeMap<String, String>,
    /// The ports that the kernel may take, as `40000..41000`.
    pub port_range: Option<String>,
    /// Who may start it; everybody where there is nobody.
    pub authorized_users: Vec<String>,
    /// Who may not start it.
    pub unauthorized_users: Vec<String>,
    /// The hosts it is started on, for `distributed`.
    pub remote_hosts: Vec<String>,
    /// The address of the cluster, for `yarn-cluster` and `conductor`.
    pub endpoint: Option<String>,
    /// Whether the kernel is interrupted by a message; by a signal otherwise.
    pub interrupted_by_message: bool,
    /// Whether one of the same name may be replaced. It counts where the gateway reads it.
    pub replace: bool,
}

/// When a session of Spark begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SparkStart {
    /// Never by itself.
    None,
    /// When it is used.
    Lazy,
    /// With the kernel.
    Eager,
}

impl NewImageKernelspec {
    pub(super) fn on(self, ground: Ground) -> Result<NewKernelspec, ServerError> {
        let proxy: Proxy = self.proxy.parse().map_err(refused)?;
        let display_name = filled(self.display_name).unwrap_or(ground.display_name);
        let name = match filled(self.name) {
            Some(name) => name.parse().map_err(refused)?,
            None => KernelspecName::like(&display_name)
                .ok_or_else(|| ServerError::field("/name", "none can be made of the display name"))?,
        };
        let language = filled(self.language).or(ground.language);
        let language = language.ok_or_else(|| {
            ServerError::field(
                "/language",
                "say which one its kernel is for: the image does not say it, or is not on this server",
            )
        })?;
        let executor_image = filled(self.executor_image).map(|image| image.parse());
        let executor_image =
            executor_image.transpose().map_err(|error| ServerError::field("/executor_image", error))?;
        let port_range = filled(self.port_range).map(|range| range.parse::<PortRange>());
        Ok(NewKernelspec {
            kernel: filled(self.kernel),
            spark: self.spark.map(SparkMode::from),
            executor_image,
            environment: self.env.into_iter().collect(),
            port_range: port_range.transpose().map_err(refused)?,
            authorized_users: self.authorized_users,
            unauthorized_users: self.unauthorized_users,
            remote_hosts: self.remote_hosts,
            endpoint: filled(self.endpoint),
            is_interrupted_by_message: self.interrupted_by_message,
            ..NewKernelspec::new(name, &display_name, &language, ground.reference, proxy)
        })
    }
}

impl From<SparkStart> for SparkMode {
    fn from(start: SparkStart) -> Self {
        match start {
            SparkStart::None => Self::None,
            SparkStart::Lazy => Self::Lazy,
            SparkStart::Eager => Self::Eager,
        }
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The field that is wrong.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
pub(super) fn refused(error: KernelspecError) -> ServerError {
    let pointer = match &error {
        KernelspecError::Name { .. } => "/name",
        KernelspecError::UnknownProxy { .. } => "/proxy",
        KernelspecError::NotForProxy { option, proxy } | KernelspecError::Missing { option, proxy, .. } => {
            let field = match *option {
                "--remote-host" => "/remote_hosts",
                "--endpoint" => "/endpoint",
                "--executor-image" => "/executor_image",
                _ => "/proxy",
            };
            let what = match &error {
                KernelspecError::Missing { why, .. } => format!("process proxy `{proxy}` needs it: {why}"),
                _ => format!("it means nothing for process proxy `{proxy}`"),
            };
            return ServerError::field(field, what);
        }
        KernelspecError::PortRange { .. } => "/port_range",
        KernelspecError::Variable { .. } => "/env",
        KernelspecError::Empty { what: "language" } => "/language",
        _ => "/display_name",
    };
    let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
    ServerError::field(pointer, format!("{error}{hint}"))
}

/// Why the folder did not do it.
pub(super) fn not_folder(error: KernelsFolderError) -> ServerError {
    match error {
        KernelsFolderError::NotFound { name, .. } => ServerError::NotFound { what: "kernelspec", name },
        KernelsFolderError::Exists { name, .. } => ServerError::Conflict {
            what: format!("there is a kernelspec `{name}` already"),
            hint: Some("give it another name, or say that it is to be replaced".to_owned()),
        },
        error => ServerError::Service(Box::new(ServiceError::from(error))),
    }
}
