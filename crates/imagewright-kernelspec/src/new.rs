//! What somebody wants of a kernelspec, and the kernelspec that it becomes.

use std::fmt;
use std::str::FromStr;

use imagewright_oci::Reference;
use serde_json::{Map, Value, json};

use crate::proxy::{Layout, Proxy};
use crate::{File, Kernelspec, KernelspecError, KernelspecName};

/// Ports that are not for programs of users end here.
const LOWEST_PORT: u16 = 1024;
/// As far apart as Enterprise Gateway wants bounds to be, unless it is told otherwise.
const SMALLEST_RANGE: u16 = 1000;

/// A kernelspec to be made.
#[derive(Clone, Debug)]
pub struct NewKernelspec {
    /// Its name.
    pub name: KernelspecName,
    /// What people choose it by.
    pub display_name: String,
    /// The language of the kernel.
    pub language: String,
    /// The image that is started.
    pub image: Reference,
    /// The image for workers of Spark, where it is another one.
    pub executor_image: Option<Reference>,
    /// What starts it.
    pub proxy: Proxy,
    /// The kernelspec inside the image, where it has several for the language.
    pub kernel: Option<String>,
    /// When a session of Spark begins; none where the kernel is without Spark.
    pub spark: Option<SparkMode>,
    /// Variables of the kernel.
    pub environment: Vec<(String, String)>,
    /// The ports it may take.
    pub port_range: Option<PortRange>,
    /// Who may start it; everybody where there is nobody.
    pub authorized_users: Vec<String>,
    /// Who may not start it.
    pub unauthorized_users: Vec<String>,
    /// The hosts it is started on, for `distributed`.
    pub remote_hosts: Vec<String>,
    /// The address of the cluster, for `yarn-cluster` and `conductor`.
    pub endpoint: Option<String>,
    /// Whether the kernel is interrupted by a message; by a signal otherwise.
    pub is_interrupted_by_message: bool,
}

/// When a session of Spark begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparkMode {
    /// Never by itself.
    None,
    /// When it is used.
    Lazy,
    /// With the kernel.
    Eager,
}

/// Ports from one to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl NewKernelspec {
    /// A kernelspec for an image, with nothing special about it.
    pub fn new(
        name: KernelspecName,
        display_name: &str,
        language: &str,
        image: Reference,
        proxy: Proxy,
    ) -> Self {
        Self {
            name,
            display_name: display_name.to_owned(),
            language: language.to_owned(),
            image,
            executor_image: None,
            proxy,
            kernel: None,
            spark: None,
            environment: Vec::new(),
            port_range: None,
            authorized_users: Vec::new(),
            unauthorized_users: Vec::new(),
            remote_hosts: Vec::new(),
            endpoint: None,
            is_interrupted_by_message: false,
        }
    }

    /// Makes it.
    ///
    /// # Errors
    /// Where something is asked for that the process proxy does not know, or something is missing or malformed.
    pub fn build(&self) -> Result<Kernelspec, KernelspecError> {
        self.check()?;
        let Layout { command, variables, settings, mut files } = self.proxy.lay_out(self);
        let mut environment = Map::new();
        for (name, value) in variables.into_iter().chain(self.variables()) {
            environment.insert(name, value.into());
        }
        let mut document = Map::new();
        document.insert("language".to_owned(), self.language.as_str().into());
        document.insert("display_name".to_owned(), self.display_name.as_str().into());
        if self.is_interrupted_by_message {
            document.insert("interrupt_mode".to_owned(), "message".into());
        }
        document.insert("metadata".to_owned(), self.metadata(settings));
        document.insert("env".to_owned(), Value::Object(environment));
        document.insert("argv".to_owned(), command.into());
        files.extend(logos(&self.language));
        Ok(Kernelspec { name: self.name.clone(), document, files })
    }

    /// The variables of `env`, in order.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let kernel = self.kernel.iter().map(|kernel| ("IMAGEWRIGHT_KERNELSPEC".to_owned(), kernel.clone()));
        kernel.chain(self.environment.iter().cloned()).collect()
    }

    fn metadata(&self, of_proxy: Vec<(String, String)>) -> Value {
        let mut settings = Map::new();
        if self.proxy.names_image_in_settings() {
            settings.insert("image_name".to_owned(), self.image.to_string().into());
        }
        if let Some(image) = &self.executor_image {
            settings.insert("executor_image_name".to_owned(), image.to_string().into());
        }
        let users =
            [("authorized_users", &self.authorized_users), ("unauthorized_users", &self.unauthorized_users)];
        for (name, users) in users.into_iter().filter(|(_, users)| !users.is_empty()) {
            settings.insert(name.to_owned(), users.join(",").into());
        }
        if let Some(range) = self.port_range {
            settings.insert("port_range".to_owned(), range.to_string().into());
        }
        settings.extend(of_proxy.into_iter().map(|(name, value)| (name, value.into())));
        let proxy = json!({"class_name": self.proxy.class_name(), "config": settings});
        // JupyterLab offers its debugger for kernels that say so.
        if self.language.eq_ignore_ascii_case("python") {
            return json!({"debugger": true, "process_proxy": proxy});
        }
        json!({"process_proxy": proxy})
    }

    fn check(&self) -> Result<(), KernelspecError> {
        for (what, text) in [("display name", &self.display_name), ("language", &self.language)] {
            if text.trim().is_empty() {
                return Err(KernelspecError::Empty { what });
            }
        }
        let proxy = self.proxy;
        let unused = [
            ("--executor-image", self.executor_image.is_some() && !proxy.has_executors()),
            ("--remote-host", !self.remote_hosts.is_empty() && proxy != Proxy::Distributed),
            (
                "--endpoint",
                self.endpoint.is_some() && !matches!(proxy, Proxy::YarnCluster | Proxy::Conductor),
            ),
        ];
        if let Some((option, _)) = unused.into_iter().find(|(_, is_wrong)| *is_wrong) {
            return Err(KernelspecError::NotForProxy { option, proxy });
        }
        self.environment.iter().try_for_each(|(name, value)| check_variable(name, value))
    }
}

