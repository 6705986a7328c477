//! `imagewright metadata list`

use imagewright_service::metadata::{
    Entry, Finding, Listing, Object, State, UNKNOWN_SCHEMA, Value, findings, listed,
};

use super::log::Level;
use super::{Call, Ended};
use crate::render::output;

pub(super) fn run(call: &mut Call<'_>) -> Result<(), Ended> {
    let as_json = call.words.flag("--json");
    let include_invalid = call.words.flag("--include-invalid");
    let why = call.words.flag("--why");
    let strict = call.words.flag("--strict");
    call.finish()?;
    let listing = call.images.list();
    log(call, &listing);
    let include_invalid = include_invalid || why;
    let mut entries = listing.visible(include_invalid);
    let findings = findings(&listing.records());
    let reasons = |entry: &Entry| if why { reasons(entry, &listing, &findings) } else { Vec::new() };
    if as_json {
        let objects = entries.iter().map(|entry| object(entry, why.then(|| reasons(entry))).to_indented(2));
        output::text(&format!("[{}]\n", objects.collect::<Vec<_>>().join(", ")))?;
    } else if entries.is_empty() {
        output::text("No metadata instances found for runtime-images\n")?;
    } else {
        entries.sort_by_key(|entry| (schema_name(entry), entry.name.clone()));
        output::text(&table(&entries, include_invalid, reasons))?;
    }
    let is_wrong =
        !findings.is_empty() || entries.iter().any(|entry| entry.valid().is_none() && !entry.is_hiding());
    match strict && is_wrong {
        true => Err(Ended::Failed("There are records that are invalid or have warnings.".to_owned())),
        false => Ok(()),
    }
}

/// What Elyra logs of records that do not count, and what is left of an interrupted change.
fn log(call: &Call<'_>, listing: &Listing) {
    for entry in listing.entries.iter().filter(|entry| !entry.is_hiding()) {
        match &entry.state {
            State::Valid(_) => (),
            State::Invalid(_, problem) => {
                let text = format!(
                    "Fetch of instance '{}' of schemaspace 'runtime-images' encountered an exception: {problem}",
                    entry.name
                );
                call.log.line(Level::Warning, &text);
            }
            State::Unreadable(problem) => call.log.line(Level::Error, &problem.message),
        }
    }
    for (folder, error) in &listing.unreadable {
        call.log.line(Level::Error, &format!("'{}' cannot be read: {error}", folder.display()));
    }
    for leftover in &listing.leftovers {
        let (path, name) = (leftover.path.display(), &leftover.name);
        let text = match leftover.is_missed {
            true => format!(
                "'{path}' is '{name}' before an update that did not end; rename it to '{name}.json' to have it back"
            ),
            false => {
                format!("'{path}' was left by an update of '{name}' that did not end; it can be removed")
            }
        };
        call.log.line(Level::Warning, &text);
    }
}

/// What there is to say about an entry: kind, field, text, hint.
type Reason = (&'static str, String, String, Option<String>);

fn reasons(entry: &Entry, listing: &Listing, findings: &[Finding]) -> Vec<Reason> {
    if entry.is_hiding() {
        return vec![(
            "hidden",
            String::new(),
            "it hides the runtime image of this name in a lower folder".to_owned(),
            None,
        )];
    }
    let problem = entry
        .problem()
        .map(|problem| ("invalid", problem.field.clone().unwrap_or_default(), problem.detail.clone(), None));
    let found = findings.iter().filter(|finding| finding.name == entry.name).map(|finding| {
        ("warning", finding.kind.field().to_owned(), finding.message.clone(), finding.hint.clone())
    });
    problem.into_iter().chain(instead(entry, listing)).chain(found).collect()
}

/// What cannot be read does not hide what is below it.
fn instead(entry: &Entry, listing: &Listing) -> Option<Reason> {
    let mut visible = listing.visible(false).into_iter();
    let other = visible.find(|other| other.name == entry.name && other.path != entry.path)?;
    Some(("note", String::new(), format!("'{}' counts instead", other.path.display()), None))
}

fn schema_name(entry: &Entry) -> String {
    let name = entry.record().and_then(|record| record.schema_name.as_str());
    name.unwrap_or(UNKNOWN_SCHEMA).to_owned()
}

fn object(entry: &Entry, reasons: Option<Vec<Reason>>) -> Value {
    let mut object = listed(entry);
    let text = |pairs: Vec<(&str, Value)>| -> Object {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    if let Some(reasons) = reasons {
        let reasons = reasons.into_iter().map(|(kind, field, message, hint)| {
            let hint = hint.map_or(Value::Null, Value::String);
            Value::Object(text(vec![
                ("kind", kind.into()),
                ("field", field.into()),
                ("message", message.into()),
                ("hint", hint),
            ]))
        });
        object.insert("why".to_owned(), Value::List(reasons.collect()));
    }
    Value::Object(object)
}

/// The table as Elyra draws it, blanks at the ends of lines included.
fn table(entries: &[&Entry], include_invalid: bool, reasons: impl Fn(&Entry) -> Vec<Reason>) -> String {
    let clause = if include_invalid { " (includes invalid)" } else { "" };
    let mut text = format!("Available metadata instances for runtime-images{clause}:\n\n");
    let rows: Vec<[String; 3]> = entries
        .iter()
        .map(|entry| [schema_name(entry), entry.name.clone(), entry.path.to_string_lossy().into_owned()])
        .collect();
    let headings = ["Schema", "Instance", "Resource"];
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    let line = |[schema, instance, resource]: [&str; 3], end: &str| {
        let [first, second, third] = widths;
        format!("{schema:first$}   {instance:second$}  {resource:third$}  {end}\n")
    };
    text += &line(headings, "");
    text += &line(["------", "--------", "--------"], "");
    for (entry, [schema, instance, resource]) in entries.iter().zip(&rows) {
        let reason = entry.problem().map(|problem| format!("**INVALID** ({})", problem.class));
        text += &line([schema, instance, resource], &reason.unwrap_or_default());
        for (kind, field, message, hint) in reasons(entry) {
            let field = if field.is_empty() { field } else { field + ": " };
            text += &format!("    {kind}: {field}{message}\n");
            text += &hint.map(|hint| format!("    hint: {hint}\n")).unwrap_or_default();
        }
    }
    text
}
