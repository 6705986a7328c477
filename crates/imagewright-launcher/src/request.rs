//! What a gateway asks for, as it says it: variables of the environment, and options of its own launchers.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::LauncherError;
use crate::options::{Options, shortened};
use crate::payload::PublicKey;
use crate::ports::PortRange;

/// How wide a range of ports must be where nobody says otherwise.
const LEAST_RANGE: u16 = 1000;
/// How long a kernel may take to listen before the reply is sent anyway, where nobody says how long the gateway waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// Variables that are for us and not for the kernel.
pub const OURS: [&str; 5] =
    ["PUBLIC_KEY", "EG_PUBLIC_KEY", "RESPONSE_ADDRESS", "EG_RESPONSE_ADDRESS", "JPY_PARENT_PID"];

/// The variables this process was started with.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub BTreeMap<OsString, OsString>);

impl Environment {
    /// A variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Likewise, without space around it. What is no text counts as something that nothing matches.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.get(name)?.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Folders of a list as `PATH` is one.
    pub fn folders(&self, name: &str) -> Vec<PathBuf> {
        let Some(list) = self.get(name) else { return Vec::new() };
        std::env::split_paths(list).filter(|folder| folder.is_absolute()).collect()
    }
}

/// When a kernel gets a session of Spark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparkMode {
    /// Never.
    None,
    /// When it is first used.
    Lazy,
    /// At once, beside the start of the kernel.
    Eager,
}

impl SparkMode {
    fn parse(text: &str) -> Result<Self, LauncherError> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "lazy" => Ok(Self::Lazy),
            "eager" => Ok(Self::Eager),
            _ => Err(LauncherError::Malformed {
                name: "KERNEL_SPARK_CONTEXT_INIT_MODE",
                value: shortened(text),
                expected: "`none`, `lazy` or `eager`".to_owned(),
            }),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lazy => "lazy",
            Self::Eager => "eager",
        }
    }
}

/// One kernel, as it was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the gateway calls it.
    pub kernel_id: String,
    /// Where the gateway waits for the reply.
    pub response_address: SocketAddr,
    /// What the reply is sealed with.
    pub public_key: PublicKey,
    /// Where ports come from.
    pub ports: PortRange,
    /// When it gets a session of Spark.
    pub spark: SparkMode,
    /// The kernelspec to start.
    pub kernelspec: Option<String>,
    /// The language to find a kernel for.
    pub language: Option<String>,
    /// The class of an ipykernel.
    pub class_name: Option<String>,
    /// Who asked for it.
    pub username: Option<String>,
    /// How long to wait until it listens.
    pub patience: Duration,
}

impl Request {
    /// Reads options, and variables where options are silent.
    pub fn read(arguments: &[OsString], environment: &Environment) -> Result<Self, LauncherError> {
        let options = Options::read(arguments)?;
        let given = |option: &str, variables: &[&str]| {
            options.get(option).or_else(|| variables.iter().find_map(|name| environment.text(name)))
        };
        let kernel_id = given("kernel-id", &["KERNEL_ID"]);
        let address = given("response-address", &["RESPONSE_ADDRESS", "EG_RESPONSE_ADDRESS"]);
        let key = given("public-key", &["PUBLIC_KEY", "EG_PUBLIC_KEY"]);
        let kernelspec = given("kernelspec", &["IMAGEWRIGHT_KERNELSPEC"]);
        let language = given("language", &["KERNEL_LANGUAGE"]);
        let kernel = kernelspec.as_ref().or(language.as_ref());
        let (Some(kernel_id), Some(address), Some(key), Some(_)) = (&kernel_id, &address, &key, kernel)
        else {
            let wanted = [
                (kernel_id.is_none(), "`KERNEL_ID`"),
                (address.is_none(), "`RESPONSE_ADDRESS`"),
                (key.is_none(), "`PUBLIC_KEY`"),
                (kernel.is_none(), "`KERNEL_LANGUAGE` (or `IMAGEWRIGHT_KERNELSPEC`)"),
            ];
            let names = wanted.iter().filter(|(missing, _)| *missing).map(|(_, name)| (*name).to_owned());
            return Err(LauncherError::Missing { names: names.collect() });
        };
        let least = environment.text("EG_MIN_PORT_RANGE_SIZE").map(|size| least_range(&size)).transpose()?;
        let ports = given("port-range", &["PORT_RANGE", "EG_PORT_RANGE"]);
        let mode = given("spark-context-initialization-mode", &["KERNEL_SPARK_CONTEXT_INIT_MODE"]);
        // Other clusters have nothing that we start.
        let mode = mode.filter(|_| options.get("cluster-type").is_none_or(|cluster| cluster == "spark"));
        Ok(Self {
            kernel_id: identifier(kernel_id)?,
            response_address: parse_address(address)?,
            public_key: PublicKey::parse(key)?,
            ports: ports
                .map_or(Ok(PortRange::ANY), |ports| PortRange::parse(&ports, least.unwrap_or(LEAST_RANGE)))?,
            spark: mode.map_or(Ok(SparkMode::None), |mode| SparkMode::parse(&mode))?,
            class_name: given("kernel-class-name", &["KERNEL_CLASS_NAME"])
                .map(|name| class_name(&name))
                .transpose()?,
            username: environment.text("KERNEL_USERNAME"),
            patience: patience(environment),
            kernelspec,
            language,
        })
    }
}

