//! A spec written as an `image.yaml`: what is sent to a server, wherever the spec was read from.

use serde_json::{Map, Value, json};

use super::{
    AptSpec, ArchiveAddress, Bytecode, CondaSpec, ImageSpec, KernelChoice, KernelUser, Launcher,
    LauncherArchive, LinkScripts, PipOptions, PipSpec, PythonChoice, PythonEnvironment,
};

/// Something of a spec that an `image.yaml` has no words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be written as an image.yaml")]
pub struct NotInDocument {
    what: String,
}

impl ImageSpec {
    /// The spec as a document that means the same, names of the result left out.
    ///
    /// # Errors
    /// Names what only a file beside an `image.yaml` can say, or what is of this machine.
    pub fn to_document(&self) -> Result<Value, NotInDocument> {
        // Names every field, so that a new one cannot be forgotten here.
        let Self {
            base,
            platform,
            apt,
            conda,
            pip,
            python,
            kernel,
            environment,
            user,
            working_directory,
            labels,
            entrypoint,
            command,
            ports,
            volumes,
            stop_signal,
            compression,
            tags: _,
        } = self;
        let fields = [
            ("base", Some(base.to_string().into())),
            ("platform", platform.as_ref().map(|it| it.to_string().into())),
            ("apt", of_apt(apt)),
            ("conda", of_conda(conda)?),
            ("pip", of_pip(pip)?),
            ("python", python.as_ref().map(of_python)),
            ("kernel", kernel.as_ref().map(of_kernel).transpose()?),
            ("env", map(environment.iter().map(|(name, value)| (name, value)))),
            ("user", user.as_ref().map(|it| it.to_string().into())),
            ("workdir", working_directory.as_deref().map(Value::from)),
            ("labels", map(labels.iter())),
            ("entrypoint", entrypoint.as_ref().map(|it| json!(it))),
            ("command", command.as_ref().map(|it| json!(it))),
            ("ports", texts(ports.iter().map(ToString::to_string))),
            ("volumes", texts(volumes.iter().cloned())),
            ("stop-signal", stop_signal.as_deref().map(Value::from)),
            ("compression", compression.as_ref().map(|it| it.to_string().into())),
        ];
        Ok(object(fields))
    }
}

/// The fields that have a value.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn texts(items: impl Iterator<Item = String>) -> Option<Value> {
    let items: Vec<Value> = items.map(Value::from).collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

fn map<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> Option<Value> {
    let entries: Map<String, Value> =
        entries.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    (!entries.is_empty()).then_some(Value::Object(entries))
}

fn list<T: ToString>(items: &[T]) -> Option<Value> {
    texts(items.iter().map(ToString::to_string))
}

fn filled(value: Value) -> Option<Value> {
    value.as_object().is_some_and(|fields| !fields.is_empty()).then_some(value)
}

fn of_apt(apt: &AptSpec) -> Option<Value> {
    let AptSpec { packages, recommends } = apt;
    filled(object([("packages", list(packages)), ("recommends", recommends.then(|| true.into()))]))
}

fn of_conda(conda: &CondaSpec) -> Result<Option<Value>, NotInDocument> {
    let CondaSpec { packages, channels, priority, link_scripts, cuda, explicit } = conda;
    refuse(explicit.is_some(), "a list of exact conda packages")?;
    let usual = CondaSpec::default();
    Ok(filled(object([
        ("packages", list(packages)),
        ("channels", list(channels)),
        ("channel-priority", (*priority != usual.priority).then(|| priority.to_string().into())),
        ("link-scripts", (*link_scripts == LinkScripts::Skip).then(|| "skip".into())),
        ("cuda", cuda.as_deref().map(Value::from)),
    ])))
}

fn of_pip(pip: &PipSpec) -> Result<Option<Value>, NotInDocument> {
    let PipSpec { requirements, constraints, requires_python, locked, options, folder: _ } = pip;
    let PipOptions {
        index,
        extra_indexes,
        find_links,
        no_index,
        pre,
        exclude_newer,
        no_binary,
        only_binary,
        require_hashes,
    } = options;
    refuse(locked.is_some(), "a pylock.toml")?;
    refuse(!requires_python.is_empty(), "`requires-python` of a pyproject.toml")?;
    refuse(*no_index, "`--no-index`")?;
    refuse(!(no_binary.is_empty() && only_binary.is_empty()), "`--no-binary` and `--only-binary`")?;
    let has_hashes = requirements.iter().chain(constraints).any(|it| !it.hashes.is_empty());
    refuse(has_hashes || *require_hashes, "a hash of a requirement")?;
    if let Some(local) = requirements.iter().find(|it| it.local.is_some()) {
        refuse(true, &format!("`{}`, which lies on this machine,", local.text))?;
    }
    Ok(filled(object([
        ("packages", list(requirements)),
        ("constraints", list(constraints)),
        ("index", index.as_deref().map(Value::from)),
        ("extra-indexes", list(extra_indexes)),
        ("find-links", list(find_links)),
        ("pre", pre.map(Value::from)),
        ("exclude-newer", exclude_newer.as_deref().map(Value::from)),
    ])))
}

