//! Scripts that a wheel declares in `entry_points.txt`.
//!
//! The file is of the form that Python's `configparser` reads, with `=` as its only delimiter and names in which
//! large and small letters differ.

use std::collections::HashSet;

use super::{WheelError, WheelFileName};

/// A script to be made: a name, and a function of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The name of the script.
    pub name: String,
    /// The module to import.
    pub module: String,
    /// The function to call, perhaps an attribute of something the module has: `run` or `Application.launch`.
    pub function: String,
}

impl EntryPoint {
    /// Reads `module:function [extras]`. The extras are looked at by nobody.
    fn parse(name: &str, value: &str) -> Option<Self> {
        let is_dotted = |text: &str| {
            let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
            !text.is_empty() && text.chars().all(allowed)
        };
        let (module, rest) = value.split_once(':')?;
        let (module, rest) = (module.trim_end(), rest.trim());
        let function = match rest.split_once('[') {
            Some((function, extras)) => {
                let extras = extras.strip_suffix(']')?;
                if extras.is_empty() || extras.starts_with(',') || extras.contains(",,") {
                    return None;
                }
                function.trim_end()
            }
            None => rest,
        };
        let is_whole = is_dotted(module) && is_dotted(function);
        is_whole.then(|| Self {
            name: name.to_owned(),
            module: module.to_owned(),
            function: function.to_owned(),
        })
    }
}

/// The scripts of a wheel, in the order in which they are declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EntryPoints {
    pub(super) console: Vec<EntryPoint>,
    pub(super) gui: Vec<EntryPoint>,
}

impl EntryPoints {
    pub(super) fn parse(text: &str, file_name: &WheelFileName) -> Result<Self, WheelError> {
        let wrong = |reason: &str| {
            let reason = format!("its `entry_points.txt` {reason}");
            WheelError::Malformed { wheel: file_name.to_string(), reason }
        };
        let sections = sections(text).map_err(|fault| wrong(&fault))?;
        let scripts = |name: &str| {
            let section = sections.iter().find(|section| section.name == name);
            let options = section.map(|section| section.options.as_slice()).unwrap_or_default();
            let parse = |(name, value): &(String, String)| {
                EntryPoint::parse(name, value)
                    .ok_or_else(|| wrong(&format!("has no function as script `{name}`")))
            };
            options.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { console: scripts("console_scripts")?, gui: scripts("gui_scripts")? })
    }

    /// The console scripts for an interpreter. pip's own wheels name theirs after the interpreter they were built by;
    /// that one is left out, and one for this interpreter made of `pip3`.
    pub(super) fn console_for(&self, python_minor: u8) -> Vec<EntryPoint> {
        let is_foreign =
            |name: &str| name.strip_prefix("pip3.").is_some_and(|minor| minor.parse::<u8>().is_ok());
        let mut scripts: Vec<_> =
            self.console.iter().filter(|script| !is_foreign(&script.name)).cloned().collect();
        if let Some(pip) = scripts.iter().find(|script| script.name == "pip3") {
            let name = format!("pip3.{python_minor}");
            scripts.push(EntryPoint { name, ..pip.clone() });
        }
        scripts
    }
}

struct Section<'a> {
    name: &'a str,
    options: Vec<(String, String)>,
}

/// Takes the text apart; the error says what is wrong and in which line.
fn sections(text: &str) -> Result<Vec<Section<'_>>, String> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let (mut names, mut options) = (HashSet::new(), HashSet::new());
    // How far the last option is indented; none in front of the first option of a section.
    let mut option_indent = None;
    for (number, line) in (1..).zip(text.split(['\n', '\r'])) {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((_, value)) = sections.last_mut().and_then(|section| section.options.last_mut())
            && option_indent.is_some_and(|option_indent| indent > option_indent)
        {
            value.push('\n');
            value.push_str(content);
        } else if let Some(name) = section_name(content) {
            if !names.insert(name) {
                return Err(format!("has the section `{name}` a second time in line {number}"));
            }
            sections.push(Section { name, options: Vec::new() });
            (options, option_indent) = (HashSet::new(), None);
        } else {
            let section =
                sections.last_mut().ok_or_else(|| format!("has no section in front of line {number}"))?;
            let (name, value) = content.split_once('=').unwrap_or_default();
            let (name, value) = (name.trim_end(), value.trim_start());
            if name.is_empty() {
                return Err(format!("has no `NAME = VALUE` in line {number}"));
            }
            if !options.insert(name) {
                return Err(format!("has `{name}` a second time in line {number}"));
            }
            section.options.push((name.to_owned(), value.to_owned()));
            option_indent = Some(indent);
        }
    }
    Ok(sections)
}

