//! What the store's `index.json` means: one entry for each name, and one without a name for each image that has none.
//! An entry's annotation `org.opencontainers.image.ref.name` holds the canonical reference.

use imagewright_oci::{Descriptor, Digest, Index, Reference, annotation};

/// The name an entry goes by; none where it has none, or one that another tool chose and that is no reference.
pub(crate) fn name_of(entry: &Descriptor) -> Option<Reference> {
    entry.annotations.get(annotation::REF_NAME)?.parse().ok()
}

/// The manifests of an index, each once, with all its names in order. Indexes for several platforms, which only other
/// tools put here, are left out.
pub(crate) fn images(index: &Index) -> Vec<(Descriptor, Vec<Reference>)> {
    let mut images: Vec<(Descriptor, Vec<Reference>)> = Vec::new();
    for entry in index.manifests.iter().filter(|entry| entry.media_type.is_manifest()) {
        let known = images.iter().position(|(image, _)| image.digest == entry.digest);
        let position = known.unwrap_or_else(|| {
            images.push((bare(entry), Vec::new()));
            images.len() - 1
        });
        images[position].1.extend(name_of(entry));
    }
    for (_, names) in &mut images {
        names.sort();
        names.dedup();
    }
    images
}

/// Gives `name` to an image, taking it from the one that had it; an image that loses its last name stays, nameless.
pub(crate) fn set_name(index: &mut Index, image: &Descriptor, name: &Reference) {
    let had_name = take_name(index, name);
    index.manifests.retain(|entry| entry.digest != image.digest || name_of(entry).is_some());
    let mut entry = bare(image);
    entry.annotations.insert(annotation::REF_NAME.to_owned(), name.canonical());
    index.manifests.push(entry);
    if let Some(former) = had_name {
        add_nameless(index, &former);
    }
}

/// Lists an image without a name, unless it is listed already.
pub(crate) fn add_nameless(index: &mut Index, image: &Descriptor) {
    if !index.manifests.iter().any(|entry| entry.digest == image.digest) {
        index.manifests.push(bare(image));
    }
}

/// Removes the entry of `name`; returns the image that had it.
pub(crate) fn take_name(index: &mut Index, name: &Reference) -> Option<Descriptor> {
    let position = index.manifests.iter().position(|entry| name_of(entry).as_ref() == Some(name))?;
    Some(bare(&index.manifests.remove(position)))
}

/// Removes all entries of an image; returns whether there were any.
pub(crate) fn remove_image(index: &mut Index, manifest: &Digest) -> bool {
    let before = index.manifests.len();
    index.manifests.retain(|entry| entry.digest != *manifest);
    index.manifests.len() < before
}

/// An entry without its name.
fn bare(entry: &Descriptor) -> Descriptor {
    let mut bare = entry.clone();
    bare.annotations.remove(annotation::REF_NAME);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use imagewright_oci::MediaType;

    fn manifest(text: &str) -> Descriptor {
        Descriptor::of(MediaType::Manifest, text.as_bytes())
    }

    fn name(text: &str) -> Reference {
        text.parse().unwrap()
    }

    fn shown(index: &Index) -> Vec<(Descriptor, Vec<String>)> {
        images(index)
            .into_iter()
            .map(|(image, names)| (image, names.iter().map(ToString::to_string).collect()))
            .collect()
    }

    #[test]
    fn a_name_moves_and_leaves_its_former_image_nameless() {
        let mut index = Index::new(Vec::new());
        let (one, two) = (manifest("one"), manifest("two"));
        set_name(&mut index, &one, &name("a:1"));
        set_name(&mut index, &one, &name("a:1"));
        set_name(&mut index, &one, &name("b:1"));
        assert_eq!(shown(&index), [(one.clone(), vec!["a:1".to_owned(), "b:1".to_owned()])]);
        set_name(&mut index, &two, &name("a:1"));
        assert_eq!(
            shown(&index),
            [(one.clone(), vec!["b:1".to_owned()]), (two.clone(), vec!["a:1".to_owned()])]
        );
        set_name(&mut index, &two, &name("b:1"));
        assert_eq!(
            shown(&index),
            [(two.clone(), vec!["a:1".to_owned(), "b:1".to_owned()]), (one.clone(), vec![])]
        );
        set_name(&mut index, &one, &name("c:1"));
        assert_eq!(index.manifests.len(), 3, "the nameless entry is gone");
    }

    #[test]
    fn entries_are_removed_by_name_or_all_together() {
        let mut index = Index::new(Vec::new());
        let one = manifest("one");
        add_nameless(&mut index, &one);
        add_nameless(&mut index, &one);
        assert_eq!(index.manifests.len(), 1);
        set_name(&mut index, &one, &name("a:1"));
        set_name(&mut index, &one, &name("a:2"));
        assert_eq!(take_name(&mut index, &name("a:1")), Some(one.clone()));
        assert_eq!(take_name(&mut index, &name("a:1")), None);
        assert!(remove_image(&mut index, &one.digest));
        assert!(!remove_image(&mut index, &one.digest));
    }
}
