//! `imagewright metadata export`, `import` and `migrate`

use std::io;
use std::path::{Path, PathBuf};

use imagewright_service::metadata::{
    ExportError, ExportRequest, Exported, SCHEMA, SCHEMASPACE, Strictness, Update, system_text,
};

use super::log::Level;
use super::{Call, Ended, images};
use crate::render::output;

pub(super) fn export(call: &mut Call<'_>) -> Result<(), Ended> {
    let schema_name = call.words.take("--schema_name").flatten();
    let include_invalid = call.words.flag("--include-invalid");
    let clean = call.words.flag("--clean");
    let names = call.names()?;
    let directory = call.required("--directory")?;
    let images = images::export_options(call, include_invalid)?;
    call.finish()?;
    let of_schema = match schema_name.as_deref() {
        None => String::new(),
        Some(SCHEMA) => format!(" and schema '{SCHEMA}'"),
        Some(other) => {
            return Err(Ended::Failed(format!(
                "Schema name '{other}' is invalid. For the '{SCHEMASPACE}' schemaspace, the schema name must be one of \
                 ['{SCHEMA}']"
            )));
        }
    };
    let request = ExportRequest { directory: PathBuf::from(&directory), names, include_invalid, clean };
    let destination = request.destination().display().to_string();
    let mut before_removal =
        |path: &Path| call.log.line(Level::Info, &format!("removing '{}'", path.display()));
    let exported = match images {
        None => call.images.export(&request, &mut before_removal).map(|exported| (exported, String::new())),
        Some(platform) => images::export(call, &request, platform.as_ref(), &mut before_removal)?,
    };
    match exported {
        Ok((None, _)) => {
            let text = format!("No metadata instances found for schemaspace '{SCHEMASPACE}'{of_schema}");
            Ok(output::text(&format!("{text}\nNothing exported to '{directory}'\n"))?)
        }
        Ok((Some(exported), images)) => {
            let report = report(&exported, &destination, &of_schema, include_invalid);
            Ok(output::text(&(report + &images))?)
        }
        Err(ExportError::Folder(error)) => {
            output::text(&format!("Creating directory structure for '{destination}'\n"))?;
            let reason = system_text(&error);
            let culprit = culprit(Path::new(&destination));
            let text =
                format!("Error creating directory structure for '{destination}': {reason}: '{culprit}'");
            Err(Ended::Failed(text))
        }
        Err(ExportError::Metadata(error)) => Err(call.failed(&error)),
    }
}

/// The first folder on the way that is not there: Python names it.
fn culprit(destination: &Path) -> String {
    let mut ways: Vec<&Path> = destination.ancestors().collect();
    ways.reverse();
    let first = ways.into_iter().find(|way| !way.as_os_str().is_empty() && !way.exists());
    first.unwrap_or(destination).display().to_string()
}

fn report(exported: &Exported, destination: &str, of_schema: &str, include_invalid: bool) -> String {
    let mut text = String::new();
    if exported.is_new {
        text += &format!("Creating directory structure for '{destination}'\n");
    }
    if exported.cleaned > 0 {
        text += &format!("Cleaning out all files in '{destination}'\n");
    }
    let kind = if include_invalid { "includes invalid" } else { "valid only" };
    text += &format!(
        "Exporting metadata instances for schemaspace '{SCHEMASPACE}'{of_schema} ({kind}) to '{destination}'\n"
    );
    let total = exported.valid + exported.invalid;
    let verb = if exported.invalid == 1 { "is" } else { "are" };
    text + &format!("Exported {} ({} of which {verb} invalid)\n", instances(total), exported.invalid)
}

pub(super) fn instances(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

pub(super) fn import(call: &mut Call<'_>) -> Result<(), Ended> {
    let directory = call.required("--directory")?;
    let overwrite = call.words.flag("--overwrite");
    let replace = call.words.flag("--replace");
    let strict = call.words.flag("--strict");
    let delivery = images::import_options(call)?;
    call.finish()?;
    let existing = match (replace, overwrite) {
        (true, _) => Some(Update::Replace),
        (false, true) => Some(Update::Merge),
        (false, false) => None,
    };
    let strictness = if strict { Strictness::Strict } else { Strictness::Lenient };
    let must_be_whole = strict || delivery.is_some();
    let (imported, images) = match delivery {
        Some(delivery) => images::import(call, delivery.request(&directory, existing, strictness))?,
        None => {
            let imported = call.images.import(Path::new(&directory), existing, strictness);
            (imported.map_err(|error| unreachable_directory(&directory, &error))?, String::new())
        }
    };
    if imported.names.is_empty() && imported.refused.is_empty() {
        return Ok(output::text(&format!("No instances for import found in the '{directory}' directory\n"))?);
    }
    let mut text = format!("Imported {}\n", instances(imported.names.len()));
    if !imported.refused.is_empty() {
        text += &format!("{} could not be imported\n", instances(imported.refused.len()));
        text += "\nThe following files could not be imported: \n";
        text += &refusals(&imported.refused);
    }
    output::text(&(text + &images))?;
    match must_be_whole && !imported.refused.is_empty() {
        true => Err(Ended::Failed("Not all files were imported.".to_owned())),
        false => Ok(()),
    }
}

pub(super) fn unreachable_directory(directory: &str, error: &io::Error) -> Ended {
    let reason = system_text(error);
    Ended::Failed(format!("Unable to reach the '{directory}' directory: {reason}: '{directory}'"))
}

/// The table as Elyra draws it, blanks at the ends of lines included.
fn refusals(refused: &[(String, String)]) -> String {
    let length = |text: &str| text.chars().count();
    let file_width = refused.iter().map(|(file, _)| length(file)).chain([4]).max().unwrap_or_default();
    let reason_width = refused.iter().map(|(_, reason)| length(reason)).chain([6]).max().unwrap_or_default();
    let line = |file: &str, reason: &str| format!("{file:file_width$}   {reason:reason_width$}\n");
    let rows = refused.iter().map(|(file, reason)| line(file, reason));
    [line("File", "Reason"), line("----", "------")].into_iter().chain(rows).collect()
}

pub(super) fn migrate(call: &mut Call<'_>) -> Result<(), Ended> {
    call.finish()?;
    Ok(output::text(&format!("No instances of schemaspace {SCHEMASPACE} were migrated.\n"))?)
}
