//! apt's sources: the machine's own are read, those of the image are written.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use imagewright_model::SecretUrl;

use super::stanza::{self, Stanza};

/// One archive with some of its suites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptSource {
    /// Where the archive is.
    pub uri: SecretUrl,
    /// Which suites of it.
    pub suites: Vec<String>,
    /// Which components of them.
    pub components: Vec<String>,
    /// For which architectures; empty: for all.
    pub architectures: Vec<String>,
    /// The keyring that must have signed it.
    pub signed_by: Option<PathBuf>,
}

/// Where packages come from, and where the image will say that they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSources {
    /// The archives to fetch from.
    pub fetch: Vec<AptSource>,
    /// What stands in the image's apt sources; without credentials.
    pub image: Vec<AptSource>,
}

/// A line of apt's sources that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`, line {line}: {problem}")]
pub struct SourcesError {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Reads apt's sources: `.sources` files in the deb822 style, others in the one-line style.
/// Disabled entries and those of source packages are left out.
pub fn parse_sources(files: &[(PathBuf, String)]) -> Result<Vec<AptSource>, SourcesError> {
    let mut sources = Vec::new();
    for (file, text) in files {
        let deb822 = file.extension().is_some_and(|extension| extension == "sources");
        let parsed = if deb822 { parse_deb822(text) } else { parse_one_line(text) };
        let wrong = |(line, problem)| SourcesError { file: file.clone(), line, problem };
        sources.extend(parsed.map_err(wrong)?);
    }
    Ok(sources)
}

/// The files of apt's sources below apt's configuration folder, in apt's order, with their texts.
pub fn apt_source_files(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut paths = vec![folder.join("sources.list")];
    let parts = folder.join("sources.list.d");
    if parts.is_dir() {
        let mut found = fs::read_dir(parts)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        found.retain(|path| {
            path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
        });
        found.sort();
        paths.extend(found);
    }
    paths.retain(|path| path.is_file());
    paths.into_iter().map(|path| fs::read_to_string(&path).map(|text| (path, text))).collect()
}

/// The text of a deb822 `.sources` file.
pub(crate) fn to_deb822(sources: &[AptSource]) -> String {
    let mut text = String::new();
    for source in sources {
        let separator = if text.is_empty() { "" } else { "\n" };
        write!(
            text,
            "{separator}Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\n",
            source.uri.expose(),
            source.suites.join(" "),
            source.components.join(" ")
        )
        .expect("writing to a string cannot fail");
        if let Some(keyring) = &source.signed_by {
            writeln!(text, "Signed-By: {}", keyring.display()).expect("writing to a string cannot fail");
        }
    }
    text
}

type Problem = (usize, &'static str);

fn parse_deb822(text: &str) -> Result<Vec<AptSource>, Problem> {
    let malformed = |error: stanza::MalformedLine| (error.line, "expected `Name: value`");
    let mut sources = Vec::new();
    for stanza in stanza::parse(text).map_err(malformed)? {
        sources.extend(from_stanza(&stanza)?);
    }
    Ok(sources)
}

/// One source for each address of a stanza.
fn from_stanza(stanza: &Stanza<'_>) -> Result<Vec<AptSource>, Problem> {
    let enabled = stanza.get("Enabled").unwrap_or("yes").to_ascii_lowercase();
    if matches!(enabled.as_str(), "no" | "false" | "0" | "off" | "without" | "disable") {
        return Ok(Vec::new());
    }
    let types = stanza.words("Types");
    if types.is_empty() {
        return Err((stanza.line, "the stanza has no `Types`"));
    }
    if !types.iter().any(|kind| kind == "deb") {
        return Ok(Vec::new());
    }
    let uris = stanza.words("URIs");
    if uris.is_empty() {
        return Err((stanza.line, "the stanza has no `URIs`"));
    }
    let suites = stanza.words("Suites");
    if suites.is_empty() {
        return Err((stanza.line, "the stanza has no `Suites`"));
    }
    let source = |uri| AptSource {
        uri: SecretUrl::new(uri),
        suites: suites.clone(),
        components: stanza.words("Components"),
        architectures: stanza.words("Architectures"),
        // Anything but a path is a fingerprint or a key in the file itself; the distribution's keyring serves.
        signed_by: stanza.get("Signed-By").filter(|value| value.starts_with('/')).map(PathBuf::from),
    };
    Ok(uris.into_iter().map(source).collect())
}

fn parse_one_line(text: &str) -> Result<Vec<AptSource>, Problem> {
    let mut sources = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            sources.extend(from_line(line).map_err(|problem| (index + 1, problem))?);
        }
    }
    Ok(sources)
}

