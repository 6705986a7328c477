//! Solving by uv: on the host, with something that answers for the image's interpreter, or in the sandbox.
//!
//! A solution needs to know the interpreter and not the image, so as a rule nothing of the image has to be unpacked.
//! On the host no code of a package can run: the only interpreter that uv knows there is a script that prints what the
//! real one once answered. Where uv must build a package to know what it requires, the script refuses, and the
//! question is put again in the sandbox.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_model::spec::{PipOptions, PipRequirement, PipSpec};
use imagewright_oci::Digest;
use serde_json::Value;

use super::given::{self, Given};
use super::local::Locals;
use crate::error::EngineError;
use crate::host_program;
use crate::step::StepContext;
use crate::uv::Uv;
use crate::versions_error::VersionsError;
use crate::workbench::Finished;

/// What the script says that stands for the interpreter, when uv wants it to do something.
const REFUSAL: &str = "imagewright: nothing is built on the host";
/// What uv says where the host will not do, and what people are told then.
const REASONS: [(&str, &str); 2] = [
    (REFUSAL, "a package must be built to know what it requires"),
    ("Git executable not found", "a package comes from a repository"),
];
/// The folder of a question inside the sandbox; the overlay it lies on is thrown away.
const FOLDER: &str = "/.imagewright-solve";
const LOCK: &str = "pylock.toml";
/// How uv begins where two addresses are asked for.
const URLS: &str = "Requirements contain conflicting URLs for package";

/// Asks uv.
pub(super) struct Solver<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) uv: &'a Uv,
    pub(super) spec: &'a PipSpec,
    pub(super) locals: &'a Locals,
    /// What the interpreter answered to uv, and its path.
    pub(super) report: &'a Value,
    pub(super) executable: &'a str,
    /// Packages whose versions are to be kept where that is possible.
    pub(super) preferred: &'a [(String, String)],
    /// Packages that are there and stay.
    pub(super) given: &'a Given<'a>,
}

impl Solver<'_> {
    /// Has uv turn requirements and further lines into a lock (PEP 751), which names contents in place of paths.
    pub(super) fn lock(&self, requirements: &[PipRequirement], more: &str) -> Result<String, EngineError> {
        let StepContext { site, report, .. } = self.context;
        let lines = |folder: &Path| self.locals.lines(requirements, folder) + more;
        let (solved, lock) = self.on_host(&lines, |command| host_program::run(command, site, report))?;
        if solved.succeeded() {
            return self.finish(&lock);
        }
        let said = solved.tail_text();
        let Some((_, reason)) = REASONS.iter().find(|(sign, _)| said.contains(sign)) else {
            return Err(self.error(&solved));
        };
        report.status(format!("solving again in the sandbox: {reason}"));
        let (solved, lock) = self.in_sandbox(&lines)?;
        if solved.succeeded() { self.finish(&lock) } else { Err(self.error(&solved)) }
    }

    fn finish(&self, lock: &str) -> Result<String, EngineError> {
        self.locals.pin_solution(&given::leave_out(lock))
    }

    fn error(&self, solved: &Finished) -> EngineError {
        let installed = self.given.named_in(&solved.tail_text());
        match solve_error(solved) {
            EngineError::Unsolvable { explanation } if !installed.is_empty() => {
                EngineError::UnsolvableOnConda { installed, explanation }
            }
            error => error,
        }
    }

    /// Has uv solve on the host, run by `run`.
    pub(super) fn on_host<F>(
        &self,
        lines: &dyn Fn(&Path) -> String,
        run: impl FnOnce(Command) -> Result<F, EngineError>,
    ) -> Result<(F, String), EngineError> {
        let site = self.context.site;
        let interpreter = stand_in(&site.store.cache_dir("interpreters")?, self.report)?;
        let scratch = site.store.scratch(&[])?;
        let folder = scratch.upper();
        self.write_question(&folder, &folder, lines)?;
        self.locals.put_below(&folder, None)?;
        let arguments = self.arguments(&folder, &interpreter.to_string_lossy());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let finished = run(self.uv.host_command(site.outside, &arguments))?;
        Ok((finished, fs::read_to_string(folder.join(LOCK)).unwrap_or_default()))
    }

    fn in_sandbox(&self, lines: &dyn Fn(&Path) -> String) -> Result<(Finished, String), EngineError> {
        let StepContext { site, report, .. } = self.context;
        let mut bench = self.context.bench()?;
        let folder = bench.upper().join(FOLDER.trim_start_matches('/'));
        fs::create_dir(&folder).map_err(EngineError::io("create", &folder))?;
        self.write_question(&folder, Path::new(FOLDER), lines)?;
        // Building is how uv finds out what a project requires, and may leave traces in it.
        self.locals.put_below(&folder, Some((self.context.epoch, site.cancel)))?;
        let arguments = self.arguments(Path::new(FOLDER), self.executable);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let finished = bench.run(self.uv.command(site.outside, &arguments), report)?;
        Ok((finished, fs::read_to_string(folder.join(LOCK)).unwrap_or_default()))
    }

    /// Writes it into `folder`, which uv sees as `seen`.
    fn write_question(
        &self,
        folder: &Path,
        seen: &Path,
        requirements: &dyn Fn(&Path) -> String,
    ) -> Result<(), EngineError> {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(EngineError::io("write", &path))
        };
        write("requirements.in", &requirements(seen))?;
        let given = self.given.put_below(folder, seen)?;
        write("constraints.txt", &(lines(&self.spec.constraints) + &given))?;
        if self.preferred.is_empty() { Ok(()) } else { write(LOCK, &preferences(self.preferred)) }
    }

    fn arguments(&self, folder: &Path, interpreter: &str) -> Vec<String> {
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let fixed = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--format", "pylock.toml"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        arguments.extend(["--python".to_owned(), interpreter.to_owned(), "-o".to_owned(), path(LOCK)]);
        arguments.extend(options(&self.spec.options));
        if !self.spec.constraints.is_empty() || !self.given.is_empty() {
            arguments.extend(["--constraints".to_owned(), path("constraints.txt")]);
        }
        arguments.push(path("requirements.in"));
        arguments
    }
}

