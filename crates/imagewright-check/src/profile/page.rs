//! The tables of profiles, as the documentation has them.

use std::fmt::Write as _;

use super::definition::{ALL, By, Definition};
use crate::rule::Rule;

/// What `docs/profiles.md` has of each profile: what it is about, its rules, and which row of the platform's contract each
/// answers.
pub fn profiles_page() -> String {
    let mut page = String::new();
    for definition in ALL {
        of(definition, &mut page);
    }
    page
}

fn of(definition: &Definition, page: &mut String) {
    let Definition { name, title, about, sources, rows, releases, .. } = definition;
    let _ = write!(page, "## {title}\n\n`--for {name}`");
    if let Some((newest, others)) = releases.split_first() {
        let others: Vec<_> = others.iter().map(|release| format!("`{name}@{release}`")).collect();
        let _ = write!(page, ", which is `{name}@{newest}`; {}", others.join(", "));
    }
    let _ = write!(page, "\n\n{about}\n\nIt follows {}.\n\n", sources.join("; "));
    page.push_str("| Rule | Level | Why there, where that is another reason |\n| --- | --- | --- |\n");
    for entry in definition.entries() {
        let level = entry.level.unwrap_or(entry.rule.level);
        let with = if entry.rule.runs_images() { ", with `--run`" } else { "" };
        let why = entry.why.unwrap_or_default();
        let _ = writeln!(page, "| {}{with} | {level} | {why} |", link(entry.rule));
    }
    page.push_str("\n| Row | What is wanted | Answered by |\n| --- | --- | --- |\n");
    for row in *rows {
        let by = match &row.by {
            By::Rules(rules) => rules.iter().map(|rule| link(rule)).collect::<Vec<_>>().join(", "),
            By::Nobody(why) => format!("nobody: {why}"),
        };
        let _ = writeln!(page, "| {} | {} | {by} |", row.id, row.wants);
    }
    page.push('\n');
}

fn link(rule: &Rule) -> String {
    format!("[{}](rules/{}.md)", rule.name, rule.name)
}
