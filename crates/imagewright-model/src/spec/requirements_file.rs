//! `requirements.txt`, as pip reads it.

use super::folder::{read_existing, resolve};
use super::requirement::{check_address, has_variable};
use super::{Origin, PartialSpec, PipRequirement, RequirementError, SpecError, SpecFiles};

/// Reads a requirements file and the files it includes.
///
/// # Errors
/// Names the file and line of the first entry that is not valid or cannot be honoured.
pub(super) fn read_requirements(files: &dyn SpecFiles, path: &str) -> Result<PartialSpec, SpecError> {
    let mut reader = Reader { files, open: Vec::new(), spec: PartialSpec::default() };
    reader.file(path, &Origin::file(&files.shown(path)), Target::Requirements)?;
    Ok(reader.spec)
}

/// What the lines of a file are.
#[derive(Clone, Copy)]
enum Target {
    Requirements,
    Constraints,
}

struct Reader<'a> {
    files: &'a dyn SpecFiles,
    /// The files being read, each included by the one before it.
    open: Vec<String>,
    spec: PartialSpec,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, included_at: &Origin, target: Target) -> Result<(), SpecError> {
        if self.open.iter().any(|open| open == path) {
            return Err(SpecError::new(included_at.clone(), RequirementError::Cycle(path.to_owned())));
        }
        let text = read_existing(self.files, path, included_at)?;
        self.open.push(path.to_owned());
        let shown = self.files.shown(path);
        for (number, line) in logical_lines(&text) {
            self.line(path, &line, &Origin::line(&shown, number), target)?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(&mut self, path: &str, line: &str, origin: &Origin, target: Target) -> Result<(), SpecError> {
        if line.starts_with('-') {
            return self.option(path, line, origin);
        }
        let (text, options) = split_options(line);
        let mut requirement = PipRequirement::parse(text, origin.clone())?;
        requirement.hashes = hashes(options).map_err(|error| SpecError::new(origin.clone(), error))?;
        match target {
            Target::Requirements => self.spec.pip.push(requirement),
            Target::Constraints => self.spec.pip_constraints.push(requirement),
        }
        Ok(())
    }

    fn option(&mut self, path: &str, line: &str, origin: &Origin) -> Result<(), SpecError> {
        let wrong = |error: RequirementError| SpecError::new(origin.clone(), error);
        let mut words = Words::new(line);
        while let Some((name, value)) = words.next_option().map_err(wrong)? {
            let target = match name {
                "-r" | "--requirement" => Target::Requirements,
                "-c" | "--constraint" => Target::Constraints,
                _ => {
                    self.index_option(name, value, &mut words).map_err(wrong)?;
                    continue;
                }
            };
            let file = words.value(name, value).map_err(wrong)?;
            let included = resolve(path, &file).map_err(wrong)?;
            self.file(&included, origin, target)?;
        }
        Ok(())
    }

    fn index_option(
        &mut self,
        name: &str,
        value: Option<&str>,
        words: &mut Words<'_>,
    ) -> Result<(), RequirementError> {
        let options = &mut self.spec.pip_options;
        let mut address = || check_address(&words.value(name, value)?);
        match name {
            "-i" | "--index-url" | "--pypi-url" => {
                let address = address()?;
                if options.index.as_ref().is_some_and(|index| *index != address) {
                    return Err(RequirementError::OptionTwice("--index-url"));
                }
                options.index = Some(address);
            }
            "--extra-index-url" => options.extra_indexes.push(address()?),
            "-f" | "--find-links" => options.find_links.push(address()?),
            "--no-binary" => options.no_binary.extend(names(&words.value(name, value)?)),
            "--only-binary" => options.only_binary.extend(names(&words.value(name, value)?)),
            "--no-index" => options.no_index = true,
            "--pre" => options.pre = Some(true),
            "--require-hashes" => options.require_hashes = true,
            "-e" | "--editable" => return Err(RequirementError::Editable(words.value(name, value)?)),
            _ => return Err(RequirementError::Option(name.to_owned())),
        }
        Ok(())
    }
}

/// The lines of a file without comments, each with the number of its first line; a `\` at the end joins two.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let comment = line.trim_start().starts_with('#');
        let continues = line.ends_with('\\') && !comment;
        let line = if continues { &line[..line.len() - 1] } else { line };
        let line = if comment { "" } else { line };
        match lines.last_mut().filter(|_| open) {
            Some((_, joined)) => joined.push_str(line),
            None => lines.push((number, line.to_owned())),
        }
        open = continues;
    }
    let bare = lines.into_iter().map(|(number, line)| (number, without_comment(&line).trim().to_owned()));
    bare.filter(|(_, line)| !line.is_empty()).collect()
}

/// A comment begins with `#` at the start or after a blank: `#` inside an address is a part of it.
fn without_comment(line: &str) -> &str {
    let starts = |at: usize| at == 0 || line[..at].ends_with(char::is_whitespace);
    let end = line.match_indices('#').map(|(at, _)| at).find(|at| starts(*at));
    &line[..end.unwrap_or(line.len())]
}

/// Splits a requirement from the options after it.
fn split_options(line: &str) -> (&str, &str) {
    let starts = |at: usize| line[..at].ends_with(char::is_whitespace);
    match line.match_indices("--").map(|(at, _)| at).find(|at| starts(*at)) {
        Some(at) => (line[..at].trim_end(), &line[at..]),
        None => (line, ""),
    }
}

fn hashes(options: &str) -> Result<Vec<String>, RequirementError> {
    let mut words = Words::new(options);
    let mut hashes = Vec::new();
    while let Some((name, value)) = words.next_option()? {
        if name != "--hash" {
            return Err(RequirementError::Option(name.to_owned()));
        }
        hashes.push(checked_hash(words.value(name, value)?)?);
    }
    Ok(hashes)
}

fn checked_hash(text: String) -> Result<String, RequirementError> {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => 0,
    };
    let digits = text.split_once(':').map_or("", |(_, digits)| digits);
    let valid = length > 0 && digits.len() == length && digits.chars().all(|c| c.is_ascii_hexdigit());
    if valid { Ok(text) } else { Err(RequirementError::Hash(text)) }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The words of a line of options.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        Self(line.split_whitespace())
    }

    /// The next option and what is joined to it: `--name=value`, `--name`, `-rvalue`, `-r`.
    fn next_option(&mut self) -> Result<Option<(&'a str, Option<&'a str>)>, RequirementError> {
        let Some(word) = self.0.next() else { return Ok(None) };
        if !word.starts_with('-') {
            return Err(RequirementError::Syntax {
                text: word.to_owned(),
                reason: "expected an option, which begins with a dash".to_owned(),
            });
        }
        Ok(Some(match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None if word.starts_with("--") || word.len() <= 2 => (word, None),
            None => word.split_at_checked(2).map_or((word, None), |(name, value)| (name, Some(value))),
        }))
    }

    /// The value of an option: joined to it, or the next word.
    fn value(&mut self, name: &str, joined: Option<&str>) -> Result<String, RequirementError> {
        let value = joined.or_else(|| self.0.next()).unwrap_or_default();
        let value = value.trim_matches(['"', '\'']);
        match value {
            "" => Err(RequirementError::OptionValue(name.to_owned())),
            value if has_variable(value) => Err(RequirementError::Variable(value.to_owned())),
            value => Ok(value.to_owned()),
        }
    }
}
