//! Settings: default < machine < system < user < environment < flag.
//!
//! "Machine" is what other tools of this machine are set to: apt's sources, pip's and uv's indexes, proxies and
//! certificate authorities (see [`machine`]).

pub(crate) mod elyra;
mod engines;
mod error;
pub(crate) mod machine;
#[cfg(target_os = "linux")]
pub(crate) mod own_machine;
mod python_indexes;
mod server;
pub(crate) mod shown;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use imagewright_model::{
    AptSettings, BuildEngine, BuildkitSettings, CondaSettings, DockerSettings, EngineSettings, ErrorKind,
    FactsSettings, PythonSettings, TrustSettings,
};
use imagewright_service::RegistrySettings;
use serde::Deserialize;

use crate::failure::Failure;

pub(crate) use server::ServerSettings;

const SYSTEM_FILE: &str = "/etc/imagewright/config.toml";
const PREFIX: &str = "IMAGEWRIGHT_";
/// What names the content store, as a setting and in place of a flag.
pub(crate) const ROOT_VARIABLE: &str = "IMAGEWRIGHT_ROOT";
/// Variables with this prefix that are no settings: options of the command line, and the sandbox's own mark.
const NOT_SETTINGS: [&str; 9] = [
    "config",
    "database",
    "gateway",
    "gateway-token",
    "log",
    "progress",
    "server",
    "token",
    "user-namespace",
];

/// So begin variables with secrets of a server.
const SECRETS: &str = "secret_";

/// Who builds Dockerfiles where nothing is said: we do, where our own engine runs.
const DEFAULT_ENGINE: BuildEngine =
    if cfg!(target_os = "linux") { BuildEngine::Native } else { BuildEngine::Auto };

/// All that can be set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Folder of the content store.
    pub(crate) root: Option<PathBuf>,
    /// Where Debian packages come from.
    pub(crate) apt: AptSettings,
    /// Where conda packages come from.
    pub(crate) conda: CondaSettings,
    /// Where Python packages come from.
    pub(crate) python: PythonSettings,
    /// Whom to trust and how to get out.
    pub(crate) trust: TrustSettings,
    /// How registries are reached.
    pub(crate) registry: RegistrySettings,
    /// What is believed that other stores found out.
    pub(crate) facts: FactsSettings,
    /// Who builds Dockerfiles.
    pub(crate) engine: Option<BuildEngine>,
    /// The Docker Engine.
    pub(crate) docker: DockerSettings,
    /// The BuildKit daemon.
    pub(crate) buildkit: BuildkitSettings,
    /// The server.
    pub(crate) server: ServerSettings,
}

impl Settings {
    /// What is said of engines.
    pub(crate) fn engines(&self) -> EngineSettings {
        let (docker, buildkit) = (self.docker.clone(), self.buildkit.clone());
        EngineSettings { engine: self.engine.unwrap_or(DEFAULT_ENGINE), docker, buildkit }
    }
}

/// Reads all sources. `file` takes the place of the user's file; `overrides` come from flags.
pub(crate) fn load(file: Option<&Path>, overrides: Settings) -> Result<Settings, Failure> {
    let sources = Sources::of(file)?;
    let configured = Sources::settings(&sources.figment())?;
    Ok(over(over(machine::settings(), configured), overrides))
}

/// The files with settings; the environment goes over them.
pub(crate) struct Sources {
    system: PathBuf,
    user: Option<PathBuf>,
}

