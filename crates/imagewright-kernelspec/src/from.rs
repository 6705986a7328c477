//! A kernelspec that starts from another one, as people do by copying a folder: what it is called and what it starts is new, the rest stays.

use imagewright_oci::Reference;
use serde_json::Value;

use crate::new::check_variable;
use crate::{Kernelspec, KernelspecError, KernelspecName};

/// What is new about a kernelspec that starts from another one.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Its name.
    pub name: KernelspecName,
    /// What people choose it by.
    pub display_name: String,
    /// The language of the image's kernel; none where nobody knows.
    pub language: Option<String>,
    /// The image that it starts.
    pub image: Reference,
    /// The image for workers of Spark; without one, they get what they had, or the image where they had the one before.
    pub executor_image: Option<Reference>,
    /// Variables that are set.
    pub environment: Vec<(String, String)>,
    /// Settings of the process proxy that are set.
    pub settings: Vec<(&'static str, String)>,
}

impl Kernelspec {
    /// The kernelspec that this one becomes. Its scripts, variables and options stay; where its command names its folder, it names that of
    /// the new one, wherever that lies.
    ///
    /// # Errors
    /// Where it is for another language.
    pub fn changed(&self, changes: &Changes) -> Result<Self, KernelspecError> {
        let known = self.language_of_kernel();
        if let Some(image) = &changes.language
            && !known.is_empty()
            && !known.eq_ignore_ascii_case(image)
        {
            return Err(KernelspecError::Language {
                name: self.name.to_string(),
                spec: known,
                image: image.clone(),
            });
        }
        if changes.display_name.trim().is_empty() {
            return Err(KernelspecError::Empty { what: "display name" });
        }
        let mut spec = Self { name: changes.name.clone(), ..self.clone() };
        spec.move_folder(&self.name);
        spec.set_display_name(&changes.display_name);
        spec.set_image(&changes.image.to_string());
        if let Some(image) = &changes.executor_image {
            spec.set_setting("executor_image_name", &image.to_string());
        }
        for (name, value) in &changes.environment {
            check_variable(name, value)?;
            spec.set_variable(name, value);
        }
        for (name, value) in &changes.settings {
            spec.set_setting(name, value);
        }
        Ok(spec)
    }

    /// What named the folder of the old name names its own. The gateway puts the folder into commands, and nowhere else.
    fn move_folder(&mut self, old: &KernelspecName) {
        let new = self.name.to_string();
        for (key, value) in &mut self.document {
            let is_command = key == "argv";
            each_text(value, &mut |text| {
                let Some((before, after)) = split_at_folder(text, old) else { return };
                // What stands before the folder is its path, from the last blank or `=` on.
                let begin = before.rfind([' ', '=', '"', '\'']).map_or(0, |at| at + 1);
                *text = match is_command {
                    true => format!("{}{{resource_dir}}{after}", &before[..begin]),
                    false => format!("{before}/kernels/{new}{after}"),
                };
            });
        }
    }
}

/// What stands before `/kernels/NAME`, and what after it.
fn split_at_folder<'a>(text: &'a str, name: &KernelspecName) -> Option<(&'a str, &'a str)> {
    let lower = text.to_ascii_lowercase();
    let folder = format!("/kernels/{name}");
    let at = lower.find(&folder)?;
    let after = &text[at + folder.len()..];
    (after.is_empty() || after.starts_with(['/', ' ', '"', '\''])).then(|| (&text[..at], after))
}

fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::Object(values) => values.values_mut().for_each(|value| each_text(value, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{File, Files, KERNEL_JSON};

    fn stock() -> Kernelspec {
        let text = r#"{
            "language": "Python",
            "display_name": "Spark",
            "metadata": {"process_proxy": {"class_name": "x.K8s", "config": {"image_name": "elyra/kernel-py:3.3.0"}}, "own": 1},
            "env": {"SPARK_OPTS": "--conf image=elyra/kernel-py:3.3.0", "HERE": "/usr/local/share/jupyter/kernels/spark_python/x"},
            "argv": ["python", "/usr/local/share/jupyter/kernels/Spark_Python/scripts/launch.py", "--file=/a/kernels/spark_python/t", "{kernel_id}"]
        }"#;
        let files = Files::from([
            (KERNEL_JSON.to_owned(), File::text(text)),
            ("bin/run.sh".to_owned(), File::program("#!/bin/sh\n")),
        ]);
        Kernelspec::read("spark_python".parse().unwrap(), files).unwrap()
    }

    fn changes() -> Changes {
        Changes {
            name: "mine".parse().unwrap(),
            display_name: "Mine".to_owned(),
            language: Some("python".to_owned()),
            image: "registry.example/k:1".parse().unwrap(),
            executor_image: None,
            environment: vec![("A".to_owned(), "1".to_owned())],
            settings: vec![("authorized_users", "alice,bob".to_owned())],
        }
    }

    #[test]
    fn what_it_has_stays_and_what_names_it_is_new() {
        let spec = stock().changed(&changes()).unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(&spec.to_files()[KERNEL_JSON].contents));
        assert!(spec.files["bin/run.sh"].is_program);
    }

    #[test]
    fn another_language_is_refused() {
        let changes = Changes { language: Some("r".to_owned()), ..changes() };
        let error = stock().changed(&changes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernelspec `spark_python` is for python, and the image's kernel is for r"
        );
        assert!(stock().changed(&Changes { language: None, ..changes }).is_ok());
    }
}
