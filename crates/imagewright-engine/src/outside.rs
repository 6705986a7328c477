//! What leads out of the sandbox: name resolution, proxies, certificate authorities, package indexes.
//!
//! All of it is given as mounts and environment of a step and is nowhere in the layer it makes: the mounts lie
//! below [`INSIDE`], in the sandbox's own `/dev`, and environment is not recorded.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use imagewright_model::{BuildSettings, Secret, SecretUrl};
use imagewright_sandbox::{Mount, MountSource};

/// Folder inside the sandbox for all that must not be in the image.
pub(crate) const INSIDE: &str = "/dev/imagewright";
/// Where the CA bundle is found inside.
const CA_BUNDLE: &str = "/dev/imagewright/ca.pem";
/// The variables by which programs of this field are told of a CA bundle.
const CA_VARIABLES: [&str; 6] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
];

/// The ways out that a build was given.
pub(crate) struct Outside {
    ca_bundle: Option<PathBuf>,
    proxies: Vec<(&'static str, String)>,
    python: Vec<(&'static str, String)>,
    /// The same for programs on the host, which see folders where they are.
    python_on_host: Vec<(&'static str, String)>,
    python_folders: Vec<PathBuf>,
    /// Whether nothing leads out.
    pub(crate) offline: bool,
    /// User names and passwords of addresses, which programs may print.
    credentials: Vec<Secret>,
}

impl Outside {
    pub(crate) fn new(settings: &BuildSettings) -> Self {
        let trust = &settings.trust;
        let address = |url: &Option<SecretUrl>| url.as_ref().map(|url| url.expose().to_owned());
        let proxies = [
            ("http_proxy", address(&trust.http_proxy)),
            ("https_proxy", address(&trust.https_proxy)),
            ("no_proxy", trust.no_proxy.clone()),
        ];
        let (python, python_folders) = python_indexes(settings, true);
        let (python_on_host, _) = python_indexes(settings, false);
        let credentials = addresses(settings).filter_map(SecretUrl::credentials).collect();
        Self {
            ca_bundle: trust.ca_bundle.clone(),
            proxies: proxies.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            python,
            python_on_host,
            python_folders,
            offline: trust.offline,
            credentials,
        }
    }

    /// A line that a program printed, without the credentials it was given.
    pub(crate) fn redacted<'l>(&self, line: &'l str) -> Cow<'l, str> {
        hidden(&self.credentials, line)
    }

    /// Environment for every step.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let lower = self.proxies.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let upper = self.proxies.iter().map(|(name, value)| (name.to_uppercase(), value.clone()));
        let trusted = self.ca_bundle.iter().flat_map(|_| CA_VARIABLES);
        lower.chain(upper).chain(trusted.map(|name| (name.to_owned(), CA_BUNDLE.to_owned())))
    }

    /// Environment for a program on the host that looks for Python packages.
    pub(crate) fn python_environment_on_host(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let proxies = self.proxies.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let trust =
            self.ca_bundle.iter().map(|path| ("SSL_CERT_FILE".to_owned(), path.display().to_string()));
        let indexes = self.python_on_host.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        proxies.chain(trust).chain(indexes)
    }

    /// Environment that tells `pip` where distributions come from, with the folders that
    /// [`Outside::python_mounts`] shows.
    pub(crate) fn pip_environment(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.python.iter().filter_map(|(name, value)| {
            let name = match *name {
                "UV_DEFAULT_INDEX" => "PIP_INDEX_URL",
                "UV_INDEX" => "PIP_EXTRA_INDEX_URL",
                "UV_FIND_LINKS" => "PIP_FIND_LINKS",
                _ => return None,
            };
            Some((name, value.clone()))
        })
    }

    /// Environment for git on the host.
    pub(crate) fn git_environment_on_host(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let proxies = self.proxies.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let trust = self.ca_bundle.iter();
        proxies.chain(trust.map(|path| ("GIT_SSL_CAINFO".to_owned(), path.display().to_string())))
    }

