//! Channels by the names that people give them, wherever a machine has them from.

use std::fmt;

use rattler_conda_types::Channel as KnownChannel;
use url::Url;

/// Below this, channels that go by a name alone are thought to lie. Nothing is ever fetched from here: where a channel is had
/// from is the machine's business, and must not get into an image.
pub const NAMED: &str = "https://channels.invalid/";

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    name: String,
    address: Url,
}

impl Channel {
    /// A channel by its name, or its address on the web; none where the text is neither.
    pub fn new(name: &str) -> Option<Self> {
        let name = name.trim_end_matches('/');
        let address = match name.contains("://") {
            true => Url::parse(&format!("{name}/")).ok()?,
            false => Url::parse(NAMED).ok()?.join(&format!("{name}/")).ok()?,
        };
        let is_whole = address.has_host() && address.query().is_none() && address.fragment().is_none();
        // A name is shown, and written into locks and images.
        let is_open = !has_secret(&address);
        (is_whole && is_open && !name.is_empty()).then(|| Self { name: name.to_owned(), address })
    }

    /// Its name or address, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, with a slash at the end; made up where it goes by a name.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Whether it goes by a name alone.
    pub fn is_named(&self) -> bool {
        self.address.as_str().starts_with(NAMED)
    }

    /// The channel with this address.
    pub fn at(address: &str) -> Option<Self> {
        Self::new(address.strip_prefix(NAMED).unwrap_or(address))
    }

    /// What it has for an architecture.
    pub fn subdir(&self, subdir: &str) -> String {
        format!("{}{subdir}/", self.address)
    }

    pub(crate) fn known(&self) -> KnownChannel {
        KnownChannel::from_url(self.address.clone())
    }
}

/// Whether an address gives away a user, a password, or a token (`/t/TOKEN/`).
pub(crate) fn has_secret(address: &Url) -> bool {
    let token = address.path().split_once("/t/").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    !address.username().is_empty() || address.password().is_some() || token.is_some_and(|it| !it.is_empty())
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_go_by_names_or_addresses() {
        let cases = [
            ("conda-forge", "https://channels.invalid/conda-forge/"),
            ("conda-forge/label/dev/", "https://channels.invalid/conda-forge/label/dev/"),
            ("https://mirror.example/conda/team", "https://mirror.example/conda/team/"),
            ("https://mirror.example/t", "https://mirror.example/t/"),
        ];
        for (name, address) in cases {
            let channel = Channel::new(name).unwrap();
            assert_eq!(channel.address().as_str(), address);
            assert_eq!(channel.is_named(), !name.contains("://"));
            assert_eq!(Channel::at(address).unwrap(), channel);
            assert_eq!(channel.subdir("noarch"), format!("{address}noarch/"));
        }
        for name in [
            "",
            "/",
            "file:///srv/conda",
            "https://mirror.example/?a=b",
            "https://me:word@mirror.example/c",
            "https://mirror.example/t/tk-1/c",
            "https://mirror.example/conda/t/tk-1",
        ] {
            assert_eq!(Channel::new(name), None, "{name}");
        }
    }
}
