//! `image.yaml`: from its text to a [`PartialSpec`].

use serde_saphyr::Spanned;

use super::address::check_address;
use super::conda::check_cuda;
use super::container::{check_absolute, check_label, check_signal, check_variable, parse_command};
use super::flags::{parse_platform, parse_tag};
use super::kernel::{check_kernelspec, check_language};
use super::pip::check_exclude_newer;
use super::python::check_interpreter;
use super::yaml_error::{explain, position};
use super::yaml_schema::{
    AptMap, Command, CondaMap, Document, Kernel, KernelMap, ListOr, PipMap, Python, PythonMap, Text,
};
use super::{
    AptPackage, CondaChannel, CondaPackage, ContainerError, LockPartChoice, NamedFile, Origin, PartialKernel,
    PartialSpec, PipOptions, PipRequirement, Problem, PythonChoice, SpecError,
};

impl PartialSpec {
    /// Reads an `image.yaml`; `source` is how messages name it.
    ///
    /// # Errors
    /// Names file, line and column of what is not valid.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, SpecError> {
        let options = serde_saphyr::options! { with_snippet: false, reject_unsupported_tags: true };
        let document = serde_saphyr::from_str_with_options::<Option<Document>>(text, options)
            .map_err(|error| explain(source, text, &error))?;
        Reader { source }.spec(document.unwrap_or_default())
    }
}

/// Turns text into values and knows which file the text is from.
struct Reader<'a> {
    source: &'a str,
}

