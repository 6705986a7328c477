//! The JSON that Python reads and writes, value for value and byte for byte.
//!
//! Elyra's files go through Python's `json` module, which is neither the JSON of RFC 8259 nor that of `serde_json`: numbers
//! may be `NaN` or have a thousand digits, floats print in Python's way, the last of two equal keys wins at the place of the
//! first, everything outside ASCII is written as `\uXXXX`. Messages hold Python's words too, because Elyra shows them.

mod literal;
mod number;
mod parse;
mod repr;
mod write;

use indexmap::IndexMap;

pub use literal::LiteralError;
pub use parse::{JsonError, parse};

/// A JSON object; its keys stay in the order in which they came.
pub type Object = IndexMap<String, Value>;

/// A JSON value as Python holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `None`
    Null,
    /// `true`, `True`
    Bool(bool),
    /// A whole number of any length, as digits in the form Python prints.
    Integer(Box<str>),
    /// A number with a fraction or an exponent; also `NaN`, `Infinity` and `-Infinity`.
    Float(f64),
    /// A text.
    String(String),
    /// `[…]`
    List(Vec<Value>),
    /// `{…}`
    Object(Object),
}

impl Value {
    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, where it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The object, where it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether Python's `if` takes it for false.
    pub fn is_falsy(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Integer(digits) => &**digits == "0",
            Self::Float(value) => *value == 0.0,
            Self::String(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(object) => object.is_empty(),
        }
    }

    /// The name of its type in Python.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "str",
            Self::List(_) => "list",
            Self::Object(_) => "dict",
        }
    }

    /// The value for a JSON Schema validator. `NaN` and the infinities, which it does not know, become the nearest number:
    /// what matters to a schema is that they are numbers.
    pub(crate) fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value as Plain;
        match self {
            Self::Null => Plain::Null,
            Self::Bool(value) => Plain::Bool(*value),
            Self::Integer(digits) => digits
                .parse::<i64>()
                .map(Plain::from)
                .or_else(|_| digits.parse::<u64>().map(Plain::from))
                .unwrap_or_else(|_| float(digits.parse().unwrap_or(f64::MAX))),
            Self::Float(value) => float(*value),
            Self::String(text) => Plain::String(text.clone()),
            Self::List(items) => Plain::Array(items.iter().map(Self::to_serde).collect()),
            Self::Object(object) => {
                Plain::Object(object.iter().map(|(key, value)| (key.clone(), value.to_serde())).collect())
            }
        }
    }

    /// The value of a plain JSON document.
    pub(crate) fn from_serde(plain: &serde_json::Value) -> Self {
        use serde_json::Value as Plain;
        match plain {
            Plain::Null => Self::Null,
            Plain::Bool(value) => Self::Bool(*value),
            Plain::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(value) => Self::Float(value),
                None => Self::Integer(number.to_string().into()),
            },
            Plain::String(text) => Self::String(text.clone()),
            Plain::Array(items) => Self::List(items.iter().map(Self::from_serde).collect()),
            Plain::Object(object) => Self::Object(
                object.iter().map(|(key, value)| (key.clone(), Self::from_serde(value))).collect(),
            ),
        }
    }
}

fn float(value: f64) -> serde_json::Value {
    let finite = if value.is_nan() { 0.5 } else { value.clamp(f64::MIN, f64::MAX) };
    serde_json::Value::from(finite)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}