    /// Mounts for every step.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let ca = self.ca_bundle.iter().map(|path| file(path, CA_BUNDLE));
        ca.chain(name_resolution()).collect()
    }

    /// Environment that tells `uv` where distributions come from.
    pub(crate) fn python_environment(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.python.iter().cloned()
    }

    /// Folders with distribution files, mounted where [`Outside::python_environment`] says.
    pub(crate) fn python_mounts(&self) -> impl Iterator<Item = Mount> + '_ {
        self.python_folders.iter().enumerate().map(|(number, folder)| Mount {
            target: PathBuf::from(find_links_target(number)),
            source: MountSource::Directory { path: folder.clone(), read_only: true },
        })
    }

    /// The name of a file that lies in a folder of distribution files: where the folder is, is the machine's business.
    pub(crate) fn name_in_folder(&self, address: &str) -> Option<String> {
        let path = address.strip_prefix("file://")?;
        let mounted = (0..self.python_folders.len()).map(|number| PathBuf::from(find_links_target(number)));
        let mut folders = self.python_folders.iter().cloned().chain(mounted);
        let name =
            folders.find_map(|folder| Path::new(path).strip_prefix(folder).ok().map(Path::to_path_buf))?;
        name.to_str().filter(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Where a file of a mounted folder lies on the host; one that is named without a folder may lie in any.
    pub(crate) fn on_host(&self, address: &str) -> Option<PathBuf> {
        let named = address.strip_prefix("file://").filter(|name| !name.starts_with('/'));
        if let Some(name) = named.filter(|name| !name.split('/').any(|part| part == "..")) {
            let mut places = self.python_folders.iter().map(|folder| folder.join(name));
            // Where it is nowhere, the place it is missed at is told.
            let nowhere =
                places.clone().next().unwrap_or_else(|| Path::new(INSIDE).join("find-links").join(name));
            return Some(places.find(|path| path.is_file()).unwrap_or(nowhere));
        }
        self.python_folders.iter().enumerate().find_map(|(number, folder)| {
            let inside = address.strip_prefix("file://").unwrap_or(address);
            let name = inside.strip_prefix(&find_links_target(number))?.strip_prefix('/')?;
            Some(folder.join(name))
        })
    }

    /// Lines of an apt configuration that give apt the same ways out.
    pub(crate) fn apt_configuration(&self) -> String {
        let proxy = |(name, value): &(&str, String)| match *name {
            "http_proxy" => Some(format!("Acquire::http::Proxy \"{value}\";\n")),
            "https_proxy" => Some(format!("Acquire::https::Proxy \"{value}\";\n")),
            _ => None,
        };
        let ca = self.ca_bundle.iter().map(|_| format!("Acquire::https::CAInfo \"{CA_BUNDLE}\";\n"));
        self.proxies.iter().filter_map(proxy).chain(ca).collect()
    }
}

/// A line without these secrets.
pub(crate) fn hidden<'l>(secrets: &[Secret], line: &'l str) -> Cow<'l, str> {
    secrets.iter().fold(Cow::Borrowed(line), |line, secret| {
        match !secret.expose().is_empty() && line.contains(secret.expose()) {
            true => Cow::Owned(line.replace(secret.expose(), "****")),
            false => line,
        }
    })
}

/// The host's resolver and host names, so that steps find what the host finds.
pub(crate) fn name_resolution() -> impl Iterator<Item = Mount> {
    ["/etc/resolv.conf", "/etc/hosts"].into_iter().filter(|path| Path::new(path).exists()).map(|path| {
        let host = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        file(&host, path)
    })
}

fn file(host: &Path, target: &str) -> Mount {
    Mount {
        target: PathBuf::from(target),
        source: MountSource::File { path: host.to_path_buf(), read_only: true },
    }
}

