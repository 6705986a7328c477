//! What a spec asks of conda, in words of the solver. It is looked at before anything is fetched or made.

use imagewright_conda::{Channel, Priority, Wanted};
use imagewright_model::spec::{ChannelPriority, CondaPackage, CondaSpec};
use imagewright_model::{CondaSettings, SecretUrl};

use super::error::CondaError;

/// What is asked for, and from which channels.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(super) wanted: Vec<Wanted>,
    /// In order; never empty.
    pub(super) channels: Vec<Channel>,
    pub(super) priority: Priority,
}

impl Asked {
    /// Reads what the spec asks for.
    pub(crate) fn new(spec: &CondaSpec, settings: &CondaSettings) -> Result<Self, CondaError> {
        if let Some(alias) = &settings.image_channel_alias
            && Channel::new(alias).is_none_or(|channel| channel.is_named())
        {
            // It is written into images.
            return Err(CondaError::ImageAlias(SecretUrl::new(alias.as_str()).redacted()));
        }
        let wanted = spec.packages.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
        let mut channels = match spec.channels.is_empty() {
            true => configured(settings)?,
            false => spec.channels.iter().filter_map(|channel| Channel::new(channel.name())).collect(),
        };
        for channel in wanted.iter().filter_map(Wanted::channel) {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        if let (true, Some(first)) = (channels.is_empty(), spec.packages.first()) {
            return Err(CondaError::NoChannels { text: first.to_string(), origin: first.origin.clone() });
        }
        let priority = match spec.priority {
            ChannelPriority::Strict => Priority::Strict,
            ChannelPriority::Flexible => Priority::Flexible,
            ChannelPriority::Disabled => Priority::Disabled,
        };
        Ok(Self { wanted, channels, priority })
    }

    /// Names of the channels, in order.
    pub(super) fn channel_names(&self) -> Vec<&str> {
        self.channels.iter().map(Channel::name).collect()
    }
}

fn wanted(package: &CondaPackage) -> Result<Wanted, CondaError> {
    let channel = package.channel.as_deref().and_then(Channel::new);
    Wanted::parse(&package.specification, channel, package.subdir.as_deref()).map_err(|source| {
        CondaError::Specification { text: package.to_string(), origin: package.origin.clone(), source }
    })
}

fn configured(settings: &CondaSettings) -> Result<Vec<Channel>, CondaError> {
    let channel = |name: &String| {
        Channel::new(name).ok_or_else(|| CondaError::Channel(SecretUrl::new(name.as_str()).redacted()))
    };
    settings.channels.iter().map(channel).collect()
}

#[cfg(test)]
mod tests {
    use imagewright_model::spec::PartialSpec;

    use super::*;

    fn asked(text: &str, configured: &[&str]) -> Result<Asked, CondaError> {
        let spec = PartialSpec::from_yaml("image.yaml", &format!("base: a\nconda: {text}\n"))
            .unwrap()
            .finish()
            .unwrap();
        let channels = configured.iter().map(|&name| name.to_owned()).collect();
        Asked::new(&spec.conda, &CondaSettings { channels, ..CondaSettings::default() })
    }

    #[test]
    fn channels_come_from_the_spec_then_the_configuration_then_the_packages() {
        let cases = [
            ("[a]", vec!["own"], vec!["own"]),
            ("{packages: [a], channels: [x, y]}", vec!["own"], vec!["x", "y"]),
            ("[z::a, b]", vec!["own"], vec!["own", "z"]),
            ("[z::a]", vec![], vec!["z"]),
            ("{packages: [x::a], channels: [x]}", vec![], vec!["x"]),
        ];
        for (text, configured, expected) in cases {
            assert_eq!(asked(text, &configured).unwrap().channel_names(), expected, "{text}");
        }
        let error = asked("[b, a]", &[]).unwrap_err();
        assert!(error.to_string().starts_with("image.yaml:2:12: `a` is asked for"), "{error}");
        assert!(matches!(asked("[a]", &["file:///srv"]), Err(CondaError::Channel(_))));
        for (text, shown) in [
            ("https://me:word@mirror.example/c", "https://****@mirror.example/c"),
            ("https://mirror.example/t/word/c", "https://mirror.example/t/****/c"),
        ] {
            let told = asked("[a]", &[text]).unwrap_err().to_string();
            assert!(told.contains(shown) && !told.contains("word"), "{told}");
        }
    }

    #[test]
    fn what_is_written_into_images_is_open() {
        let spec =
            PartialSpec::from_yaml("image.yaml", "base: a\nconda: [x::a]\n").unwrap().finish().unwrap();
        let asked = |alias: &str| {
            let image_channel_alias = Some(alias.to_owned());
            Asked::new(&spec.conda, &CondaSettings { image_channel_alias, ..CondaSettings::default() })
        };
        asked("https://mirror.example/conda/").unwrap();
        for alias in
            ["https://me:word@mirror.example", "https://mirror.example/t/word/", "conda", "file:///srv/word"]
        {
            let error = asked(alias).unwrap_err();
            assert!(matches!(error, CondaError::ImageAlias(_)), "{alias}: {error}");
            assert!(
                !error.to_string().contains("/word/") && !error.to_string().contains("me:word"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_place() {
        for text in
            ["['a ==']", "['a >=1,,<']", "['a[version=\">=x y\"]']", "['a[build_number=x]']", "['a[md5=1]']"]
        {
            let error = asked(text, &["own"]).unwrap_err();
            assert!(matches!(error, CondaError::Specification { .. }), "{text}: {error}");
            assert!(error.to_string().starts_with("image.yaml:2:"), "{text}: {error}");
        }
    }
}
