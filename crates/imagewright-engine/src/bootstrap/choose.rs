//! Which archives a bootstrap uses: the machine's own, or the configured ones. Pure.

use std::path::{Path, PathBuf};

use imagewright_model::spec::Distribution;
use imagewright_model::{AptSettings, SecretUrl};

use super::sources::{AptSource, ArchiveSources};
use super::{BootstrapError, BootstrapRequest, distribution};

/// What is known of the machine.
pub struct Machine<'a> {
    /// The text of `os-release`.
    pub os_release: &'a str,
    /// Its apt sources.
    pub sources: &'a [AptSource],
    /// Tells whether a keyring exists.
    pub has_keyring: &'a dyn Fn(&Path) -> bool,
}

/// Chooses what is not said: distribution, suite, archives and keyring. Nothing but what every system has is
/// included yet.
///
/// Without a distribution it is the machine's, without a suite the newest that the machine's apt sources name. The
/// machine's own archives serve for every suite of its distribution. Mirrors in `settings` replace where is
/// fetched from, and never what the image says.
pub fn choose(
    machine: &Machine<'_>,
    settings: &AptSettings,
    distribution: Option<Distribution>,
    suite: Option<&str>,
    architecture: &str,
) -> Result<BootstrapRequest, BootstrapError> {
    let distribution = distribution.map_or_else(|| machine.distribution(), Ok)?;
    let own = Own::of(distribution, settings, machine, architecture);
    let suite = suite.map(str::to_owned).or_else(|| own.newest_suite());
    let suite = suite.ok_or(match settings.mirror {
        Some(_) => BootstrapError::UnnamedSuite { distribution },
        None => BootstrapError::NoMirror { distribution },
    })?;
    let sources = own.archives(settings, &suite).ok_or(BootstrapError::NoMirror { distribution })?;
    let keyring = own.keyring(settings)?;
    let architecture = architecture.to_owned();
    Ok(BootstrapRequest { distribution, suite, architecture, include: Vec::new(), sources, keyring })
}

/// The sources of a machine or image with those of its distribution fetched from the mirrors of `settings`; sources
/// of others stay. None where the distribution is none of ours.
///
/// A system without sources of its distribution gets those the mirrors stand for.
pub(crate) fn redirect(
    machine: &Machine<'_>,
    settings: &AptSettings,
    architecture: &str,
) -> Option<Vec<AptSource>> {
    let distribution = machine.distribution().ok()?;
    let own = Own::of(distribution, settings, machine, architecture);
    let suite = own.newest_suite()?;
    let signed_by = settings.keyring.clone().unwrap_or_else(|| distribution::keyring(distribution));
    let fetched = own.archives(settings, &suite)?.fetch.into_iter();
    let fetched = fetched.map(|source| AptSource { signed_by: Some(signed_by.clone()), ..source });
    let others = machine.sources.iter().filter(|source| !own.owns(source, settings, architecture)).cloned();
    Some(fetched.chain(others).collect())
}

impl Machine<'_> {
    fn distribution(&self) -> Result<Distribution, BootstrapError> {
        let id = self.os_release_value("ID").unwrap_or_default();
        id.parse().map_err(|_| BootstrapError::ForeignMachine { id: id.to_owned() })
    }

    fn os_release_value(&self, name: &str) -> Option<&str> {
        let line = self.os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']))
    }
}

/// The machine's sources of one distribution.
struct Own<'a> {
    distribution: Distribution,
    machine: &'a Machine<'a>,
    /// The machine's suite, when the machine runs this distribution.
    codename: Option<&'a str>,
    sources: Vec<&'a AptSource>,
}

impl<'a> Own<'a> {
    fn of(
        distribution: Distribution,
        settings: &AptSettings,
        machine: &'a Machine<'a>,
        architecture: &str,
    ) -> Self {
        let is_machines = machine.os_release_value("ID") == Some(distribution.name());
        let codename = machine.os_release_value("VERSION_CODENAME").filter(|_| is_machines);
        let mut own = Self { distribution, machine, codename, sources: Vec::new() };
        own.sources =
            machine.sources.iter().filter(|source| own.owns(source, settings, architecture)).collect();
        own
    }

