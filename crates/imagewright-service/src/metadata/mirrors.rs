//! What tells OpenShift that images are elsewhere, too.

/// The name of the object in the cluster.
const NAME: &str = "imagewright-runtime-images";

/// An `ImageDigestMirrorSet`, OpenShift 4.13 and newer: repositories and where they are mirrored.
pub(super) fn digest_mirror_set(mirrored: &[(String, String)]) -> String {
    manifest("config.openshift.io/v1", "ImageDigestMirrorSet", "imageDigestMirrors", mirrored)
}

/// An `ImageContentSourcePolicy`, its predecessor.
pub(super) fn content_source_policy(mirrored: &[(String, String)]) -> String {
    let version = "operator.openshift.io/v1alpha1";
    manifest(version, "ImageContentSourcePolicy", "repositoryDigestMirrors", mirrored)
}

/// All texts are names of repositories: nothing in them needs to be escaped between quotes.
fn manifest(version: &str, kind: &str, list: &str, mirrored: &[(String, String)]) -> String {
    let head = format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {NAME}\nspec:\n  {list}:");
    if mirrored.is_empty() {
        return head + " []\n";
    }
    let entries = mirrored
        .iter()
        .map(|(source, mirror)| format!("  - source: \"{source}\"\n    mirrors:\n    - \"{mirror}\"\n"));
    head + "\n" + &entries.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_name_source_and_mirrors() {
        let mirrored = [("r.example/a/b".to_owned(), "[::1]:5000/x/a/b".to_owned())];
        let expected = "apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\nmetadata:\n  name: \
                        imagewright-runtime-images\nspec:\n  imageDigestMirrors:\n  - source: \"r.example/a/b\"\n    \
                        mirrors:\n    - \"[::1]:5000/x/a/b\"\n";
        assert_eq!(digest_mirror_set(&mirrored), expected);
        let policy = content_source_policy(&mirrored);
        assert!(
            policy
                .starts_with("apiVersion: operator.openshift.io/v1alpha1\nkind: ImageContentSourcePolicy\n")
        );
        assert!(policy.contains("  repositoryDigestMirrors:\n  - source:"), "{policy}");
        assert!(digest_mirror_set(&[]).ends_with("imageDigestMirrors: []\n"));
    }
}
