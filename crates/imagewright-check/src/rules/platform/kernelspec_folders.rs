//! A kernelspec that is to start the image: `kernelspec-language-unknown`, `kernelspec-names-another-image`,
//! `kernelspec-command-broken`. It is no part of the image, and is looked at where it is handed in.

use imagewright_oci::Reference;
use serde_json::Value;

use super::commands::language;
use crate::kernelspec::KernelspecFolder;
use crate::profile::ProfileSubject;
use crate::rule::{Found, Level, Outcome, PlatformCheck, Rule};

const SOURCES: &[&str] = &[
    "Enterprise Gateway, \"Kernel specifications\" and \"Container Kernels\"",
    "Enterprise Gateway 3.3.0 as observed",
];

pub(crate) static KERNELSPEC_LANGUAGE_UNKNOWN: Rule = Rule {
    name: "kernelspec-language-unknown",
    summary: "The kernelspec's language is one that the image has a launcher for.",
    why: "Enterprise Gateway gives the container the language of the kernelspec as `KERNEL_LANGUAGE`, over whatever the image says. \
          `bootstrap-kernel.sh` knows python, r and scala, in any case of letters; with another one it ends.",
    mend: "```json\n{\"language\": \"python\"}\n```\n\nor, where people should read another one:\n\n\
           ```json\n{\"language\": \"Python 3\", \"env\": {\"KERNEL_LANGUAGE\": \"python\"}}\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(kernelspec_language_unknown)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNELSPEC_NAMES_ANOTHER_IMAGE: Rule = Rule {
    name: "kernelspec-names-another-image",
    summary: "The kernelspec names the image that was checked, in a form that its launcher takes.",
    why: "Without `image_name` a start fails unless a client names an image. With another one, another image runs. The launcher for Docker \
          and Swarm refuses a registry with a port.",
    mend: "```json\n{\"metadata\": {\"process_proxy\": {\"config\": {\"image_name\": \"registry.example/team/kernel-py:1\"}}}}\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(kernelspec_names_another_image)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNELSPEC_COMMAND_BROKEN: Rule = Rule {
    name: "kernelspec-command-broken",
    summary: "The kernelspec's command names scripts that are there, and passes on what launchers need.",
    why: "The command runs where Enterprise Gateway runs. It names its script by a path with the kernelspec's own name in it, so a folder \
          that was copied under another name starts the script of the first one, or none. Without `{port_range}` the kernel takes any \
          port, without the others it never answers.",
    mend: "```json\n{\"argv\": [\"python\", \"/usr/local/share/jupyter/kernels/NAME/scripts/launch_kubernetes.py\",\n  \
           \"--kernel-id\", \"{kernel_id}\", \"--port-range\", \"{port_range}\",\n  \
           \"--response-address\", \"{response_address}\", \"--public-key\", \"{public_key}\"]}\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(kernelspec_command_broken)),
    ..Rule::OF_PLATFORMS
};

/// How a command names its own folder.
const OWN_FOLDER: &str = "{resource_dir}/";

/// The kernelspec that was handed in, and what is in it; what is wrong, where that cannot be read.
fn kernelspec<'a>(subject: &'a ProfileSubject<'_>) -> Option<(&'a KernelspecFolder, Value)> {
    let folder = subject.image.kernelspec.as_ref()?;
    Some((folder, serde_json::from_str(&folder.kernel_json).ok()?))
}

fn told(subject: &ProfileSubject<'_>, folder: &KernelspecFolder, text: &str) -> Found {
    subject.found(format!("kernelspec `{}`: {text}", folder.name))
}

