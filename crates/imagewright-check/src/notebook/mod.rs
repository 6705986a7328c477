//! Notebooks: what they import that an image has not got, and the kernel they name.
//!
//! Nothing of a notebook runs. Its cells are read for imports as far as they can be seen ([`imports`]), and the files of the image are
//! looked through for what would be found under those names ([`modules`]).

mod imports;
mod modules;
mod names;
mod rules;

use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;
use serde_json::Value;

pub(crate) use rules::{NOTEBOOK_IMPORT_MISSING, NOTEBOOK_KERNEL_MISSING};

use crate::image::ImageSubject;
use crate::profile::{Profile, ProfileSubject};
use crate::rule::{Finding, Outcome};
use crate::selection::Selection;
use imports::Scanned;

/// More cells than anybody reads.
const MOST_CELLS: usize = 10_000;

/// A notebook, as far as it matters what it needs.
#[derive(Clone, Debug)]
pub struct Notebook {
    /// Its file.
    file: String,
    /// The kernel it was written with, and the language of that.
    kernel: Option<String>,
    language: Option<String>,
    /// The code of cells, with the number that a person would give the cell, from 1 and with texts counted.
    cells: Vec<(u32, String)>,
    /// What lies beside it that it could import.
    beside: Vec<String>,
}

/// Why a file is no notebook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` is no notebook: {reason}")]
pub struct NotebookError {
    file: String,
    reason: String,
}

impl NotebookError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Notebook {
    /// Reads the text of a notebook of version 3 or 4. `beside` are the names of modules that lie beside it.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn parse(file: &str, text: &str, beside: Vec<String>) -> Result<Self, NotebookError> {
        let wrong = |reason: String| NotebookError { file: file.to_owned(), reason };
        let document: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        // Version 3 had its cells in worksheets.
        let sheets = document["worksheets"].as_array();
        let sheets: Vec<&Value> = sheets.map_or_else(|| vec![&document], |sheets| sheets.iter().collect());
        let cells: Option<Vec<&Vec<Value>>> = sheets.iter().map(|sheet| sheet["cells"].as_array()).collect();
        let cells = cells.ok_or_else(|| wrong("it has no `cells`".to_owned()))?;
        let code = (1..).zip(cells.into_iter().flatten().take(MOST_CELLS)).filter_map(|(number, cell)| {
            let source = if cell["source"].is_null() { &cell["input"] } else { &cell["source"] };
            (cell["cell_type"] == "code").then(|| (number, joined(source)))
        });
        let metadata = &document["metadata"];
        let word = |value: &Value| value.as_str().filter(|word| !word.is_empty()).map(str::to_owned);
        Ok(Self {
            file: file.to_owned(),
            kernel: word(&metadata["kernelspec"]["name"]),
            language: word(&metadata["kernelspec"]["language"])
                .or_else(|| word(&metadata["language_info"]["name"]))
                .map(|language| language.to_ascii_lowercase()),
            cells: code.collect(),
            beside,
        })
    }

    /// Its file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its language; where it says none it is Python's.
    fn language(&self) -> &str {
        self.language.as_deref().unwrap_or("python")
    }

    fn is_of_python(&self) -> bool {
        ["python", "ipython"].contains(&self.language())
    }

    fn scanned(&self) -> Vec<Scanned> {
        self.cells.iter().map(|(number, code)| imports::scan(*number, code)).collect()
    }

    /// A cell of it. People count cells, so its number stands for a line.
    fn origin(&self, cell: Option<u32>) -> Origin {
        cell.map_or_else(|| Origin::file(&self.file), |cell| Origin::line(&self.file, cell))
    }
}

/// A text that may be one string or one for each line.
fn joined(source: &Value) -> String {
    match source {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Looks at an image for what a notebook needs.
type NotebookCheck = fn(&ProfileSubject<'_>, &Notebook) -> Outcome;

/// What is said of notebooks.
#[derive(Clone, Debug, Default)]
pub struct NotebooksChecked {
    /// What an image lacks, by notebook and cell.
    pub findings: Vec<Finding>,
    /// What could not be told, in sentences.
    pub unknown: Vec<String>,
}

/// Holds notebooks against an image. Where it is to run on platforms, what these install counts as there.
pub fn check_notebooks(
    image: &ImageSubject<'_>,
    notebooks: &[Notebook],
    profiles: &[Profile],
    selection: &Selection,
) -> NotebooksChecked {
    let nowhere = [Profile::empty()];
    let profile = profiles.iter().find(|profile| profile.parameters.installs).unwrap_or(&nowhere[0]);
    let subject = ProfileSubject::new(image, profile);
    let mut checked = NotebooksChecked::default();
    let rules: [(_, NotebookCheck); 2] = [
        (&NOTEBOOK_KERNEL_MISSING, rules::kernel_missing),
        (&NOTEBOOK_IMPORT_MISSING, rules::import_missing),
    ];
    for notebook in notebooks {
        for (rule, check) in rules.iter().filter(|(rule, _)| selection.includes(rule)) {
            let outcome = match subject.view.gap() {
                Some(gap) => Outcome::unknown(gap),
                None => check(&subject, notebook),
            };
            checked.findings.extend(outcome.found.into_iter().map(|found| rule.finding(found)));
            let unknown = outcome.unknown.into_iter();
            checked
                .unknown
                .extend(unknown.map(|why| format!("{}: cannot tell: {why} ({})", notebook.file, rule.name)));
        }
    }
    checked
}

#[cfg(test)]
mod tests;
