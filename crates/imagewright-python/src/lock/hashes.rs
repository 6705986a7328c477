//! Hashes of files, as package indexes state them.

use std::collections::BTreeMap;
use std::fmt;

/// The algorithms that this program checks files with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, which indexes use.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-384.
    Sha384,
}

impl HashAlgorithm {
    /// All of them, the first to be used first.
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Sha384];

    /// The name in a lock.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha384 => "sha384",
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
            Self::Sha384 => 96,
        }
    }
}

/// Hashes of one file, of which at least one can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hashes {
    algorithm: HashAlgorithm,
    all: BTreeMap<String, String>,
}

/// Why hashes do not say which file is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashesError {
    /// There are none.
    #[error("no hash is stated")]
    None,
    /// None is of an algorithm that is secure and known here.
    #[error("the only hashes stated are {}", .0.join(", "))]
    Unsuitable(Vec<String>),
    /// One does not have the digits it must have.
    #[error("the {algorithm} hash `{digits}` does not have {} hexadecimal digits", .algorithm.digits())]
    Malformed {
        /// The algorithm.
        algorithm: HashAlgorithm,
        /// What is stated.
        digits: String,
    },
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Hashes {
    /// Takes hexadecimal digits by algorithm.
    ///
    /// # Errors
    /// Refuses them if none is of an algorithm of [`HashAlgorithm`], or if one of these is malformed.
    pub fn new(stated: &BTreeMap<String, String>) -> Result<Self, HashesError> {
        let lower =
            stated.iter().map(|(key, digits)| (key.to_ascii_lowercase(), digits.to_ascii_lowercase()));
        let all: BTreeMap<String, String> = lower.collect();
        if all.is_empty() {
            return Err(HashesError::None);
        }
        for algorithm in HashAlgorithm::ALL {
            let well_formed = |digits: &String| {
                digits.len() == algorithm.digits() && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            };
            if let Some(digits) = all.get(algorithm.name()).filter(|digits| !well_formed(digits)) {
                return Err(HashesError::Malformed { algorithm, digits: digits.clone() });
            }
        }
        match HashAlgorithm::ALL.into_iter().find(|algorithm| all.contains_key(algorithm.name())) {
            Some(algorithm) => Ok(Self { algorithm, all }),
            None => Err(HashesError::Unsuitable(all.into_keys().collect())),
        }
    }

    /// The hash that a file is checked and known by: algorithm and digits.
    pub fn strong(&self) -> (HashAlgorithm, &str) {
        let digits = self.all.get(self.algorithm.name());
        (self.algorithm, digits.expect("the algorithm is one of those stated"))
    }

    /// All that is stated: algorithm and lower-case digits.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|(algorithm, digits)| (algorithm.as_str(), digits.as_str()))
    }
}

/// The strong one, as `sha256:…`.
impl fmt::Display for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, digits) = self.strong();
        write!(f, "{algorithm}:{digits}")
    }
}
