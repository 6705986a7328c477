//! `environment.yml`, as conda and repo2docker read it.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{CondaChannel, CondaPackage, CondaSpecError};
use crate::spec::container::check_variable;
use crate::spec::partial::set_variable;
use crate::spec::yaml_error::{explain, position};
use crate::spec::yaml_schema::{Text, TextMap};
use crate::spec::{PartialSpec, PipRequirement, Problem, SpecError};

/// A channel of this name says that no others are meant than those that are listed, as is the case here anyway.
const NO_DEFAULTS: &str = "nodefaults";

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    /// An image has one environment.
    #[serde(rename = "name")]
    _name: Option<String>,
    /// Where it is in an image is not for this file to say.
    #[serde(rename = "prefix")]
    _prefix: Option<String>,
    /// For which platforms conda-lock locks it; an image has one.
    #[serde(rename = "platforms")]
    _platforms: Option<Vec<String>>,
    channels: Option<Vec<Text>>,
    dependencies: Option<Vec<Spanned<Dependency>>>,
    variables: Option<TextMap>,
}

enum Dependency {
    Package(String),
    Section(Box<Section>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    pip: Option<Vec<Text>>,
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = Dependency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a package, or a map with the key `pip`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Dependency, E> {
                Ok(Dependency::Package(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dependency, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(Dependency::Section)
            }
        }

        deserializer.deserialize_any(Shape)
    }
}

/// Reads an `environment.yml`.
pub(in crate::spec) fn read_environment(source: &str, text: &str) -> Result<PartialSpec, SpecError> {
    let options = serde_saphyr::options! { with_snippet: false, reject_unsupported_tags: true };
    let document = serde_saphyr::from_str_with_options::<Option<Document>>(text, options)
        .map_err(|error| explain(source, text, &error))?
        .unwrap_or_default();
    let mut spec = PartialSpec::default();
    let origin = |text: &Text| position(source, text.referenced);
    for channel in document.channels.iter().flatten().filter(|channel| channel.value != NO_DEFAULTS) {
        let parsed = CondaChannel::parse(&channel.value, origin(channel));
        spec.conda_channels.push(parsed.map_err(|error| SpecError::new(origin(channel), error))?);
    }
    for dependency in document.dependencies.into_iter().flatten() {
        let at = position(source, dependency.referenced);
        match dependency.value {
            Dependency::Package(text) => spec.conda.push(CondaPackage::parse(&text, at)?),
            Dependency::Section(section) => {
                for text in section.pip.iter().flatten() {
                    spec.pip.push(requirement(text, origin(text))?);
                }
            }
        }
    }
    for (name, value) in document.variables.map(|map| map.0).unwrap_or_default() {
        check_variable(&name.value, &value.value)
            .map_err(|error| SpecError::new(origin(&name), Problem::Container(error)))?;
        set_variable(&mut spec.environment, name.value, value.value);
    }
    Ok(spec)
}

fn requirement(text: &Text, origin: crate::spec::Origin) -> Result<PipRequirement, SpecError> {
    let is_editable = text.value.starts_with("-e ") || text.value.starts_with("--editable");
    if text.value.starts_with('-') && !is_editable {
        return Err(SpecError::new(origin, CondaSpecError::PipOption(text.value.clone())));
    }
    PipRequirement::parse(&text.value, origin)
}
