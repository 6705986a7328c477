//! Where channels are had from on this machine.

use imagewright_conda::Channel;
use imagewright_model::{CondaSettings, SecretUrl};
use url::Url;

use super::error::CondaError;

/// Where some channels are had from.
pub(super) struct Places<'a> {
    settings: &'a CondaSettings,
    /// Channels, and the addresses that they have here, with a slash at the end.
    channels: Vec<(Channel, SecretUrl)>,
}

impl<'a> Places<'a> {
    pub(super) fn of<'c>(
        settings: &'a CondaSettings,
        channels: impl IntoIterator<Item = &'c Channel>,
    ) -> Result<Self, CondaError> {
        let place = |channel: &Channel| Ok((channel.clone(), base(settings, channel)?));
        Ok(Self { settings, channels: channels.into_iter().map(place).collect::<Result<_, _>>()? })
    }

    /// Where something is had from whose address would be `url`.
    pub(super) fn real(&self, url: &Url) -> SecretUrl {
        let url = url.as_str();
        let below = |(channel, base): &(Channel, SecretUrl)| {
            let rest = url.strip_prefix(channel.address().as_str())?;
            Some((channel.address().as_str().len(), SecretUrl::new(format!("{}{rest}", base.expose()))))
        };
        // A channel may lie below another one.
        let nearest = self.channels.iter().filter_map(below).max_by_key(|(length, _)| *length);
        nearest.map_or_else(|| mirrored(self.settings, url), |(_, real)| real)
    }
}

/// The address of a channel.
fn base(settings: &CondaSettings, channel: &Channel) -> Result<SecretUrl, CondaError> {
    let with_slash = |text: &str| SecretUrl::new(format!("{}/", text.trim_end_matches('/')));
    let name = channel.name();
    if let Some(mirror) = settings.mirrors.get(name) {
        return Ok(with_slash(mirror.expose()));
    }
    if !channel.is_named() {
        return Ok(mirrored(settings, channel.address().as_str()));
    }
    let alias = settings.channel_alias.as_ref().ok_or_else(|| CondaError::NoAlias(name.to_owned()))?;
    Ok(with_slash(&format!("{}/{name}", alias.expose().trim_end_matches('/'))))
}

/// The address that a mirror has for another one.
fn mirrored(settings: &CondaSettings, url: &str) -> SecretUrl {
    let rest = |prefix: &str| {
        let rest = url.strip_prefix(prefix)?;
        (prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    let prefixes = settings.mirrors.iter().filter(|(prefix, _)| prefix.contains("://"));
    let fitting = prefixes.filter_map(|(prefix, mirror)| Some((prefix, mirror, rest(prefix)?)));
    match fitting.max_by_key(|(prefix, _, _)| prefix.len()) {
        Some((_, mirror, rest)) => {
            let base = mirror.expose().trim_end_matches('/');
            SecretUrl::new(format!("{base}/{}", rest.trim_start_matches('/')))
        }
        None => SecretUrl::new(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> CondaSettings {
        let mirrors = [
            ("team", "file:///srv/team"),
            ("https://conda.example", "https://me:word@mirror.example/conda"),
            ("https://conda.example/special/", "https://special.example/"),
        ];
        CondaSettings {
            channel_alias: Some(SecretUrl::new("https://me:word@mirror.example/named/")),
            mirrors: mirrors.map(|(from, to)| (from.to_owned(), SecretUrl::new(to))).into(),
            ..CondaSettings::default()
        }
    }

    #[test]
    fn channels_are_had_from_where_the_configuration_says() {
        let names = [
            "team",
            "conda-forge",
            "conda-forge/label/dev",
            "https://conda.example/x",
            "https://other.example/c",
        ];
        let channels: Vec<Channel> = names.iter().map(|name| Channel::new(name).unwrap()).collect();
        let settings = settings();
        let places = Places::of(&settings, &channels).unwrap();
        let cases = [
            ("https://channels.invalid/team/noarch/a.conda", "file:///srv/team/noarch/a.conda"),
            ("https://channels.invalid/conda-forge/a", "https://me:word@mirror.example/named/conda-forge/a"),
            (
                "https://channels.invalid/conda-forge/label/dev/a",
                "https://me:word@mirror.example/named/conda-forge/label/dev/a",
            ),
            ("https://conda.example/x/noarch/a", "https://me:word@mirror.example/conda/x/noarch/a"),
            ("https://conda.example/y", "https://me:word@mirror.example/conda/y"),
            ("https://conda.example/special/y", "https://special.example/y"),
            ("https://conda.example.net/y", "https://conda.example.net/y"),
            ("https://other.example/c/noarch/a", "https://other.example/c/noarch/a"),
        ];
        for (url, real) in cases {
            assert_eq!(places.real(&Url::parse(url).unwrap()).expose(), real);
        }
    }

    #[test]
    fn a_name_alone_leads_nowhere() {
        let channel = [Channel::new("conda-forge").unwrap()];
        let settings = CondaSettings::default();
        let error = Places::of(&settings, &channel).err().unwrap();
        assert!(matches!(error, CondaError::NoAlias(_)));
        assert!(error.hint().unwrap().contains("conda.channel-alias"));
    }
}
