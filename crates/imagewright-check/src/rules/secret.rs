//! `secret-in-image`

use imagewright_dockerfile::Step;
use imagewright_model::spec::Origin;

use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::rule::{Found, Level, Rule};

pub(crate) static SECRET_IN_IMAGE: Rule = Rule {
    name: "secret-in-image",
    level: Level::Warning,
    summary: "No password or token is in `ENV` or `ARG`.",
    why: "What `ENV` and `ARG` set is in the configuration and the history of the image, where everybody reads it who may pull it. \
          Notebook images are shared widely, and tokens of package indexes and model hubs are what is found in them.\n\n\
          Only values count that stand in the file or were given to the build; a name alone, an empty value or a path is no matter.",
    mend: "Give it to the one command that needs it, and to containers when they start:\n\n\
           ```dockerfile\nRUN --mount=type=secret,id=token,env=HF_TOKEN python download.py\n```\n\n\
           ```\nimagewright build . --secret id=token,env=HF_TOKEN\n```",
    sources: &["BuildKit, build check `SecretsUsedInArgOrEnv`"],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// Words of names that stand for what is to be kept.
const KEPT: [&str; 9] =
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL", "CREDENTIALS", "PWORD"];
/// Pairs of them.
const KEPT_PAIRS: [(&str, &str); 4] =
    [("API", "KEY"), ("ACCESS", "KEY"), ("PRIVATE", "KEY"), ("SECRET", "KEY")];
/// Words that say that the value is something about it.
const ABOUT: [&str; 22] = [
    "FILE",
    "PATH",
    "DIR",
    "URL",
    "URI",
    "TYPE",
    "LENGTH",
    "NAME",
    "ID",
    "TTL",
    "SECONDS",
    "EXPIRY",
    "EXPIRATION",
    "PUBLIC",
    "PUB",
    "MAX",
    "LIMIT",
    "PREFIX",
    "HEADER",
    "ENABLED",
    "REQUIRED",
    "ALGORITHM",
];
/// Values that keep nothing.
const OPEN: [&str; 9] = ["true", "false", "yes", "no", "none", "null", "disabled", "0", "1"];

fn is_kept(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split('_').collect();
    let is_named = words.iter().any(|word| KEPT.contains(word))
        || words.windows(2).any(|pair| KEPT_PAIRS.contains(&(pair[0], pair[1])));
    let value = value.trim_matches(['"', '\'']);
    is_named
        && !words.iter().any(|word| ABOUT.contains(word))
        && !value.is_empty()
        && !value.starts_with(['/', '~', '$', '.', '<'])
        && !OPEN.contains(&value.to_ascii_lowercase().as_str())
}

fn told(origin: &Origin, name: &str) -> Found {
    Found::new(origin, format!("the value of `{name}` is for everybody to read who has the image"))
}

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for stage in subject.image() {
        let arguments = stage.lowered.steps.iter().filter_map(|step| {
            let (name, value) = step.history.as_deref()?.strip_prefix("ARG ")?.split_once('=')?;
            is_kept(name, value).then(|| told(&step.origin, name))
        });
        found.extend(arguments);
        let set = stage.lowered.container.env.iter().filter(|entry| !stage.begins.env.contains(entry));
        for (name, value) in set.filter_map(|entry| entry.split_once('=')) {
            let sets = |step: &&Step| step.title.starts_with("ENV ") && step.title.contains(name);
            if let (true, Some(step)) = (is_kept(name, value), stage.lowered.steps.iter().rev().find(sets)) {
                found.push(told(&step.origin, name));
            }
        }
    }
    found
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let container = subject.container();
    let set = container.env.iter().filter_map(|entry| entry.split_once('='));
    set.filter(|(name, value)| is_kept(name, value)).map(|(name, _)| told(&subject.origin(), name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_what_is_about_them() {
        for (name, value) in [
            ("HF_TOKEN", "hf_x"),
            ("password", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("OPENAI_API_KEY", "sk"),
        ] {
            assert!(is_kept(name, value), "{name}");
        }
        for (name, value) in [
            ("JUPYTER_TOKEN", ""),
            ("JUPYTER_TOKEN", "\"\""),
            ("TOKENIZERS_PARALLELISM", "false"),
            ("PASSWORD_FILE", "x"),
            ("MAX_TOKEN_LENGTH", "5"),
            ("GPG_KEY", "0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D"),
            ("REQUIRE_TOKEN", "false"),
            ("GIT_TOKEN", "$TOKEN"),
            ("SSH_PRIVATE_KEY", "/run/secrets/key"),
        ] {
            assert!(!is_kept(name, value), "{name}={value}");
        }
    }
}