fn kernelspec_language_unknown(subject: &ProfileSubject<'_>) -> Outcome {
    let Some((folder, spec)) = kernelspec(subject) else { return Outcome::fine() };
    // An image that speaks for itself may know any.
    if !subject.command().iter().any(|word| word.contains("bootstrap-kernel")) {
        return Outcome::fine();
    }
    let said =
        spec["env"]["KERNEL_LANGUAGE"].as_str().or_else(|| spec["language"].as_str()).unwrap_or_default();
    let known = said.to_ascii_lowercase();
    if !["python", "r", "scala"].contains(&known.as_str()) {
        let text = format!("its language is `{said}`, and there are launchers for python, r and scala");
        return told(subject, folder, &text).into();
    }
    let of_image = language(subject);
    if subject.variable("KERNEL_LANGUAGE").is_some() && of_image != known {
        let text = format!("its language is `{known}`, and the image's `KERNEL_LANGUAGE` is `{of_image}`");
        return told(subject, folder, &text).with_level(Level::Warning).into();
    }
    Outcome::fine()
}

fn kernelspec_names_another_image(subject: &ProfileSubject<'_>) -> Outcome {
    let Some((folder, spec)) = kernelspec(subject) else { return Outcome::fine() };
    let proxy = &spec["metadata"]["process_proxy"];
    let Some(name) = proxy["config"]["image_name"].as_str() else {
        return told(subject, folder, "it names no image (`metadata.process_proxy.config.image_name`)")
            .into();
    };
    let Ok(reference) = name.parse::<Reference>() else {
        return told(subject, folder, &format!("`{name}` is no name of an image")).into();
    };
    let mut found = Vec::new();
    let class = proxy["class_name"].as_str().unwrap_or_default();
    // Ours takes it, and has a file beside it.
    let is_stock = !folder.files.contains("scripts/kernel_request.py");
    if class.contains("docker_swarm") && reference.registry().contains(':') && is_stock {
        let text = format!("the launcher for Docker refuses `{name}`, whose registry has a port");
        found.push(told(subject, folder, &text));
    }
    let checked = subject.image.name.parse::<Reference>().ok();
    let by_digest = reference.digest().zip(subject.image.digest.as_ref());
    let is_same = match by_digest {
        Some((named, checked)) => named == checked,
        None => checked.is_none_or(|checked| {
            let same_place =
                (checked.registry(), checked.repository()) == (reference.registry(), reference.repository());
            same_place && checked.tag().is_none_or(|tag| reference.tag().is_none_or(|other| other == tag))
        }),
    };
    if !is_same {
        let text = format!("it names `{name}`, and `{}` was checked", subject.image.name);
        found.push(told(subject, folder, &text));
    }
    found.into()
}

fn kernelspec_command_broken(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(folder) = &subject.image.kernelspec else { return Outcome::fine() };
    let Some((_, spec)) = kernelspec(subject) else {
        return told(subject, folder, "`kernel.json` is no JSON").into();
    };
    let words: Vec<&str> = spec["argv"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() {
        return told(subject, folder, "it has no command (`argv`)").into();
    }
    let mut found = Vec::new();
    // Another program than Enterprise Gateway's may get what it needs in another way.
    let own = |word: &str| word.starts_with(OWN_FOLDER) || word.contains("/kernels/");
    let script = words.iter().find(|word| own(word) && word.contains("launch_"));
    if let Some(script) = script {
        for (name, level) in [
            ("kernel_id", Level::Error),
            ("response_address", Level::Error),
            ("public_key", Level::Error),
            ("port_range", Level::Warning),
        ] {
            let placeholder = format!("{{{name}}}");
            if !words.iter().any(|word| word.contains(&placeholder)) {
                let text = format!("its command does not pass on `{placeholder}`");
                found.push(told(subject, folder, &text).with_level(level));
            }
        }
        let (named, path) = match script.strip_prefix(OWN_FOLDER) {
            // Enterprise Gateway puts the folder in, wherever it lies.
            Some(path) => (folder.name.as_str(), path),
            None => {
                let rest = script.split_once("/kernels/").map_or("", |(_, rest)| rest);
                rest.split_once('/').unwrap_or((rest, ""))
            }
        };
        if named != folder.name {
            let text = format!("its command starts the script of `{named}`: `{script}`");
            found.push(told(subject, folder, &text));
        } else if !folder.files.contains(path) {
            found.push(told(
                subject,
                folder,
                &format!("its command starts `{path}`, which is not in the folder"),
            ));
        }
    }
    found.into()
}
