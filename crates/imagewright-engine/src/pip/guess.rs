//! Asking indexes while the image's Python is being found out.
//!
//! A first solution waits for answers of indexes most of the time, and those hardly depend on the Python. So uv solves
//! for a likely one meanwhile. Nothing is taken from that but what uv keeps in its cache; if it fails, nobody is told.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use imagewright_oci::ImageConfig;
use serde_json::{Value, json};

use super::PipStep;
use super::given::Given;
use super::interpreter::PythonFacts;
use super::solve::Solver;
use crate::error::EngineError;
use crate::host_program;
use crate::lock::Kept;

/// The minor version that Pythons most likely have where an image does not tell.
pub(super) const LIKELY_MINOR: u8 = 13;

impl PipStep<'_> {
    /// What [`PythonFacts::find`] finds.
    pub(super) fn find_python(&self) -> Result<Option<PythonFacts>, EngineError> {
        let find = || PythonFacts::find(self.context, &self.uv, self.choice);
        let is_asked = self.spec.locked.is_none() && !matches!(self.kept, Kept::Exactly(_));
        let is_known = PythonFacts::known(self.context, &self.uv, self.choice)?.is_some();
        if is_known || !is_asked || self.context.site.outside.offline {
            return find();
        }
        let minor = minor(&self.context.draft.config);
        let in_vain = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.ask_ahead(minor, &in_vain));
            let found = find();
            let is_right =
                |facts: &PythonFacts| facts.interpreter.version.starts_with(&format!("3.{minor}."));
            let may_go_on = found.as_ref().is_ok_and(|found| found.as_ref().is_some_and(is_right));
            in_vain.store(!may_go_on, Ordering::Relaxed);
            found
        })
    }

    fn ask_ahead(&self, minor: u8, in_vain: &AtomicBool) {
        let report = likely(minor, &self.context.draft.config.platform.architecture);
        let Self { context, uv, spec, locals, .. } = self;
        let solver = Solver {
            context: *context,
            uv,
            spec,
            locals,
            report: &report,
            executable: "",
            preferred: &[],
            given: &Given::default(),
        };
        let lines = |folder: &Path| locals.lines(&spec.requirements, folder);
        let asked =
            solver.on_host(&lines, |command| host_program::run_unseen(command, context.site, in_vain));
        // See above: only uv's cache counts.
        drop(asked);
    }
}

/// The minor version of the image's Python 3, as images of Python tell it.
fn minor(config: &ImageConfig) -> u8 {
    let told = config.env("PYTHON_VERSION").and_then(|version| version.split('.').nth(1)?.parse().ok());
    told.unwrap_or(LIKELY_MINOR)
}

/// What a Python of Linux answers to uv.
pub(super) fn likely(minor: u8, architecture: &str) -> Value {
    let machine = match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    let (version, name) = (format!("3.{minor}.0"), format!("python3.{minor}"));
    let packages = format!("/usr/lib/{name}/site-packages");
    json!({
        "result": "success",
        "markers": {
            "implementation_name": "cpython",
            "implementation_version": version,
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": version,
            "python_version": format!("3.{minor}"),
            "sys_platform": "linux",
        },
        "sys_base_prefix": "/usr",
        "sys_base_exec_prefix": "/usr",
        "sys_prefix": "/usr",
        "sys_base_executable": "/usr/bin/python3",
        "sys_executable": "/usr/bin/python3",
        "sys_path": [packages],
        "site_packages": [packages],
        "stdlib": format!("/usr/lib/{name}"),
        "extension_suffixes": [".abi3.so", ".so"],
        "standalone": false,
        "scheme": {
            "platlib": packages,
            "purelib": packages,
            "include": format!("/usr/include/{name}"),
            "scripts": "/usr/bin",
            "data": "/usr",
        },
        "virtualenv": {
            "purelib": format!("lib/{name}/site-packages"),
            "platlib": format!("lib/{name}/site-packages"),
            "include": format!("include/site/{name}"),
            "scripts": "bin",
            "data": "",
        },
        "os": { "name": "manylinux", "major": 2, "minor": 36 },
        "arch": machine,
        "manylinux_compatible": true,
        "gil_disabled": false,
        "debug_enabled": false,
        "pointer_size": "64",
        "cpu_info": any_processor(),
    })
}

/// What uv is told of the processor: an image runs on others than the one it is built on.
pub(super) fn any_processor() -> Value {
    json!({ "unavailable": "an image runs on many machines" })
}

#[cfg(test)]
mod tests {
    use imagewright_oci::{ContainerConfig, Platform};

    use super::*;

    #[test]
    fn images_of_python_tell_which_it_is() {
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        assert_eq!(minor(&config), LIKELY_MINOR);
        for (value, expected) in [("3.11.9", 11), ("3.14.0rc1", 14), ("odd", LIKELY_MINOR)] {
            let env = vec![format!("PYTHON_VERSION={value}")];
            config.config = Some(ContainerConfig { env, ..ContainerConfig::default() });
            assert_eq!(minor(&config), expected, "{value}");
        }
    }
}
