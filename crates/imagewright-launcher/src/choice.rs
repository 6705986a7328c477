//! Which kernel is started, and by which command.

mod toree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::LauncherError;
use crate::kernelspec::{self, CONNECTION_FILE, Found, InterruptMode};
use crate::request::{Environment, Request};
use crate::spark::{self, StartFile};

/// Where programs are looked for after `PATH`, which a gateway may have replaced by its own.
const USUAL_PLACES: [&str; 6] =
    ["/opt/venv/bin", "/opt/conda/bin", "/usr/local/bin", "/usr/bin", "/bin", "/opt/R/bin"];
/// Kernelspecs that count where several are for the language.
const PREFERRED: [(&str, &str); 3] = [("python", "python3"), ("r", "ir"), ("scala", "apache_toree_scala")];

/// What a signal becomes on its way to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Signals go as they come.
    Signal,
    /// The kernel is interrupted by messages, and a SIGINT would end it.
    Message,
    /// The kernel is a Java machine, which keeps SIGINT for itself and was told of another signal.
    Alternate(Signal),
}

/// A kernel as it will be started.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What to call it when something is said of it.
    pub name: String,
    /// Its command, with [`CONNECTION_FILE`] and [`spark::START_FILE`] in it.
    pub argv: Vec<String>,
    /// Variables beside those that there are.
    pub variables: BTreeMap<String, String>,
    /// How it is interrupted.
    pub interrupt: Interrupt,
    /// A file that it reads.
    pub start_file: Option<StartFile>,
}

/// Chooses a kernel among those of the image.
pub fn choose(request: &Request, environment: &Environment) -> Result<Kernel, LauncherError> {
    let programs = Programs::of(environment);
    let found = kernelspec::find(&kernelspec::data_folders(environment, &programs.prefixes()));
    let mut kernel = match (&request.kernelspec, &request.language) {
        (Some(name), _) => {
            let wanted = name.to_lowercase();
            let unknown = || LauncherError::UnknownKernelspec { name: name.clone(), known: names(&found) };
            of_kernelspec(
                found.iter().find(|found| found.name == wanted).ok_or_else(unknown)?,
                &programs,
                environment,
            )?
        }
        (None, Some(language)) => {
            of_language(&language.to_lowercase(), &found, &programs, request, environment)?
        }
        (None, None) => return Err(LauncherError::Missing { names: vec!["`KERNEL_LANGUAGE`".to_owned()] }),
    };
    extend(&mut kernel, request, &programs, environment)?;
    Ok(kernel)
}

fn names(found: &[Found]) -> Vec<String> {
    found.iter().map(|found| found.name.clone()).collect()
}

/// The kernelspec for a language, or the command that its kernel is known to have.
fn of_language(
    language: &str,
    found: &[Found],
    programs: &Programs,
    request: &Request,
    environment: &Environment,
) -> Result<Kernel, LauncherError> {
    // One that cannot be read is none of this language, unless it is asked for by name.
    let fits = |found: &&Found| found.read().is_ok_and(|spec| spec.language.eq_ignore_ascii_case(language));
    let fitting: Vec<&Found> = found.iter().filter(fits).collect();
    let preferred = PREFERRED.iter().find(|(of, _)| *of == language).map(|(_, name)| *name);
    let chosen = fitting.iter().find(|found| Some(found.name.as_str()) == preferred);
    match (chosen, fitting.as_slice()) {
        (Some(found), _) | (None, [found]) => of_kernelspec(found, programs, environment),
        (None, []) => known_command(language, programs, request, environment)?.ok_or_else(|| {
            LauncherError::UnknownLanguage { language: language.to_owned(), known: names(found) }
        }),
        (None, several) => Err(LauncherError::Ambiguous {
            language: language.to_owned(),
            names: several.iter().map(|found| found.name.clone()).collect(),
        }),
    }
}

fn of_kernelspec(
    found: &Found,
    programs: &Programs,
    environment: &Environment,
) -> Result<Kernel, LauncherError> {
    let spec = found.read()?;
    let folder = found.folder.to_string_lossy();
    let prefix = found.prefix().map(Path::to_string_lossy).unwrap_or_default();
    let mut argv: Vec<String> = spec
        .argv
        .iter()
        .map(|argument| argument.replace("{resource_dir}", &folder).replace("{prefix}", &prefix))
        .collect();
    if let Some(first) = argv.first_mut() {
        *first = programs.for_kernelspec(first, found.prefix());
    }
    let variables = spec.env.iter().map(|(name, value)| (name.clone(), substitute(value, environment)));
    let interrupt = match spec.interrupt_mode {
        InterruptMode::Signal => Interrupt::Signal,
        InterruptMode::Message => Interrupt::Message,
    };
    Ok(Kernel { name: found.name.clone(), argv, variables: variables.collect(), interrupt, start_file: None })
}

