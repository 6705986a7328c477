//! Findings of rules as a person reads them.

use anstyle::{AnsiColor, Style};
use imagewright_service::check::{Checked, Finding, Level, Report, Unanswered, Verdict};

use crate::render::json::cell_of;
use crate::render::size;

/// All findings, each as `FILE:LINE: level: message (rule)` with what to write below it; those of profiles below what each
/// came to.
pub(crate) fn draw(checked: &Checked) -> String {
    let of_profiles = checked.reports.iter().map(|report| draw_report(&checked.subject, report));
    checked.findings.iter().map(draw_one).chain(of_profiles).collect()
}

fn draw_report(subject: &str, report: &Report) -> String {
    let Report { title, verdict, pins, findings, unanswered, .. } = report;
    let colour = Style::new().bold().fg_color(Some(colour_of(*verdict).into()));
    let pins = pins.as_ref().map(|pins| format!(" (versions of packages: {pins})")).unwrap_or_default();
    let mut text = format!("{title}: {colour}{verdict}{colour:#}{pins}\n");
    text.extend(findings.iter().map(draw_one));
    for Unanswered { rule, reason, .. } in unanswered {
        text += &format!("{subject}: cannot tell: {reason} ({rule})\n");
    }
    text
}

fn colour_of(verdict: Verdict) -> AnsiColor {
    match verdict {
        Verdict::Runs => AnsiColor::Green,
        Verdict::RunsWithDoubts | Verdict::CannotTell => AnsiColor::Yellow,
        Verdict::DoesNotRun => AnsiColor::Red,
    }
}

fn draw_one(finding: &Finding) -> String {
    let Finding { rule, level, message, why, mend, origin, .. } = finding;
    let colour = style(*level);
    // The message says the cell of a notebook.
    let place = match cell_of(origin) {
        Some(_) => origin.source.clone(),
        None => origin.to_string(),
    };
    let mut text = format!("{place}: {colour}{level}:{colour:#} {message} ({rule})\n");
    if let Some(why) = why {
        text += &format!("    why: {why}\n");
    }
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

/// How many there are of each level: of the subject, or for each profile.
pub(crate) fn summaries(checked: &Checked) -> Vec<String> {
    let subject = &checked.subject;
    if checked.reports.is_empty() {
        return vec![format!("{subject}: {}", counts(&checked.findings, "nothing found"))];
    }
    let of = |report: &Report| {
        let rules = size::count(report.asked as u64, "rule");
        format!("{subject} for {}: {} of {rules}", report.title, counts(&report.findings, "nothing found"))
    };
    let beside = (!checked.findings.is_empty())
        .then(|| format!("{subject} for its notebooks: {}", counts(&checked.findings, "")));
    let mut lines: Vec<_> = beside.into_iter().chain(checked.reports.iter().map(of)).collect();
    let not_run: usize = checked.reports.iter().map(|report| report.not_run).sum();
    if not_run > 0 {
        lines.push(format!(
            "{} would run the image, and were not asked: add --run",
            size::count(not_run as u64, "rule")
        ));
    }
    if checked.reports.iter().any(|report| !report.findings.is_empty()) {
        lines.push(
            "`imagewright check --explain RULE` tells why a rule matters, and how to mend what it finds"
                .to_owned(),
        );
    }
    lines
}

fn counts(findings: &[Finding], none: &str) -> String {
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    let counts = [Level::Error, Level::Warning, Level::Note].map(|level| (count(level), level.as_str()));
    let told =
        counts.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| size::count(*number, noun));
    let told: Vec<_> = told.collect();
    if told.is_empty() { none.to_owned() } else { told.join(", ") }
}