impl Reader<'_> {
    fn spec(&self, document: Document) -> Result<PartialSpec, SpecError> {
        let (apt, apt_recommends) = self.apt(document.apt)?;
        let conda = list_or(document.conda, |packages| CondaMap { packages, ..CondaMap::default() });
        let PipMap { packages, constraints, index, extra_indexes, find_links, pre, exclude_newer } =
            list_or(document.pip, |packages| PipMap { packages, ..PipMap::default() });
        let variables = document.env.map(|map| map.0).unwrap_or_default();
        let environment = self.pairs(&variables, check_variable)?;
        let labels = document.labels.map(|map| map.0).unwrap_or_default();
        let labels = self.pairs(&labels, |name, _| check_label(name))?;
        Ok(PartialSpec {
            base: self.one(document.base.as_ref(), str::parse)?,
            platform: self.one(document.platform.as_ref(), parse_platform)?,
            apt,
            apt_recommends,
            conda: self.conda_packages(conda.packages)?,
            conda_channels: self.conda_channels(conda.channels)?,
            conda_priority: self.one(conda.channel_priority.as_ref(), str::parse)?,
            conda_link_scripts: self.one(conda.link_scripts.as_ref(), str::parse)?,
            conda_cuda: self.one(conda.cuda.as_ref(), check_cuda)?,
            conda_lock: self.named_file(conda.lock.as_ref())?,
            conda_lock_part: LockPartChoice {
                environment: conda.lock_environment.map(|text| self.entry(text)),
                categories: self.entries(conda.lock_categories),
            },
            pip: self.requirements(packages)?,
            pip_constraints: self
                .requirements(constraints)?
                .into_iter()
                .map(PipRequirement::into_constraint)
                .collect::<Result<_, _>>()?,
            pip_options: PipOptions {
                index: self.one(index.as_ref(), check_address)?,
                extra_indexes: self.all(extra_indexes, check_address)?,
                find_links: self.all(find_links, check_address)?,
                pre,
                exclude_newer: self.one(exclude_newer.as_ref(), check_exclude_newer)?,
                ..PipOptions::default()
            },
            python: self.python(document.python)?,
            kernel: self.kernel(document.kernel)?,
            environment,
            user: self.one(document.user.as_ref(), str::parse)?,
            working_directory: self.one(document.workdir.as_ref(), check_absolute)?,
            labels: labels.into_iter().collect(),
            entrypoint: self.command(document.entrypoint)?,
            command: self.command(document.command)?,
            ports: self.all(document.ports, str::parse)?,
            volumes: self.all(document.volumes, check_absolute)?,
            stop_signal: self.one(document.stop_signal.as_ref(), check_signal)?,
            compression: self.one(document.compression.as_ref(), str::parse)?,
            tags: self.all(document.tags, parse_tag)?,
            ignore: self.entries(document.ignore),
            ..PartialSpec::default()
        })
    }

    fn apt(&self, section: Option<ListOr<AptMap>>) -> Result<(Vec<AptPackage>, Option<bool>), SpecError> {
        let (packages, recommends) = match section {
            None => return Ok((Vec::new(), None)),
            Some(ListOr::List(packages)) => (packages, None),
            Some(ListOr::Map(AptMap { packages, recommends })) => (packages.unwrap_or_default(), recommends),
        };
        let packages = packages.iter().map(|text| AptPackage::parse(&text.value, self.origin(text)));
        Ok((packages.collect::<Result<_, _>>()?, recommends))
    }

    fn conda_packages(&self, list: Option<Vec<Text>>) -> Result<Vec<CondaPackage>, SpecError> {
        let list = list.unwrap_or_default();
        list.iter().map(|text| CondaPackage::parse(&text.value, self.origin(text))).collect()
    }

    fn conda_channels(&self, list: Option<Vec<Text>>) -> Result<Vec<CondaChannel>, SpecError> {
        let channel = |text: &Text| {
            CondaChannel::parse(&text.value, self.origin(text))
                .map_err(|error| SpecError::new(self.origin(text), error))
        };
        list.unwrap_or_default().iter().map(channel).collect()
    }

    fn requirements(&self, list: Option<Vec<Text>>) -> Result<Vec<PipRequirement>, SpecError> {
        let list = list.unwrap_or_default();
        list.iter().map(|text| PipRequirement::parse(&text.value, self.origin(text))).collect()
    }

    fn python(&self, python: Option<Spanned<Python>>) -> Result<Option<PythonChoice>, SpecError> {
        let Some(Spanned { value, referenced, .. }) = python else { return Ok(None) };
        let PythonMap { interpreter, environment, bytecode } = match value {
            Python::Interpreter(path) => PythonMap {
                interpreter: Some(Spanned::new(path, referenced, referenced)),
                ..PythonMap::default()
            },
            Python::Map(map) => *map,
        };
        Ok(Some(PythonChoice {
            interpreter: self.one(interpreter.as_ref(), check_interpreter)?,
            environment: self.one(environment.as_ref(), str::parse)?,
            bytecode: self.one(bytecode.as_ref(), str::parse)?,
        }))
    }

    fn kernel(&self, kernel: Option<Spanned<Kernel>>) -> Result<PartialKernel, SpecError> {
        let Some(Spanned { value, referenced, .. }) = kernel else { return Ok(PartialKernel::default()) };
        let KernelMap { language, kernelspec, launcher, user } = match value {
            Kernel::Language(language) => KernelMap {
                language: Some(Spanned::new(language, referenced, referenced)),
                ..KernelMap::default()
            },
            Kernel::Map(map) => *map,
        };
        Ok(PartialKernel {
            language: self.placed(language.as_ref(), check_language)?,
            kernelspec: self.placed(kernelspec.as_ref(), check_kernelspec)?,
            launcher: self.placed(launcher.as_ref(), str::parse)?,
            user: self.placed(user.as_ref(), str::parse)?,
        })
    }

    fn placed<T, E: Into<Problem>>(
        &self,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<(T, Origin)>, SpecError> {
        let value = self.one(text, parse)?;
        Ok(value.zip(text.map(|text| self.origin(text))))
    }

    fn command(&self, command: Option<Spanned<Command>>) -> Result<Option<Vec<String>>, SpecError> {
        let Some(Spanned { value, referenced, .. }) = command else { return Ok(None) };
        match value {
            Command::Words(words) => Ok(Some(words)),
            Command::Line(line) => self.one(Some(&Spanned::new(line, referenced, referenced)), parse_command),
        }
    }

    fn entry(&self, text: Text) -> (String, Origin) {
        let origin = self.origin(&text);
        (text.value, origin)
    }

    fn entries(&self, list: Option<Vec<Text>>) -> Vec<(String, Origin)> {
        list.unwrap_or_default().into_iter().map(|text| self.entry(text)).collect()
    }

    fn named_file(&self, text: Option<&Text>) -> Result<Option<NamedFile>, SpecError> {
        text.map(|text| NamedFile::parse(&text.value, self.origin(text))).transpose()
    }

    fn pairs(
        &self,
        pairs: &[(Text, Text)],
        check: impl Fn(&str, &str) -> Result<(), ContainerError>,
    ) -> Result<Vec<(String, String)>, SpecError> {
        let pair = |(name, value): &(Text, Text)| match check(&name.value, &value.value) {
            Ok(()) => Ok((name.value.clone(), value.value.clone())),
            Err(error) => Err(SpecError::new(self.origin(name), error)),
        };
        pairs.iter().map(pair).collect()
    }

    fn one<T, E: Into<Problem>>(
        &self,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, SpecError> {
        let read = |text: &Text| parse(&text.value).map_err(|error| SpecError::new(self.origin(text), error));
        text.map(read).transpose()
    }

    fn all<T, E: Into<Problem>, C: FromIterator<T>>(
        &self,
        list: Option<Vec<Text>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<C, SpecError> {
        let read = |text: &Text| parse(&text.value).map_err(|error| SpecError::new(self.origin(text), error));
        list.unwrap_or_default().iter().map(read).collect()
    }

    fn origin(&self, text: &Text) -> Origin {
        position(self.source, text.referenced)
    }
}

/// What a section says, be it a map or only the list of packages.
fn list_or<M: Default>(section: Option<ListOr<M>>, of_list: impl Fn(Option<Vec<Text>>) -> M) -> M {
    match section {
        None => M::default(),
        Some(ListOr::List(packages)) => of_list(Some(packages)),
        Some(ListOr::Map(map)) => map,
    }
}
