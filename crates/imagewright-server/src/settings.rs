//! What the server is set to, for its administrators.

use imagewright_catalog::{Action, Object, Principal, may};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// A setting, and where its value comes from.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SettingView {
    /// Its name, such as `server.builds.workers`.
    pub name: String,
    /// What is set, without passwords and tokens; null where nothing is.
    pub value: Value,
    /// What holds where nothing is set, in words.
    pub default: String,
    /// Where the value comes from.
    pub origin: SettingOrigin,
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingOrigin {
    /// What of all that can say something does.
    pub layer: SettingLayer,
    /// The file, variable or flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What can say something about a setting; the later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingLayer {
    /// Nothing does.
    Default,
    /// What other tools of the machine are set to.
    Machine,
    /// The system's file.
    SystemFile,
    /// The user's file, or one that is named instead.
    UserFile,
    /// A variable of the environment.
    Variable,
    /// A flag of the command.
    Flag,
}

impl Server {
    /// The same, that can say what it is set to.
    #[must_use]
    pub fn with_settings(self, settings: Vec<SettingView>) -> Self {
        Self { settings: settings.into(), ..self }
    }

    /// All settings of the server.
    pub fn settings(&self, principal: &Principal) -> Result<&[SettingView], ServerError> {
        may(principal, Action::Administer, Object::Server)?;
        Ok(&self.settings)
    }
}
