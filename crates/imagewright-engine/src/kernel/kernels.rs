//! Kernels that are in an image: looked for where our launcher looks for them.

use std::collections::BTreeMap;
use std::path::Path;

use imagewright_model::spec::KernelChoice;
use serde_json::Value;

use super::error::KernelError;
use super::part::KERNEL;
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::step::StepContext;
use crate::workbench::{DEFAULT_PATH, Workbench};

/// Where Pythons have their data beside the folders of the search path.
const PREFIXES: [&str; 4] = ["/opt/venv", "/opt/conda", "/usr/local", "/usr"];
/// Where R has its packages.
const R_LIBRARIES: [&str; 6] = [
    "/opt/conda/lib/R/library",
    "/usr/local/lib/R/site-library",
    "/usr/local/lib/R/library",
    "/usr/lib/R/site-library",
    "/usr/lib/R/library",
    "/usr/lib64/R/library",
];

/// Sees that an image has the kernel that its launcher is to start.
pub(super) fn check(context: StepContext<'_>, kernel: &KernelChoice) -> Result<(), EngineError> {
    let StepContext { site, draft, epoch, report } = context;
    report.status("looking for the kernel");
    let bench = Workbench::on_part(site, draft, KERNEL, epoch, report)?;
    let view = bench.view();
    let path = draft.config.env("PATH").unwrap_or(DEFAULT_PATH);
    let data = draft.config.env("JUPYTER_PATH").unwrap_or_default();
    let found = kernelspecs(&view, path, data);
    let origin = kernel.origin.clone();
    if let Some(name) = &kernel.kernelspec {
        let is_there = found.keys().any(|known| known.eq_ignore_ascii_case(name));
        let found = found.into_keys().collect();
        let error = KernelError::NoKernelspec { origin, name: name.clone(), found };
        return if is_there { Ok(()) } else { Err(error.into()) };
    }
    let is_there = found.values().any(|language| *language == kernel.language);
    if is_there || has_without_kernelspec(&view, path, &kernel.language) {
        return Ok(());
    }
    let found = found.into_iter().map(|(name, language)| format!("`{name}` for {language}")).collect();
    Err(KernelError::NoKernel { origin, language: kernel.language.clone(), found }.into())
}

/// The kernelspecs by name, with the language of each in lower case.
fn kernelspecs(view: &RootView, path: &str, data: &str) -> BTreeMap<String, String> {
    let of_path = path.split(':').filter_map(|folder| folder.strip_suffix("/bin"));
    let prefixes = of_path.chain(PREFIXES).map(|prefix| format!("{prefix}/share/jupyter"));
    let data = data.split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned);
    let mut found = BTreeMap::new();
    for folder in data.chain(prefixes) {
        let folder = format!("{folder}/kernels");
        for name in view.list(&folder) {
            let file = Path::new(&folder).join(&name).join("kernel.json");
            let Some(text) = view.read_to_string(&file) else { continue };
            let spec: Value = serde_json::from_str(&text).unwrap_or_default();
            let language = spec["language"].as_str().unwrap_or_default().to_ascii_lowercase();
            found.entry(name.to_string_lossy().into_owned()).or_insert(language);
        }
    }
    found
}

/// Whether the launcher starts a kernel of a language that has no kernelspec.
fn has_without_kernelspec(view: &RootView, path: &str, language: &str) -> bool {
    match language {
        "r" => R_LIBRARIES.iter().any(|folder| view.exists(format!("{folder}/IRkernel/DESCRIPTION"))),
        "scala" => has_toree(view, path),
        _ => false,
    }
}

/// Whether there is the archive of Toree: among Enterprise Gateway's files, or as a package of a Python.
fn has_toree(view: &RootView, path: &str) -> bool {
    let has_jar = |folder: String| {
        view.list(folder).iter().any(|name| name.to_string_lossy().starts_with("toree-assembly"))
    };
    let of_path = path.split(':').filter_map(|folder| folder.strip_suffix("/bin"));
    let mut libraries =
        of_path.chain(PREFIXES).flat_map(|prefix| [format!("{prefix}/lib"), format!("{prefix}/local/lib")]);
    let in_library = |library: String| {
        let names = view.list(&library).into_iter().map(|name| name.to_string_lossy().into_owned());
        let mut pythons = names.filter(|name| name.starts_with("python3"));
        pythons.any(|python| {
            let packages = ["site-packages", "dist-packages"];
            packages.iter().any(|packages| has_jar(format!("{library}/{python}/{packages}/toree/lib")))
        })
    };
    has_jar("/usr/local/bin/kernel-launchers/scala/lib".to_owned()) || libraries.any(in_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toree_is_found_where_our_launcher_finds_it() {
        let path = "/opt/tools/bin:/usr/bin";
        let jar = "toree/lib/toree-assembly-0.5.0-incubating.jar";
        for (file, expected) in [
            (format!("opt/venv/lib/python3.13/site-packages/{jar}"), true),
            (format!("opt/tools/lib/python3.11/site-packages/{jar}"), true),
            (format!("usr/local/lib/python3.11/dist-packages/{jar}"), true),
            (format!("usr/lib/python3/dist-packages/{jar}"), true),
            ("usr/local/bin/kernel-launchers/scala/lib/toree-assembly-0.6.0.jar".to_owned(), true),
            (format!("srv/lib/python3.13/site-packages/{jar}"), false),
            ("opt/venv/lib/python3.13/site-packages/toree/lib/other.jar".to_owned(), false),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path_of_file = root.path().join(&file);
            std::fs::create_dir_all(path_of_file.parent().unwrap()).unwrap();
            std::fs::write(path_of_file, "").unwrap();
            let view = RootView::new(vec![root.path().to_owned()]);
            assert_eq!(has_without_kernelspec(&view, path, "scala"), expected, "{file}");
        }
    }
}
