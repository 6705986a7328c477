//! `imagewright metadata pin` and `imagewright metadata unpin`

use imagewright_service::metadata::{PinOutcome, PinRequest, Pinned, Value};

use super::{Call, Ended, object, one_line, optional};
use crate::render::output;

/// How results are told.
struct Telling {
    /// `pinned`, `unpinned`
    done: &'static str,
    dry_run: bool,
    as_json: bool,
}

pub(super) fn pin(call: &mut Call<'_>) -> Result<(), Ended> {
    let names = names_or_all(call)?;
    let upgrade = call.words.flag("--upgrade");
    let telling = telling(call, "pinned");
    call.finish()?;
    let request = PinRequest { names, upgrade, dry_run: telling.dry_run };
    let pinned = call.images.pin(&call.registries()?, &request);
    tell(call, &pinned, &telling)
}

pub(super) fn unpin(call: &mut Call<'_>) -> Result<(), Ended> {
    let names = names_or_all(call)?;
    let telling = telling(call, "unpinned");
    call.finish()?;
    let unpinned = call.images.unpin(&names, telling.dry_run);
    tell(call, &unpinned, &telling)
}

/// Many records are changed only where somebody says so.
fn names_or_all(call: &mut Call<'_>) -> Result<Vec<String>, Ended> {
    let names = call.names()?;
    match (names.is_empty(), call.words.flag("--all")) {
        (true, false) => Err(Ended::Wrong("One of '--name' and '--all' is required.".to_owned())),
        (false, true) => Err(Ended::Wrong("At most one of '--name' and '--all' can be set.".to_owned())),
        _ => Ok(names),
    }
}

fn telling(call: &mut Call<'_>, done: &'static str) -> Telling {
    Telling { done, dry_run: call.words.flag("--dry-run"), as_json: call.words.flag("--json") }
}

fn tell(call: &Call<'_>, all: &[Pinned], telling: &Telling) -> Result<(), Ended> {
    for pinned in all {
        if let PinOutcome::Done { findings, .. } = &pinned.outcome {
            call.warn(findings);
        }
    }
    if telling.as_json {
        let objects = all.iter().map(|pinned| json(pinned, telling)).collect();
        output::text(&format!("{}\n", Value::List(objects).to_indented(2)))?;
    } else if all.is_empty() {
        output::text("No metadata instances found for runtime-images\n")?;
    } else {
        output::text(&all.iter().map(|pinned| text(pinned, telling)).collect::<String>())?;
    }
    let is_failed = |pinned: &&Pinned| matches!(pinned.outcome, PinOutcome::Failed { .. });
    match all.iter().filter(is_failed).count() {
        0 => Ok(()),
        // Standard output is for programs then.
        _ if telling.as_json => Err(Ended::Told),
        1 => Err(Ended::Failed(format!("1 instance could not be {}.", telling.done))),
        count => Err(Ended::Failed(format!("{count} instances could not be {}.", telling.done))),
    }
}

fn text(pinned: &Pinned, telling: &Telling) -> String {
    let (name, done) = (&pinned.name, telling.done);
    match &pinned.outcome {
        PinOutcome::Done { image_name, path: Some(path), .. } => {
            format!(
                "Metadata instance '{name}' is {done}: {image_name}\n    written to: {}\n",
                path.display()
            )
        }
        PinOutcome::Done { image_name, path: None, .. } => {
            format!("Metadata instance '{name}' would be {done}: {image_name}\n")
        }
        PinOutcome::Already => {
            format!(
                "Metadata instance '{name}' is {done} already: {}\n",
                pinned.before.as_deref().unwrap_or_default()
            )
        }
        PinOutcome::Failed { message, hint } => {
            let hint = hint.as_ref().map(|hint| format!("    hint: {}\n", one_line(hint)));
            let line = format!("Metadata instance '{name}' could not be {done}: {}\n", one_line(message));
            line + &hint.unwrap_or_default()
        }
    }
}

fn json(pinned: &Pinned, telling: &Telling) -> Value {
    let before = pinned.before.clone();
    let (state, image_name, path, message, hint) = match &pinned.outcome {
        PinOutcome::Done { image_name, path, .. } => {
            (telling.done, Some(image_name.clone()), path.as_ref(), None, None)
        }
        PinOutcome::Already => ("unchanged", before.clone(), None, None, None),
        PinOutcome::Failed { message, hint } => {
            ("failed", before.clone(), None, Some(message.clone()), hint.clone())
        }
    };
    Value::Object(object([
        ("name", pinned.name.as_str().into()),
        ("state", state.into()),
        ("before", optional(before)),
        ("image_name", optional(image_name)),
        ("resource", optional(path.map(|path| path.display().to_string()))),
        ("message", optional(message)),
        ("hint", optional(hint)),
    ]))
}
