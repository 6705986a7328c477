//! The Python that a search path leads to: which it is, and where it has its packages.

use super::{Entry, View};

/// What looking for a Python came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PythonAnswer {
    /// It is this one.
    Found(Python),
    /// There is a program of this name, and what it is cannot be seen.
    Unknown(String),
    /// There is none.
    Missing,
}

/// An interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    /// Where it was found on the search path.
    pub(crate) program: String,
    /// Major and minor version.
    pub(crate) version: (u32, u32),
    /// The third part of the version, where it can be seen.
    pub(crate) micro: Option<u32>,
    /// Where its environment begins.
    pub(crate) prefix: String,
    /// Whether that is a virtual environment.
    pub(crate) is_virtual: bool,
    /// The folder of its standard library.
    pub(crate) standard_library: String,
    /// The folders that it imports packages from, in order.
    pub(crate) packages: Vec<String>,
    /// Where pip puts packages, and the programs they bring.
    pub(crate) purelib: String,
    pub(crate) scripts: String,
}

impl Python {
    pub(crate) fn version_text(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Whether a distributor says that pip must leave it alone (PEP 668).
    pub(crate) fn is_externally_managed(&self, view: &View) -> bool {
        !self.is_virtual && view.find(&format!("{}/EXTERNALLY-MANAGED", self.standard_library)).is_some()
    }
}

impl View {
    /// The Python of this name on a search path.
    pub(crate) fn python(&self, name: &str, environment: &dyn Fn(&str) -> Option<String>) -> PythonAnswer {
        let path = environment("PATH").unwrap_or_default();
        let Some(program) = self.which_path(name, &path) else { return PythonAnswer::Missing };
        let Some(real) = self.find(&program) else { return PythonAnswer::Missing };
        let (found, real) = match real.text().filter(|text| text.starts_with("#!")) {
            None => (program.clone(), real),
            Some(text) => match executed(text).and_then(|path| Some((path.to_owned(), self.find(path)?))) {
                Some(behind) => behind,
                None => {
                    let why = format!("`{program}` is a script, and which Python it starts cannot be seen");
                    return PythonAnswer::Unknown(why);
                }
            },
        };
        match self.interpreter(&found, &real) {
            Some(mut python) => {
                python.program.clone_from(&program);
                python.micro = self.micro(&python, environment);
                self.add_surroundings(&mut python, environment);
                PythonAnswer::Found(python)
            }
            None => PythonAnswer::Unknown(format!("which Python `{program}` is cannot be seen")),
        }
    }

    fn interpreter(&self, program: &str, real: &Entry<'_>) -> Option<Python> {
        let bin = program.rsplit_once('/').map_or("", |(folder, _)| folder);
        let settings = [bin, bin.rsplit_once('/').map_or("", |(prefix, _)| prefix)];
        let settings = settings.iter().find_map(|folder| self.text(&format!("{folder}/pyvenv.cfg")));
        let real_path = real.path();
        let base = real_path.rsplit_once("/bin/").map(|(prefix, _)| prefix)?.to_owned();
        let setting = |key: &str| {
            let lines = settings?.lines().filter_map(|line| line.split_once('='));
            lines.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == key)
        };
        let version = version_in(real.name())
            .or_else(|| version_of(setting("version").or_else(|| setting("version_info"))?.1))
            .or_else(|| self.version_by_library(&base))?;
        let of = format!("python{}.{}", version.0, version.1);
        let own = self.own_packages(&base, &of);
        let mut python = Python {
            program: program.to_owned(),
            version,
            micro: None,
            standard_library: format!("{base}/lib/{of}"),
            purelib: own.first().cloned().unwrap_or_default(),
            scripts: if base == "/usr" && own.len() > 1 {
                "/usr/local/bin".to_owned()
            } else {
                format!("{base}/bin")
            },
            packages: own,
            is_virtual: false,
            prefix: base,
        };
        if settings.is_some() {
            let prefix = bin.strip_suffix("/bin").unwrap_or(bin).to_owned();
            let sees_base = setting("include-system-site-packages").is_some_and(|(_, value)| value == "true");
            let below = if sees_base { python.packages } else { Vec::new() };
            let site = format!("{prefix}/lib/{of}/site-packages");
            python.packages = [site.clone()].into_iter().chain(below).collect();
            (python.purelib, python.scripts) = (site, format!("{prefix}/bin"));
            (python.prefix, python.is_virtual) = (prefix, true);
        }
        Some(python)
    }

