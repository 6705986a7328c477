//! `package-cache`

use imagewright_dockerfile::{Action, RunAction};

use super::caches::{Uses, left_by};
use crate::dockerfile::DockerfileSubject;
use crate::image::ImageSubject;
use crate::leftovers::Manager;
use crate::rule::{Found, Level, Rule};
use crate::run::commands_of;

/// Less than this in a layer is no matter.
const SMALLEST: u64 = 256 << 10;

pub(super) static PACKAGE_CACHE: Rule = Rule {
    name: "package-cache",
    level: Level::Warning,
    summary: "Package managers leave no caches in layers.",
    why: "Lists and downloads that a package manager keeps for next time are never used in an image, and everybody who pulls it pulls \
          them. What a later `RUN` removes stays in the layer below.\n\n\
          Only stages whose files are the image's count. A cache mount, a removal in the same `RUN`, an option or a variable \
          (`PIP_NO_CACHE_DIR`) that switches the cache off are all right.",
    mend: "Remove them in the same `RUN`, switch them off, or keep them outside the image, where the next build finds them:\n\n\
           ```dockerfile\nRUN apt-get update && apt-get install --yes --no-install-recommends git \\\n \
           && rm -rf /var/lib/apt/lists/*\n\
           RUN pip install --no-cache-dir pandas\n\
           RUN --mount=type=cache,target=/root/.cache/pip pip install pandas\n\
           RUN mamba install --yes numpy && mamba clean --all --force-pkgs-dirs --yes\n\
           RUN npm ci && npm cache clean --force\n```",
    sources: &[
        "hadolint DL3009 (apt), DL3042 (pip), DL3016 and DL3060 (npm, yarn), DL3019 (apk), DL3040 (dnf)",
        "Docker, \"Building best practices\": apt-get",
    ],
    on_dockerfile: Some(on_dockerfile),
    on_image: Some(on_image),
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let runs = subject.image_steps().into_iter().filter_map(|step| match &step.action {
        Action::Run(run) => Some((step, run)),
        _ => None,
    });
    let mut found = Vec::new();
    let mut pip_is_told = pip_is_configured(subject);
    for (step, run) in runs {
        let commands = commands_of(run);
        pip_is_told |= commands
            .iter()
            .any(|command| command.words.iter().any(|word| word.contains("global.no-cache-dir")));
        for Uses { manager, command } in left_by(run, &commands) {
            if manager == Manager::Pip && pip_is_told {
                continue;
            }
            let leaves = manager.leaves();
            found.push(
                Found::new(&step.origin, format!("`{command}` leaves {leaves} in the image"))
                    .with_mend(mend(manager, run)),
            );
        }
    }
    found
}

/// Whether a file that the Dockerfile brings tells pip to keep nothing.
fn pip_is_configured(subject: &DockerfileSubject<'_>) -> bool {
    let files =
        ["/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf"];
    files.iter().filter_map(|file| subject.text_in_image(file)).any(|text| text.contains("no-cache-dir"))
}

fn mend(manager: Manager, run: &RunAction) -> String {
    let home = run.environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| home.as_str());
    match manager {
        Manager::Apt => "rm -rf /var/lib/apt/lists/*".to_owned(),
        Manager::Pip => "pip install --no-cache-dir …".to_owned(),
        Manager::Uv => {
            format!("RUN --mount=type=cache,target={}/.cache/uv uv …", home.unwrap_or("/root"))
        }
        Manager::Conda => "conda clean --all --force-pkgs-dirs --yes".to_owned(),
        Manager::Npm => "npm cache clean --force".to_owned(),
        Manager::Yarn => "yarn cache clean".to_owned(),
        Manager::Apk => "apk add --no-cache …".to_owned(),
        Manager::Dnf => "dnf clean all".to_owned(),
    }
}

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, contents) in subject.layers().iter().enumerate() {
        let caches = contents.iter().flat_map(|contents| &contents.caches);
        for (manager, (size, folder)) in caches.filter(|(_, (size, _))| *size >= SMALLEST) {
            let digest = subject.manifest.layers[number].digest.short();
            let made_by = subject.made_by(number).map(|text| format!(", made by `{}`,", short(text)));
            let message = format!(
                "layer {digest}{} holds {:.1} MB of {} of {} in `/{folder}`",
                made_by.unwrap_or_default(),
                *size as f64 / 1e6,
                manager.leaves(),
                manager.as_str(),
            );
            found.push(Found::new(&subject.origin(), message));
        }
    }
    found
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
