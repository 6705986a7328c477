//! What notebooks are asked: `notebook-kernel-missing`, `notebook-import-missing`.

use std::collections::BTreeSet;

use super::modules::{self, Found as Module};
use super::{Notebook, names};
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::requirement::normalised;
use crate::rule::{Found, Level, Outcome, Rule};
use crate::rules::platform::kernelspecs::{Kernel, kernels};
use crate::rules::platform::pins::installs_nothing;
use crate::view::{Python, PythonAnswer};

pub(crate) static NOTEBOOK_KERNEL_MISSING: Rule = Rule {
    name: "notebook-kernel-missing",
    summary: "The image has the kernel that the notebook names, or another one of its language.",
    why: "A notebook says which kernel it was written with. Elyra runs it with the kernel of that name, or else with one of the same \
          language; Jupyter asks. Where there is neither, it does not run.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir ipykernel\n```",
    sources: &["papermill and jupyter_client: `NoSuchKernel`", "Elyra 4.1.1 as observed"],
    is_for_notebooks: true,
    ..Rule::OF_PLATFORMS
};

pub(crate) static NOTEBOOK_IMPORT_MISSING: Rule = Rule {
    name: "notebook-import-missing",
    summary: "The image has what the notebook imports.",
    why: "A notebook runs to the cell that imports what is not there, which may be hours away from its first. Imports in a `try` that \
          goes on without them are warnings, and what a cell has pip install first is a note: it works as long as there is an index.",
    mend: "`check IMAGE --notebook FILE --fix` adds what is missing. By hand:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir scikit-learn\n```",
    sources: &["Python, \"The import system\""],
    is_for_notebooks: true,
    ..Rule::OF_PLATFORMS
};

pub(super) fn kernel_missing(subject: &ProfileSubject<'_>, notebook: &Notebook) -> Outcome {
    let language = notebook.language();
    let listed = kernels(subject);
    if named(&listed, notebook).is_some() || listed.iter().any(|kernel| is_of(kernel, language)) {
        return Outcome::fine();
    }
    let brings_kernel = subject.profile.parameters.installs && !installs_nothing(subject);
    let has_kernel = subject.installed().is_some_and(|installed| installed.has("ipykernel"));
    if notebook.is_of_python() && (brings_kernel || has_kernel) {
        return Outcome::fine();
    }
    let kernel = notebook.kernel.as_deref().unwrap_or("python3");
    let text = format!("the notebook names the kernel `{kernel}`, and the image has none for {language}");
    let found = Found::new(&notebook.origin(None), text);
    match language {
        "python" => found.with_remedy(Remedy::pip(["ipykernel"])).into(),
        "r" => found.with_remedy(Remedy::RPackages { packages: vec!["IRkernel".to_owned()] }).into(),
        _ => found.into(),
    }
}

fn is_of(kernel: &Kernel, language: &str) -> bool {
    kernel.language() == language
}

/// The kernel that a notebook names.
fn named<'a>(kernels: &'a [Kernel], notebook: &Notebook) -> Option<&'a Kernel> {
    let name = notebook.kernel.as_deref()?;
    kernels
        .iter()
        .find(|kernel| kernel.folder.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// The Python that a notebook's kernel is.
fn python_of(subject: &ProfileSubject<'_>, notebook: &Notebook) -> Result<Python, String> {
    let listed = kernels(subject);
    let kernel = named(&listed, notebook).or_else(|| listed.iter().find(|kernel| is_of(kernel, "python")));
    let program = kernel.and_then(|kernel| kernel.spec.as_ref()?["argv"][0].as_str());
    let own = program.filter(|program| program.starts_with('/')).and_then(|program| {
        let (folder, name) = program.rsplit_once('/')?;
        match subject.view.python(name, &|variable| (variable == "PATH").then(|| folder.to_owned())) {
            PythonAnswer::Found(python) => Some(python),
            _ => None,
        }
    });
    match (own, subject.python3()) {
        (Some(python), _) => Ok(python),
        (None, PythonAnswer::Found(python)) => Ok(python.clone()),
        (None, PythonAnswer::Unknown(why)) => Err(why.clone()),
        (None, PythonAnswer::Missing) => Err("the image has no `python3`".to_owned()),
    }
}

pub(super) fn import_missing(subject: &ProfileSubject<'_>, notebook: &Notebook) -> Outcome {
    if !notebook.is_of_python() {
        return Outcome::unknown(format!("what {} needs is not read", notebook.language()));
    }
    let python = match python_of(subject, notebook) {
        Ok(python) => python,
        Err(why) => return Outcome::unknown(why),
    };
    let platform: BTreeSet<String> = match &subject.profile.parameters.pins {
        Some(pins) if !installs_nothing(subject) => pins.iter().map(|(name, _)| normalised(name)).collect(),
        _ => BTreeSet::new(),
    };
    let mut installed: Vec<(u32, String)> = Vec::new();
    let mut told: BTreeSet<(String, bool)> = BTreeSet::new();
    let mut found = Vec::new();
    for cell in notebook.scanned() {
        installed.extend(cell.installs.iter().map(|line| (cell.cell, package_of(line))));
        for import in &cell.imports {
            let top = import.module.split('.').next().unwrap_or_default();
            if notebook.beside.iter().any(|name| name == top) {
                continue;
            }
            let (missing, is_sure) = match modules::find(subject.view, &python, &import.module, &import.names)
            {
                Module::Yes => continue,
                Module::No(missing) => (missing, true),
                Module::Unsure(missing) => (missing, false),
            };
            let (pip, conda) = names::packages(&missing);
            // What is missing once is told once, and where it must be there if it must be anywhere.
            if platform.contains(&normalised(&pip)) || !told.insert((pip.clone(), import.is_guarded)) {
                continue;
            }
            let by_cell =
                installed.iter().find(|(_, package)| *package == normalised(&pip)).map(|(cell, _)| *cell);
            let (level, rest) = match by_cell {
                Some(by) => (Level::Note, format!("which cell {by} installs each time it runs")),
                None if import.is_guarded => {
                    (Level::Warning, "which the image has not got; the code goes on without it".to_owned())
                }
                None if !is_sure => (
                    Level::Warning,
                    "which is not among the packages; what is worked on elsewhere may bring it".to_owned(),
                ),
                None => (Level::Error, "which the image has not got".to_owned()),
            };
            let text = format!("cell {} imports `{missing}`, {rest}", cell.cell);
            let other = if conda == pip { String::new() } else { format!(" (conda: {conda})") };
            found.push(
                Found::new(&notebook.origin(Some(cell.cell)), text)
                    .with_level(level)
                    .with_mend(format!("{pip}{other}"))
                    .with_remedy(Remedy::PipPackages { packages: vec![pip] }),
            );
        }
    }
    found.into()
}

/// The package of a requirement.
fn package_of(requirement: &str) -> String {
    let end = requirement.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter)));
    normalised(&requirement[..end.unwrap_or(requirement.len())])
}