impl Sources {
    /// Those of this machine and user. `file` takes the place of the user's.
    pub(crate) fn of(file: Option<&Path>) -> Result<Self, Failure> {
        if let Some(missing) = file.filter(|file| !file.is_file()) {
            let text = format!("configuration file `{}` does not exist", missing.display());
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        Ok(Self { system: SYSTEM_FILE.into(), user: file.map(Path::to_path_buf).or_else(user_file) })
    }

    fn figment(&self) -> Figment {
        let system = Figment::from(Toml::file(&self.system));
        let files = self.user.iter().fold(system, |figment, file| figment.merge(Toml::file_exact(file)));
        files.merge(environment())
    }

    fn settings(figment: &Figment) -> Result<Settings, Failure> {
        figment.extract().map_err(|error| error::explain(&error))
    }
}

/// `IMAGEWRIGHT_APT__MIRROR` is `apt.mirror`, `IMAGEWRIGHT_TRUST__CA_BUNDLE` is `trust.ca-bundle`.
fn environment() -> Env {
    Env::prefixed(PREFIX)
        .filter(|key| !key.starts_with(SECRETS))
        .map(|key| key.as_str().replace("__", ".").replace('_', "-").into())
        .ignore(&NOT_SETTINGS)
        .split(".")
}

fn user_file() -> Option<PathBuf> {
    Some(machine::configuration_folder()?.join("imagewright/config.toml")).filter(|file| file.is_file())
}

/// Lays `upper` over `lower`, setting by setting.
fn over(lower: Settings, upper: Settings) -> Settings {
    Settings {
        root: upper.root.or(lower.root),
        apt: AptSettings {
            mirror: upper.apt.mirror.or(lower.apt.mirror),
            security_mirror: upper.apt.security_mirror.or(lower.apt.security_mirror),
            keyring: upper.apt.keyring.or(lower.apt.keyring),
            image_mirror: upper.apt.image_mirror.or(lower.apt.image_mirror),
            image_security_mirror: upper.apt.image_security_mirror.or(lower.apt.image_security_mirror),
        },
        conda: CondaSettings {
            channels: first_filled(upper.conda.channels, lower.conda.channels),
            channel_alias: upper.conda.channel_alias.or(lower.conda.channel_alias),
            mirrors: if upper.conda.mirrors.is_empty() { lower.conda.mirrors } else { upper.conda.mirrors },
            image_channel_alias: upper.conda.image_channel_alias.or(lower.conda.image_channel_alias),
        },
        python: PythonSettings {
            index: upper.python.index.or(lower.python.index),
            extra_indexes: first_filled(upper.python.extra_indexes, lower.python.extra_indexes),
            find_links: first_filled(upper.python.find_links, lower.python.find_links),
            uv: upper.python.uv.or(lower.python.uv),
        },
        trust: TrustSettings {
            ca_bundle: upper.trust.ca_bundle.or(lower.trust.ca_bundle),
            http_proxy: upper.trust.http_proxy.or(lower.trust.http_proxy),
            https_proxy: upper.trust.https_proxy.or(lower.trust.https_proxy),
            no_proxy: upper.trust.no_proxy.or(lower.trust.no_proxy),
            offline: upper.trust.offline || lower.trust.offline,
        },
        registry: if upper.registry == RegistrySettings::default() { lower.registry } else { upper.registry },
        facts: FactsSettings {
            trusted_keys: first_filled(upper.facts.trusted_keys, lower.facts.trusted_keys),
        },
        engine: upper.engine.or(lower.engine),
        docker: DockerSettings {
            host: upper.docker.host.or(lower.docker.host),
            certificates: upper.docker.certificates.or(lower.docker.certificates),
            import: upper.docker.import.or(lower.docker.import),
        },
        buildkit: BuildkitSettings {
            host: upper.buildkit.host.or(lower.buildkit.host),
            certificates: upper.buildkit.certificates.or(lower.buildkit.certificates),
        },
        server: upper.server.over(lower.server),
    }
}

fn first_filled<T>(upper: Vec<T>, lower: Vec<T>) -> Vec<T> {
    if upper.is_empty() { lower } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTATION: &str = include_str!("../../../../docs/configuration.md");
    const NO_SETTING: &str = "no-setting";

    /// The names that may stand in a table, as the error about another one lists them.
    fn names_in(table: Option<&str>) -> Vec<String> {
        let header = table.map(|name| format!("[{name}]\n")).unwrap_or_default();
        let error =
            toml::from_str::<Settings>(&format!("{header}{NO_SETTING} = 1\n")).unwrap_err().to_string();
        let (_, names) = error.rsplit_once("expected ").unwrap();
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn all_settings() -> Vec<String> {
        // A table of ours knows its names; one that users fill takes any.
        let is_table = |name: &str| {
            let text = format!("[{name}]\n{NO_SETTING} = 1\n");
            toml::from_str::<Settings>(&text).is_err_and(|error| error.to_string().contains("unknown field"))
        };
        // Tables lie in tables.
        let mut settings = Vec::new();
        let mut names = names_in(None);
        while let Some(name) = names.pop() {
            match is_table(&name) {
                true => names.extend(names_in(Some(&name)).iter().map(|inner| format!("{name}.{inner}"))),
                false => settings.push(name),
            }
        }
        settings
    }

    #[test]
    fn every_setting_is_documented_with_its_variable() {
        let settings = all_settings();
        assert!(
            settings.iter().any(|name| name == "root") && settings.iter().any(|name| name == "apt.mirror")
        );
        for setting in &settings {
            let variable = setting.replace('.', "__").replace('-', "_").to_uppercase();
            let row = format!("\n| `{setting}` | `{PREFIX}{variable}` |");
            assert!(DOCUMENTATION.contains(&row), "docs/configuration.md has no row that begins{row}");
        }
        let rows = DOCUMENTATION
            .lines()
            .filter(|line| line.split(" | ").nth(1).is_some_and(|cell| cell.starts_with("`IMAGEWRIGHT_")));
        assert_eq!(rows.count(), settings.len(), "a documented setting does not exist");
    }
}
