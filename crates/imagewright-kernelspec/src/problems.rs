//! What Enterprise Gateway would stumble over in a kernelspec.

use imagewright_oci::Reference;
use serde_json::Value;

use crate::Kernelspec;
use crate::proxy::Proxy;

/// Something that is wrong with a kernelspec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether a start fails by it; otherwise it works, but not as it should.
    pub is_error: bool,
    /// What is wrong.
    pub text: String,
}

/// What a launcher needs, and whether nothing works without it.
const NEEDED: [(&str, bool); 4] =
    [("kernel_id", true), ("response_address", true), ("public_key", true), ("port_range", false)];

impl Kernelspec {
    /// What is wrong with it, errors first. Nothing where the gateway would start something by it; whether the image is any good is
    /// another question.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Found::default();
        self.check_document(&mut found);
        self.check_command(&mut found);
        if let Some(proxy) = self.proxy() {
            self.check_image(proxy, &mut found);
        } else if let Some(class) = self.class_name() {
            found.warning(format!("its process proxy `{class}` is none of Enterprise Gateway 3.3"));
        } else {
            found.warning("it has no process proxy (`metadata.process_proxy.class_name`), so its command runs where the gateway runs".to_owned());
        }
        let Found { mut problems } = found;
        problems.sort_by_key(|problem| !problem.is_error);
        problems
    }

    fn check_document(&self, found: &mut Found) {
        for key in ["language", "display_name"] {
            match self.document.get(key) {
                Some(Value::String(text)) if !text.is_empty() => {}
                Some(Value::String(_)) | None => found.warning(format!("`{key}` is empty")),
                Some(_) => found.error(format!("`{key}` is no text")),
            }
        }
        for (key, is_right) in [
            ("argv", self.document.get("argv").is_none_or(Value::is_array)),
            ("env", self.document.get("env").is_none_or(Value::is_object)),
            ("metadata", self.document.get("metadata").is_none_or(Value::is_object)),
        ] {
            if !is_right {
                found.error(format!("`{key}` has the wrong form"));
            }
        }
        let variables = self.document.get("env").and_then(Value::as_object).into_iter().flatten();
        for (name, _) in variables.filter(|(_, value)| !value.is_string()) {
            found.error(format!("the value of `{name}` in `env` is no text"));
        }
        match self.document.get("interrupt_mode").map(|mode| mode.as_str().unwrap_or_default()) {
            None | Some("message" | "signal") => {}
            Some(_) => found.error("`interrupt_mode` is neither `message` nor `signal`".to_owned()),
        }
        // Jupyter hands all keys on to a class that knows these.
        let known = ["argv", "display_name", "language", "env", "interrupt_mode", "metadata", "resource_dir"];
        for key in self.document.keys().filter(|key| !known.contains(&key.as_str())) {
            found.warning(format!("Jupyter knows no `{key}`"));
        }
    }

    fn check_command(&self, found: &mut Found) {
        let words = self.command();
        if words.is_empty() {
            return found.error("it has no command (`argv`)".to_owned());
        }
        if self.class_name().is_none() {
            return;
        }
        for (name, is_error) in NEEDED {
            let placeholder = format!("{{{name}}}");
            if !words.iter().any(|word| word.contains(&placeholder)) {
                found.add(is_error, format!("its command does not pass on `{placeholder}`"));
            }
        }
        for word in words {
            self.check_path(word, found);
        }
    }

    /// A word of the command that names a file of a kernelspec.
    fn check_path(&self, word: &str, found: &mut Found) {
        let path = if let Some(path) = word.strip_prefix("{resource_dir}/") {
            path
        } else if let Some((_, rest)) = word.split_once("/jupyter/kernels/") {
            let (named, path) = rest.split_once('/').unwrap_or((rest, ""));
            if !named.eq_ignore_ascii_case(self.name.as_str()) {
                return found.error(format!("its command uses a file of `{named}`: `{word}`"));
            }
            path
        } else {
            return;
        };
        if !self.files.contains_key(path) {
            found.error(format!("its command uses `{path}`, which is not in its folder"));
        }
    }

    fn check_image(&self, proxy: Proxy, found: &mut Found) {
        if !proxy.names_image_in_settings() {
            return;
        }
        match self.image() {
            None => found.warning("it names no image (`metadata.process_proxy.config.image_name`), so the gateway or the client must".to_owned()),
            Some(image) => {
                if let Err(error) = image.parse::<Reference>() {
                    found.error(error.to_string());
                }
            }
        }
    }
}

#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
}

impl Found {
    fn add(&mut self, is_error: bool, text: String) {
        self.problems.push(Problem { is_error, text });
    }

    fn error(&mut self, text: String) {
        self.add(true, text);
    }

    fn warning(&mut self, text: String) {
        self.add(false, text);
    }
}

#[cfg(test)]
mod tests {
    use crate::{File, Files, KERNEL_JSON, Kernelspec};

    fn problems(text: &str, files: &[&str]) -> Vec<String> {
        let mut all: Files = files.iter().map(|name| ((*name).to_owned(), File::text(""))).collect();
        all.insert(KERNEL_JSON.to_owned(), File::text(text));
        let spec = Kernelspec::read("mine".parse().unwrap(), all).unwrap();
        let told = spec.problems().into_iter();
        told.map(|problem| format!("{} {}", if problem.is_error { "E" } else { "W" }, problem.text)).collect()
    }

    #[test]
    fn what_a_gateway_starts_has_none() {
        let text = r#"{"language": "python", "display_name": "P", "env": {"A": "1"}, "interrupt_mode": "signal",
            "metadata": {"process_proxy": {"class_name": "enterprise_gateway.services.processproxies.k8s.KubernetesProcessProxy",
                                            "config": {"image_name": "elyra/kernel-py:3.3.0"}}},
            "argv": ["python", "/usr/local/share/jupyter/kernels/Mine/scripts/launch_kubernetes.py", "--kernel-id", "{kernel_id}",
                     "--port-range", "{port_range}", "--response-address", "{response_address}", "--public-key", "{public_key}"]}"#;
        assert_eq!(problems(text, &["scripts/launch_kubernetes.py"]), [""; 0]);
        assert_eq!(
            problems(text, &[]),
            ["E its command uses `scripts/launch_kubernetes.py`, which is not in its folder"]
        );
    }

    #[test]
    fn each_is_told_errors_first() {
        let text = r#"{"language": 3, "env": {"A": 1}, "interrupt_mode": "x", "extra": 1,
            "metadata": {"process_proxy": {"class_name": "x.Y"}},
            "argv": ["python", "/usr/local/share/jupyter/kernels/other/scripts/x.py", "{kernel_id}"]}"#;
        insta::assert_debug_snapshot!(problems(text, &[]));
        assert_eq!(
            problems(r#"{"language": "r", "display_name": "R"}"#, &[]),
            [
                "E it has no command (`argv`)",
                "W it has no process proxy (`metadata.process_proxy.class_name`), so its command runs where the gateway runs"
            ]
        );
    }
}
