//! `requirements.txt`, as pip reads it.

use pep508_rs::PackageName;

use super::address::check_address;
use super::folder::{read_existing, resolve};
use super::{Origin, PartialSpec, PipRequirement, RequirementError, SpecError, SpecFiles, local_path};

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
        if line.starts_with('-') && local_path::editable(line).is_none() {
            return self.option(path, line, origin);
        }
        let (text, options) = split_options(line);
        let mut requirement = PipRequirement::parse_in(folder_of(path), text, origin.clone())?;
        let wrong = |error| SpecError::new(origin.clone(), error);
        requirement.hashes = hashes(options).map_err(wrong)?;
        if requirement.name.is_none() && !requirement.hashes.is_empty() {
            return Err(wrong(RequirementError::HashWithoutName(text.to_owned())));
        }
        match target {
            Target::Requirements => self.spec.pip.push(requirement),
            Target::Constraints => self.spec.pip_constraints.push(requirement.into_constraint()?),
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
            "--no-binary" => options.no_binary.extend(names(name, &words.value(name, value)?)?),
            "--only-binary" => options.only_binary.extend(names(name, &words.value(name, value)?)?),
            "--no-index" => options.no_index = true,
            "--pre" => options.pre = Some(true),
            "--require-hashes" => options.require_hashes = true,
            "-e" | "--editable" => return Err(RequirementError::OptionValue(name.to_owned())),
            _ => return Err(RequirementError::Option(name.to_owned())),
        }
        Ok(())
    }
}

/// The folder that a file lies in.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
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