/// Variables that the gateway or the kernel's launcher decides.
const TAKEN: [&str; 6] =
    ["KERNEL_ID", "RESPONSE_ADDRESS", "PUBLIC_KEY", "PORT_RANGE", "KERNEL_GATEWAY", "JPY_PARENT_PID"];

pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), KernelspecError> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let reason = if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        "letters, digits and `_`, not beginning with a digit"
    } else if TAKEN.contains(&name) {
        "Enterprise Gateway decides it for each kernel"
    } else if value.contains('\0') {
        "its value holds a zero byte"
    } else {
        return Ok(());
    };
    Err(KernelspecError::Variable { name: name.to_owned(), reason })
}

/// What Jupyter shows beside the name: JupyterLab takes the drawing, older ones the pictures.
fn logos(language: &str) -> impl Iterator<Item = (String, File)> {
    macro_rules! logos {
        ($language:literal) => {
            [
                ("logo-32x32.png", include_bytes!(concat!("../logos/", $language, "-32.png")).as_slice()),
                ("logo-64x64.png", include_bytes!(concat!("../logos/", $language, "-64.png")).as_slice()),
                ("logo-svg.svg", include_bytes!(concat!("../logos/", $language, ".svg")).as_slice()),
            ]
        };
    }
    let logos = match language.to_lowercase().as_str() {
        "python" => Some(logos!("python")),
        "r" => Some(logos!("r")),
        "scala" => Some(logos!("scala")),
        _ => None,
    };
    let file = |contents: &[u8]| File { contents: contents.to_vec(), is_program: false };
    logos.into_iter().flatten().map(move |(name, contents)| (name.to_owned(), file(contents)))
}

impl SparkMode {
    /// As launchers are told it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lazy => "lazy",
            Self::Eager => "eager",
        }
    }
}

impl fmt::Display for SparkMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for PortRange {
    type Err = KernelspecError;

    fn from_str(text: &str) -> Result<Self, KernelspecError> {
        let wrong = |reason| KernelspecError::PortRange { range: text.to_owned(), reason };
        let (low, high) = text.split_once("..").ok_or_else(|| wrong("there is no `..` in it"))?;
        let port = |text: &str| text.parse().map_err(|_| wrong("a bound is no port"));
        let (low, high) = (port(low)?, port(high)?);
        let (range, any) = (Self { low, high }, Self { low: 0, high: 0 });
        if low > high {
            return Err(wrong("it ends before it begins"));
        }
        if range != any && low < LOWEST_PORT {
            return Err(wrong("it begins below 1024"));
        }
        if low != high && high - low < SMALLEST_RANGE {
            return Err(wrong("its bounds are less than 1000 apart, which Enterprise Gateway refuses"));
        }
        Ok(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KERNEL_JSON;

    fn python(proxy: Proxy) -> NewKernelspec {
        let image = "registry.example:5000/team/kernel-py:1".parse().unwrap();
        NewKernelspec::new("mine".parse().unwrap(), "My Kernel", "python", image, proxy)
    }

    fn document(new: &NewKernelspec) -> String {
        let spec = new.build().unwrap();
        assert_eq!(spec.problems(), []);
        String::from_utf8(spec.to_files()[KERNEL_JSON].contents.clone()).unwrap()
    }

    #[test]
    fn containers() {
        let mut new = python(Proxy::Docker);
        insta::assert_snapshot!("docker", document(&new));
        new.kernel = Some("xpython".to_owned());
        new.port_range = Some("40000..41000".parse().unwrap());
        new.authorized_users = vec!["alice".to_owned(), "bob".to_owned()];
        new.environment = vec![("OMP_NUM_THREADS".to_owned(), "2".to_owned())];
        new.is_interrupted_by_message = true;
        new.spark = Some(SparkMode::Lazy);
        new.proxy = Proxy::DockerSwarm;
        insta::assert_snapshot!("docker_swarm_with_all", document(&new));
        assert_eq!(new.warnings().len(), 1);
    }

    #[test]
    fn hosts() {
        let mut new = python(Proxy::Distributed);
        new.remote_hosts = vec!["a.example".to_owned(), "b.example".to_owned()];
        new.environment = vec![("OMP_NUM_THREADS".to_owned(), "2".to_owned())];
        insta::assert_snapshot!("distributed", document(&new));
    }

    #[test]
    fn what_a_proxy_does_not_know_is_refused() {
        let hosts = NewKernelspec { remote_hosts: vec!["a".to_owned()], ..python(Proxy::Docker) };
        let empty = NewKernelspec { display_name: " ".to_owned(), ..python(Proxy::Docker) };
        let taken = NewKernelspec {
            environment: vec![("KERNEL_ID".to_owned(), "1".to_owned())],
            ..python(Proxy::Docker)
        };
        for (new, expected) in [
            (hosts, "`--remote-host` means nothing for process proxy `docker`"),
            (empty, "the display name of the kernelspec is empty"),
            (
                taken,
                "`KERNEL_ID` is not the name of a variable for kernels: Enterprise Gateway decides it for each kernel",
            ),
        ] {
            assert_eq!(new.build().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn ranges_of_ports_are_those_that_the_gateway_takes() {
        for text in ["0..0", "40000..41000", "2000..2000"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        for text in
            ["", "1..2", "40000-41000", "40000..40999", "41000..40000", "500..5000", "40000..70000", "a..b"]
        {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
