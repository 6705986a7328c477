//! Specs that people send: read as `imagewright build` reads them, without what is of the server's machine.

use imagewright_catalog::FieldProblem;
use imagewright_model::spec::{ArchiveAddress, BaseSource, ImageSpec, Launcher, PartialSpec, SpecError};
use serde_json::Value;

use crate::job::{SPEC, spec_text};

/// The largest spec, in bytes.
const LARGEST: usize = 256 * 1024;

/// Reads a spec. `pointer` is where it stands in what was sent.
pub(crate) fn read(spec: &Value, pointer: &str) -> Result<ImageSpec, Vec<FieldProblem>> {
    let text = spec_text(spec);
    if !spec.is_object() {
        let problem = "a spec is an object with the keys of an `image.yaml`, at least `base`";
        return Err(vec![FieldProblem::new(pointer, problem)]);
    }
    if text.len() > LARGEST {
        return Err(vec![FieldProblem::new(pointer, format!("more than {} KiB", LARGEST / 1024))]);
    }
    let partial = PartialSpec::from_yaml(SPEC, &text).map_err(|error| vec![told(&error, spec, pointer)])?;
    let spec_of = partial.finish().map_err(|error| vec![told(&error, spec, pointer)])?;
    let problems = foreign(&spec_of, spec, pointer);
    if problems.is_empty() { Ok(spec_of) } else { Err(problems) }
}

/// What a spec may not say to a server: it has no files of whoever sends it, and names are given by it.
fn foreign(spec: &ImageSpec, sent: &Value, pointer: &str) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut refuse = |place: String, text: &str| problems.push(FieldProblem::new(&place, text));
    match &spec.base {
        BaseSource::Bootstrap { .. } | BaseSource::Image(_) => {}
        BaseSource::OciDirectory { .. }
        | BaseSource::OciArchive { .. }
        | BaseSource::DockerArchive { .. }
        | BaseSource::DockerDaemon(_) => refuse(
            format!("{pointer}/base"),
            "a server takes bases from registries and from packages: write the name of an image, or `bootstrap`",
        ),
    }
    if !spec.tags.is_empty() {
        refuse(format!("{pointer}/tags"), "the server names what it builds: leave `tags` out");
    }
    if let Some(Launcher::EnterpriseGateway(archive)) = spec.kernel.as_ref().map(|kernel| &kernel.launcher)
        && matches!(archive.place, ArchiveAddress::Path(_))
    {
        let text = "the server has no files of yours: write an address as `eg=https://…#sha256=…`";
        refuse(format!("{pointer}/kernel/launcher"), text);
    }
    let locals = spec.pip.requirements.iter().chain(&spec.pip.constraints);
    for requirement in locals.filter(|requirement| requirement.local.is_some()) {
        let line = requirement.origin.line;
        refuse(
            line.and_then(|line| place(sent, line))
                .map_or_else(|| format!("{pointer}/pip"), |at| format!("{pointer}{at}")),
            "the server has no files of yours: name a package of an index, or an address",
        );
    }
    problems
}

/// What is wrong with a spec, and where.
fn told(error: &SpecError, spec: &Value, pointer: &str) -> FieldProblem {
    let at = error.origin().line.and_then(|line| place(spec, line)).unwrap_or_default();
    let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
    FieldProblem::new(&format!("{pointer}{at}"), format!("{}{hint}", error.problem()))
}

/// Where something stands that a text says of a spec by line, as `image.yaml:3:5: …`; and the text without that.
pub(crate) fn placed(text: &str, spec: &Value, pointer: &str) -> (String, String) {
    let whole = || (pointer.to_owned(), text.to_owned());
    let Some(rest) = text.strip_prefix(SPEC).and_then(|rest| rest.strip_prefix(':')) else { return whole() };
    let Some((numbers, said)) = rest.split_once(": ") else { return whole() };
    let Ok(line) = numbers.split(':').next().unwrap_or_default().parse() else { return whole() };
    let at = place(spec, line).unwrap_or_default();
    (format!("{pointer}{at}"), said.to_owned())
}

/// The JSON pointer of what stands in a line of [`spec_text`].
fn place(spec: &Value, line: u32) -> Option<String> {
    let mut next = 1;
    walk(spec, &mut String::new(), &mut next, line)
}