    /// Whether `source` is the distribution's own archive. Third parties often use the same suite names; their
    /// components or their keyring give them away.
    fn owns(&self, source: &AptSource, settings: &AptSettings, architecture: &str) -> bool {
        let uri = source.uri.expose();
        let fetchable = ["http:", "https:", "file:"].iter().any(|scheme| uri.starts_with(scheme));
        let architecture =
            source.architectures.is_empty() || source.architectures.iter().any(|name| name == architecture);
        let keyring = source.signed_by.as_ref().is_none_or(|path| {
            let prefix = format!("{}-archive-", self.distribution);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&prefix) || settings.keyring.as_ref() == Some(path)
        });
        let suite = source.suites.iter().any(|suite| self.knows(without_pocket(suite)));
        fetchable && architecture && keyring && suite && source.components.iter().any(|name| name == "main")
    }

    fn knows(&self, suite: &str) -> bool {
        distribution::codenames(self.distribution).contains(&suite)
            || distribution::moving_suites(self.distribution).contains(&suite)
            || self.codename == Some(suite)
    }

    /// The newest suite the sources name; without sources the machine's.
    fn newest_suite(&self) -> Option<String> {
        let named = self.sources.iter().flat_map(|source| &source.suites).map(String::as_str);
        let base = named.filter(|suite| without_pocket(suite) == *suite && self.knows(suite));
        base.max_by_key(|suite| self.age_rank(suite)).or(self.codename).map(str::to_owned)
    }

    /// Moving suites come last; a machine's codename that is not known here is newer than those that are.
    fn age_rank(&self, suite: &str) -> usize {
        let codenames = distribution::codenames(self.distribution);
        match codenames.iter().position(|codename| *codename == suite) {
            Some(position) => position + 1,
            None if self.codename == Some(suite) => codenames.len() + 1,
            None => 0,
        }
    }

    fn keyring(&self, settings: &AptSettings) -> Result<PathBuf, BootstrapError> {
        if let Some(keyring) = &settings.keyring {
            return Ok(keyring.clone());
        }
        let default = distribution::keyring(self.distribution);
        let alternative = default.with_extension("pgp");
        let named = self.sources.iter().find_map(|source| source.signed_by.clone());
        let mut candidates = named.into_iter().chain([default.clone(), alternative]);
        candidates
            .find(|path| (self.machine.has_keyring)(path))
            .ok_or(BootstrapError::NoKeyring { distribution: self.distribution, path: default })
    }

    fn names(&self, suite: &str) -> Option<&'a AptSource> {
        self.sources.iter().copied().find(|source| source.suites.iter().any(|name| name == suite))
    }

    /// The source that holds `suite`, else one that holds another suite with the same kind of pocket.
    fn like(&self, suite: &str, security: bool) -> Option<&'a AptSource> {
        let similar =
            |source: &&AptSource| source.suites.iter().any(|name| name.ends_with("-security") == security);
        self.names(suite).or_else(|| self.sources.iter().copied().find(similar))
    }

    fn archives(&self, settings: &AptSettings, suite: &str) -> Option<ArchiveSources> {
        let named = self.names(suite).is_some();
        let has_pockets = distribution::has_pockets(self.distribution, suite);
        let wants = |pocket: &str| has_pockets && (!named || self.names(pocket).is_some());
        let (updates, security) = (format!("{suite}-updates"), format!("{suite}-security"));
        let pockets = Pockets {
            archive: [suite.to_owned()].into_iter().chain(wants(&updates).then_some(updates)).collect(),
            security: (wants(&security) || settings.security_mirror.is_some()).then_some(security),
        };
        let image_mirrors = [&settings.image_mirror, &settings.image_security_mirror]
            .map(|mirror| mirror.as_deref().map(SecretUrl::new));
        Some(ArchiveSources {
            fetch: self.compose(&pockets, settings.mirror.as_ref(), settings.security_mirror.as_ref())?,
            image: self
                .compose(&pockets, image_mirrors[0].as_ref(), image_mirrors[1].as_ref())
                .map(|sources| sources.into_iter().map(|source| self.for_image(source)).collect())
                .unwrap_or_default(),
        })
    }

    /// The sources for some pockets, from given mirrors or else from the machine's archives.
    fn compose(
        &self,
        pockets: &Pockets,
        mirror: Option<&SecretUrl>,
        security_mirror: Option<&SecretUrl>,
    ) -> Option<Vec<AptSource>> {
        let own = self.like(&pockets.archive[0], false);
        let uri = mirror.or(own.map(|own| &own.uri))?.clone();
        let default = || {
            distribution::default_components(self.distribution).iter().map(|&name| name.to_owned()).collect()
        };
        let components: Vec<String> = own.map_or_else(default, |own| own.components.clone());
        let source = |uri, suites, components| AptSource {
            uri,
            suites,
            components,
            architectures: Vec::new(),
            signed_by: None,
        };
        let mut sources = vec![source(uri, pockets.archive.clone(), components.clone())];
        if let Some(suite) = &pockets.security {
            let own = self.like(suite, true);
            let shared = mirror.filter(|_| distribution::security_is_in_the_archive(self.distribution));
            let uri = security_mirror.or(shared).or(own.map(|own| &own.uri));
            let components = own.map_or(components, |own| own.components.clone());
            sources.extend(uri.map(|uri| source(uri.clone(), vec![suite.clone()], components)));
        }
        Some(sources)
    }

    fn for_image(&self, source: AptSource) -> AptSource {
        AptSource {
            uri: without_credentials(&source.uri),
            signed_by: Some(distribution::keyring(self.distribution)),
            ..source
        }
    }
}

