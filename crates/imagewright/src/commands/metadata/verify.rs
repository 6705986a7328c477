//! `imagewright metadata verify`

use imagewright_oci::{Digest, Platform};
use imagewright_service::check::{Finding, Report, Unanswered, Verdict};
use imagewright_service::metadata::{FoundTags, Remark, Value, Verified, VerifyRequest};

use super::{Call, Ended, check, object, one_line, optional};
use crate::render::output;

/// How many tags are asked for their digests where nothing else is said.
const MOST_TAGS: usize = 50;

pub(super) fn run(call: &mut Call<'_>) -> Result<(), Ended> {
    let names = call.names()?;
    let platform = match call.words.take("--platform") {
        None => Platform::linux("amd64"),
        Some(None) => return Err(Ended::Wrong("Parameter '--platform' requires a value.".to_owned())),
        Some(Some(text)) => text.parse().map_err(|error| Ended::Wrong(format!("{error}.")))?,
    };
    let most_tags = match call.words.take("--tags") {
        None => MOST_TAGS,
        Some(text) => text
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Ended::Wrong("Parameter '--tags' requires a whole number.".to_owned()))?,
    };
    let profile = match (call.words.flag("--check"), call.words.take("--for")) {
        (_, Some(None)) => return Err(Ended::Wrong("Parameter '--for' requires a value.".to_owned())),
        (false, Some(_)) => return Err(Ended::Wrong("'--for' is for '--check'.".to_owned())),
        (check, profile) => check.then(|| profile.flatten().unwrap_or_else(|| "elyra".to_owned())),
    };
    let strict = call.words.flag("--strict");
    let as_json = call.words.flag("--json");
    call.finish()?;
    let request = VerifyRequest { names, platform, most_tags };
    let mut all = call.images.verify(&call.registries()?, &request);
    if let Some(profile) = profile {
        check::add(call, &profile, &request.platform, &mut all)?;
    }
    if as_json {
        let objects = all.iter().map(|verified| json(verified, strict)).collect();
        output::text(&format!("{}\n", Value::List(objects).to_indented(2)))?;
    } else if all.is_empty() {
        output::text("No metadata instances found for runtime-images\n")?;
    } else {
        output::text(&all.iter().map(text).collect::<String>())?;
    }
    match all.iter().filter(|verified| !verified.is_right(strict)).count() {
        0 => Ok(()),
        _ if as_json => Err(Ended::Told),
        1 => Err(Ended::Failed("Something is wrong with 1 instance.".to_owned())),
        count => Err(Ended::Failed(format!("Something is wrong with {count} instances."))),
    }
}

fn text(verified: &Verified) -> String {
    let image_name = verified.image_name.as_deref().unwrap_or("no image");
    let runs = verified.report.as_ref().is_none_or(|report| report.verdict == Verdict::Runs);
    let state = if verified.remarks.is_empty() && runs { "in order" } else { "see below" };
    let mut text = format!("{}: {} ({state})\n", one_line(&verified.name), one_line(image_name));
    if let Some(tags) = &verified.tags {
        text += &format!("    {}\n", found(tags));
    }
    for Remark { is_warning, field, message, hint, .. } in &verified.remarks {
        let level = if *is_warning { "warning" } else { "error" };
        text += &format!("    {level}: {field}: {}\n", one_line(message));
        text += &hint.as_ref().map(|hint| format!("    hint: {}\n", one_line(hint))).unwrap_or_default();
    }
    text + &verified.report.as_ref().map(report_text).unwrap_or_default()
}

fn report_text(report: &Report) -> String {
    let mut text = format!("    {}: {}\n", one_line(&report.title), report.verdict);
    for Finding { rule, level, message, .. } in &report.findings {
        text += &format!("    {level}: {} ({rule})\n", one_line(message));
    }
    for Unanswered { rule, reason, .. } in &report.unanswered {
        text += &format!("    cannot tell: {} ({rule})\n", one_line(reason));
    }
    text
}

fn report_json(report: &Report) -> Value {
    let findings = report.findings.iter().map(|finding| {
        Value::Object(object([
            ("rule", finding.rule.into()),
            ("level", finding.level.as_str().into()),
            ("message", finding.message.as_str().into()),
            ("mend", optional(finding.mend.clone())),
        ]))
    });
    let unanswered = report.unanswered.iter().map(|unanswered| {
        Value::Object(object([
            ("rule", unanswered.rule.into()),
            ("reason", unanswered.reason.as_str().into()),
        ]))
    });
    Value::Object(object([
        ("profile", report.profile.as_str().into()),
        ("verdict", report.verdict.as_str().into()),
        ("pins", optional(report.pins.clone())),
        ("findings", Value::List(findings.collect())),
        ("unanswered", Value::List(unanswered.collect())),
    ]))
}

fn found(tags: &FoundTags) -> String {
    let names = if tags.names.is_empty() { "none".to_owned() } else { tags.names.join(", ") };
    match tags.asked < tags.of {
        true => format!("tags with this digest: {names} ({} of {} tags were asked)", tags.asked, tags.of),
        false => format!("tags with this digest: {names}"),
    }
}

fn json(verified: &Verified, strict: bool) -> Value {
    let list = |names: &[String]| Value::List(names.iter().map(|name| name.as_str().into()).collect());
    let tags = verified.tags.as_ref().map(|tags| {
        Value::Object(object([
            ("names", list(&tags.names)),
            ("asked", Value::Integer(tags.asked.to_string().into())),
            ("of", Value::Integer(tags.of.to_string().into())),
        ]))
    });
    let remarks = verified.remarks.iter().map(|remark| {
        Value::Object(object([
            ("level", if remark.is_warning { "warning" } else { "error" }.into()),
            ("kind", remark.kind.into()),
            ("field", remark.field.into()),
            ("message", remark.message.as_str().into()),
            ("hint", optional(remark.hint.clone())),
        ]))
    });
    Value::Object(object([
        ("name", verified.name.as_str().into()),
        ("image_name", optional(verified.image_name.clone())),
        ("digest", optional(verified.digest.as_ref().map(Digest::to_string))),
        ("public", verified.is_public.map_or(Value::Null, Value::Bool)),
        ("tags", tags.unwrap_or(Value::Null)),
        ("check", verified.report.as_ref().map_or(Value::Null, report_json)),
        ("right", Value::Bool(verified.is_right(strict))),
        ("findings", Value::List(remarks.collect())),
    ]))
}
