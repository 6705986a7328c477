//! Kernelspecs, as gateways list them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The answer to who asks for all of them.
#[derive(Deserialize)]
pub(crate) struct Listing {
    pub(crate) kernelspecs: BTreeMap<String, ListedKernelspec>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct ListedKernelspec {
    /// Its name, in lower case.
    pub name: String,
    spec: Spec,
}

#[derive(Clone, Debug, Deserialize)]
struct Spec {
    #[serde(default)]
    language: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    env: BTreeMap<String, Value>,
    #[serde(default)]
    metadata: Value,
}

impl ListedKernelspec {
    /// The language of its kernel, as it stands there.
    pub fn language(&self) -> &str {
        &self.spec.language
    }

    /// What people see.
    pub fn display_name(&self) -> &str {
        &self.spec.display_name
    }

    /// The image that its kernels run in, if it names one.
    pub fn image(&self) -> Option<&str> {
        self.proxy().pointer("/config/image_name").and_then(Value::as_str)
    }

    /// The class of its process proxy, without its module: who starts the kernel.
    pub fn process_proxy(&self) -> Option<&str> {
        self.proxy()["class_name"].as_str().and_then(|class| class.rsplit('.').next())
    }

    /// A variable that it gives its kernel.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.spec.env.get(name).and_then(Value::as_str)
    }

    fn proxy(&self) -> &Value {
        &self.spec.metadata["process_proxy"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_missed() {
        let read = |text| serde_json::from_str::<ListedKernelspec>(text).unwrap();
        let plain = read(r#"{"name": "a", "spec": {}}"#);
        assert_eq!((plain.language(), plain.image(), plain.process_proxy()), ("", None, None));
        let whole = read(
            r#"{"name": "a", "resources": {}, "spec": {"language": "R", "display_name": "R here", "env": {"A": "b", "N": 1},
            "metadata": {"process_proxy": {"class_name": "x.y.DockerProcessProxy", "config": {"image_name": "team/r:1"}}}}}"#,
        );
        assert_eq!((whole.language(), whole.image()), ("R", Some("team/r:1")));
        assert_eq!(whole.process_proxy(), Some("DockerProcessProxy"));
        assert_eq!((whole.variable("A"), whole.variable("N")), (Some("b"), None));
    }
}
