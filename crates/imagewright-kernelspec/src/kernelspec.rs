//! A kernelspec as a value: what is in its `kernel.json`, and the files beside it.

use serde_json::{Map, Value};

use crate::proxy::Proxy;
use crate::{File, Files, KernelspecError, KernelspecName};

/// The file that makes a folder a kernelspec.
pub const KERNEL_JSON: &str = "kernel.json";

/// A kernelspec. What its document holds that nobody here knows stays where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernelspec {
    /// Its name, which is that of its folder.
    pub name: KernelspecName,
    /// What is in `kernel.json`.
    pub document: Map<String, Value>,
    /// The other files.
    pub files: Files,
}

impl Kernelspec {
    /// Takes up the files of a folder.
    ///
    /// # Errors
    /// Where there is no `kernel.json`, or it is no JSON object in UTF-8.
    pub fn read(name: KernelspecName, mut files: Files) -> Result<Self, KernelspecError> {
        let malformed = |reason: String| KernelspecError::Malformed { name: name.to_string(), reason };
        let file = files.remove(KERNEL_JSON).ok_or_else(|| malformed("it is not there".to_owned()))?;
        let document = match serde_json::from_slice(&file.contents) {
            Ok(Value::Object(document)) => document,
            Ok(_) => return Err(malformed("it is no object".to_owned())),
            Err(error) => return Err(malformed(error.to_string())),
        };
        Ok(Self { name, document, files })
    }

    /// All files of the folder.
    pub fn to_files(&self) -> Files {
        let mut files = self.files.clone();
        let text = serde_json::to_string_pretty(&self.document).expect("values have no keys but text");
        files.insert(KERNEL_JSON.to_owned(), File::text(&(text + "\n")));
        files
    }

    /// What people choose it by; empty where it says nothing.
    pub fn display_name(&self) -> &str {
        self.text("display_name")
    }

    /// The language, as it is written; empty where it says nothing.
    pub fn language(&self) -> &str {
        self.text("language")
    }

    /// The language that the container is told: `env.KERNEL_LANGUAGE` before `language`, in lower case.
    pub fn language_of_kernel(&self) -> String {
        let said = self.variable("KERNEL_LANGUAGE").unwrap_or_else(|| self.language());
        said.to_lowercase()
    }

    /// A variable that it sets.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.document.get("env")?.get(name)?.as_str()
    }

    /// The class of its process proxy; none where the gateway starts the kernel itself.
    pub fn class_name(&self) -> Option<&str> {
        self.document.get("metadata")?.get("process_proxy")?.get("class_name")?.as_str()
    }

    /// Its process proxy, where it is one that is known.
    pub fn proxy(&self) -> Option<Proxy> {
        self.class_name().and_then(Proxy::of_class)
    }

    /// A setting of its process proxy.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.document.get("metadata")?.get("process_proxy")?.get("config")?.get(name)?.as_str()
    }

    /// The image that it starts.
    pub fn image(&self) -> Option<&str> {
        self.setting("image_name").or_else(|| self.variable("KERNEL_IMAGE"))
    }

    /// The words of its command.
    pub fn command(&self) -> Vec<&str> {
        self.document
            .get("argv")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Says what people choose it by.
    pub fn set_display_name(&mut self, name: &str) {
        self.document.insert("display_name".to_owned(), name.into());
    }

    /// Sets a variable.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        object(&mut self.document, "env").insert(name.to_owned(), value.into());
    }

    /// Starts another image: whatever named the one that it starts now names that one.
    pub fn set_image(&mut self, image: &str) {
        let before = self.image().map(str::to_owned);
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            replace(&mut self.document, &before, image);
        }
        let is_setting = self.proxy().is_none_or(Proxy::names_image_in_settings);
        if is_setting && self.class_name().is_some() {
            self.set_setting("image_name", image);
        }
    }

    /// Sets something of its process proxy.
    pub fn set_setting(&mut self, name: &str, value: &str) {
        let metadata = object(&mut self.document, "metadata");
        let proxy = object(metadata, "process_proxy");
        object(proxy, "config").insert(name.to_owned(), value.into());
    }

    fn text(&self, key: &str) -> &str {
        self.document.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The object below a key; there is one afterwards.
fn object<'a>(above: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = above.entry(key.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is one now")
}