    /// The folders that an installation has its packages in: as distributions arrange it, or as Python itself does. pip
    /// installs into the first.
    fn own_packages(&self, base: &str, of: &str) -> Vec<String> {
        let is_there = |path: &String| self.find(path).is_some_and(|entry| entry.is_directory());
        let debian = format!("{base}/lib/python3/dist-packages");
        if base == "/usr"
            && (is_there(&debian) || self.find(&format!("{base}/lib/{of}/dist-packages")).is_some())
        {
            return vec![
                format!("/usr/local/lib/{of}/dist-packages"),
                debian,
                format!("{base}/lib/{of}/dist-packages"),
            ];
        }
        let own = [format!("{base}/lib/{of}/site-packages"), format!("{base}/lib64/{of}/site-packages")];
        let local =
            [format!("/usr/local/lib/{of}/site-packages"), format!("/usr/local/lib64/{of}/site-packages")];
        // Fedora and its kin install beside what their packages bring.
        let is_red_hat = base == "/usr" && is_there(&own[1]);
        let (first, _) = own.split_first().expect("there are two");
        let mut all = if is_red_hat { local.to_vec() } else { vec![first.clone()] };
        all.extend(own.iter().filter(|path| is_there(path)).cloned());
        all.dedup();
        all
    }

    /// What the environment and the user's home add.
    fn add_surroundings(&self, python: &mut Python, environment: &dyn Fn(&str) -> Option<String>) {
        let paths = environment("PYTHONPATH").unwrap_or_default();
        let paths: Vec<String> =
            paths.split(':').filter(|path| path.starts_with('/')).map(str::to_owned).collect();
        python.packages.splice(0..0, paths);
        let keeps_out = environment("PYTHONNOUSERSITE").is_some_and(|value| !value.is_empty());
        if let Some(home) = environment("HOME").filter(|_| !python.is_virtual && !keeps_out) {
            let home = home.trim_end_matches('/');
            python.packages.push(format!("{home}/.local/lib/python{}/site-packages", python.version_text()));
        }
    }

    /// The version of an installation by the folder of its standard library, where the name of the program does not say it.
    fn version_by_library(&self, base: &str) -> Option<(u32, u32)> {
        let library = self.find(&format!("{base}/lib"))?;
        let is_library =
            |entry: &Entry<'_>| entry.child("os.py").is_some() || entry.child("site-packages").is_some();
        let mut found = library.children().filter(is_library).filter_map(|entry| version_in(entry.name()));
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// The third part of the version: from conda's books, or what the official images say of themselves.
    fn micro(&self, python: &Python, environment: &dyn Fn(&str) -> Option<String>) -> Option<u32> {
        let of_conda = self.find(&format!("{}/conda-meta", python.prefix)).and_then(|folder| {
            folder.children().find_map(|entry| {
                let rest = entry.name().strip_prefix("python-")?;
                rest.starts_with(|letter: char| letter.is_ascii_digit()).then(|| rest.to_owned())
            })
        });
        let said = environment("PYTHON_VERSION").filter(|_| python.prefix == "/usr/local");
        let text = of_conda.or(said)?;
        (version_of(&text)? == python.version).then_some(())?;
        let micro = text.split('.').nth(2)?;
        let end = micro.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(micro.len());
        micro[..end].parse().ok()
    }
}

/// The program that a script of one command becomes: `exec /opt/venv/bin/python "$@"`.
fn executed(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let path = lines.next()?.strip_prefix("exec ")?.split_whitespace().next()?;
    (path.starts_with('/') && lines.next().is_none()).then_some(path)
}

/// The version in the name of a program or folder: `python3.13`, `pypy3.10`.
fn version_in(name: &str) -> Option<(u32, u32)> {
    let digits = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"))?;
    // Builds without the interpreter lock, and for debugging, say so at the end.
    version_of(digits.trim_end_matches(['t', 'd', 'm']))
}

/// Major and minor of `3.13`, `3.13.2`, `3.13.2.final.0`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::Files;

