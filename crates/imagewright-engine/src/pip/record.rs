//! What a wheel says of itself, as inventories have it.

use imagewright_model::package::{PackageKind, PackageRecord};
use imagewright_oci::Digest;
use imagewright_python::wheel::Wheel;
use imagewright_python::zip::ReadAt;

/// The record of an opened wheel: its `METADATA` was read when it was opened.
pub(super) fn of_wheel<R: ReadAt>(
    wheel: &Wheel<R>,
    hash: &Digest,
    direct_url: Option<String>,
) -> PackageRecord {
    let metadata = wheel.metadata();
    let (name, version) = (wheel.file_name().name(), wheel.file_name().version());
    let people = |name: &Option<String>, address: &Option<String>| match (name, address) {
        // With names in the addresses, a name alone says nothing new.
        (Some(name), Some(address)) if !address.contains('<') => vec![format!("{name} <{address}>")],
        (name, address) => name.iter().chain(address).cloned().collect(),
    };
    PackageRecord {
        hash: Some(hash.to_string()),
        direct_url,
        summary: metadata.summary.clone(),
        license_expression: metadata.license_expression.clone(),
        licenses: metadata.license.iter().cloned().collect(),
        license_classifiers: metadata.license_classifiers.clone(),
        license_files: metadata.license_files.clone(),
        authors: people(&metadata.author, &metadata.author_email),
        maintainers: people(&metadata.maintainer, &metadata.maintainer_email),
        home_page: metadata.home_page.clone(),
        project_urls: metadata.project_urls.clone(),
        requires: metadata.requires_dist.clone(),
        ..PackageRecord::new(PackageKind::Python, name.to_owned(), version.to_string(), wheel.package_url())
    }
    .bounded()
}
