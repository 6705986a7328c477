//! The schema of `image.yaml`: its keys and the shapes of their values. `docs/image-spec.md` describes it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// Text with its place. Numbers and truth values are taken as they are written.
pub(super) type Text = Spanned<String>;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Document {
    pub(super) base: Option<Text>,
    pub(super) platform: Option<Text>,
    pub(super) apt: Option<ListOr<AptMap>>,
    pub(super) conda: Option<ListOr<CondaMap>>,
    pub(super) pip: Option<ListOr<PipMap>>,
    pub(super) python: Option<Spanned<Python>>,
    pub(super) kernel: Option<Spanned<Kernel>>,
    pub(super) env: Option<TextMap>,
    pub(super) user: Option<Text>,
    pub(super) workdir: Option<Text>,
    pub(super) labels: Option<TextMap>,
    pub(super) entrypoint: Option<Spanned<Command>>,
    pub(super) command: Option<Spanned<Command>>,
    pub(super) ports: Option<Vec<Text>>,
    pub(super) volumes: Option<Vec<Text>>,
    pub(super) stop_signal: Option<Text>,
    pub(super) compression: Option<Text>,
    pub(super) tags: Option<Vec<Text>>,
    pub(super) ignore: Option<Vec<Text>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AptMap {
    pub(super) packages: Option<Vec<Text>>,
    pub(super) recommends: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CondaMap {
    pub(super) packages: Option<Vec<Text>>,
    pub(super) channels: Option<Vec<Text>>,
    pub(super) lock: Option<Text>,
    pub(super) lock_environment: Option<Text>,
    pub(super) lock_categories: Option<Vec<Text>>,
    pub(super) channel_priority: Option<Text>,
    pub(super) link_scripts: Option<Text>,
    pub(super) cuda: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PipMap {
    pub(super) packages: Option<Vec<Text>>,
    pub(super) constraints: Option<Vec<Text>>,
    pub(super) index: Option<Text>,
    pub(super) extra_indexes: Option<Vec<Text>>,
    pub(super) find_links: Option<Vec<Text>>,
    pub(super) pre: Option<bool>,
    pub(super) exclude_newer: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PythonMap {
    pub(super) interpreter: Option<Text>,
    pub(super) environment: Option<Text>,
    pub(super) bytecode: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct KernelMap {
    pub(super) language: Option<Text>,
    pub(super) kernelspec: Option<Text>,
    pub(super) launcher: Option<Text>,
    pub(super) user: Option<Text>,
}

/// A list of packages, or a map that holds one and more.
///
/// Not an untagged enum: serde would lose the places of what is in it.
pub(super) enum ListOr<M> {
    List(Vec<Text>),
    Map(M),
}

impl<'de, M: Deserialize<'de>> Deserialize<'de> for ListOr<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape<M>(PhantomData<M>);

        impl<'de, M: Deserialize<'de>> Visitor<'de> for Shape<M> {
            type Value = ListOr<M>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of packages, or a map with the key `packages`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ListOr::List)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                M::deserialize(MapAccessDeserializer::new(map)).map(ListOr::Map)
            }
        }

        deserializer.deserialize_any(Shape(PhantomData))
    }
}

/// A map from text to text, in order.
pub(super) struct TextMap(pub(super) Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = TextMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names to values, as in `NAME: value`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TextMap, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(TextMap(pairs))
            }
        }

        deserializer.deserialize_map(Shape)
    }
}

/// The words of a command, or a line for the shell.
pub(super) enum Command {
    Words(Vec<String>),
    Line(String),
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of words, or a line for the shell")
            }

            fn visit_str<E: Error>(self, line: &str) -> Result<Command, E> {
                Ok(Command::Line(line.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Command, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Command::Words)
            }
        }

        deserializer.deserialize_any(Shape)
    }
}

/// The path of an interpreter, or a map that holds one and more.
pub(super) enum Python {
    Interpreter(String),
    Map(Box<PythonMap>),
}

impl<'de> Deserialize<'de> for Python {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = Python;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the path of an interpreter, or a map with the keys `interpreter` and `environment`",
                )
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<Python, E> {
                Ok(Python::Interpreter(path.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Python, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(Python::Map)
            }
        }

        deserializer.deserialize_any(Shape)
    }
}

/// The language of a kernel, or a map that holds it and more.
pub(super) enum Kernel {
    Language(String),
    Map(Box<KernelMap>),
}

impl<'de> Deserialize<'de> for Kernel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = Kernel;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the language of a kernel, or a map with the key `language`")
            }

            fn visit_str<E: Error>(self, language: &str) -> Result<Kernel, E> {
                Ok(Kernel::Language(language.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Kernel, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(Kernel::Map)
            }
        }

        deserializer.deserialize_any(Shape)
    }
}
