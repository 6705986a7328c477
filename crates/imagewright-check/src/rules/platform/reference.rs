//! The name of an image, as whoever pulls it elsewhere reads it: `reference-without-owner`, `reference-not-in-registry`,
//! `reference-needs-secret`, `reference-names-another-image`.

use crate::profile::ProfileSubject;
use crate::reference::RegistryAnswer;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};

const SOURCES: &[&str] = &[
    "Elyra, \"Runtime image configuration\": names and pull secrets",
    "Elyra 4.1.1 as observed: what pipeline validation refuses",
];

pub(crate) static REFERENCE_WITHOUT_OWNER: Rule = Rule {
    name: "reference-without-owner",
    summary: "The image's name has an owner: `[registry/]owner/image:tag`.",
    why: "A pipeline whose node names an image without an owner is refused before it runs: `python:3.13` is no name for Elyra, \
          `library/python:3.13` is.",
    mend: "```sh\nimagewright image tag python:3.13 library/python:3.13\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(reference_without_owner)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static REFERENCE_NOT_IN_REGISTRY: Rule = Rule {
    name: "reference-not-in-registry",
    summary: "The image's name leads to an image that other machines can pull.",
    why: "Containers run on machines of a cluster, which pull the image by its name. A name of this machine (`localhost`, a loopback \
          address, one that was never pushed) leads nowhere there.",
    mend: "```sh\nimagewright push team/analysis:1 registry.example/team/analysis:1\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(reference_not_in_registry)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static REFERENCE_NEEDS_SECRET: Rule = Rule {
    name: "reference-needs-secret",
    summary: "The image can be pulled without credentials, or with a secret that is named.",
    why: "A cluster has no credentials of yours. Where the registry wants some, the platform must be told a secret that holds them, or \
          the container waits for an image that never comes.",
    mend: "Name the secret, here and in the record of the image:\n\n\
           ```sh\nimagewright check registry.example/team/analysis:1 --for elyra --pull-secret team-registry\n\
           imagewright metadata update runtime-images --name analysis --pull_secret team-registry\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(reference_needs_secret)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static REFERENCE_NAMES_ANOTHER_IMAGE: Rule = Rule {
    name: "reference-names-another-image",
    level: Level::Warning,
    summary: "The registry has under this name the image that was checked.",
    why: "What is checked here is the image in the store. Where the registry has another one under the name, that is the one that \
          runs, and nothing is known of it.",
    mend: "```sh\nimagewright push team/analysis:1 registry.example/team/analysis:1\n\n# or check what is there\n\
           imagewright pull registry.example/team/analysis:1\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(reference_names_another_image)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PLATFORM_MISSING: Rule = Rule {
    name: "platform-missing",
    summary: "The name leads to an image for each platform that machines of the cluster have.",
    why: "A cluster may have machines of several kinds. Where the name leads to no image for one of them, what happens to be started there           waits for ever, and it happens by chance. Which platforms there are, a profile of a site says.",
    mend: "Say so in the profile of the site, and build for each:

           ```toml\nname = \"our-cluster\"\nextends = \"kubeflow-notebook\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n```",
    sources: &["OCI image specification, \"Image index\"", "Kubeflow's notebook images, which are for several platforms"],
    on_platform: Some(PlatformCheck::Documents(platform_missing)),
    ..Rule::OF_PLATFORMS
};

/// Whether a registry is this machine.
fn is_of_this_machine(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => registry.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "::1"
        || host == "0.0.0.0"
        || host
            .strip_prefix("127.")
            .is_some_and(|rest| rest.split('.').all(|part| part.parse::<u8>().is_ok()))
}

fn reference_without_owner(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(state) = subject.reference() else { return Outcome::fine() };
    if state.reference.is_none() {
        return Outcome::fine();
    }
    // As Elyra searches it: something, a slash, something, without slashes and blanks, at the end.
    let name = subject.image.name;
    let is_part = |part: &str| !part.is_empty() && !part.contains(' ');
    let mut parts = name.rsplit('/');
    let has_owner = parts.next().is_some_and(is_part) && parts.next().is_some_and(is_part);
    if has_owner {
        return Outcome::fine();
    }
    let text = format!("a pipeline refuses the name `{name}`: it wants `[registry/]owner/image:tag`");
    subject.found(text).with_mend(format!("library/{name}")).into()
}

fn reference_not_in_registry(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(state) = subject.reference() else { return Outcome::fine() };
    let name = subject.image.name;
    let Some(reference) = &state.reference else {
        return subject.found(format!("`{name}` is no name that another machine could pull")).into();
    };
    if is_of_this_machine(reference.registry()) {
        let text = format!("`{}` is this machine for whoever pulls `{name}`", reference.registry());
        return subject.found(text).into();
    }
    match &state.answer {
        RegistryAnswer::Has { .. } | RegistryAnswer::Refused(_) => Outcome::fine(),
        RegistryAnswer::Missing(why) => subject
            .found(format!("the registry has no such image: {why}"))
            .with_mend(format!("imagewright push {name}"))
            .into(),
        RegistryAnswer::WrongPlatform(why) => subject.found(why.clone()).into(),
        RegistryAnswer::NotAsked(why) => Outcome::unknown(format!("the registry was not asked: {why}")),
        RegistryAnswer::Unreachable(why) => Outcome::unknown(format!("the registry did not answer: {why}")),
    }
}

fn reference_needs_secret(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(state) = subject.reference().filter(|state| state.pull_secret.is_none()) else {
        return Outcome::fine();
    };
    let is_public = match &state.answer {
        RegistryAnswer::Has { is_public, .. } => *is_public,
        RegistryAnswer::Refused(_) => Some(false),
        // That it was not found is told already.
        _ => return Outcome::fine(),
    };
    match is_public {
        Some(true) => Outcome::fine(),
        Some(false) => subject
            .found("the image cannot be pulled without credentials, and no pull secret is named")
            .with_mend("--pull-secret NAME")
            .into(),
        None => Outcome::unknown("whether the image can be pulled without credentials was not found out"),
    }
}

fn reference_names_another_image(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(RegistryAnswer::Has { manifest, .. }) = subject.reference().map(|state| &state.answer) else {
        return Outcome::fine();
    };
    let checked = &subject.image.digest;
    match checked {
        Some(checked) if checked != manifest => {
            let text = format!(
                "the registry has {} under this name, and {} was checked",
                manifest.short(),
                checked.short()
            );
            subject.found(text).into()
        }
        _ => Outcome::fine(),
    }
}

fn platform_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let wanted = &subject.profile.parameters.platforms;
    if wanted.is_empty() {
        return Outcome::fine();
    }
    let Some(RegistryAnswer::Has { platforms, .. }) = subject.reference().map(|state| &state.answer) else {
        return Outcome::unknown("which platforms the image is for was not found out");
    };
    let missing = wanted.iter().filter(|wanted| !platforms.iter().any(|platform| wanted.accepts(platform)));
    let found = missing.map(|wanted| subject.found(format!("the name leads to no image for {wanted}")));
    found.collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_several_names() {
        for registry in
            ["localhost:5000", "localhost", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "x.localhost"]
        {
            assert!(is_of_this_machine(registry), "{registry}");
        }
        for registry in ["registry.example", "127.example:5000", "10.0.0.1:5000", "localhost.example"] {
            assert!(!is_of_this_machine(registry), "{registry}");
        }
    }
}