/// A script that answers for an interpreter; the same report has the same script, so uv asks it once.
pub(super) fn stand_in(folder: &Path, report: &Value) -> Result<PathBuf, EngineError> {
    let digest = Digest::of(report.to_string().as_bytes());
    let folder = folder.join(digest.hex());
    let script = folder.join("python");
    if script.is_file() {
        return Ok(script);
    }
    fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
    let mut report = report.clone();
    for key in ["sys_executable", "sys_base_executable"] {
        // uv starts these where it builds.
        report[key] = script.to_string_lossy().into();
    }
    put(&folder.join("report.json"), report.to_string().as_bytes(), 0o644)?;
    let text = format!(
        "#!/bin/sh\n\
         # Answers uv for the interpreter of an image, and can do nothing else.\n\
         case \"$*\" in\n\
         *get_interpreter_info*) while read -r line || [ -n \"$line\" ]; do printf '%s\\n' \"$line\"; done <\"${{0%/*}}/report.json\" ;;\n\
         *) echo '{REFUSAL}' >&2; exit 125 ;;\n\
         esac\n"
    );
    put(&script, text.as_bytes(), 0o755)?;
    Ok(script)
}

/// Writes a file that other processes may be writing as well, with the same contents.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), EngineError> {
    let wrong = |error| EngineError::io("write", path)(error);
    let folder = path.parent().expect("a file lies in a folder");
    let permissions = fs::Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}

/// An output of uv's own with nothing but versions, which it keeps to where it can.
fn preferences(preferred: &[(String, String)]) -> String {
    let mut text = "lock-version = \"1.0\"\ncreated-by = \"imagewright\"\n".to_owned();
    for (name, version) in preferred {
        // Writing to a string does not fail.
        let _ = write!(text, "\n[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    }
    text
}

/// Constraints, a line each: they name no paths.
pub(super) fn lines(constraints: &[PipRequirement]) -> String {
    constraints.iter().map(|constraint| constraint.line(|local| local.path.clone()) + "\n").collect()
}

/// The options of a spec as uv takes them.
fn options(options: &PipOptions) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, values: &[String]| {
        arguments.extend(values.iter().flat_map(|value| [name.to_owned(), value.clone()]));
    };
    add("--default-index", options.index.as_slice());
    add("--index", &options.extra_indexes);
    add("--find-links", &options.find_links);
    add("--no-binary", &options.no_binary);
    add("--only-binary", &options.only_binary);
    if options.no_index {
        arguments.push("--no-index".to_owned());
    }
    if let Some(time) = &options.exclude_newer {
        arguments.extend(["--exclude-newer".to_owned(), time.clone()]);
    }
    if options.pre == Some(true) {
        arguments.extend(["--prerelease".to_owned(), "allow".to_owned()]);
    }
    arguments
}

fn solve_error(compiled: &Finished) -> EngineError {
    if compiled.tail_text().contains("network was disabled") {
        let what = "all that is needed to solve the Python requirements is".to_owned();
        return VersionsError::Offline { what }.into();
    }
    match explanation(&compiled.tail) {
        Some(explanation) => EngineError::Unsolvable { explanation },
        None => EngineError::Uv { action: "solve the requirements", tail: compiled.tail_text() },
    }
}

/// uv's sentences on why there is no solution, without the marks it draws around them.
fn explanation(lines: &[String]) -> Option<String> {
    if let Some(start) = lines.iter().position(|line| line.contains(URLS)) {
        let addresses = lines[start + 1..].iter().filter(|line| !line.contains(given::FOLDER));
        let mut told = vec![lines[start].trim_start_matches("error: ").to_owned()];
        told.extend(addresses.cloned());
        return Some(told.join("\n"));
    }
    let start = lines.iter().position(|line| line.contains("No solution found"))?;
    let marks = |c: char| c.is_whitespace() || "╰─▶│├".contains(c);
    let sentences = lines[start + 1..].iter().map(|line| {
        let line = line.trim_start_matches(marks);
        line.strip_prefix("cause: ").unwrap_or(line)
    });
    Some(sentences.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uv_explains_is_shown_without_its_marks() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let drawn = lines(
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because a>=2 depends on b\n      and you require b<1, no.",
        );
        assert_eq!(explanation(&drawn).unwrap(), "Because a>=2 depends on b\nand you require b<1, no.");
        let plain = lines(
            "warning: x\nerror: No solution found when resolving dependencies\n  cause: Because there is no c.",
        );
        assert_eq!(explanation(&plain).unwrap(), "Because there is no c.");
        assert_eq!(explanation(&lines("error: Failed to fetch")), None);
        let addresses = lines(
            "error: Requirements contain conflicting URLs for package `a`:\n- file:///x/imagewright-given/0/a.whl\n- file:///b",
        );
        let told = "Requirements contain conflicting URLs for package `a`:\n- file:///b";
        assert_eq!(explanation(&addresses).unwrap(), told);
    }
}
