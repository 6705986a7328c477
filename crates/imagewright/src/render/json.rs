//! The shapes of `--json`. They are promised: fields are added, not changed.

use imagewright_model::spec::Origin;
use imagewright_oci::Digest;
use imagewright_service::BuildReport;
use imagewright_service::check::{Checked, Finding, Level, Remedy, Report, Rule, Unanswered, Verdict};
use imagewright_service::metadata::Published;
use serde::Serialize;

/// What a build came to.
#[derive(Serialize)]
pub(crate) struct BuildJson<'a> {
    names: Vec<String>,
    id: &'a Digest,
    digest: &'a Digest,
    size: u64,
    layers: usize,
    unchanged: bool,
    lock: Option<String>,
    /// What rules found in the Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingJson<'a>>>,
    /// The record that was written for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<PublishedJson<'a>>,
}

/// A runtime image record that was written for an image.
#[derive(Serialize)]
struct PublishedJson<'a> {
    name: &'a str,
    display_name: &'a str,
    image_name: &'a str,
    resource: String,
    new: bool,
}

pub(crate) fn build<'a>(report: &'a BuildReport, published: Option<&'a Published>) -> BuildJson<'a> {
    let published = published.map(|published| PublishedJson {
        name: &published.name,
        display_name: &published.display_name,
        image_name: &published.image_name,
        resource: published.path.display().to_string(),
        new: published.is_new,
    });
    BuildJson {
        names: report.names.iter().map(ToString::to_string).collect(),
        id: &report.id,
        digest: &report.digest,
        size: report.size,
        layers: report.layers,
        unchanged: report.unchanged,
        lock: report.lock.as_ref().map(|path| path.display().to_string()),
        findings: report.findings.as_ref().map(|findings| findings.iter().map(finding).collect()),
        published,
    }
}

/// What a check came to.
#[derive(Serialize)]
pub(crate) struct CheckedJson<'a> {
    subject: &'a str,
    findings: Vec<FindingJson<'a>>,
    /// What each profile has to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<ReportJson<'a>>,
    /// What could not be looked at.
    notes: &'a [String],
}

/// What a profile has to say.
#[derive(Serialize)]
struct ReportJson<'a> {
    profile: &'a str,
    title: &'a str,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pins: Option<&'a str>,
    rules: usize,
    /// Rules that were not asked, because they run the image.
    not_run: usize,
    findings: Vec<FindingJson<'a>>,
    unanswered: &'a [Unanswered],
}

fn report(report: &Report) -> ReportJson<'_> {
    let Report { profile, title, pins, verdict, findings, unanswered, asked, not_run } = report;
    ReportJson {
        profile,
        title,
        verdict: *verdict,
        pins: pins.as_deref(),
        rules: *asked,
        not_run: *not_run,
        findings: findings.iter().map(finding).collect(),
        unanswered,
    }
}

/// What a rule found.
#[derive(Serialize)]
struct FindingJson<'a> {
    rule: &'a str,
    level: Level,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a Remedy>,
    /// Where: a file with its line, a notebook with its cell, or an image.
    #[serde(flatten)]
    place: PlaceJson<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlaceJson<'a> {
    Cell { source: &'a str, cell: u32 },
    Line(&'a Origin),
}

fn finding(finding: &Finding) -> FindingJson<'_> {
    let Finding { rule, level, message, why, mend, remedy, origin } = finding;
    let (why, mend) = (why.as_deref(), mend.as_deref());
    let place = match cell_of(origin) {
        Some(cell) => PlaceJson::Cell { source: &origin.source, cell },
        None => PlaceJson::Line(origin),
    };
    FindingJson { rule, level: *level, message, why, mend, remedy: remedy.as_ref(), place }
}

pub(crate) fn checked(checked: &Checked) -> CheckedJson<'_> {
    let Checked { subject, findings, reports, notes } = checked;
    let profiles = reports.iter().map(report).collect();
    CheckedJson { subject, findings: findings.iter().map(finding).collect(), profiles, notes }
}

/// The cell of a notebook: people count cells and not lines there.
pub(crate) fn cell_of(origin: &Origin) -> Option<u32> {
    origin.line.filter(|_| origin.source.ends_with(".ipynb"))
}

/// A rule of the list.
#[derive(Serialize)]
pub(crate) struct RuleJson {
    name: &'static str,
    level: Level,
    summary: &'static str,
    dockerfiles: bool,
    images: bool,
    profiles: Vec<&'static str>,
}

pub(crate) fn rule(rule: &Rule) -> RuleJson {
    RuleJson {
        name: rule.name,
        level: rule.level,
        summary: rule.summary,
        dockerfiles: rule.is_for_dockerfiles(),
        images: rule.is_for_images(),
        profiles: rule.profiles().collect(),
    }
}