fn find_links_target(number: usize) -> String {
    format!("{INSIDE}/find-links/{number}")
}

/// All addresses that may hold credentials.
fn addresses(settings: &BuildSettings) -> impl Iterator<Item = &SecretUrl> {
    let BuildSettings { apt, conda, python, trust } = settings;
    let single = [&apt.mirror, &apt.security_mirror, &python.index, &trust.http_proxy, &trust.https_proxy];
    let channels = conda.channel_alias.iter().chain(conda.mirrors.values());
    single.into_iter().flatten().chain(&python.extra_indexes).chain(&python.find_links).chain(channels)
}

/// Environment for `uv`, and the local folders it names: as they are mounted in the sandbox, or as they are.
fn python_indexes(settings: &BuildSettings, mounted: bool) -> (Vec<(&'static str, String)>, Vec<PathBuf>) {
    let python = &settings.python;
    let join = |urls: &[SecretUrl]| urls.iter().map(SecretUrl::expose).collect::<Vec<_>>().join(" ");
    let mut environment = Vec::new();
    if let Some(index) = &python.index {
        environment.push(("UV_DEFAULT_INDEX", index.expose().to_owned()));
    }
    if !python.extra_indexes.is_empty() {
        environment.push(("UV_INDEX", join(&python.extra_indexes)));
    }
    let mut folders = Vec::new();
    let mut places = Vec::new();
    for place in &python.find_links {
        let path = Path::new(place.expose().strip_prefix("file://").unwrap_or(place.expose()));
        if path.is_absolute() {
            let inside = || find_links_target(folders.len());
            places.push(if mounted { inside() } else { path.display().to_string() });
            folders.push(path.to_path_buf());
        } else {
            places.push(place.expose().to_owned());
        }
    }
    if !places.is_empty() {
        environment.push(("UV_FIND_LINKS", places.join(" ")));
    }
    if settings.trust.offline {
        environment.push(("UV_OFFLINE", "1".to_owned()));
    }
    (environment, folders)
}

#[cfg(test)]
mod tests {
    use imagewright_model::{PythonSettings, TrustSettings};

    use super::*;

    #[test]
    fn everything_that_leads_out_is_environment_and_mounts() {
        let settings = BuildSettings {
            python: PythonSettings {
                index: Some(SecretUrl::new("https://me:word@mirror.example/simple")),
                find_links: vec![
                    SecretUrl::new("/srv/wheels"),
                    SecretUrl::new("https://mirror.example/links"),
                ],
                ..PythonSettings::default()
            },
            trust: TrustSettings {
                ca_bundle: Some("/srv/ca.pem".into()),
                https_proxy: Some(SecretUrl::new("http://proxy.example:3128")),
                ..TrustSettings::default()
            },
            ..BuildSettings::default()
        };
        let outside = Outside::new(&settings);
        let environment: Vec<_> = outside.environment().collect();
        for name in ["https_proxy", "HTTPS_PROXY"] {
            assert!(environment.contains(&(name.into(), "http://proxy.example:3128".into())), "{name}");
        }
        assert!(environment.contains(&("SSL_CERT_FILE".into(), CA_BUNDLE.into())));
        let python: Vec<_> = outside.python_environment().collect();
        assert!(python.contains(&("UV_DEFAULT_INDEX", "https://me:word@mirror.example/simple".into())));
        assert!(python.contains(&(
            "UV_FIND_LINKS",
            "/dev/imagewright/find-links/0 https://mirror.example/links".into()
        )));
        assert_eq!(outside.python_mounts().count(), 1);
        assert_eq!(outside.redacted("GET https://me:word@mirror.example"), "GET https://****@mirror.example");
        assert_eq!(
            outside.apt_configuration(),
            "Acquire::https::Proxy \"http://proxy.example:3128\";\nAcquire::https::CAInfo \"/dev/imagewright/ca.pem\";\n"
        );
    }
}
