//! Lays the settings of a spec over the config of its base.

use std::collections::BTreeMap;

use imagewright_model::spec::{ImageSpec, KernelChoice};
use imagewright_oci::{ContainerConfig, ImageConfig};
use serde_json::{Map, Value};

use crate::kernel;
use crate::workbench::DEFAULT_PATH;

/// Applies everything of `spec` that is no package. Gives a line of history for each change.
pub(crate) fn apply(spec: &ImageSpec, config: &mut ImageConfig) -> Vec<String> {
    let container = config.config.get_or_insert_default();
    let mut changes = Vec::new();
    if let Some(kernel) = &spec.kernel {
        apply_kernel(kernel, container, &mut changes);
    }
    for (name, value) in &spec.environment {
        set_variable(container, name, value);
        changes.push(format!("env {name}={value}"));
    }
    for (name, value) in &spec.labels {
        container.labels.insert(name.clone(), value.clone());
        changes.push(format!("label {name}={value}"));
    }
    if let Some(user) = &spec.user {
        container.user = user.to_string();
        changes.push(format!("user {user}"));
    }
    if let Some(folder) = &spec.working_directory {
        container.working_dir.clone_from(folder);
        changes.push(format!("workdir {folder}"));
    }
    if !spec.ports.is_empty() {
        insert_all(&mut container.exposed_ports, spec.ports.iter().map(ToString::to_string));
        changes.push(format!("ports {}", joined(&spec.ports)));
    }
    if !spec.volumes.is_empty() {
        insert_all(&mut container.volumes, spec.volumes.iter().cloned());
        changes.push(format!("volumes {}", joined(&spec.volumes)));
    }
    if let Some(signal) = &spec.stop_signal {
        container.stop_signal = Some(signal.clone());
        changes.push(format!("stop-signal {signal}"));
    }
    if let Some(entrypoint) = &spec.entrypoint {
        container.entrypoint = non_empty(entrypoint);
        // The base's command was written for the base's entry point.
        container.cmd = None;
        changes.push(format!("entrypoint {}", json(entrypoint)));
    }
    if let Some(command) = &spec.command {
        container.cmd = non_empty(command);
        changes.push(format!("command {}", json(command)));
    }
    if let Some(kernel) = &spec.kernel {
        let command = vec![kernel::command(kernel)];
        changes.push(format!("command {}", json(&command)));
        container.cmd = Some(command);
    }
    changes
}

/// What a kernel needs of settings, but for its command. What a spec says beside counts for more.
fn apply_kernel(kernel: &KernelChoice, container: &mut ContainerConfig, changes: &mut Vec<String>) {
    let language = Some(("KERNEL_LANGUAGE", kernel.language.as_str()));
    let kernelspec = kernel.kernelspec.as_deref().map(|name| ("IMAGEWRIGHT_KERNELSPEC", name));
    for (name, value) in language.into_iter().chain(kernelspec) {
        set_variable(container, name, value);
        changes.push(format!("env {name}={value}"));
    }
    container.user = kernel.user.to_string();
    changes.push(format!("user {}", kernel.user));
    if matches!(container.working_dir.as_str(), "" | "/") {
        kernel::HOME.clone_into(&mut container.working_dir);
        changes.push(format!("workdir {}", kernel::HOME));
    }
    // Those of the base are for what the base started.
    container.entrypoint = None;
    if container.extra.remove("Healthcheck").is_some() {
        changes.push("no health check".to_owned());
    }
}

/// Puts a folder first on the image's search path.
pub(crate) fn prepend_path(config: &mut ImageConfig, folder: &str) {
    let path = config.env("PATH").unwrap_or(DEFAULT_PATH).to_owned();
    if !path.split(':').any(|known| known == folder) {
        set_variable(config.config.get_or_insert_default(), "PATH", &format!("{folder}:{path}"));
    }
}

/// Sets a variable of the image's environment.
pub(crate) fn set_environment(config: &mut ImageConfig, name: &str, value: &str) {
    set_variable(config.config.get_or_insert_default(), name, value);
}

/// Sets a variable where it stands, or adds it at the end.
pub(crate) fn set_variable(container: &mut ContainerConfig, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let is_same = |known: &&mut String| known.split_once('=').is_some_and(|(known, _)| known == name);
    match container.env.iter_mut().find(is_same) {
        Some(known) => *known = entry,
        None => container.env.push(entry),
    }
}

fn insert_all(map: &mut Option<BTreeMap<String, Value>>, keys: impl Iterator<Item = String>) {
    map.get_or_insert_default().extend(keys.map(|key| (key, Value::Object(Map::new()))));
}

fn non_empty(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

fn json(words: &[String]) -> String {
    serde_json::to_string(words).expect("strings serialise")
}

fn joined(values: impl IntoIterator<Item = impl ToString>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use imagewright_oci::Platform;

    use super::*;

    #[test]
    fn the_search_path_grows_at_the_front_and_once() {
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        prepend_path(&mut config, "/opt/venv/bin");
        prepend_path(&mut config, "/opt/venv/bin");
        assert_eq!(config.env("PATH"), Some(format!("/opt/venv/bin:{DEFAULT_PATH}").as_str()));
        assert_eq!(config.config.unwrap().env.len(), 1);
    }

    #[test]
    fn variables_of_the_base_are_replaced_where_they_stand() {
        let env = ["A=1", "B=2"].map(str::to_owned).to_vec();
        let mut container = ContainerConfig { env, ..ContainerConfig::default() };
        set_variable(&mut container, "A", "3");
        set_variable(&mut container, "C", "4");
        assert_eq!(container.env, ["A=3", "B=2", "C=4"]);
    }
}