/// Puts a text in the place of another one where that is a whole word: of a command, of options in a variable, a value.
fn replace(document: &mut Map<String, Value>, before: &str, after: &str) {
    for value in document.values_mut() {
        replace_in(value, before, after);
    }
}

fn replace_in(value: &mut Value, before: &str, after: &str) {
    match value {
        Value::String(text) => *text = replace_words(text, before, after),
        Value::Array(values) => values.iter_mut().for_each(|value| replace_in(value, before, after)),
        Value::Object(values) => replace(values, before, after),
        _ => {}
    }
}

fn replace_words(text: &str, before: &str, after: &str) -> String {
    let is_end = |byte: Option<&u8>| {
        byte.is_none_or(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'' | b',' | b';')
        })
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let end = at + before.len();
        let begins = is_end(rest.as_bytes()[..at].last()) && (at > 0 || is_end(result.as_bytes().last()));
        let whole = begins && is_end(rest.as_bytes().get(end));
        result += &rest[..at];
        result += if whole { after } else { before };
        rest = &rest[end..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Kernelspec {
        let files = Files::from([(KERNEL_JSON.to_owned(), File::text(text))]);
        Kernelspec::read("one".parse().unwrap(), files).unwrap()
    }

    #[test]
    fn what_is_not_known_stays() {
        let text = "{\n  \"language\": \"R\",\n  \"x\": 1.50,\n  \"metadata\": {\n    \"y\": null,\n    \"process_proxy\": {\n      \
                    \"class_name\": \"x.Y\"\n    }\n  }\n}\n";
        let mut spec = spec(text);
        assert_eq!(spec.to_files()[KERNEL_JSON], File::text(&text.replace("1.50", "1.5")));
        spec.set_display_name("Mine");
        spec.set_image("registry.example:5000/kernel-r:1");
        assert_eq!(spec.document["metadata"]["y"], Value::Null);
        assert_eq!((spec.display_name(), spec.image()), ("Mine", Some("registry.example:5000/kernel-r:1")));
        assert_eq!(spec.language_of_kernel(), "r");
    }

    #[test]
    fn another_image_is_named_wherever_the_first_one_was() {
        let mut spec = spec(
            r#"{"argv": ["docker", "run", "-e", "KERNEL_IMAGE=x/k:1", "x/k:1", "x/k:10"],
                "env": {"SPARK_OPTS": "--conf a=x/k:1 --conf b=\"x/k:1\" --conf c=x/k:11", "E": "x/k:1x/k:1"},
                "metadata": {"process_proxy": {"config": {"image_name": "x/k:1", "executor_image_name": "x/k:1"}}}}"#,
        );
        spec.set_image("y:2");
        assert_eq!(spec.command(), ["docker", "run", "-e", "KERNEL_IMAGE=y:2", "y:2", "x/k:10"]);
        assert_eq!(spec.variable("SPARK_OPTS"), Some("--conf a=y:2 --conf b=\"y:2\" --conf c=x/k:11"));
        assert_eq!(spec.variable("E"), Some("x/k:1x/k:1"));
        assert_eq!((spec.image(), spec.setting("executor_image_name")), (Some("y:2"), Some("y:2")));
    }

    #[test]
    fn what_is_no_kernelspec_says_where() {
        for (text, expected) in
            [("{", "EOF while parsing an object at line 1 column 1"), ("[]", "it is no object")]
        {
            let files = Files::from([(KERNEL_JSON.to_owned(), File::text(text))]);
            let error = Kernelspec::read("one".parse().unwrap(), files).unwrap_err().to_string();
            assert_eq!(error, format!("`one/kernel.json` is no kernelspec: {expected}"));
        }
        assert!(Kernelspec::read("one".parse().unwrap(), Files::new()).is_err());
    }
}
