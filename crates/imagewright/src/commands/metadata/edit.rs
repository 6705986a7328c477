//! `imagewright metadata edit`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anstream::eprintln;
use imagewright_service::metadata::{Draft, MetadataError, Strictness};

use super::save::has_been_written;
use super::{Call, Ended};
use crate::render::output;

/// What edits where nothing else is said.
const EDITOR: &str = if cfg!(windows) { "notepad" } else { "vi" };

pub(super) fn run(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = call.required("--name")?;
    let kept = call.words.take("--file").flatten();
    let strictness = if call.words.flag("--strict") { Strictness::Strict } else { Strictness::Lenient };
    call.finish()?;
    let draft = call.images.begin_edit(&name).map_err(|error| call.failed(&error))?;
    let text = match kept {
        Some(file) => fs::read_to_string(&file).map_err(|error| failed(&file, &error))?,
        None => draft.text.clone(),
    };
    let file = Scratch::new(&name, &text)?;
    let edited = edit(call, &name, &draft, &file, strictness);
    if edited.is_err() {
        eprintln!(
            "your text is kept: imagewright metadata edit runtime-images --name {name} --file {}",
            file.0.display()
        );
    } else {
        fs::remove_file(&file.0)?;
    }
    edited
}

/// Opens the editor until the text may be saved, or it is left as it was.
fn edit(
    call: &Call<'_>,
    name: &str,
    draft: &Draft,
    file: &Scratch,
    strictness: Strictness,
) -> Result<(), Ended> {
    loop {
        let before = file.text()?;
        open_editor(&file.0)?;
        let text = file.text()?;
        if text == draft.text {
            return Ok(output::text("Nothing was changed.\n")?);
        }
        let saved = call
            .images
            .check_edit(name, &text, strictness)
            .and_then(|record| call.images.save(record, &draft.version));
        match saved {
            Ok(written) => {
                call.warn(&written.findings);
                return Ok(output::text(&format!("{}\n", has_been_written(&written)))?);
            }
            // Whoever leaves a wrong text as it is has given up.
            Err(error @ (MetadataError::Problem(_) | MetadataError::Finding(_))) if text != before => {
                eprintln!("{error}");
            }
            Err(error) => return Err(call.failed(&error)),
        }
    }
}

fn open_editor(file: &Path) -> Result<(), Ended> {
    let given = ["VISUAL", "EDITOR"].iter().filter_map(|name| std::env::var(name).ok());
    let editor =
        given.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| EDITOR.to_owned());
    match editing(&editor, file).status()?.success() {
        true => Ok(()),
        false => Err(Ended::Failed(format!("The editor '{editor}' failed; nothing was written."))),
    }
}

/// Variables hold commands with arguments; the shell splits them as git has it do.
#[cfg(unix)]
fn editing(editor: &str, file: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(file);
    command
}

/// Variables hold the path of a program, in which there may be spaces.
#[cfg(windows)]
fn editing(editor: &str, file: &Path) -> Command {
    let mut command = Command::new(editor);
    command.arg(file);
    command
}

/// Opens files that, where they are new, are their owner's alone.
#[cfg(unix)]
fn own_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Opens files in the user's folder for temporary ones, which is the user's alone.
#[cfg(windows)]
fn own_file() -> OpenOptions {
    OpenOptions::new()
}

/// The file that is edited. It stays where the text could not be saved.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Result<Self, Ended> {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let folder = std::env::temp_dir();
        for number in 0.. {
            let path = folder.join(format!("imagewright-{name}-{}-{number}.json", std::process::id()));
            match own_file().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes())?;
                    return Ok(Self(path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                Err(error) => return Err(failed(&path.display().to_string(), &error)),
            }
        }
        Err(Ended::Failed("There is no name left for a temporary file.".to_owned()))
    }

    fn text(&self) -> Result<String, Ended> {
        fs::read_to_string(&self.0).map_err(|error| failed(&self.0.display().to_string(), &error))
    }
}

fn failed(file: &str, error: &io::Error) -> Ended {
    Ended::Failed(format!("'{file}' cannot be used: {error}"))
}