fn section_name(content: &str) -> Option<&str> {
    let name = content.strip_prefix('[')?;
    name.rfind(']').map(|end| &name[..end]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EntryPoints, WheelError> {
        EntryPoints::parse(text, &"foo-1.0-py3-none-any.whl".parse().unwrap())
    }

    fn names(scripts: &[EntryPoint]) -> Vec<&str> {
        scripts.iter().map(|script| script.name.as_str()).collect()
    }

    #[test]
    fn values_name_a_module_and_a_function() {
        let cases = [
            ("a:b", Some(("a", "b"))),
            ("a.b : c.d", Some(("a.b", "c.d"))),
            ("a:b [x, y]", Some(("a", "b"))),
            ("a:b[x]  ", Some(("a", "b"))),
            ("a.müller:b", Some(("a.müller", "b"))),
            ("a", None),
            (":b", None),
            ("a:", None),
            ("a:b c", None),
            ("a:b [x", None),
            ("a:b []", None),
            ("a:b [x]y", None),
            ("a:b\nimport os", None),
            ("a b:c", None),
            ("a:b()", None),
        ];
        for (value, expected) in cases {
            let script = EntryPoint::parse("name", value);
            let found = script.as_ref().map(|script| (script.module.as_str(), script.function.as_str()));
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn sections_are_read_as_python_reads_them() {
        let text = "# comment\r\n[console_scripts]\r\nfoo = a:b\r\nFoo=a:c # no comment\n; comment\n\n\n[other]\nx : y = z\n\
            \n[gui_scripts]\n  g = a:d\n";
        let error = parse(text).unwrap_err();
        assert!(error.to_string().ends_with("has no function as script `Foo`"), "{error}");
        let entry_points = parse(&text.replace(" # no comment", "")).unwrap();
        assert_eq!(names(&entry_points.console), ["foo", "Foo"]);
        assert_eq!(names(&entry_points.gui), ["g"]);
        assert_eq!(parse("").unwrap(), EntryPoints::default());
        assert_eq!(parse("[console_scripts]\n").unwrap(), EntryPoints::default());
    }

    #[test]
    fn malformed_files_are_refused() {
        let texts = [
            "foo = a:b\n",
            "[console_scripts]\nfoo: a:b\n",
            "[console_scripts]\nfoo\n",
            "[console_scripts]\n= a:b\n",
            "[console_scripts]\nfoo = a:b\nfoo = a:b\n",
            "[console_scripts]\n[console_scripts]\n",
            "[console_scripts]\nfoo = a:b\n  bar = a:c\n",
            "[console_scripts]\nfoo =\n  a:b\n",
        ];
        for text in texts {
            assert!(matches!(parse(text), Err(WheelError::Malformed { .. })), "{text:?}");
        }
    }

    #[test]
    fn pip_is_named_after_the_interpreter() {
        let text = "[console_scripts]\npip = a:b\npip3 = a:c\npip3.10 = a:d\npip3.x = a:e\npip4.1 = a:f\nx3.1 = a:g\n";
        let scripts = parse(text).unwrap().console_for(13);
        assert_eq!(names(&scripts), ["pip", "pip3", "pip3.x", "pip4.1", "x3.1", "pip3.13"]);
        assert_eq!(scripts[5].function, "c");
        assert_eq!(names(&parse("[console_scripts]\npip3.9 = a:b\n").unwrap().console_for(9)), [""; 0]);
    }
}