fn of_python(python: &PythonChoice) -> Value {
    let PythonChoice { interpreter, environment, bytecode } = python;
    let environment = environment.as_ref().map(|environment| match environment {
        PythonEnvironment::System => "system".into(),
        PythonEnvironment::Venv(path) => path.as_str().into(),
    });
    let bytecode = bytecode.map(|bytecode| match bytecode {
        Bytecode::Full => "full".into(),
        Bytecode::None => "none".into(),
    });
    object([
        ("interpreter", interpreter.as_deref().map(Value::from)),
        ("environment", environment),
        ("bytecode", bytecode),
    ])
}

fn of_kernel(kernel: &KernelChoice) -> Result<Value, NotInDocument> {
    let KernelChoice { language, kernelspec, launcher, user, origin: _ } = kernel;
    if let Launcher::EnterpriseGateway(LauncherArchive { place: ArchiveAddress::Path(path), .. }) = launcher {
        refuse(true, &format!("`{}`, which lies on this machine,", path.display()))?;
    }
    let (is_ours, is_usual) = (*launcher == Launcher::Imagewright, *user == KernelUser::default());
    Ok(object([
        ("language", Some(language.as_str().into())),
        ("kernelspec", kernelspec.as_deref().map(Value::from)),
        ("launcher", (!is_ours).then(|| launcher.to_string().into())),
        ("user", (!is_usual).then(|| user.to_string().into())),
    ]))
}

fn refuse(is_there: bool, what: &str) -> Result<(), NotInDocument> {
    if is_there { Err(NotInDocument { what: what.to_owned() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::PartialSpec;

    fn read(text: &str) -> super::ImageSpec {
        PartialSpec::from_yaml("image.yaml", text).and_then(PartialSpec::finish).unwrap()
    }

    #[test]
    fn a_document_means_what_it_was_made_of() {
        let texts = [
            "base: bootstrap",
            "base: team/base:1\napt: [git, 'vim=2:9*', 'python3/trixie-backports']",
            "base: a\napt: {packages: [git], recommends: true}\nplatform: linux/arm64",
            "base: a\nconda: {packages: ['numpy >=2', 'nvidia::cuda'], channels: [a, 'https://mirror.example/b'], \
             channel-priority: flexible, link-scripts: skip, cuda: '12.4'}",
            "base: a\npip: {packages: ['numpy>=2; python_version > \"3.9\"'], constraints: [x<2], \
             index: 'https://mirror.example/simple', extra-indexes: ['https://mirror.example/more'], \
             find-links: ['https://mirror.example/links'], pre: true, exclude-newer: 2026-01-31}",
            "base: a\npython: {interpreter: /usr/bin/python3, environment: system, bytecode: none}",
            "base: a\nkernel: python",
            "base: bootstrap\nkernel: {language: Julia, kernelspec: julia-1.11, user: 1001}",
            "base: a\nkernel: {language: r, launcher: 'eg=https://mirror.example/f.tar.gz#sha256=\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}",
            "base: a\npython: {environment: /opt/x}\nenv: {B: '1', A: ''}\nuser: '1000:100'\nworkdir: /srv\n\
             labels: {a.b: c}\nentrypoint: []\ncommand: [run, '-x']\nports: [8888, 53/udp]\nvolumes: [/data]\n\
             stop-signal: SIGINT\ncompression: zstd:3",
        ];
        for text in texts {
            let spec = read(text);
            let document = spec.to_document().unwrap();
            assert_eq!(
                read(&document.to_string()).canonical_key(),
                spec.canonical_key(),
                "{text}\n{document:#}"
            );
        }
    }

    #[test]
    fn what_a_document_cannot_say_is_refused() {
        let error = read("base: a\npip: [./wheel]").to_document().unwrap_err().to_string();
        assert_eq!(error, "`./wheel`, which lies on this machine, cannot be written as an image.yaml");
        let kernel = read("base: a\nkernel: {language: python, launcher: 'eg=./files.tar.gz'}");
        let error = kernel.to_document().unwrap_err().to_string();
        assert_eq!(error, "`./files.tar.gz`, which lies on this machine, cannot be written as an image.yaml");
    }
}
