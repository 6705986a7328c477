//! The page of a rule, as the documentation and `check --explain` have it.

use std::fmt::Write as _;

use crate::rule::Rule;

impl Rule {
    /// Its page, in Markdown.
    pub fn page(&self) -> String {
        let Self { name, level, summary, why, mend, sources, .. } = self;
        let mut page = format!("# {name}\n\n{summary}\n\n");
        page += &format!("Level: {level}. Looks at {}.\n\n", self.looks_at());
        page += &format!("## Why\n\n{why}\n\n## How to mend it\n\n{mend}\n");
        if self.is_for_dockerfiles() {
            page += &format!(
                "\nWhere it is meant to be so, say it before the instruction:\n\n\
                 ```dockerfile\n# imagewright: ignore={name}\n```\n"
            );
        }
        page += &self.platforms();
        page += "\n## Source\n\n";
        for source in *sources {
            let _ = writeln!(page, "- {source}");
        }
        page
    }
}

impl Rule {
    /// Which profiles ask it, with the level and the reason there where they are others.
    fn platforms(&self) -> String {
        let asked: String = self
            .in_profiles()
            .map(|(profile, level, why)| {
                let level = if level == self.level { String::new() } else { format!(" ({level})") };
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("- [`{profile}`](../profiles.md){level}{why}\n")
            })
            .collect();
        if asked.is_empty() { asked } else { format!("\n## Asked by profiles\n\n{asked}") }
    }
}

/// The list of all rules, as the documentation has it.
pub fn index() -> String {
    let mut page = "# Rules\n\nWhat `imagewright check` looks for; [how to use it](../checking.md).\n\n\
                    | Rule | Level | Looks at | What it wants |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for rule in crate::rules() {
        let Rule { name, level, summary, .. } = rule;
        let _ = writeln!(page, "| [{name}]({name}.md) | {level} | {} | {summary} |", rule.looks_at());
    }
    page
}
