//! The names registries go by in credential files: Docker's and Podman's have grown over the years.

/// The default registry's name in references.
const DEFAULT_REGISTRY: &str = "docker.io";
/// What Docker and all helpers call the default registry.
const DEFAULT_REGISTRY_KEY: &str = "https://index.docker.io/v1/";

/// The key Docker writes for `registry`.
pub(super) fn docker_key(registry: &str) -> &str {
    if registry == DEFAULT_REGISTRY { DEFAULT_REGISTRY_KEY } else { registry }
}

/// The key Podman writes for `registry`.
pub(super) fn podman_key(registry: &str) -> &str {
    registry
}

/// A key of a file as `host[:port]` or `host[:port]/repository`, as in references.
fn normalised(key: &str) -> &str {
    let (is_address, rest) = match key.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, key),
    };
    let rest = rest.trim_end_matches('/');
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
        _ if is_address || rest.ends_with("/v1") || rest.ends_with("/v2") => host,
        _ => rest,
    }
}

/// How well `key` fits: the length of the part of `registry/repository` it covers; `None` when it does not.
pub(super) fn fit(key: &str, registry: &str, repository: &str) -> Option<usize> {
    let key = normalised(key);
    if key == registry {
        return Some(key.len());
    }
    let below = key.strip_prefix(registry)?.strip_prefix('/')?;
    let rest = repository.strip_prefix(below)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_ages_fit_their_registry() {
        let cases = [
            ("registry.example", "registry.example", true),
            ("https://registry.example", "registry.example", true),
            ("https://registry.example/v1/", "registry.example", true),
            ("registry.example/v2/", "registry.example", true),
            ("http://registry.example:5000/", "registry.example:5000", true),
            ("https://index.docker.io/v1/", "docker.io", true),
            ("docker.io", "docker.io", true),
            ("registry.example:5000", "registry.example", false),
            ("registry.example", "registry.example:5000", false),
            ("example", "registry.example", false),
            ("registry.example.org", "registry.example", false),
        ];
        for (key, registry, fits) in cases {
            assert_eq!(fit(key, registry, "a/b").is_some(), fits, "{key} {registry}");
        }
    }

    #[test]
    fn the_longest_key_fits_best() {
        let fit = |key| fit(key, "registry.example", "team/app");
        assert!(fit("registry.example/team/app") > fit("registry.example/team"));
        assert!(fit("registry.example/team") > fit("registry.example"));
        assert_eq!(fit("registry.example/te"), None);
        assert_eq!(fit("registry.example/team/app/x"), None);
    }
}
