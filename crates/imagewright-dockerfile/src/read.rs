//! From an instruction's line to the instruction.

use crate::error::{DockerfileError, Problem};
use crate::flags::{Mount, RunFlags, RunNetwork};
use crate::instruction::{Command, Copy, From, HealthCheck, Instruction, Located, RawSource, Run};
use crate::source::{Line, announcement, read};
use crate::words::{split_flags, split_quoted};

const COPY_FLAGS: &[&str] = &["from", "chown", "chmod", "link", "parents", "exclude"];
const ADD_FLAGS: &[&str] = &["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"];
const RUN_FLAGS: &[&str] = &["mount", "network"];
const HEALTH_FLAGS: &[&str] = &["interval", "timeout", "start-period", "start-interval", "retries"];

/// Flags that may be given more than once.
const REPEATED_FLAGS: [&str; 2] = ["mount", "exclude"];
/// The shortest time of a health check, in nanoseconds.
const SHORTEST_TIME: i64 = 1_000_000;

/// Longest part of an instruction that is shown.
const LONGEST_TITLE: usize = 200;

/// All instructions of a text, and the character that escapes.
pub(crate) fn instructions(file: &str, text: &str) -> Result<(Vec<Located>, char), DockerfileError> {
    let (lines, escape) = read(file, text)?;
    let read = |line: &Line| {
        let instruction = instruction(line, escape).map_err(|problem| problem.at(file, line.number))?;
        Ok(Located { instruction, text: title(line), line: line.number })
    };
    Ok((lines.iter().map(read).collect::<Result<_, DockerfileError>>()?, escape))
}

fn title(line: &Line) -> String {
    let text = format!("{} {}", line.keyword, line.rest.split_whitespace().collect::<Vec<_>>().join(" "));
    match text.char_indices().nth(LONGEST_TITLE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn instruction(line: &Line, escape: char) -> Result<Instruction, Problem> {
    let Line { keyword, rest, heredocs, .. } = line;
    let (flags, after_flags) = match keyword.as_str() {
        "FROM" | "RUN" | "COPY" | "ADD" | "HEALTHCHECK" => split_flags(rest, escape),
        _ => (Vec::new(), rest.as_str()),
    };
    let flags = Flags { keyword, all: flags };
    if after_flags.is_empty() && crate::instruction::KEYWORDS.contains(&keyword.as_str()) && keyword != "CMD"
    {
        return Err(Problem::malformed(keyword, "nothing follows it"));
    }
    Ok(match keyword.as_str() {
        "FROM" => Instruction::From(from(&flags, after_flags)?),
        "ARG" => Instruction::Arg(arguments(rest, escape)),
        "ENV" => Instruction::Env(pairs(keyword, rest, escape)?),
        "LABEL" => Instruction::Label(pairs(keyword, rest, escape)?),
        "MAINTAINER" => Instruction::Maintainer(rest.clone()),
        "RUN" => Instruction::Run(Run {
            flags: run_flags(&flags)?,
            command: command(keyword, after_flags)?,
            heredocs: heredocs.clone(),
        }),
        "COPY" | "ADD" => Instruction::Copy(copy(&flags, after_flags, heredocs)?),
        "WORKDIR" => Instruction::Workdir(rest.clone()),
        "USER" => Instruction::User(rest.clone()),
        "EXPOSE" => Instruction::Expose(rest.split_whitespace().map(str::to_owned).collect()),
        "VOLUME" => Instruction::Volume(volumes(rest)?),
        "CMD" => Instruction::Cmd(command(keyword, rest)?),
        "ENTRYPOINT" => Instruction::Entrypoint(command(keyword, rest)?),
        "SHELL" => match json_list(keyword, rest)?.filter(|words| !words.is_empty()) {
            Some(words) => Instruction::Shell(words),
            None => return Err(Problem::malformed(keyword, "needs a JSON list, as [\"/bin/bash\", \"-c\"]")),
        },
        "STOPSIGNAL" => Instruction::StopSignal(rest.clone()),
        "HEALTHCHECK" => Instruction::HealthCheck(health_check(&flags, after_flags)?),
        "ONBUILD" => Instruction::OnBuild(trigger(line, escape)?),
        _ => return Err(Problem::UnknownInstruction(keyword.clone())),
    })
}

struct Flags<'a> {
    keyword: &'a str,
    all: Vec<String>,
}

impl Flags<'_> {
    /// Name and value of each flag; only those that are `known`.
    fn each(
        &self,
        known: &'static [&'static str],
        mut take: impl FnMut(&str, Option<&str>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut seen = Vec::new();
        for flag in &self.all {
            let flag = flag.trim_start_matches("--");
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            if !known.contains(&name) {
                let flag = name.to_owned();
                return Err(Problem::UnknownFlag { keyword: self.keyword.to_owned(), flag, known });
            }
            if seen.contains(&name) && !REPEATED_FLAGS.contains(&name) {
                return Err(Problem::malformed(self.keyword, format!("`--{name}` stands twice")));
            }
            seen.push(name);
            take(name, value)?;
        }
        Ok(())
    }

    fn switch(&self, name: &str, value: Option<&str>) -> Result<bool, Problem> {
        match value {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(Problem::malformed(self.keyword, format!("`--{name}` is true or false"))),
        }
    }

    fn value(&self, name: &str, value: Option<&str>) -> Result<String, Problem> {
        let value = value.filter(|value| !value.is_empty());
        value
            .map(str::to_owned)
            .ok_or_else(|| Problem::malformed(self.keyword, format!("`--{name}` needs a value")))
    }
}

