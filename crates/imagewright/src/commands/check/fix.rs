//! `imagewright check --fix`

use std::process::ExitCode;

use anstream::eprintln;
use imagewright_model::EventSink;
use imagewright_oci::Reference;
use imagewright_service::check::{CheckCommand, Fixed};
use imagewright_service::{Cancel, Service};
use serde_json::json;

use super::{FailOn, ended};
use crate::cli::Global;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{findings, json, output};

/// How it is told.
pub(super) struct Told<'a> {
    pub(super) as_json: bool,
    pub(super) fail_on: FailOn,
    /// What is built meanwhile.
    pub(super) events: &'a dyn EventSink,
}

pub(super) fn run(
    global: &Global,
    service: &Service,
    command: &CheckCommand,
    names: &[Reference],
    cancel: &Cancel,
    told: &Told<'_>,
) -> Result<ExitCode, Failure> {
    let transfers = TransferProgress::new(global.quiet);
    let fixed = service
        .fix(command, names, told.events, cancel, &mut |message, done| transfers.show(message, done))?;
    drop(transfers);
    if told.as_json {
        output::json(&document(&fixed))?;
    } else {
        output::text(&draw(&fixed, names))?;
        if !global.quiet {
            fixed.after.notes.iter().for_each(|note| eprintln!("warning: {note}"));
            findings::summaries(&fixed.after).iter().for_each(|line| eprintln!("{line}"));
        }
    }
    Ok(ended(&fixed.after, told.fail_on))
}

fn document(fixed: &Fixed) -> serde_json::Value {
    json!({
        "before": json::checked(&fixed.before),
        "done": fixed.done,
        "left": fixed.left,
        "digest": fixed.image,
        "after": json::checked(&fixed.after),
    })
}

fn draw(fixed: &Fixed, names: &[Reference]) -> String {
    let Fixed { before, done, left, image, after } = fixed;
    let mut text = findings::draw(before);
    let Some(digest) = image else {
        return text + "nothing of this is mended by adding something\n";
    };
    let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let called = if names.is_empty() { after.subject.clone() } else { names };
    text += &format!("\nmended, as {called} ({digest}):\n");
    text.extend(done.iter().map(|done| format!("  + {done}\n")));
    text.extend(left.iter().map(|left| format!("  not {left}\n")));
    text + "\n" + &findings::draw(after)
}
