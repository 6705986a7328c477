//! What asking a profile came to.

use std::fmt;

use serde::Serialize;

use super::{Profile, ProfileRule, ProfileSubject};
use crate::image::ImageSubject;
use crate::rule::{Finding, Level, Outcome, PlatformCheck};
use crate::selection::Selection;
use crate::trial::Trials;

/// Whether an image runs on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Runs,
    /// It runs, and something may go wrong.
    RunsWithDoubts,
    /// It cannot be told.
    CannotTell,
    /// It does not run.
    DoesNotRun,
}

impl Verdict {
    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::RunsWithDoubts => "runs-with-doubts",
            Self::CannotTell => "cannot-tell",
            Self::DoesNotRun => "does-not-run",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('-', " "))
    }
}

/// A rule that could not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// The rule.
    pub rule: &'static str,
    /// The level of what it would have found.
    pub level: Level,
    /// Why not.
    pub reason: String,
}

/// What a profile has to say about an image.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the profile, with the release.
    pub profile: String,
    /// What it is called in a sentence.
    pub title: String,
    /// Whose versions of packages count, where some are installed there.
    pub pins: Option<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found, in the order of the rules.
    pub findings: Vec<Finding>,
    /// What could not be told.
    pub unanswered: Vec<Unanswered>,
    /// How many rules were asked.
    pub asked: usize,
    /// How many were not, because they run the image, and nobody said that it may be run.
    pub not_run: usize,
}

impl Profile {
    /// Asks the rules of the profile about an image: those that look at it.
    pub fn ask(&self, image: &ImageSubject<'_>, selection: &Selection) -> Report {
        self.ask_with(image, selection, None)
    }

    /// Asks all rules of the profile, also those that run the image.
    pub fn ask_running(
        &self,
        image: &ImageSubject<'_>,
        selection: &Selection,
        trials: &Trials<'_>,
    ) -> Report {
        self.ask_with(image, selection, Some(trials))
    }

    fn ask_with(
        &self,
        image: &ImageSubject<'_>,
        selection: &Selection,
        trials: Option<&Trials<'_>>,
    ) -> Report {
        let subject = ProfileSubject::new(image, self);
        let mut report = Report {
            profile: self.name.clone(),
            title: self.title.clone(),
            pins: self.pins().map(str::to_owned),
            verdict: Verdict::Runs,
            findings: Vec::new(),
            unanswered: Vec::new(),
            asked: 0,
            not_run: 0,
        };
        for entry in self.rules.iter().filter(|entry| selection.includes(entry.rule)) {
            let Some(outcome) = asked(entry, &subject, trials) else {
                report.not_run += 1;
                continue;
            };
            report.asked += 1;
            report.take(entry, outcome);
        }
        report.verdict = report.judged();
        report
    }
}

/// What a rule says; none where it would have to run the image and may not.
fn asked(entry: &ProfileRule, subject: &ProfileSubject<'_>, trials: Option<&Trials<'_>>) -> Option<Outcome> {
    let rule = entry.rule;
    let seen = |check: fn(&ProfileSubject<'_>) -> Outcome| match subject.view.gap() {
        Some(gap) => Outcome::unknown(gap),
        None => check(subject),
    };
    Some(match (rule.on_platform, rule.on_image, rule.on_run) {
        (Some(PlatformCheck::Documents(check)), ..) => check(subject),
        (Some(PlatformCheck::Files(check)), ..) => seen(check),
        (None, Some(check), _) => check(subject.image).into(),
        (None, None, Some(check)) => match (trials?, subject.view.gap()) {
            (_, Some(gap)) => Outcome::unknown(gap),
            (trials, None) => check(subject, trials),
        },
        (None, None, None) => Outcome::fine(),
    })
}

impl Report {
    fn take(&mut self, entry: &ProfileRule, outcome: Outcome) {
        for mut found in outcome.found {
            found.level = entry.forced.or(found.level).or(entry.level);
            let why = entry.why.as_ref().map(ToString::to_string);
            self.findings.push(Finding { why, ..entry.rule.finding(found) });
        }
        let level = entry.forced.or(entry.level).unwrap_or(entry.rule.level);
        let unknown = outcome.unknown.into_iter();
        self.unanswered.extend(unknown.map(|reason| Unanswered { rule: entry.rule.name, level, reason }));
    }

    fn judged(&self) -> Verdict {
        let found = self.findings.iter().map(|finding| finding.level).max();
        let open = self.unanswered.iter().map(|unanswered| unanswered.level).max();
        match (found, open) {
            (Some(Level::Error), _) => Verdict::DoesNotRun,
            (_, Some(Level::Error)) => Verdict::CannotTell,
            (Some(Level::Warning), _) | (_, Some(Level::Warning)) => Verdict::RunsWithDoubts,
            _ => Verdict::Runs,
        }
    }
}