struct Pockets {
    /// The suite, and perhaps its updates.
    archive: Vec<String>,
    security: Option<String>,
}

fn without_pocket(suite: &str) -> &str {
    let pockets =
        ["-updates", "-security", "-backports-sloppy", "-backports", "-proposed-updates", "-proposed"];
    pockets.iter().find_map(|pocket| suite.strip_suffix(pocket)).unwrap_or(suite)
}

fn without_credentials(url: &SecretUrl) -> SecretUrl {
    SecretUrl::new(url.redacted().replacen("://****@", "://", 1))
}

#[cfg(test)]
mod tests {
    use super::super::sources::{parse_sources, to_deb822};
    use super::*;

    const BOOKWORM: &str =
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    const NOBLE: &str = "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n";
    const DEBIAN_SOURCES: &str = "deb [signed-by=/usr/share/keyrings/docker.gpg] http://docker.example/linux/debian bookworm stable\n\
        deb [signed-by=/usr/share/keyrings/other.gpg] http://other.example/debian bookworm main\n\
        deb http://me:pass@mirror.example/debian bookworm main contrib\n\
        deb http://mirror.example/debian bookworm-backports main\n\
        deb http://mirror.example/debian bookworm-updates main\n\
        deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian-security bookworm-security main\n";

    /// Chooses for nothing, `DISTRIBUTION` or `DISTRIBUTION/SUITE`.
    fn chosen(
        wanted: &str,
        settings: &AptSettings,
        os_release: &str,
        list: &str,
    ) -> Result<BootstrapRequest, BootstrapError> {
        let mut words = wanted.split('/').filter(|word| !word.is_empty());
        let distribution = words.next().map(|name| name.parse().unwrap());
        let sources = parse_sources(&[("sources.list".into(), list.into())]).unwrap();
        let machine = Machine { os_release, sources: &sources, has_keyring: &|_| true };
        choose(&machine, settings, distribution, words.next(), "amd64")
    }

    /// `address suite[,suite] component[,component]` for each source.
    fn shown(sources: &[AptSource]) -> Vec<String> {
        let line = |source: &AptSource| {
            format!("{} {} {}", source.uri.expose(), source.suites.join(","), source.components.join(","))
        };
        sources.iter().map(line).collect()
    }

    #[test]
    fn the_machines_own_archives_serve_every_suite_of_its_distribution() {
        let security = "http://mirror.example/debian-security";
        let fetch = "http://me:pass@mirror.example/debian";
        for (wanted, suite) in [
            ("", "bookworm"),
            ("debian", "bookworm"),
            ("debian/bookworm", "bookworm"),
            ("debian/trixie", "trixie"),
        ] {
            let choice = chosen(wanted, &AptSettings::default(), BOOKWORM, DEBIAN_SOURCES).unwrap();
            assert_eq!(choice.suite, suite);
            assert_eq!(
                shown(&choice.sources.fetch),
                [
                    format!("{fetch} {suite},{suite}-updates main,contrib"),
                    format!("{security} {suite}-security main")
                ]
            );
            assert_eq!(
                shown(&choice.sources.image),
                [
                    format!("http://mirror.example/debian {suite},{suite}-updates main,contrib"),
                    format!("{security} {suite}-security main")
                ]
            );
            assert_eq!(choice.keyring, Path::new("/usr/share/keyrings/debian-archive-keyring.gpg"));
        }
        let choice = chosen("debian/sid", &AptSettings::default(), BOOKWORM, DEBIAN_SOURCES).unwrap();
        assert_eq!(shown(&choice.sources.fetch), [format!("{fetch} sid main,contrib")]);
        assert!(
            to_deb822(&choice.sources.image)
                .contains("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg")
        );
    }

