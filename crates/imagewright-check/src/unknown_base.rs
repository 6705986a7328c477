//! Stages whose base is not known, above all its variables: `USER $NB_UID` must not come to nothing.

use std::collections::BTreeSet;

use imagewright_dockerfile::PlannedStage;
use imagewright_oci::ContainerConfig;

use crate::dockerfile::Stage;

/// Lowers a stage on a base that sets every variable which the text speaks of and does not declare, to its own name;
/// where an instruction cannot take that, to a number. None where neither will do.
pub(crate) fn lower<'a>(planned: &'a PlannedStage, text: &str) -> Option<Stage<'a>> {
    let names = undeclared(text);
    let with = |value: &dyn Fn(&str) -> String| ContainerConfig {
        env: names.iter().map(|name| format!("{name}={}", value(name))).collect(),
        ..ContainerConfig::default()
    };
    let attempts = [with(&|name| format!("${name}")), with(&|_| "1".to_owned())];
    attempts.into_iter().find_map(|begins| {
        let lowered = planned.lower(&begins).ok()?;
        Some(Stage { planned, lowered, begins, is_base_known: false })
    })
}

/// Variables that are used and not declared by an `ARG`.
fn undeclared(text: &str) -> BTreeSet<&str> {
    let words = text.lines().filter_map(|line| {
        let (keyword, rest) = line.trim_start().split_once(char::is_whitespace)?;
        keyword.eq_ignore_ascii_case("ARG").then_some(rest)
    });
    let declared: BTreeSet<&str> = words
        .flat_map(str::split_whitespace)
        .map(|word| word.split_once('=').map_or(word, |(name, _)| name))
        .collect();
    let used = text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_').then_some(name)
    });
    // A search path is what every base has; what is written behind it matters.
    used.filter(|name| !declared.contains(name) && *name != "PATH").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_base_are_those_that_nobody_declares() {
        let text = "ARG A B=1\nFROM x\n  arg C\nENV D=$E\nUSER ${NB_UID:-5}\nRUN echo $A $1 $PATH \"$(x)\"";
        assert_eq!(undeclared(text).into_iter().collect::<Vec<_>>(), ["E", "NB_UID"]);
    }
}