fn from(flags: &Flags<'_>, rest: &str) -> Result<From, Problem> {
    let mut platform = None;
    flags.each(&["platform"], |name, value| {
        platform = Some(flags.value(name, value)?);
        Ok(())
    })?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (image, name) = match words[..] {
        [image] => (image, None),
        [image, as_, name] if as_.eq_ignore_ascii_case("as") => (image, Some(name.to_lowercase())),
        _ => return Err(Problem::malformed("FROM", "is written `FROM IMAGE` or `FROM IMAGE AS NAME`")),
    };
    if let Some(name) = &name {
        let fits = name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if !fits {
            let reason =
                format!("`{name}` cannot name a stage: a letter, then letters, digits, `-`, `_`, `.`");
            return Err(Problem::malformed("FROM", reason));
        }
    }
    Ok(From { image: image.to_owned(), platform, name })
}

fn arguments(rest: &str, escape: char) -> Vec<(String, Option<String>)> {
    let split = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    split_quoted(rest, escape).into_iter().map(split).collect()
}

/// `NAME=value NAME=value`, or the old `NAME value`.
fn pairs(keyword: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>, Problem> {
    let words = split_quoted(rest, escape);
    if !words.first().is_some_and(|word| word.contains('=')) {
        let (name, value) = rest
            .split_once(char::is_whitespace)
            .ok_or_else(|| Problem::malformed(keyword, format!("`{rest}` has no value")))?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some(("", _)) => Err(Problem::malformed(keyword, format!("`{word}` has no name"))),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Problem::malformed(
            keyword,
            format!("`{word}` is not written NAME=value; put quotes around values with spaces"),
        )),
    };
    words.iter().map(pair).collect()
}

fn run_flags(flags: &Flags<'_>) -> Result<RunFlags, Problem> {
    let mut all = RunFlags::default();
    for (flag, instead) in [
        ("--security=insecure", "commands run with what container engines leave to root"),
        ("--device", "run it where the device is, after the build"),
    ] {
        if flags.all.iter().any(|given| given.starts_with(flag)) {
            return Err(Problem::unsupported(format!("`RUN {flag}`"), instead));
        }
    }
    let rest = Flags {
        keyword: flags.keyword,
        all: flags.all.iter().filter(|flag| *flag != "--security=sandbox").cloned().collect(),
    };
    rest.each(RUN_FLAGS, |name, value| {
        let value = rest.value(name, value)?;
        match (name, value.as_str()) {
            ("mount", _) => {
                // What does not depend on variables is found out before anything is built.
                if !value.contains('$') {
                    Mount::parse(&value, "/", &|text| Ok(text.to_owned()))?;
                }
                all.mounts.push(value);
            }
            (_, "default") => all.network = RunNetwork::Default,
            (_, "host") => all.network = RunNetwork::Host,
            (_, "none") => all.network = RunNetwork::None,
            (_, other) => {
                let reason = format!("there is no network `{other}`: it is default, host or none");
                return Err(Problem::malformed("RUN", reason));
            }
        }
        Ok(())
    })?;
    Ok(all)
}

