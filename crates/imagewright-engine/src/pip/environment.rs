//! The virtual environment that packages go into where the interpreter belongs to the distribution.
//!
//! uv makes it in the sandbox. What it holds follows from the interpreter and its path, so it is made once for all
//! images with that interpreter.

use imagewright_oci::Digest;

use super::interpreter::PythonFacts;
use super::layout::Layout;
use super::tidy_rules;
use crate::draft::DraftLayer;
use crate::error::EngineError;
use crate::package_layer::PACKAGE_TIME;
use crate::step::{self, StepContext};
use crate::uv::Uv;

/// The layer with the environment.
pub(super) fn layer(
    context: StepContext<'_>,
    uv: &Uv,
    facts: &PythonFacts,
    layout: &Layout,
    path: &str,
) -> Result<Option<DraftLayer>, EngineError> {
    let StepContext { site, draft, report, .. } = context;
    let key = key(context, uv, facts, layout, path);
    let _lock = site.store.lock(&format!("environment {key}"), || {})?;
    let known: Option<DraftLayer> = site.store.get_fact("python-environment", &key)?;
    if let Some(known) = known.filter(|layer| site.store.has_blob(&layer.descriptor.digest)) {
        return Ok(Some(known));
    }
    report.status(format!("making {path}"));
    let layer = context.on_python(|mut bench| {
        bench.set_epoch(PACKAGE_TIME);
        let arguments = ["venv", "--quiet", "--python", &facts.interpreter.executable, path];
        let finished = bench.run(uv.command(site.outside, &arguments), report)?;
        if !finished.succeeded() {
            return Err(EngineError::Uv { action: "make the environment", tail: finished.tail_text() });
        }
        bench.seal(draft, tidy_rules(path))
    })?;
    if let Some(layer) = &layer {
        site.store.put_fact("python-environment", &key, layer)?;
    }
    Ok(layer)
}

fn key(context: StepContext<'_>, uv: &Uv, facts: &PythonFacts, layout: &Layout, path: &str) -> Digest {
    let shared: Vec<_> = layout.shared().map(|folder| (folder, layout.folder(folder))).collect();
    let compression = context.site.compression.to_string();
    step::key("python-environment", &(&facts.interpreter, path, shared, &uv.digest, compression))
}
