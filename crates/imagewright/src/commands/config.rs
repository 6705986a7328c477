//! `imagewright config`: what is set, and where.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_model::ErrorKind;
use serde_json::Value;

use crate::cli::Global;
use crate::failure::Failure;
use crate::render::{output, table};
use crate::settings::shown::Setting;
use crate::settings::{self, Sources, shown};

/// Look at settings
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each setting, its value and where that comes from
    ///
    /// From the default, from what other tools of this machine are set to, from the system's or the user's file, from a variable, or from a
    /// flag. Passwords and tokens are left out. docs/configuration.md says what the settings mean.
    Show(ShowArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Only this setting, or those below it, such as `server.builds`
    #[arg(value_name = "SETTING")]
    setting: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    let ConfigCommand::Show(arguments) = command;
    let mut settings = all(global)?;
    if let Some(wanted) = &arguments.setting {
        let below = format!("{wanted}.");
        settings.retain(|setting| setting.name == *wanted || setting.name.starts_with(&below));
        if settings.is_empty() {
            let text = format!("there is no setting `{wanted}`");
            return Err(Failure::new(ErrorKind::NotFound, text)
                .with_hint("`imagewright config show` shows all there are"));
        }
    }
    if arguments.json {
        output::json(&settings)?;
    } else {
        output::text(&table::draw(&["SETTING", "VALUE", "ORIGIN"], settings.into_iter().map(row).collect()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All settings of a command that was called like this.
pub(crate) fn all(global: &Global) -> Result<Vec<Setting>, Failure> {
    // clap does not tell a flag from the variable that stands for it.
    let by_variable = std::env::var_os(settings::ROOT_VARIABLE).map(std::path::PathBuf::from);
    let root = global.root.as_deref().filter(|root| by_variable.as_deref() != Some(root));
    shown::all(&Sources::of(global.config.as_deref())?, root)
}

fn row(setting: Setting) -> Vec<String> {
    let value = match setting.value {
        Value::Null => setting.default,
        Value::String(text) => text,
        other => other.to_string(),
    };
    vec![setting.name, value, setting.origin.to_string()]
}
