//! Hosts that are reached without a proxy.

/// The usual comma-separated list: names, names with everything below them, `*`.
#[derive(Clone, Debug)]
pub(super) struct NoProxy(Vec<String>);

impl NoProxy {
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        let name = |entry: &str| entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        Self(entries.map(name).collect())
    }

    pub(super) fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|entry| {
            entry == "*"
                || host == *entry
                || host.strip_suffix(entry.as_str()).is_some_and(|above| above.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_itself_and_what_is_below_it() {
        let list = NoProxy::parse(" .lab.example, registry.example *.corp.example");
        for host in
            ["lab.example", "a.lab.example", "registry.example", "A.Registry.example", "x.corp.example"]
        {
            assert!(list.covers(host), "{host}");
        }
        for host in ["mylab.example", "example", "registry.example.org", ""] {
            assert!(!list.covers(host), "{host}");
        }
        assert!(NoProxy::parse("*").covers("anything.example"));
        assert!(!NoProxy::parse("").covers("anything.example"));
    }
}
