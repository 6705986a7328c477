//! Findings of rules as a person reads them.

use anstyle::{AnsiColor, Style};
use imagewright_service::check::{Checked, Finding, Level};

use crate::render::size;

/// All findings, each as `FILE:LINE: level: message (rule)` with what to write below it.
pub(crate) fn draw(checked: &Checked) -> String {
    checked.findings.iter().map(draw_one).collect()
}

fn draw_one(finding: &Finding) -> String {
    let Finding { rule, level, message, mend, origin } = finding;
    let colour = style(*level);
    let mut text = format!("{origin}: {colour}{level}:{colour:#} {message} ({rule})\n");
    for line in mend.iter().flat_map(|mend| mend.lines()) {
        text += &format!("    {line}\n");
    }
    text
}

fn style(level: Level) -> Style {
    let colour = match level {
        Level::Error => AnsiColor::Red,
        Level::Warning => AnsiColor::Yellow,
        Level::Note => AnsiColor::Cyan,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

/// How many there are of each level.
pub(crate) fn summary(checked: &Checked) -> String {
    let count =
        |level: Level| checked.findings.iter().filter(|finding| finding.level == level).count() as u64;
    let counts = [Level::Error, Level::Warning, Level::Note].map(|level| (count(level), level.as_str()));
    let told: Vec<_> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| size::count(*number, noun))
        .collect();
    match told.is_empty() {
        true => format!("{}: nothing found", checked.subject),
        false => format!("{}: {}", checked.subject, told.join(", ")),
    }
}
