//! The specs of `examples/` are specs.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_model::spec::PartialSpec;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder);
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let specs = entries.map(|path| if path.is_dir() { path.join("image.yaml") } else { path });
    specs.filter(|path| path.extension().is_some_and(|it| it == "yaml") && path.is_file()).collect()
}

#[test]
fn each_example_is_a_spec() {
    let (images, starters) = (files("kernel-images"), files("starter"));
    assert_eq!((images.len(), starters.len()), (8, 6));
    for path in images.iter().chain(&starters) {
        let text = fs::read_to_string(path).unwrap();
        let spec = PartialSpec::from_yaml(&path.display().to_string(), &text).and_then(PartialSpec::finish);
        let spec = spec.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            spec.kernel.is_some(),
            !path.to_string_lossy().contains("enterprise-gateway"),
            "{}",
            path.display()
        );
        // A server takes images to begin with as documents.
        assert!(
            !starters.contains(path) || spec.to_document().is_ok() && spec.tags.is_empty(),
            "{}",
            path.display()
        );
    }
}