fn copy(flags: &Flags<'_>, rest: &str, heredocs: &[crate::source::Heredoc]) -> Result<Copy, Problem> {
    let keyword = flags.keyword;
    let add = keyword == "ADD";
    let words = match json_list(keyword, rest)? {
        Some(words) => words,
        None => rest.split_whitespace().map(str::to_owned).collect(),
    };
    let Some((destination, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return Err(Problem::malformed(keyword, "needs a source and a destination"));
    };
    let mut named = heredocs.iter();
    let sources = sources.iter().map(|word| match announcement(word) {
        Some(_) => named
            .next()
            .map(|heredoc| RawSource::Heredoc(heredoc.clone()))
            .ok_or_else(|| Problem::malformed(keyword, format!("`{word}` is no source"))),
        None => Ok(RawSource::Path(word.clone())),
    });
    let mut copy = Copy {
        add,
        sources: sources.collect::<Result<_, _>>()?,
        destination: destination.clone(),
        from: None,
        chown: None,
        chmod: None,
        checksum: None,
        link: false,
        parents: false,
        exclude: Vec::new(),
        keep_git: false,
        unpack: None,
    };
    flags.each(if add { ADD_FLAGS } else { COPY_FLAGS }, |name, value| {
        let text = || flags.value(name, value);
        match name {
            "link" => copy.link = flags.switch(name, value)?,
            "parents" => copy.parents = flags.switch(name, value)?,
            "keep-git-dir" => copy.keep_git = flags.switch(name, value)?,
            "unpack" => copy.unpack = Some(flags.switch(name, value)?),
            "exclude" => copy.exclude.push(text()?),
            "chown" => copy.chown = Some(text()?),
            "chmod" => copy.chmod = Some(text()?),
            "checksum" => copy.checksum = Some(text()?),
            _ => copy.from = Some(text()?),
        }
        if copy.from.as_ref().is_some_and(|from| from.contains('$')) {
            return Err(Problem::unsupported(
                "a variable in `--from`",
                "name the image as a stage, `FROM $IMAGE AS name`, and take it from there",
            ));
        }
        Ok(())
    })?;
    Ok(copy)
}

fn volumes(rest: &str) -> Result<Vec<String>, Problem> {
    let words = json_list("VOLUME", rest)?;
    let words = words.unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
    match words.is_empty() || words.iter().any(|word| word.trim().is_empty()) {
        true => Err(Problem::malformed("VOLUME", "a path is empty or missing")),
        false => Ok(words),
    }
}

fn health_check(flags: &Flags<'_>, rest: &str) -> Result<HealthCheck, Problem> {
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let mut times = Vec::new();
    let mut retries = None;
    flags.each(HEALTH_FLAGS, |name, value| {
        let value = flags.value(name, value)?;
        let bad = || Problem::malformed("HEALTHCHECK", format!("`--{name}={value}` cannot be read"));
        match name {
            "retries" => retries = Some(value.parse().ok().filter(|count| *count >= 0).ok_or_else(bad)?),
            _ => {
                let time = nanoseconds(&value).ok_or_else(bad)?;
                if (1..SHORTEST_TIME).contains(&time) {
                    let reason = format!("`--{name}={value}` is less than a millisecond");
                    return Err(Problem::malformed("HEALTHCHECK", reason));
                }
                times.push((health_key(name), time));
            }
        }
        Ok(())
    })?;
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => Ok(HealthCheck::None),
        "NONE" => Err(Problem::malformed("HEALTHCHECK", "NONE takes nothing else")),
        "CMD" if !rest.trim().is_empty() => {
            Ok(HealthCheck::Command { command: command("HEALTHCHECK", rest.trim())?, times, retries })
        }
        "CMD" => Err(Problem::malformed("HEALTHCHECK", "nothing follows CMD")),
        other => Err(Problem::malformed("HEALTHCHECK", format!("`{other}` is neither CMD nor NONE"))),
    }
}

fn health_key(flag: &str) -> &'static str {
    match flag {
        "interval" => "Interval",
        "timeout" => "Timeout",
        "start-period" => "StartPeriod",
        _ => "StartInterval",
    }
}

/// A duration as Go writes it: `1m30s`, `500ms`.
fn nanoseconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut total = 0f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[end..];
    }
    // As many hours as fit are more than enough.
    #[expect(clippy::cast_possible_truncation, reason = "held against the largest value just before")]
    (!text.is_empty() && total < 9e18).then_some(total as i64)
}

/// What follows `ONBUILD`, tried out: it must be an instruction that may stand there.
fn trigger(line: &Line, escape: char) -> Result<String, Problem> {
    let (keyword, rest) = line.rest.split_once(char::is_whitespace).unwrap_or((&line.rest, ""));
    let keyword = keyword.to_ascii_uppercase();
    if ["ONBUILD", "FROM", "MAINTAINER"].contains(&keyword.as_str()) {
        return Err(Problem::malformed("ONBUILD", format!("{keyword} may not follow it")));
    }
    let inner =
        Line { keyword, rest: rest.trim().to_owned(), heredocs: line.heredocs.clone(), number: line.number };
    instruction(&inner, escape)?;
    let texts = line.heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.text, heredoc.name));
    Ok(line.rest.clone() + &texts.collect::<String>())
}

/// A JSON list is the exec form, everything else a line for the shell.
fn command(keyword: &str, rest: &str) -> Result<Command, Problem> {
    Ok(match json_list(keyword, rest)? {
        Some(words) => Command::Exec(words),
        None => Command::Shell(rest.to_owned()),
    })
}

/// The words of a JSON list; none where the text is something else.
fn json_list(keyword: &str, text: &str) -> Result<Option<Vec<String>>, Problem> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(text) else { return Ok(None) };
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Problem::malformed(keyword, format!("`{other}` is no string: write \"{other}\""))),
    };
    list.into_iter().map(word).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests;
