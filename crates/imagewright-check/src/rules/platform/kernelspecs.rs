//! What notebooks start: `kernelspec-missing`, `kernelspec-broken`, `r-incomplete`.

use serde_json::Value;

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::Entry;

pub(crate) static KERNELSPEC_MISSING: Rule = Rule {
    name: "kernelspec-missing",
    summary: "There is a kernel that notebooks can run with.",
    why: "A notebook names its kernel, and is run with that one or another one of the same language. Where the image has none, it ends \
          with `NoSuchKernel`. What Elyra installs before a node runs brings one for Python, unless the image keeps it from installing.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir ipykernel\n```",
    sources: &["papermill and jupyter_client: `NoSuchKernel`", "Elyra 4.1.1 as observed"],
    on_platform: Some(PlatformCheck::Files(kernelspec_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNELSPEC_BROKEN: Rule = Rule {
    name: "kernelspec-broken",
    level: Level::Warning,
    summary: "Kernelspecs start programs that are in the image.",
    why: "A kernelspec says which program a kernel is, often by its path. Where the environment has moved, or the kernelspec came from \
          another image, the kernel is listed and does not start.",
    mend: "Make the kernelspec again, with the Python that it is for:\n\n\
           ```dockerfile\nRUN python3 -m ipykernel install --sys-prefix --name python3\n```",
    sources: &["jupyter_client, \"Making kernels for Jupyter\", section \"Kernel specs\""],
    on_platform: Some(PlatformCheck::Files(kernelspec_broken)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static R_INCOMPLETE: Rule = Rule {
    name: "r-incomplete",
    level: Level::Note,
    summary: "What R scripts and R notebooks need is there, or neither is meant to run.",
    why: "An R script is run by `Rscript`, an R notebook by an R kernel. An image that has one of them runs one kind of node and fails \
          with the other; an image that has neither runs only Python, which is no fault.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends r-base-core \\\n    \
           && rm -rf /var/lib/apt/lists/*\nRUN Rscript -e 'install.packages(\"IRkernel\"); IRkernel::installspec(user = FALSE)'\n```",
    sources: &["Elyra, \"Creating a custom runtime container image\"", "IRkernel, \"Installation\""],
    on_platform: Some(PlatformCheck::Files(r_incomplete)),
    ..Rule::OF_PLATFORMS
};

/// A kernel that the image lists.
pub(crate) struct Kernel {
    /// The folder of its kernelspec.
    pub(crate) folder: String,
    /// `kernel.json`; none where it is no JSON.
    pub(crate) spec: Option<Value>,
}

impl Kernel {
    pub(crate) fn language(&self) -> String {
        let language = self.spec.as_ref().and_then(|spec| spec["language"].as_str());
        language.unwrap_or_default().to_ascii_lowercase()
    }
}

/// The kernels that a Jupyter in the image would list.
pub(crate) fn kernels(subject: &ProfileSubject<'_>) -> Vec<Kernel> {
    let mut folders =
        vec!["/usr/local/share/jupyter/kernels".to_owned(), "/usr/share/jupyter/kernels".to_owned()];
    folders.extend(subject.known_python3().map(|python| format!("{}/share/jupyter/kernels", python.prefix)));
    if let Some(user) = subject.user() {
        folders
            .push(format!("{}/.local/share/jupyter/kernels", subject.home_of(&user).trim_end_matches('/')));
    }
    let paths = subject.variable("JUPYTER_PATH").unwrap_or_default();
    folders
        .extend(paths.split(':').filter(|path| path.starts_with('/')).map(|path| format!("{path}/kernels")));
    folders.sort();
    folders.dedup();
    let folders = folders.iter().filter_map(|folder| subject.view.find(folder));
    folders
        .flat_map(|folder| folder.children().filter_map(|entry| kernel(&entry)).collect::<Vec<_>>())
        .collect()
}

fn kernel(entry: &Entry<'_>) -> Option<Kernel> {
    let text = entry.child("kernel.json")?.text();
    Some(Kernel { folder: entry.path(), spec: text.and_then(|text| serde_json::from_str(text).ok()) })
}

fn kernelspec_missing(subject: &ProfileSubject<'_>) -> Outcome {
    if !super::pins::installs_nothing(subject) {
        return Outcome::fine();
    }
    let has_kernel = subject.installed().is_some_and(|installed| installed.has("ipykernel"));
    if has_kernel || !kernels(subject).is_empty() {
        return Outcome::fine();
    }
    let text = "`ELYRA_INSTALL_PACKAGES=false`, and the image has no kernel: no notebook runs";
    subject.found(text).with_remedy(Remedy::pip(["ipykernel"])).into()
}

fn kernelspec_broken(subject: &ProfileSubject<'_>) -> Outcome {
    let path = subject.search_path();
    let found = kernels(subject).into_iter().filter_map(|kernel| {
        let Some(spec) = &kernel.spec else {
            return Some(subject.found(format!("`{}/kernel.json` is no JSON", kernel.folder)));
        };
        let program = spec["argv"][0].as_str().unwrap_or_default();
        let is_there = match program {
            "" => false,
            // What a front end puts in there is not seen.
            program if program.contains('{') => true,
            // jupyter_client starts its own Python for these.
            "python" | "python3" => true,
            program if program.starts_with('/') => {
                subject.view.find(program).is_some_and(|entry| entry.is_program())
            }
            program => subject.view.which(program, &path).is_some(),
        };
        let text = format!("the kernel in `{}` starts `{program}`, which is not in the image", kernel.folder);
        (!is_there).then(|| subject.found(text))
    });
    found.collect::<Vec<_>>().into()
}

fn r_incomplete(subject: &ProfileSubject<'_>) -> Outcome {
    let has_program = subject.has_program("Rscript");
    let has_kernel = kernels(subject).iter().any(|kernel| kernel.language() == "r");
    let text = match (has_program, has_kernel) {
        (true, true) | (false, false) => return Outcome::fine(),
        (true, false) => "R scripts run, and R notebooks do not: there is no R kernel",
        (false, true) => "there is an R kernel, and no `Rscript` on `PATH`: R scripts do not run",
    };
    subject.found(text).with_remedy(Remedy::RPackages { packages: vec!["IRkernel".to_owned()] }).into()
}
