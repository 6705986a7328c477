//! Flags of `docker build` that scripts have: what they ask for is done, or it is said that it is not.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use imagewright_model::ErrorKind;

use crate::failure::Failure;

/// What else `docker build` takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "As docker build")]
pub(crate) struct CompatibleFlags {
    /// Write the id of the image to this file: the digest of its configuration
    #[arg(long, value_name = "FILE")]
    pub(super) iidfile: Option<PathBuf>,
    /// Write digests and names of the image to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) metadata_file: Option<PathBuf>,
    /// Run all steps of this stage again
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub(super) no_cache_filter: Vec<String>,
    /// Name of a host that RUNs find
    #[arg(long, value_name = "NAME:ADDRESS")]
    pub(super) add_host: Vec<String>,
    /// Annotation of the manifest
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) annotation: Vec<String>,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

/// Flags that change nothing here. They are not in the help, and docs/dockerfile.md lists them.
#[derive(Debug, Args)]
struct WithoutEffect {
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    rm: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    force_rm: Option<String>,
    #[arg(long, hide = true)]
    compress: bool,
    #[arg(long, hide = true)]
    load: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    provenance: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sbom: Option<String>,
    #[arg(long, hide = true)]
    cache_from: Vec<String>,
    #[arg(long, hide = true)]
    cache_to: Vec<String>,
    #[arg(long, hide = true)]
    builder: Option<String>,
    #[arg(long, hide = true)]
    shm_size: Option<String>,
    #[arg(long, hide = true)]
    ulimit: Vec<String>,
}

impl CompatibleFlags {
    /// The names of those that are given and are for Dockerfiles alone.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let WithoutEffect { rm, force_rm, compress, load, .. } = &self.without_effect;
        let WithoutEffect { provenance, sbom, cache_from, cache_to, builder, shm_size, ulimit, .. } =
            &self.without_effect;
        let all = [
            ("--iidfile", self.iidfile.is_some()),
            ("--metadata-file", self.metadata_file.is_some()),
            ("--no-cache-filter", !self.no_cache_filter.is_empty()),
            ("--add-host", !self.add_host.is_empty()),
            ("--annotation", !self.annotation.is_empty()),
            ("--rm", rm.is_some()),
            ("--force-rm", force_rm.is_some()),
            ("--compress", *compress),
            ("--load", *load),
            ("--provenance", provenance.is_some()),
            ("--sbom", sbom.is_some()),
            ("--cache-from", !cache_from.is_empty()),
            ("--cache-to", !cache_to.is_empty()),
            ("--builder", builder.is_some()),
            ("--shm-size", shm_size.is_some()),
            ("--ulimit", !ulimit.is_empty()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// What is told of flags that ask for something and change nothing.
    pub(super) fn notes(&self) -> Vec<String> {
        let WithoutEffect { load, provenance, sbom, cache_from, cache_to, builder, shm_size, ulimit, .. } =
            &self.without_effect;
        let is_wanted = |flag: &Option<String>| flag.as_ref().is_some_and(|value| value != "false");
        let all = [
            ("--load", *load, "the image is in the store; `imagewright image export` gives it to others"),
            ("--provenance", is_wanted(provenance), "none is attached to the image"),
            (
                "--sbom",
                is_wanted(sbom),
                "none is attached; `imagewright image show --packages` lists packages",
            ),
            ("--cache-from", !cache_from.is_empty(), "what was built before is in the store"),
            ("--cache-to", !cache_to.is_empty(), "what is built stays in the store"),
            ("--builder", builder.is_some(), "`--engine` says who builds"),
            ("--shm-size", shm_size.is_some(), "commands have what memory they take"),
            ("--ulimit", !ulimit.is_empty(), "limits are --memory, --pids, --cpus and --time-limit"),
        ];
        let given = all.into_iter().filter(|(_, given, _)| *given);
        given.map(|(name, _, why)| format!("{name} changes nothing here: {why}")).collect()
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`.
pub(super) fn host(text: &str) -> Result<(String, IpAddr), Failure> {
    let wrong = || {
        Failure::new(ErrorKind::Usage, format!("--add-host {text}: this is no name with an address"))
            .with_hint("write NAME:ADDRESS, as `index.example:10.0.0.7`")
    };
    let (name, address) =
        text.split_once(['=', ':']).filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    Ok((name.to_owned(), address.parse().map_err(|_| wrong())?))
}

/// `NAME=VALUE`.
pub(super) fn annotation(text: &str) -> Result<(String, String), Failure> {
    // `manifest:NAME=VALUE` says where it goes, which is where it goes anyway.
    let plain = text.strip_prefix("manifest:").unwrap_or(text);
    match plain.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::new(ErrorKind::Usage, format!("--annotation {text}: there is no value"))
            .with_hint("write NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_name_and_an_address() {
        for (text, name, address) in
            [("a:10.0.0.1", "a", "10.0.0.1"), ("b=::1", "b", "::1"), ("c:[fe80::2]", "c", "fe80::2")]
        {
            assert_eq!(host(text).unwrap(), (name.to_owned(), address.parse().unwrap()));
        }
        for text in ["a", ":10.0.0.1", "a:host-gateway", "a:"] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