fn from_line(line: &str) -> Result<Option<AptSource>, &'static str> {
    let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match kind {
        "deb" => {}
        "deb-src" => return Ok(None),
        _ => return Err("expected `deb` or `deb-src`"),
    }
    let mut rest = rest.trim_start();
    let mut options = "";
    if let Some(inside) = rest.strip_prefix('[') {
        (options, rest) = inside.split_once(']').ok_or("the options have no closing bracket")?;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = words.next().ok_or("there is no address")?;
    let suite = words.next().ok_or("there is no suite")?;
    let option = |name: &str| {
        options.split_whitespace().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    };
    Ok(Some(AptSource {
        uri: SecretUrl::new(uri),
        suites: vec![suite],
        components: words.collect(),
        architectures: option("arch")
            .map(|list| list.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        signed_by: option("signed-by").filter(|value| value.starts_with('/')).map(PathBuf::from),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> Result<Vec<AptSource>, SourcesError> {
        parse_sources(&[(name.into(), text.into())])
    }

    fn source(uri: &str, suites: &[&str], components: &[&str]) -> AptSource {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        AptSource {
            uri: SecretUrl::new(uri),
            suites: owned(suites),
            components: owned(components),
            architectures: Vec::new(),
            signed_by: None,
        }
    }

    #[test]
    fn both_styles_are_read() {
        let deb822 = "Types: deb deb-src\n# http://old.example\nURIs: http://a.example/debian http://b.example/debian\n\
            Suites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/k.gpg\n\n\
            Types: deb\nEnabled: no\nURIs: http://c.example\nSuites: trixie\n\nTypes: deb-src\nURIs: http://d.example\n";
        let signed = |source| AptSource { signed_by: Some("/usr/share/keyrings/k.gpg".into()), ..source };
        let suites = ["trixie", "trixie-updates"];
        assert_eq!(
            parse("debian.sources", deb822).unwrap(),
            [
                signed(source("http://a.example/debian", &suites, &["main"])),
                signed(source("http://b.example/debian", &suites, &["main"])),
            ]
        );

        let one_line = "# deb http://no.example x main\n\ndeb http://a.example/debian trixie main contrib # why\n\
            deb-src http://a.example/debian trixie main\n\
            deb [ arch=amd64,i386 signed-by=/usr/share/keyrings/k.gpg ] http://b.example/ flat/\n";
        let mut second = signed(source("http://b.example/", &["flat/"], &[]));
        second.architectures = vec!["amd64".into(), "i386".into()];
        assert_eq!(
            parse("sources.list", one_line).unwrap(),
            [source("http://a.example/debian", &["trixie"], &["main", "contrib"]), second]
        );
    }

    #[test]
    fn errors_name_file_and_line() {
        let cases = [
            ("a.sources", "Types: deb\nURIs: x\n", "`a.sources`, line 1: the stanza has no `Suites`"),
            ("a.sources", "\n\nTypes: deb\nSuites: x\n", "`a.sources`, line 3: the stanza has no `URIs`"),
            ("a.sources", "URIs: x\n", "`a.sources`, line 1: the stanza has no `Types`"),
            ("a.sources", "Types: deb\nnonsense\n", "`a.sources`, line 2: expected `Name: value`"),
            ("a.list", "\ndeb\n", "`a.list`, line 2: there is no address"),
            ("a.list", "deb http://a.example\n", "`a.list`, line 1: there is no suite"),
            (
                "a.list",
                "deb [arch=amd64 http://a.example x\n",
                "`a.list`, line 1: the options have no closing bracket",
            ),
            ("a.list", "rpm http://a.example x\n", "`a.list`, line 1: expected `deb` or `deb-src`"),
        ];
        for (file, text, message) in cases {
            assert_eq!(parse(file, text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn written_sources_are_read_back() {
        let sources = vec![
            AptSource {
                signed_by: Some("/usr/share/keyrings/k.gpg".into()),
                ..source("http://a.example/debian", &["trixie", "trixie-updates"], &["main"])
            },
            source("http://b.example/security", &["trixie-security"], &["main", "contrib"]),
        ];
        assert_eq!(parse("debian.sources", &to_deb822(&sources)).unwrap(), sources);
    }
}