/// Commands of kernels that need no kernelspec. Nothing for other languages.
fn known_command(
    language: &str,
    programs: &Programs,
    request: &Request,
    environment: &Environment,
) -> Result<Option<Kernel>, LauncherError> {
    let lacking = |what: &str| LauncherError::Lacking { what: what.to_owned() };
    let argv = match language {
        "python" => {
            let python = programs.python_with_ipykernel();
            let python =
                python.ok_or_else(|| lacking("there is neither `python3` nor `python` in this image"))?;
            vec![python, "-m".into(), "ipykernel_launcher".into(), "-f".into(), CONNECTION_FILE.into()]
        }
        "r" => {
            let r = programs.find("R").ok_or_else(|| lacking("there is no `R` in this image"))?;
            let words = ["--slave", "-e", "IRkernel::main()", "--args", CONNECTION_FILE];
            std::iter::once(r).chain(words.map(str::to_owned)).collect()
        }
        "scala" => toree::command(request, programs, environment)?,
        _ => return Ok(None),
    };
    let name = language.to_owned();
    Ok(Some(Kernel {
        name,
        argv,
        variables: BTreeMap::new(),
        interrupt: Interrupt::Signal,
        start_file: None,
    }))
}

/// Adds what was asked for beside the kernel itself, by what the command shows it to be.
fn extend(
    kernel: &mut Kernel,
    request: &Request,
    programs: &Programs,
    environment: &Environment,
) -> Result<(), LauncherError> {
    let has = |what: &str| kernel.argv.iter().any(|argument| argument.contains(what));
    let (ipykernel, irkernel, is_toree) =
        (has("ipykernel"), has("IRkernel"), has("toree") || kernel.name.contains("toree"));
    match &request.class_name {
        Some(class) if ipykernel => kernel.argv.push(format!("--IPKernelApp.kernel_class={class}")),
        Some(class) => {
            return Err(LauncherError::ClassName { class: class.clone(), kernel: kernel.name.clone() });
        }
        None => {}
    }
    if ipykernel {
        spark::for_ipython(kernel, request.spark);
    } else if irkernel {
        spark::for_r(kernel, request.spark, environment);
    } else if is_toree {
        toree::extend(kernel, request, programs, environment);
    }
    Ok(())
}

/// Replaces `$NAME` and `${NAME}` as Jupyter does in variables of a kernelspec; what is not set stays as it is.
fn substitute(text: &str, environment: &Environment) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let end = after.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
        let (name, behind) = braced.unwrap_or_else(|| after.split_at(end.unwrap_or(after.len())));
        let value = environment.0.get(std::ffi::OsStr::new(name)).filter(|_| !name.is_empty());
        match value {
            Some(value) => {
                result.push_str(&value.to_string_lossy());
                rest = behind;
            }
            None => {
                result.push('$');
                rest = after.strip_prefix('$').unwrap_or(after);
            }
        }
    }
    result + rest
}

/// Folders with programs.
struct Programs(Vec<PathBuf>);

impl Programs {
    fn of(environment: &Environment) -> Self {
        let mut folders = environment.folders("PATH");
        for place in USUAL_PLACES.map(PathBuf::from) {
            if !folders.contains(&place) {
                folders.push(place);
            }
        }
        Self(folders)
    }

    fn find(&self, name: &str) -> Option<String> {
        let files = self.0.iter().map(|folder| folder.join(name));
        files.into_iter().find(|file| file.is_file()).map(|file| file.to_string_lossy().into_owned())
    }

    /// All environments of Python, in order.
    fn prefixes(&self) -> Vec<PathBuf> {
        let with_python = self
            .0
            .iter()
            .filter(|folder| ["python3", "python"].iter().any(|name| folder.join(name).is_file()));
        with_python.filter_map(|folder| Some(folder.parent()?.to_owned())).collect()
    }

    /// Folders of packages in all environments of Python, in order.
    fn packages(&self) -> impl Iterator<Item = PathBuf> {
        self.prefixes().into_iter().flat_map(|prefix| packages(&prefix))
    }

    /// What a kernelspec names: Python by name is the one of the environment that the kernelspec was installed into.
    fn for_kernelspec(&self, program: &str, prefix: Option<&Path>) -> String {
        if program.contains('/') {
            return program.to_owned();
        }
        let python = program
            .strip_prefix("python")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'));
        let names: &[&str] = if python { &[program, "python3", "python"] } else { &[program] };
        let beside = prefix.map(|prefix| prefix.join("bin")).filter(|_| python);
        let folders = beside.iter().chain(&self.0);
        let mut files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        let file = files.find(|file| file.is_file());
        file.map_or_else(|| program.to_owned(), |file| file.to_string_lossy().into_owned())
    }

    /// The first Python that seems to have ipykernel, or else the first.
    fn python_with_ipykernel(&self) -> Option<String> {
        let prefixes = self.prefixes();
        let prefix = prefixes.iter().find(|prefix| has_ipykernel(prefix)).or(prefixes.first())?;
        let files = ["python3", "python"].map(|name| prefix.join("bin").join(name));
        files.into_iter().find(|file| file.is_file()).map(|file| file.to_string_lossy().into_owned())
    }
}

/// Folders of packages in an environment of Python.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let libraries = ["lib", "local/lib"].map(|name| prefix.join(name));
    let versions = libraries.iter().flat_map(|library| {
        files(library)
            .into_iter()
            .filter(|name| name.starts_with("python3"))
            .map(move |name| library.join(name))
    });
    versions.flat_map(|version| ["site-packages", "dist-packages"].map(|name| version.join(name))).collect()
}

fn has_ipykernel(prefix: &Path) -> bool {
    packages(prefix).iter().any(|folder| folder.join("ipykernel").is_dir())
}

/// Names in a folder, in order; none where there is no folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests;