/// An id is part of a file's name, so not everything can be one.
fn identifier(text: &str) -> Result<String, LauncherError> {
    let fits = text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        return Ok(text.to_owned());
    }
    let expected = "at most 64 letters, digits, `-` and `_`".to_owned();
    Err(LauncherError::Malformed { name: "KERNEL_ID", value: shortened(text), expected })
}

fn parse_address(text: &str) -> Result<SocketAddr, LauncherError> {
    let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    address.ok_or_else(|| LauncherError::Malformed {
        name: "RESPONSE_ADDRESS",
        value: shortened(text),
        expected: "an address and a port, as `10.0.0.1:8877`".to_owned(),
    })
}

fn least_range(text: &str) -> Result<u16, LauncherError> {
    text.parse().map_err(|_| LauncherError::Malformed {
        name: "EG_MIN_PORT_RANGE_SIZE",
        value: shortened(text),
        expected: "a number of ports".to_owned(),
    })
}

/// A name of Python's with a module in front: it becomes part of an argument.
fn class_name(text: &str) -> Result<String, LauncherError> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|first: char| first.is_ascii_digit())
            && part.chars().all(|character| character.is_alphanumeric() || character == '_')
    };
    if text.contains('.') && text.split('.').all(part) {
        return Ok(text.to_owned());
    }
    let expected = "the name of a class with its module, as `ipykernel.ipkernel.IPythonKernel`".to_owned();
    Err(LauncherError::Malformed { name: "KERNEL_CLASS_NAME", value: shortened(text), expected })
}

