//! What can be wrong with conda packages and channels of a spec.

/// Why a text asks for no conda package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CondaSpecError {
    /// There is no package in it.
    #[error("`{0}` names no package")]
    NoPackage(String),
    /// It begins with an option other than `-c`.
    #[error("`{0}` begins with a dash: of conda's options only `-c CHANNEL` can be given here")]
    Option(String),
    /// Its name is not one a conda package can have.
    #[error("`{text}` asks for `{name}`, which is not the name of a conda package")]
    Name {
        /// The text that was refused.
        text: String,
        /// The name in it.
        name: String,
    },
    /// It names packages by a pattern.
    #[error("`{0}` names packages by a pattern: each package is asked for by its name")]
    Pattern(String),
    /// It asks for what an image is like, and not for a package.
    #[error("`{0}` is not a package but tells what a machine is like")]
    Virtual(String),
    /// It is the address or the path of a file.
    #[error("`{0}` is the address or the path of a package: packages are asked for by name, from a channel")]
    File(String),
    /// It has a namespace.
    #[error("`{0}` has a namespace, which no channel has")]
    Namespace(String),
    /// Something follows the name that is no version.
    #[error("`{text}` has `{rest}` behind the name, which is neither a version nor brackets")]
    Rest {
        /// The text that was refused.
        text: String,
        /// What follows the name.
        rest: String,
    },
    /// Its brackets are not closed, or there are several.
    #[error("`{0}` has brackets that are not one pair at its end")]
    Brackets(String),
    /// A part of its brackets is no `key=value`.
    #[error("`{text}` has `{part}` in its brackets, which is no `key=value`")]
    Part {
        /// The text that was refused.
        text: String,
        /// The part.
        part: String,
    },
    /// Its brackets have a key that cannot be honoured.
    #[error("`{text}` has the key `{key}` in its brackets, which cannot be honoured")]
    Key {
        /// The text that was refused.
        text: String,
        /// The key.
        key: String,
    },
    /// It names a channel or an architecture twice.
    #[error("`{text}` says twice which {what} it means")]
    Twice {
        /// The text that was refused.
        text: String,
        /// `channel` or `architecture`.
        what: &'static str,
    },
    /// It has a control character in it.
    #[error("`{0}` has a control character in it")]
    Control(String),
    /// A channel that is none.
    #[error("`{0}` is neither the name nor the address of a channel")]
    Channel(String),
    /// A channel that is a folder of this machine.
    #[error("channel `{0}` is a folder of this machine")]
    LocalChannel(String),
    /// A channel that stands for whatever a conda is set to.
    #[error("channel `{0}` stands for whatever conda is set to on some machine")]
    Defaults(String),
    /// The address of a channel gives away a secret.
    #[error("the address of the channel has a user name, a password or a token in it")]
    Credentials,
    /// A priority that is none.
    #[error("`{0}` is not how channels may count: `strict`, `flexible` or `disabled`")]
    Priority(String),
    /// A way with link scripts that is none.
    #[error("`{0}` is not what can be done with link scripts: `refuse`, `skip` or `run`")]
    LinkScripts(String),
    /// A version of CUDA that is none.
    #[error("`{0}` is not a version of CUDA, as `12.4` is")]
    Cuda(String),
    /// A list of files that does not begin as one.
    #[error("the list does not begin with `@EXPLICIT`, and is no lock of conda-lock or pixi")]
    NoHeading,
    /// A line of such a list is not the address of a package.
    #[error("`{0}` is not the address of a package, as `CHANNEL/linux-64/NAME-VERSION-BUILD.conda`")]
    NoFile(String),
    /// A line of such a list has no hash.
    #[error("`{0}` comes without its MD5 or SHA-256, so the file cannot be checked")]
    NoFileHash(String),
    /// Such a list has a package twice.
    #[error("`{name}` stands in the list already ({before})")]
    ListedTwice {
        /// The package.
        name: String,
        /// Where.
        before: String,
    },
    /// What names a list is no path.
    #[error("a list of conda packages is named by its path on this machine")]
    LockPath,
    /// Lists are for other platforms.
    #[error("no list of conda packages is for `{platform}`{}", but_for(.known))]
    NoList {
        /// The platform of the image.
        platform: String,
        /// The lists.
        known: Vec<String>,
    },
    /// Two locks that may say different things.
    #[error("`{0}` locks conda packages as well")]
    TwoLocks(String),
    /// A lock of conda packages holds Python packages, and a lock of these is there as well.
    #[error("`{list}` holds Python packages, and so does `{other}`")]
    TwoPythonLocks {
        /// The lock of conda packages.
        list: String,
        /// The lock of Python packages.
        other: String,
    },
    /// A part is chosen of a lock that is not there.
    #[error("a part of a lock is chosen, and there is no lock of conda packages")]
    NoLock,
    /// A part is chosen of a list that is for one environment.
    #[error("a part of a lock is chosen, and the list `{0}` has none")]
    NoParts(String),
    /// A lock holds folders, and their paths count from a folder that is not that of the spec.
    #[error("`{0}` holds Python packages that are folders beside it, and the spec lies elsewhere")]
    FoldersElsewhere(String),
    /// A lock of another program that cannot be used.
    #[error("{text}")]
    Lock {
        /// What is wrong.
        text: String,
        /// What to do about it.
        remedy: Option<&'static str>,
    },
    /// An option of pip in an `environment.yml`.
    #[error("`{0}` is an option of pip")]
    PipOption(String),
}