    fn python(files: Files, environment: &[(&str, &str)]) -> PythonAnswer {
        let get = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        files.view().python("python3", &get)
    }

    fn found(files: Files, environment: &[(&str, &str)]) -> Python {
        match python(files, environment) {
            PythonAnswer::Found(python) => python,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pythons_are_known_by_where_they_lie() {
        let path = [("PATH", "/opt/venv/bin:/opt/conda/bin:/usr/local/bin:/usr/bin")];
        let debian = Files::default()
            .program("usr/bin/python3.11")
            .link("usr/bin/python3", "python3.11")
            .folder("usr/lib/python3/dist-packages")
            .file("usr/lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]");
        let python = found(debian.clone(), &path);
        assert_eq!((python.version, python.prefix.as_str()), ((3, 11), "/usr"));
        assert_eq!(python.purelib, "/usr/local/lib/python3.11/dist-packages");
        assert_eq!(python.scripts, "/usr/local/bin");
        assert!(python.is_externally_managed(&debian.clone().view()));

        let with_venv = debian.link("opt/venv/bin/python3", "/usr/bin/python3").file(
            "opt/venv/pyvenv.cfg",
            "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n",
        );
        let python = found(with_venv.clone(), &path);
        assert!(python.is_virtual && !python.is_externally_managed(&with_venv.view()));
        assert_eq!(python.packages.len(), 4);
        assert_eq!(python.purelib, "/opt/venv/lib/python3.11/site-packages");

        let conda = Files::default()
            .program("opt/conda/bin/python3.13")
            .link("opt/conda/bin/python3", "python3.13")
            .file("opt/conda/conda-meta/python-3.13.2-h9a_1_cp313.json", "");
        let python = found(conda, &path);
        assert_eq!((python.version, python.micro), ((3, 13), Some(2)));
        assert_eq!(python.packages, ["/opt/conda/lib/python3.13/site-packages"]);

        let official =
            Files::default().program("usr/local/bin/python3.12").link("usr/local/bin/python3", "python3.12");
        let environment = [path[0], ("PYTHON_VERSION", "3.12.9"), ("HOME", "/root")];
        let python = found(official, &environment);
        assert_eq!(python.micro, Some(9));
        assert_eq!(
            python.packages,
            ["/usr/local/lib/python3.12/site-packages", "/root/.local/lib/python3.12/site-packages"]
        );

        let fedora = Files::default()
            .program("usr/bin/python3")
            .folder("usr/lib64/python3.9/site-packages")
            .folder("usr/lib/python3.9/site-packages");
        let python = found(fedora, &path);
        assert_eq!((python.version, python.packages.len()), ((3, 9), 4));
        assert_eq!(python.purelib, "/usr/local/lib/python3.9/site-packages");
    }

    #[test]
    fn what_cannot_be_seen_is_not_guessed() {
        let path = [("PATH", "/root/.pyenv/shims:/usr/bin")];
        assert_eq!(python(Files::default(), &path), PythonAnswer::Missing);
        let files = Files::default().script("root/.pyenv/shims/python3", "#!/usr/bin/env bash\n");
        assert!(matches!(python(files, &path), PythonAnswer::Missing | PythonAnswer::Unknown(_)));
        let files = Files::default().script("usr/bin/python3", "#!/bin/sh\nexec x\n");
        assert!(matches!(python(files, &path), PythonAnswer::Unknown(_)));
        let files = Files::default()
            .script("usr/bin/python3", "#!/bin/sh\n# why\nexec /opt/conda/bin/python3.12 \"$@\"\n")
            .program("opt/conda/bin/python3.12");
        assert_eq!(found(files, &path).prefix, "/opt/conda");
        let files = Files::default().program("usr/bin/python3");
        assert!(matches!(python(files, &path), PythonAnswer::Unknown(_)));
        let files = Files::default().file("usr/bin/python3", "not executable");
        assert_eq!(python(files, &path), PythonAnswer::Missing);
    }
}