/// Goes through a value as it is written; `next` is the line it begins in.
fn walk(value: &Value, path: &mut String, next: &mut u32, wanted: u32) -> Option<String> {
    if *next == wanted {
        return Some(path.clone());
    }
    let length = path.len();
    let mut each = |name: String, value: &Value, next: &mut u32| {
        *next += 1;
        path.push('/');
        path.push_str(&name);
        let found = walk(value, path, next, wanted);
        path.truncate(length);
        found
    };
    let found = match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().find_map(|(name, value)| each(escaped(name), value, next))
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().find_map(|(index, value)| each(index.to_string(), value, next))
        }
        _ => return None,
    };
    if found.is_none() {
        // The line of the closing bracket.
        *next += 1;
    }
    found
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(spec: &Value) -> Vec<(String, String)> {
        let problems = read(spec, "/spec").unwrap_err();
        problems.into_iter().map(|it| (it.pointer, it.detail)).collect()
    }

    #[test]
    fn each_line_of_a_spec_has_its_pointer() {
        let spec = json!({"base": "x", "apt": ["git", "vim"], "env": {}, "pip": {"packages": ["a", "b/c"], "a/b": 1}});
        let text = spec_text(&spec);
        for (number, line) in text.lines().enumerate() {
            let Some(at) = place(&spec, number as u32 + 1) else {
                assert!(line.trim().starts_with(['}', ']']), "{line}");
                continue;
            };
            let found = spec.pointer(&at).unwrap_or_else(|| panic!("{at}"));
            let begin = serde_json::to_string_pretty(found).unwrap();
            let begin = begin.lines().next().unwrap().to_owned();
            assert!(line.trim_end_matches(',').ends_with(&begin), "{at}: {line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        let (pointer, detail) = &problems(&json!({"base": "bootstrap", "pip": ["numpy", "a b c"]}))[0];
        assert_eq!(pointer, "/spec/pip/1", "{detail}");
        let (pointer, _) = &problems(&json!({"base": "bootstrap", "apt": {"packages": ["Git!"]}}))[0];
        assert_eq!(pointer, "/spec/apt/packages/0");
        assert_eq!(problems(&json!({"apt": ["git"]}))[0].0, "/spec");
        assert!(problems(&json!([]))[0].1.contains("object"));
        let (pointer, detail) = &problems(&json!({"base": "bootstrap", "packages": []}))[0];
        assert!(detail.contains("unknown key `packages`"), "{pointer}: {detail}");
    }

    #[test]
    fn images_to_begin_with_can_be_built() {
        for starter in imagewright_catalog::exchange::STARTERS {
            read(&starter.new_image().spec.unwrap(), "/spec").unwrap();
        }
    }

    #[test]
    fn nothing_of_the_machine_of_the_server_gets_in() {
        let kernel = json!({"language": "python", "launcher": "eg=/srv/files.tar.gz"});
        assert_eq!(problems(&json!({"base": "bootstrap", "kernel": kernel}))[0].0, "/spec/kernel/launcher");
        for base in ["oci:/srv/layout", "oci-archive:a.tar", "docker-archive:a.tar", "docker-daemon:a"] {
            assert_eq!(problems(&json!({"base": base}))[0].0, "/spec/base", "{base}");
        }
        assert_eq!(problems(&json!({"base": "bootstrap", "tags": ["team/other:1"]}))[0].0, "/spec/tags");
        for path in ["./wheel", "/srv/x.whl", "x @ file:///srv/x", "-e ./x", "-r /etc/passwd"] {
            assert_eq!(
                problems(&json!({"base": "bootstrap", "pip": ["numpy", path]}))[0].0,
                "/spec/pip/1",
                "{path}"
            );
        }
        let links = json!({"base": "bootstrap", "pip": {"packages": ["a"], "find-links": ["/srv/wheels"]}});
        assert!(problems(&links)[0].0.starts_with("/spec/pip/find-links"), "{:?}", problems(&links));
        let channel = json!({"base": "bootstrap", "conda": {"packages": ["a"], "channels": ["file:///srv"]}});
        assert_eq!(problems(&channel)[0].0, "/spec/conda/channels/0");
    }

    #[test]
    fn a_text_that_names_a_line_is_placed() {
        let spec = json!({"base": "x", "apt": ["git", "vim"]});
        let (pointer, text) = placed("image.yaml:5:5: no apt source offers `vim`", &spec, "/spec");
        assert_eq!((pointer.as_str(), text.as_str()), ("/spec/apt/1", "no apt source offers `vim`"));
        let (pointer, text) = placed("the network is down", &spec, "/spec");
        assert_eq!((pointer.as_str(), text.as_str()), ("/spec", "the network is down"));
    }
}