impl CondaSpecError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoPackage(_) => "write `-c CHANNEL::PACKAGE` or `-c CHANNEL PACKAGE`".to_owned(),
            Self::Option(_) => "channels go into `channels`, other settings into configuration".to_owned(),
            Self::Name { text, .. } if text.contains(',') => {
                "write one package for each entry of the list".to_owned()
            }
            Self::Virtual(_) => {
                "the version of CUDA is set by `cuda`; all else is found out of the base".to_owned()
            }
            Self::File(_) => "write `CHANNEL::NAME=VERSION=BUILD`".to_owned(),
            Self::Namespace(_) => "write `CHANNEL::NAME`".to_owned(),
            Self::LocalChannel(_) => {
                "give the channel a name, and say where it is with `conda.mirrors` in the configuration"
                    .to_owned()
            }
            Self::Defaults(_) => "name the channels that are meant".to_owned(),
            Self::Credentials => {
                "put it into the configuration, with `conda.channel-alias` or `conda.mirrors`".to_owned()
            }
            Self::Key { .. } => {
                "keys are version, build, build_number, channel, subdir, fn, md5, sha256, license, \
                                 license_family and track_features"
                    .to_owned()
            }
            Self::NoHeading | Self::NoFileHash(_) => {
                "make it with `conda list --explicit --md5`, `micromamba env export --explicit`, `conda-lock render --kind explicit` or \
                 `pixi workspace export conda-explicit-spec`"
                    .to_owned()
            }
            Self::NoList { .. } => "make a list for this platform, or set `platform`".to_owned(),
            Self::TwoLocks(_) => {
                "`ignore` one of them, or name the one that is meant with `lock` under `conda`".to_owned()
            }
            Self::TwoPythonLocks { .. } => "keep one of the two".to_owned(),
            Self::FoldersElsewhere(_) => "use a spec in the folder of the lock".to_owned(),
            Self::NoLock | Self::NoParts(_) => {
                "name a lock of pixi or conda-lock with `lock` under `conda`".to_owned()
            }
            Self::Lock { remedy, .. } => return remedy.map(str::to_owned),
            Self::PipOption(_) => "put it into a requirements.txt in the same folder".to_owned(),
            _ => return None,
        })
    }
}

fn but_for(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!(
            ": there are {}",
            known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}