/// The packages that `option` names, or `:all:` or `:none:`.
fn names(option: &str, list: &str) -> Result<Vec<String>, RequirementError> {
    let name = |text: &str| match text {
        ":all:" | ":none:" => Ok(text.to_owned()),
        text => PackageName::new(text.to_owned())
            .map(|name| name.to_string())
            .map_err(|_| RequirementError::PackageName { option: option.to_owned(), name: text.to_owned() }),
    };
    list.split(',').map(str::trim).map(name).collect()
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
            value => Ok(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<PartialSpec, SpecError> {
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        read_requirements(&files, "requirements.txt")
    }

    fn shown(requirements: &[PipRequirement]) -> Vec<String> {
        requirements.iter().map(|requirement| format!("{} {requirement}", requirement.origin)).collect()
    }

    #[test]
    fn lines_comments_and_continuations() {
        let text = "\u{feff}# comment\nnumpy  # why\n\npandas \\\n  >=2 \\\n# inside\nscipy\r\n\
                    x @ https://mirror.example/x.whl#sha256=ab\n  \nlast";
        let spec = read(&[("requirements.txt", text)]).unwrap();
        let expected = [
            "requirements.txt:2 numpy",
            "requirements.txt:4 pandas   >=2",
            "requirements.txt:7 scipy",
            "requirements.txt:8 x @ https://mirror.example/x.whl#sha256=ab",
            "requirements.txt:10 last",
        ];
        assert_eq!(shown(&spec.pip), expected);
    }

    #[test]
    fn hashes_stay_with_their_requirement() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let text = format!(
            "numpy==2.1 ; python_version > '3' \\\n    --hash=sha256:{a} \\\n    --hash sha256:{b}\n"
        );
        let spec = read(&[("requirements.txt", &text)]).unwrap();
        assert_eq!(spec.pip[0].hashes, [format!("sha256:{a}"), format!("sha256:{b}")]);
        let line = format!("numpy==2.1 ; python_version > '3' --hash=sha256:{a} --hash=sha256:{b}");
        assert_eq!(spec.pip[0].line(|_| unreachable!()), line);
    }

    #[test]
    fn options_of_the_index() {
        let text = "--index-url https://mirror.example/simple\n--extra-index-url=https://a.example\n\
                    -f https://b.example/links --pre\n--no-binary numpy,scipy\n--only-binary=:all:\n\
                    --require-hashes\n--no-index\n-i https://mirror.example/simple\n";
        let options = read(&[("requirements.txt", text)]).unwrap().pip_options;
        assert_eq!(options.index.as_deref(), Some("https://mirror.example/simple"));
        assert_eq!(options.extra_indexes, ["https://a.example"]);
        assert_eq!(options.find_links, ["https://b.example/links"]);
        assert_eq!(options.no_binary, ["numpy", "scipy"]);
        assert_eq!(options.only_binary, [":all:"]);
        assert_eq!((options.pre, options.require_hashes, options.no_index), (Some(true), true, true));
    }

    #[test]
    fn included_files_are_found_from_where_they_are_named() {
        let spec = read(&[
            ("requirements.txt", "-r requirements/base.txt\n-c constraints.txt\npandas\n"),
            ("requirements/base.txt", "--requirement=more.txt\n-r../common.txt\n"),
            ("requirements/more.txt", "scipy\n"),
            ("common.txt", "numpy\n"),
            ("constraints.txt", "six<2\n-r common.txt\n"),
        ])
        .unwrap();
        let expected = [
            "requirements/more.txt:1 scipy",
            "common.txt:1 numpy",
            "common.txt:1 numpy",
            "requirements.txt:3 pandas",
        ];
        assert_eq!(shown(&spec.pip), expected);
        assert_eq!(shown(&spec.pip_constraints), ["constraints.txt:1 six<2"]);
    }

    #[test]
    fn paths_count_from_the_file_that_names_them() {
        let spec = read(
            &[
                ("requirements.txt", "-r sub/more.txt\n./lib[a] ; os_name == 'posix'\n-e .\n"),
                ("sub/more.txt", "--editable=./x\n../x-1.0-py3-none-any.whl --hash=sha256:HASH\n/srv/y\n"),
            ]
            .map(|(path, text)| (path, text.replace("HASH", &"0".repeat(64))))
            .each_ref()
            .map(|(path, text)| (*path, text.as_str())),
        );
        let spec = spec.unwrap();
        let paths: Vec<_> = spec.pip.iter().map(|it| it.local.as_ref().unwrap().path.as_str()).collect();
        assert_eq!(paths, ["sub/x", "x-1.0-py3-none-any.whl", "/srv/y", "lib", "."]);
        assert_eq!((spec.pip[1].name.as_deref(), spec.pip[1].hashes.len()), (Some("x"), 1));
    }

    #[test]
    fn each_way_to_be_wrong_names_file_and_line() {
        let cases = [
            ("numpy\npandas=>2\n", "requirements.txt:2: `pandas=>2` is not a requirement: no such"),
            ("-r missing.txt", "requirements.txt:1: there is no file `missing.txt`"),
            ("-r requirements.txt", "requirements.txt:1: `requirements.txt` includes itself"),
            ("-r a.txt", "a.txt:1: `requirements.txt` includes itself"),
            ("-r ../up.txt", "requirements.txt:1: `../up.txt` lies outside the folder"),
            ("-r /etc/passwd", "`/etc/passwd` lies outside the folder"),
            ("-r https://mirror.example/r.txt", "lies outside the folder"),
            ("-r", "option `-r` lacks its value"),
            ("--index-url", "option `--index-url` lacks its value"),
            ("-i https://a.example\n-i https://b.example", ":2: option `--index-url` is given twice"),
            ("-e", "option `-e` lacks its value"),
            ("-c c.txt", "c.txt:1: `./x` is a path on this machine, which says nothing of a version"),
            ("./x.tar.gz --hash=sha256:HASH", "lists hashes and has no name"),
            ("-e svn+https://mirror.example/x", "requirements.txt:1: `svn+https://mirror.example/x` is a"),
            ("--trusted-host mirror.example", "option `--trusted-host` of pip is not supported"),
            ("--no-binary numpy,-x", "option `--no-binary` names `-x`, which is not a package"),
            ("--only-binary ''", "option `--only-binary` lacks its value"),
            ("--prefer-binary", "option `--prefer-binary` of pip is not supported"),
            ("--pre numpy", "`numpy` is not a requirement: expected an option"),
            ("numpy --pre", "option `--pre` of pip is not supported"),
            ("https://mirror.example/x.whl --hash=sha256:HASH", "lists hashes and has no name"),
            ("numpy --hash=md5:12", "`md5:12` is not a hash"),
            ("numpy --hash=sha256:12", "`sha256:12` is not a hash"),
            ("numpy --config-settings a=b", "option `--config-settings` of pip is not supported"),
            ("-f ./wheels", "`./wheels` is not an address"),
            ("-i https://${TOKEN}.example", "counts on an environment variable"),
            ("--extra-index-url https://u:p@mirror.example", "holds a user name or password"),
        ];
        for (text, part) in cases {
            let text = text.replace("HASH", &"0".repeat(64));
            let error =
                read(&[("requirements.txt", &text), ("a.txt", "-r requirements.txt"), ("c.txt", "./x")])
                    .unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
