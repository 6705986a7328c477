//! Whether the images of records are there, are what the records say, and can be pulled.

use imagewright_check::{Report, Verdict};
use imagewright_oci::{Digest, Platform, Reference, Tag};

use super::RuntimeImages;
use super::pin::{Named, Refused};
use super::registries::{ImageRegistries, Trouble, TroubleKind, for_each};

/// Which records are to be verified, and against what.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Their names; all where there are none.
    pub names: Vec<String>,
    /// Where the images are going to run.
    pub platform: Platform,
    /// The most tags that are asked for their digests, for each record that is pinned.
    pub most_tags: usize,
}

/// What there is to say about the image of a record.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// The record.
    pub name: String,
    /// What it names.
    pub image_name: Option<String>,
    /// The digest that is in the registry: of the index, where the image is for several platforms.
    pub digest: Option<Digest>,
    /// Whether anybody may pull it; none where that could not be found out.
    pub is_public: Option<bool>,
    /// The tags that have the digest; only of a record that is pinned.
    pub tags: Option<FoundTags>,
    /// Whether the platform would run it; none where that was not asked, or the image could not be looked at.
    pub report: Option<Report>,
    /// What is wrong.
    pub remarks: Vec<Remark>,
}

/// Tags of a repository that have a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundTags {
    /// The tags, sorted.
    pub names: Vec<String>,
    /// How many were asked.
    pub asked: usize,
    /// How many there are.
    pub of: usize,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Remark {
    /// Whether the record works nevertheless.
    pub is_warning: bool,
    /// What kind of thing it is; stable, for scripts.
    pub kind: &'static str,
    /// The field it is about.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Verified {
    /// Whether it is right; with `strict`, warnings are errors.
    pub fn is_right(&self, strict: bool) -> bool {
        let worst = if strict { Verdict::Runs } else { Verdict::RunsWithDoubts };
        let runs = self.report.as_ref().is_none_or(|report| report.verdict <= worst);
        runs && !self.remarks.iter().any(|remark| strict || !remark.is_warning)
    }

    pub(super) fn remark(
        &mut self,
        is_warning: bool,
        kind: &'static str,
        message: String,
        hint: Option<String>,
    ) {
        let field = "metadata.image_name";
        self.remarks.push(Remark { is_warning, kind, field, message, hint });
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.remark(false, trouble.kind.name(), trouble.message, trouble.hint);
    }
}

impl From<&Refused> for Verified {
    fn from(refused: &Refused) -> Self {
        let Refused { name, image_name, kind, message, hint } = refused;
        let mut verified = Self { name: name.clone(), image_name: image_name.clone(), ..Self::default() };
        verified.remark(false, kind, message.clone(), hint.clone());
        verified
    }
}

impl RuntimeImages {
    /// Asks registries about the images of records.
    pub fn verify(&self, registries: &ImageRegistries, request: &VerifyRequest) -> Vec<Verified> {
        let found = self.named(&request.names);
        for_each(&found, |found| match found {
            Ok(named) => verify(registries, named, request),
            Err(refused) => Verified::from(refused),
        })
    }
}

fn verify(registries: &ImageRegistries, named: &Named, request: &VerifyRequest) -> Verified {
    let reference = &named.reference;
    let mut verified = Verified {
        name: named.record.name.clone(),
        image_name: Some(named.image_name.clone()),
        ..Verified::default()
    };
    match registries.inspect(reference, &request.platform) {
        Ok(image) => {
            let index = image.index.as_ref().map(|index| index.digest().clone());
            verified.digest = index.or(Some(image.descriptor.digest));
        }
        Err(trouble) => return not_seen(verified, named, trouble),
    }
    may_be_pulled(&mut verified, registries, named);
    if let Some(digest) = reference.digest() {
        match tags(registries, reference, digest, request.most_tags) {
            Ok(tags) => verified.tags = Some(tags),
            // Some registries list no tags to strangers; the image is there all the same.
            Err(trouble) => verified.remark(true, "tags-unknown", trouble.message, trouble.hint),
        }
        if let Some(tag) = reference.tag() {
            has_moved(&mut verified, registries, named, tag, digest, &request.platform);
        }
    }
    verified
}

/// What it means that an image could not be looked at.
fn not_seen(mut verified: Verified, named: &Named, trouble: Trouble) -> Verified {
    if matches!(trouble.kind, TroubleKind::LoginRequired | TroubleKind::Denied) {
        verified.is_public = Some(false);
        // Whether a secret would open it cannot be seen without having what is in it.
        if named.record.get("pull_secret").is_none() {
            no_pull_secret(&mut verified);
        }
    }
    verified.trouble(trouble);
    verified
}

fn no_pull_secret(verified: &mut Verified) {
    verified.remarks.push(Remark {
        is_warning: false,
        kind: "no-pull-secret",
        field: "metadata.pull_secret",
        message: "the image cannot be pulled without credentials, and no pull secret is named".to_owned(),
        hint: Some("name one with 'imagewright metadata update … --pull_secret'".to_owned()),
    });
}

fn may_be_pulled(verified: &mut Verified, registries: &ImageRegistries, named: &Named) {
    match registries.is_public(&named.reference) {
        Ok(is_public) => {
            verified.is_public = Some(is_public);
            if !is_public && named.record.get("pull_secret").is_none() {
                no_pull_secret(verified);
            }
        }
        // The image was seen, if only in a mirror.
        Err(trouble) => verified.remark(true, "public-unknown", trouble.message, trouble.hint),
    }
}

/// The image is what the record says; the tag beside the digest, which people read, may not be.
fn has_moved(
    verified: &mut Verified,
    registries: &ImageRegistries,
    named: &Named,
    tag: &Tag,
    pinned: &Digest,
    platform: &Platform,
) {
    let update = format!(
        "'imagewright metadata pin runtime-images --name {} --upgrade' takes what the tag stands for now",
        named.record.name
    );
    match registries.digest_of(&named.reference, tag) {
        Ok(now) if now == *pinned => (),
        // Whoever pinned the image for one platform pinned a part of what the tag stands for.
        Ok(_) if registries.is_in_index(&named.reference.with_tag(tag.clone()), platform, pinned) => (),
        Ok(now) => {
            let message = format!("tag '{tag}' has moved: it stands for {now} now");
            verified.remark(true, "tag-moved", message, Some(update));
        }
        Err(trouble) if trouble.kind == TroubleKind::Missing => {
            let message = format!("there is no tag '{tag}' any more");
            verified.remark(true, "tag-gone", message, None);
        }
        Err(trouble) => verified.remark(true, "tag-unknown", trouble.message, trouble.hint),
    }
}

/// The tags that have a digest; the one in the reference is asked first, and the last in the registry's order, which are
/// often the newest, before the others.
fn tags(
    registries: &ImageRegistries,
    reference: &Reference,
    digest: &Digest,
    most: usize,
) -> Result<FoundTags, Trouble> {
    let all = registries.tags(reference)?;
    let own = reference.tag().map(Tag::as_str);
    let mut order: Vec<&str> = all.iter().rev().map(String::as_str).collect();
    order.sort_by_key(|tag| Some(*tag) != own);
    order.truncate(most);
    let mut found = FoundTags { asked: order.len(), of: all.len(), ..FoundTags::default() };
    for tag in order {
        // What cannot be asked, or went meanwhile, has not the digest as far as anybody can see.
        let Ok(name) = tag.parse::<Tag>() else { continue };
        if registries.digest_of(reference, &name).is_ok_and(|other| other == *digest) {
            found.names.push(tag.to_owned());
        }
    }
    found.names.sort();
    Ok(found)
}
