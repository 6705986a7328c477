//! `python-dependencies-consistent`: what `pip check` would say, from metadata alone.

use std::collections::BTreeSet;

use super::requirements::{Markers, Unmet, unmet};
use crate::image::ImageSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Level, Rule};
use crate::view::{PythonAnswer, View};

pub(crate) static PYTHON_DEPENDENCIES_CONSISTENT: Rule = Rule {
    name: "python-dependencies-consistent",
    level: Level::Warning,
    summary: "Installed Python packages have what they require.",
    why: "pip installs what it is asked for, and lets stand what no longer fits: one command more, and a package has another version \
          of its requirement than it can work with. That shows when the notebook runs, at the line that needs it.\n\n\
          What is told is what `pip check` would tell in the image, without running it. What was so in the base already is a note.",
    mend: "Install everything in one command, so that pip sees all requirements at once, and let `pip check` end the build:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir -r requirements.txt && pip check\n```",
    sources: &["pip, `pip check`", "\"Core metadata specifications\", `Requires-Dist`"],
    on_image: Some(on_image),
    ..Rule::OF_PLATFORMS
};

/// More than that nobody reads.
const MOST: usize = 20;

fn on_image(subject: &ImageSubject<'_>) -> Vec<Found> {
    let view = subject.view();
    if view.gap().is_some() {
        return Vec::new();
    }
    let all = unmet_in(subject, view);
    if all.is_empty() {
        return Vec::new();
    }
    let before = subject.base_view().map(|base| unmet_in(subject, &base)).unwrap_or_default();
    let told = all.iter().take(MOST).map(|unmet| match before.contains(unmet) {
        true => {
            let text = format!("{}; it was so in its base", unmet.told());
            Found::new(&subject.origin(), text).with_level(Level::Note)
        }
        false => {
            let wanted = unmet.requirement.clone();
            Found::new(&subject.origin(), unmet.told())
                .with_remedy(Remedy::PipPackages { packages: vec![wanted] })
        }
    });
    let mut found: Vec<_> = told.collect();
    if let Some(more) = all.len().checked_sub(MOST).filter(|more| *more > 0) {
        found.push(Found::new(&subject.origin(), format!("{more} more requirements are not met")));
    }
    found
}

fn unmet_in(subject: &ImageSubject<'_>, view: &View) -> BTreeSet<Unmet> {
    let environment = |name: &str| match name {
        "PATH" => Some(subject.config.env("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin").to_owned()),
        name => subject.config.env(name).map(str::to_owned),
    };
    let answers = ["python3", "python"].map(|name| view.python(name, &environment));
    let python = answers.into_iter().find_map(|answer| match answer {
        PythonAnswer::Found(python) => Some(python),
        _ => None,
    });
    let Some(python) = python else { return BTreeSet::new() };
    unmet(&view.installed(&python), &Markers::of(&python, &subject.config.platform))
}