    #[test]
    fn the_newest_suite_is_taken_when_none_is_named() {
        let cases = [
            (BOOKWORM, "deb http://m.example bookworm main\ndeb http://m.example trixie main\n", "trixie"),
            (BOOKWORM, "deb http://m.example stable main\n", "stable"),
            (BOOKWORM, "deb http://m.example sid main\ndeb http://m.example bookworm main\n", "bookworm"),
            (NOBLE, "deb http://m.example noble main\ndeb http://m.example jammy main\n", "noble"),
            (
                "ID=debian\nVERSION_CODENAME=zurg\n",
                "deb http://m.example zurg main\ndeb http://m.example duke main\n",
                "zurg",
            ),
        ];
        for (os_release, list, suite) in cases {
            assert_eq!(chosen("", &AptSettings::default(), os_release, list).unwrap().suite, suite);
        }
    }

    #[test]
    fn mirrors_replace_what_is_fetched_from_and_never_show_in_the_image() {
        let settings = AptSettings {
            mirror: Some(SecretUrl::new("http://fast.example/d")),
            security_mirror: Some(SecretUrl::new("http://fast.example/s")),
            ..AptSettings::default()
        };
        let plain = chosen("", &AptSettings::default(), BOOKWORM, DEBIAN_SOURCES).unwrap();
        let mirrored = chosen("", &settings, BOOKWORM, DEBIAN_SOURCES).unwrap();
        assert_eq!(mirrored.sources.image, plain.sources.image);
        assert_eq!(
            shown(&mirrored.sources.fetch),
            [
                "http://fast.example/d bookworm,bookworm-updates main,contrib",
                "http://fast.example/s bookworm-security main"
            ]
        );

        let foreign = chosen("ubuntu/noble", &settings, BOOKWORM, DEBIAN_SOURCES).unwrap();
        assert_eq!(foreign.sources.image, []);
        assert_eq!(
            shown(&foreign.sources.fetch),
            [
                "http://fast.example/d noble,noble-updates main,universe",
                "http://fast.example/s noble-security main,universe"
            ]
        );

        let settings = AptSettings {
            image_mirror: Some("http://public.example/ubuntu".into()),
            mirror: Some(SecretUrl::new("http://fast.example/u")),
            ..AptSettings::default()
        };
        let both = chosen("ubuntu/noble", &settings, BOOKWORM, DEBIAN_SOURCES).unwrap();
        assert_eq!(
            shown(&both.sources.image),
            [
                "http://public.example/ubuntu noble,noble-updates main,universe",
                "http://public.example/ubuntu noble-security main,universe"
            ]
        );
        assert_eq!(both.sources.fetch[1].uri.expose(), "http://fast.example/u");
    }

    #[test]
    fn what_is_missing_is_said_with_its_remedy() {
        let settings = AptSettings::default();
        let error = chosen("ubuntu/noble", &settings, BOOKWORM, DEBIAN_SOURCES).unwrap_err();
        assert!(error.hint().unwrap().contains("apt.mirror"), "{error}");
        let error = chosen("", &settings, BOOKWORM, "").unwrap_err();
        assert!(matches!(error, BootstrapError::NoMirror { .. }), "{error}");
        let mirrored =
            AptSettings { mirror: Some(SecretUrl::new("http://m.example")), ..AptSettings::default() };
        assert_eq!(chosen("", &mirrored, BOOKWORM, "").unwrap().suite, "bookworm");
        let error = chosen("ubuntu", &mirrored, BOOKWORM, DEBIAN_SOURCES).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("say which one: `bootstrap:ubuntu/SUITE`"), "{error}");
        let error = chosen("", &settings, "ID=fedora\n", "").unwrap_err();
        assert_eq!(error.to_string(), "this machine (`fedora`) is neither Debian nor Ubuntu");

        let sources = parse_sources(&[("sources.list".into(), DEBIAN_SOURCES.into())]).unwrap();
        let machine = Machine { os_release: BOOKWORM, sources: &sources, has_keyring: &|_| false };
        let error = choose(&machine, &settings, None, None, "amd64").unwrap_err();
        assert!(error.hint().unwrap().contains("debian-archive-keyring"), "{error}");
    }
}
