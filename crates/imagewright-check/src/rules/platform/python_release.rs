//! Which Python it is: `python-version` and `python-end-of-life`.

use crate::profile::ProfileSubject;
use crate::rule::{Outcome, PlatformCheck, Rule};
use crate::view::PythonAnswer;

pub(crate) static PYTHON_VERSION: Rule = Rule {
    name: "python-version",
    summary: "`python3` is of a version that the platform runs with.",
    why: "Each release of Elyra runs with some versions of Python: 4.1 with 3.10 to 3.13, 4.0 with 3.9 to 3.13. With another one a \
          node ends with an error of the installing script, unless the image sets `ELYRA_INSTALL_PACKAGES=false`.",
    mend: "```dockerfile\nFROM python:3.13-slim-bookworm\n\n# with conda\nRUN conda install -y python=3.13\n```",
    sources: &["Elyra's releases: `requires-python` and its bootstrapper as observed"],
    on_platform: Some(PlatformCheck::Files(python_version)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static PYTHON_END_OF_LIFE: Rule = Rule {
    name: "python-end-of-life",
    level: crate::Level::Warning,
    summary: "`python3` is of a version that is still maintained.",
    why: "A Python that is not maintained gets no fixes, and new versions of packages do not install into it any more. Elyra asks for \
          one that is not at its end of life.",
    mend: "```dockerfile\nFROM python:3.13-slim-bookworm\n```",
    sources: &[
        "Python Developer's Guide, \"Status of Python versions\"; the table in this program is of 2026-11",
        "Elyra, \"Creating a custom runtime container image\", section \"Prerequisites\"",
    ],
    on_platform: Some(PlatformCheck::Files(python_end_of_life)),
    ..Rule::OF_PLATFORMS
};

/// When the table was made.
const TABLE_OF: &str = "2026-11";
/// Versions of Python, and the month in which they are maintained for the last time.
const ENDS: [(u32, &str); 10] = [
    (6, "2021-12"),
    (7, "2023-06"),
    (8, "2024-10"),
    (9, "2025-10"),
    (10, "2026-10"),
    (11, "2027-10"),
    (12, "2028-10"),
    (13, "2029-10"),
    (14, "2030-10"),
    (15, "2031-10"),
];

fn python_version(subject: &ProfileSubject<'_>) -> Outcome {
    let parameters = &subject.profile.parameters;
    let Some((first, last)) = parameters.pythons else { return Outcome::fine() };
    let python = match subject.python3() {
        PythonAnswer::Found(python) => python,
        PythonAnswer::Unknown(why) => return Outcome::unknown(why),
        PythonAnswer::Missing => return Outcome::fine(),
    };
    if (first..=last).contains(&python.version) {
        return Outcome::fine();
    }
    let release = parameters.release.as_deref().unwrap_or(&subject.profile.title);
    let message = format!(
        "`{}` is Python {}, and {release} runs with {}.{} to {}.{}",
        python.program,
        python.version_text(),
        first.0,
        first.1,
        last.0,
        last.1,
    );
    let found = subject.found(message);
    // Nothing is installed there, and that is what fails.
    let level =
        if super::pins::installs_nothing(subject) { crate::Level::Warning } else { crate::Level::Error };
    found.with_level(level).into()
}

fn python_end_of_life(subject: &ProfileSubject<'_>) -> Outcome {
    let python = match subject.python3() {
        PythonAnswer::Found(python) => python,
        PythonAnswer::Unknown(why) => return Outcome::unknown(why),
        PythonAnswer::Missing => return Outcome::fine(),
    };
    let (major, minor) = python.version;
    let end = ENDS.iter().find(|(known, _)| *known == minor).map(|(_, end)| *end);
    let is_over = major < 3 || (major == 3 && (minor < ENDS[0].0 || end.is_some_and(|end| end < TABLE_OF)));
    if !is_over {
        return Outcome::fine();
    }
    let since = end.map(|end| format!(" since {end}")).unwrap_or_default();
    let message = format!(
        "Python {} is not maintained any more{since} (as known in {TABLE_OF})",
        python.version_text()
    );
    subject.found(message).into()
}
