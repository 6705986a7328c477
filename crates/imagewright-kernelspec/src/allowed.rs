//! The list of kernels that a gateway shows: `EG_ALLOWED_KERNELS`, formerly `EG_KERNEL_WHITELIST`.
//!
//! Only the start script in Enterprise Gateway's image reads it, once: it takes brackets away and hands the rest to the gateway. So names
//! stand in quotes, separated by commas, and `null` or nothing means all. It hides names from lists and forbids nothing.

use std::fmt;
use std::str::FromStr;

use crate::{KernelspecError, KernelspecName};

/// A list of kernels that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedKernels {
    /// All that there are.
    All,
    /// These, in order.
    Only(Vec<KernelspecName>),
}

impl AllowedKernels {
    /// The same with another name in it.
    #[must_use]
    pub fn with(mut self, name: &KernelspecName) -> Self {
        if let Self::Only(names) = &mut self
            && !names.contains(name)
        {
            names.push(name.clone());
        }
        self
    }

    /// The same without a name.
    #[must_use]
    pub fn without(mut self, name: &KernelspecName) -> Self {
        if let Self::Only(names) = &mut self {
            names.retain(|known| known != name);
        }
        self
    }

    /// Whether a name is shown.
    pub fn shows(&self, name: &KernelspecName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

impl FromStr for AllowedKernels {
    type Err = KernelspecError;

    fn from_str(text: &str) -> Result<Self, KernelspecError> {
        let inner: String = text.chars().filter(|character| !matches!(character, '[' | ']')).collect();
        let inner = inner.trim();
        if inner.is_empty() || inner == "null" {
            return Ok(Self::All);
        }
        let wrong = |reason: String| KernelspecError::Allowed { list: text.to_owned(), reason };
        let name = |part: &str| {
            let part = part.trim();
            let bare = part.trim_matches(['\'', '"']);
            bare.parse::<KernelspecName>().map_err(|error| wrong(error.to_string()))
        };
        inner.split(',').map(name).collect::<Result<Vec<_>, _>>().map(Self::Only)
    }
}

impl fmt::Display for AllowedKernels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("null"),
            Self::Only(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                formatter.write_str(&quoted.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_all_its_forms_and_written_in_one() {
        let mine: KernelspecName = "mine".parse().unwrap();
        for text in
            ["'r_docker','python_docker'", "[\"R_docker\", \"python_docker\"]", "r_docker, python_docker"]
        {
            let list: AllowedKernels = text.parse().unwrap();
            assert!(!list.shows(&mine), "{text}");
            let list = list.with(&mine).with(&mine);
            assert_eq!(list.to_string(), "'r_docker','python_docker','mine'");
            assert_eq!(list.without(&mine).to_string(), "'r_docker','python_docker'");
        }
        for text in ["", "null", "[null]", " [ ] "] {
            assert_eq!(text.parse::<AllowedKernels>().unwrap().with(&mine).to_string(), "null", "{text:?}");
        }
        let error = "'a b'".parse::<AllowedKernels>().unwrap_err().to_string();
        assert!(
            error.starts_with("`'a b'` is not a list of allowed kernels: `a b` is not the name"),
            "{error}"
        );
    }
}