/// Half of what the gateway waits, so that a kernel which is slow to listen still has time to answer.
fn patience(environment: &Environment) -> Duration {
    let seconds = environment.text("KERNEL_LAUNCH_TIMEOUT").and_then(|text| text.parse::<f64>().ok());
    let half = seconds.filter(|seconds| (2.0..=3600.0).contains(seconds)).map(|seconds| seconds / 2.0);
    half.map_or(PATIENCE, Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A key of 1024 bits.
    const KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCmFqD9gZsIW4y9mTTgqtQ60HzxuRiDJWMK3wvmamsxK5l87YtP6GWXuRnIK5qHo2K+Yrj2kZxR9yRUfH5FOwpDbeLgXzppoPeuWrVf3cibQeHYGZK5KLoxde89ejxD+1j5g65y5NX4Av9lSQFIbk0uJXXP9K0g12TRJ0kx0bk21QIDAQAB";

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    fn whole() -> Vec<(&'static str, &'static str)> {
        vec![
            ("KERNEL_ID", "00000000-0000-4000-8000-000000000000"),
            ("RESPONSE_ADDRESS", "10.0.0.1:8877"),
            ("PUBLIC_KEY", KEY),
            ("KERNEL_LANGUAGE", "python"),
        ]
    }

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Request, LauncherError> {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        Request::read(&arguments, &environment(variables))
    }

    #[test]
    fn the_environment_says_it_all() {
        let request = read(&[], &whole()).unwrap();
        assert_eq!(request.response_address.to_string(), "10.0.0.1:8877");
        assert_eq!((request.ports, request.spark), (PortRange::ANY, SparkMode::None));
        assert_eq!(request.patience, PATIENCE);

        let mut old = whole();
        old[1].0 = "EG_RESPONSE_ADDRESS";
        old[2].0 = "EG_PUBLIC_KEY";
        old.extend([
            ("EG_PORT_RANGE", "40000..42000"),
            ("KERNEL_SPARK_CONTEXT_INIT_MODE", "Lazy"),
            ("KERNEL_LAUNCH_TIMEOUT", "60"),
        ]);
        let request = read(&[], &old).unwrap();
        assert_eq!((request.ports.to_string().as_str(), request.spark), ("40000..42000", SparkMode::Lazy));
        assert_eq!(request.patience, Duration::from_secs(30));
    }

    #[test]
    fn options_come_before_variables_and_twins_after_both_hyphens() {
        let plain = read(&["--kernel-id", "one", "--RemoteProcessProxy.kernel-id", "two"], &whole()).unwrap();
        assert_eq!(plain.kernel_id, "one");
        let twin =
            read(&["--kernel-id", "--RemoteProcessProxy.kernel-id=two", "--public-key="], &whole()).unwrap();
        assert_eq!(twin.kernel_id, "two");
        let none = read(&["--port-range", "--kernel-id", ""], &whole()).unwrap();
        assert!(none.kernel_id.starts_with("00000000"));
    }

    #[test]
    fn what_is_missing_is_said_at_once() {
        let error = read(&[], &[("KERNEL_ID", "  ")]).unwrap_err();
        let text = "these are not given: `KERNEL_ID`, `RESPONSE_ADDRESS`, `PUBLIC_KEY`, `KERNEL_LANGUAGE` (or `IMAGEWRIGHT_KERNELSPEC`)";
        assert_eq!((error.to_string().as_str(), error.exit_code()), (text, 64));
        let error = read(&[], &whole()[..3]).unwrap_err();
        assert_eq!(error.to_string(), "this is not given: `KERNEL_LANGUAGE` (or `IMAGEWRIGHT_KERNELSPEC`)");
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (name, value) in [
            ("KERNEL_ID", "../../etc/passwd"),
            ("RESPONSE_ADDRESS", "gateway:8877"),
            ("RESPONSE_ADDRESS", "10.0.0.1"),
            ("RESPONSE_ADDRESS", "10.0.0.1:0"),
            ("PUBLIC_KEY", "AAAA"),
            ("PORT_RANGE", "40000..40010"),
            ("EG_MIN_PORT_RANGE_SIZE", "many"),
            ("KERNEL_SPARK_CONTEXT_INIT_MODE", "soon"),
            ("KERNEL_CLASS_NAME", "x.y --InteractiveShellApp.exec_lines=1"),
        ] {
            let variables: Vec<_> =
                whole().into_iter().filter(|(known, _)| *known != name).chain([(name, value)]).collect();
            let error = read(&[], &variables).unwrap_err();
            assert_eq!(error.exit_code(), 64);
            assert!(error.to_string().contains(name), "{error}");
        }
        for arguments in [&["--nonsense"][..], &["file.json"], &["--kernel-id", "one", "two"], &["-k"]] {
            assert_eq!(read(arguments, &whole()).unwrap_err().exit_code(), 64, "{arguments:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_readers(
            arguments in proptest::collection::vec("(--)?(RemoteProcessProxy\\.)?(kernel-id|port-range|.{0,6})(=.{0,8})?", 0..6),
            value in ".{0,30}",
        ) {
            let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
            for name in ["KERNEL_ID", "RESPONSE_ADDRESS", "PORT_RANGE", "KERNEL_CLASS_NAME", "KERNEL_LAUNCH_TIMEOUT"] {
                let mut variables = whole();
                variables.push((name, &value));
                if let Ok(request) = Request::read(&arguments, &environment(&variables)) {
                    prop_assert!(!request.kernel_id.contains(['/', '.', '\0']));
                    prop_assert!(request.patience <= Duration::from_secs(1800));
                }
            }
        }
    }
}
