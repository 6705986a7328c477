//! The form of an image: its fields, and what they come to.

use std::collections::BTreeSet;

use imagewright_catalog::{
    Action, Change, Image, ImageChange, ImageType, Name, NewImage, Object, Owner, Principal, PullPolicy,
    SecretKind, Source, Visibility, VisibilityChange, may,
};
use imagewright_server::{NewBuild, Server, ServerError, join_specs};
use serde_json::{Value, json};

use crate::pages::fields::Fields;
use crate::pages::images::word;

/// The lists of packages, in the order of the form: their names in a spec, and what they are called.
pub(super) const LISTS: [(&str, &str, &str); 3] = [
    ("apt", "Debian packages (apt)", "git\nlibgomp1"),
    ("conda", "conda packages", "numpy=2.1\nconda-forge::pandas"),
    ("pip", "Python packages (pip)", "scikit-learn>=1.5\nmatplotlib"),
];

/// What can be chosen in the form by whoever fills it in.
pub(super) struct Choices {
    /// Groups that can own an image.
    pub(super) owners: Vec<Name>,
    /// Whether the administrators can, and whether an image can be for everybody.
    pub(super) is_admin: bool,
    /// Groups to which an image can be offered.
    pub(super) groups: Vec<Name>,
    /// Secrets for pulling.
    pub(super) pull_secrets: Vec<Name>,
    /// References of images that others can be based on.
    pub(super) bases: Vec<(String, String)>,
}

impl Choices {
    pub(super) async fn find(server: &Server, principal: &Principal) -> Result<Self, ServerError> {
        let groups: Vec<Name> = server.groups(principal).await?.into_iter().map(|group| group.name).collect();
        let owners: Vec<Name> =
            groups.iter().filter(|group| principal.admin || principal.looks_after(group)).cloned().collect();
        let pull_secrets = match may(principal, Action::SeeSecrets, Object::Server) {
            Ok(()) => server.secrets(principal).await?.into_iter().collect(),
            Err(_) => Vec::new(),
        };
        let pull_secrets = pull_secrets
            .into_iter()
            .filter(|view| view.record.kind == SecretKind::Pull)
            .map(|view| view.record.name)
            .collect();
        let offers = server.offers(principal, None, false).await?;
        let bases =
            offers.into_iter().filter_map(|offer| Some((offer.reference?, offer.display_name))).collect();
        Ok(Self { groups: owners.clone(), owners, is_admin: principal.admin, pull_secrets, bases })
    }
}

/// The fields of a new image before anything is filled in.
pub(super) fn empty(choices: &Choices) -> Fields {
    let fields = Fields::default().with("way", "existing").with("type", "universal");
    match choices.owners.first() {
        Some(group) if !choices.is_admin => fields.with("owner", group.as_str()).with("visibility", "owner"),
        _ => fields.with("owner", "system").with("visibility", "everybody"),
    }
}

/// The fields of an image that is there.
pub(super) fn filled(image: &Image) -> Fields {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = |name: &Option<Name>| name.as_ref().map(ToString::to_string).unwrap_or_default();
    let fields = Fields::default()
        .with("way", if image.source == Source::Built { "built" } else { "existing" })
        .with("display_name", &image.display_name)
        .with("description", text(&image.description))
        .with("tags", image.tags.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
        .with("type", as_word(&image.image_type))
        .with("reference", text(&image.reference))
        .with("gpu_reference", text(&image.gpu_reference))
        .with("pull_policy", image.pull_policy.map(|policy| as_word(&policy)).unwrap_or_default())
        .with("pull_secret", name(&image.pull_secret))
        .with("base_pull_secret", name(&image.base_pull_secret))
        .with("owner", owner(&image.owner))
        .with("visibility", visibility(image))
        .with("revision", image.revision.to_string());
    let groups = image.visibility.groups.iter();
    let fields = groups.fold(fields, |fields, group| fields.with("groups", group.as_str()));
    match &image.spec {
        Some(spec) => with_spec(fields, spec),
        None => fields,
    }
}

/// The fields of an image that is to be like another one.
pub(super) fn duplicated(image: &Image) -> Fields {
    let fields = filled(image);
    let renamed = fields.sent().iter().filter(|(name, _)| name != "revision").map(|(name, value)| {
        let value = if name == "display_name" { format!("{value} (copy)") } else { value.clone() };
        (name.clone(), value)
    });
    let unbuilt = renamed.filter(|(name, _)| image.source != Source::Built || !name.ends_with("reference"));
    Fields::new(unbuilt.collect())
}

fn owner(owner: &Owner) -> String {
    match owner {
        Owner::System => "system".to_owned(),
        Owner::Group(group) => group.to_string(),
    }
}

fn visibility(image: &Image) -> &'static str {
    match &image.visibility {
        all if all.global => "everybody",
        some if !some.groups.is_empty() => "groups",
        _ => "owner",
    }
}

fn as_word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Adds what is built to the fields: lists as lines, and the rest as it is.
pub(super) fn with_spec(fields: Fields, spec: &Value) -> Fields {
    let mut rest = spec.as_object().cloned().unwrap_or_default();
    let base = rest.remove("base").and_then(|base| base.as_str().map(str::to_owned)).unwrap_or_default();
    let mut fields = fields.with("base", base);
    for (list, ..) in LISTS {
        let Some(mut said) = rest.remove(list) else { continue };
        // What a list says beside its packages stays with the rest.
        let packages = match said.as_object_mut() {
            Some(fields) => fields.remove("packages").unwrap_or_else(|| json!([])),
            None => said.take(),
        };
        let items = packages.as_array();
        let lines: Option<Vec<&str>> = items.and_then(|items| items.iter().map(Value::as_str).collect());
        match lines {
            Some(lines) if !lines.is_empty() => fields = fields.with(list, lines.join("\n")),
            Some(_) => {}
            None => drop(rest.insert(list.to_owned(), packages)),
        }
        if said.as_object().is_some_and(|fields| !fields.is_empty()) {
            rest.insert(list.to_owned(), said);
        }
    }
    match rest.is_empty() {
        true => fields,
        false => fields.with("more", serde_json::to_string_pretty(&rest).unwrap_or_default()),
    }
}

/// What is to be built, as the form says it.
pub(super) fn spec(fields: &Fields) -> Result<Value, String> {
    let mut spec = match fields.filled("more") {
        None => json!({}),
        Some(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(rest)) => Value::Object(rest),
            Ok(_) => return Err("this is a JSON object, such as `{\"user\": \"jovyan\"}`".to_owned()),
            Err(error) => return Err(format!("this cannot be read as JSON: {error}")),
        },
    };
    if let Some(base) = fields.filled("base") {
        spec["base"] = base.into();
    }
    for (list, ..) in LISTS {
        let lines = fields.lines(list);
        match &mut spec[list] {
            // What the rest says of a list beside its packages.
            Value::Object(said) if !said.contains_key("packages") => {
                said.insert("packages".to_owned(), lines.into());
            }
            said if !lines.is_empty() => *said = lines.into(),
            Value::Null => drop(spec.as_object_mut().map(|fields| fields.remove(list))),
            _ => {}
        }
    }
    Ok(spec)
}

/// The fields with what files say added: lists grow, and what a file names replaces what was filled in.
pub(super) fn with_files(fields: &Fields, read: &Value) -> Result<Fields, String> {
    let mut known = spec(fields)?;
    join_specs(&mut known, read.clone());
    let of_spec = |name: &str| {
        ["base", "more", "given_name", "given_text", "way"].contains(&name)
            || LISTS.iter().any(|(list, ..)| *list == name)
    };
    let others = fields.sent().iter().filter(|(name, _)| !of_spec(name)).cloned();
    Ok(with_spec(Fields::new(others.collect()).with("way", "built"), &known))
}

/// What the form adds; else the form with what is wrong.
pub(super) fn new_image(fields: &Fields) -> Result<NewImage, Fields> {
    let is_built = fields.has("way", "built");
    let spec = match is_built.then(|| spec(fields)).transpose() {
        Ok(spec) => spec,
        Err(detail) => return Err(fields.clone().wrong("/spec/more", detail)),
    };
    Ok(NewImage {
        display_name: fields.text("display_name").to_owned(),
        name: None,
        description: fields.filled("description"),
        tags: tags(fields),
        image_type: word(fields, "type").unwrap_or_default(),
        reference: fields.filled("reference").filter(|_| !is_built),
        gpu_reference: gpu_reference(fields).filter(|_| !is_built),
        pull_policy: word(fields, "pull_policy"),
        pull_secret: secret(fields, "pull_secret"),
        base_pull_secret: secret(fields, "base_pull_secret").filter(|_| is_built),
        owner: new_owner(fields),
        visibility: new_visibility(fields),
        spec,
    })
}

/// What the form changes of an image; what is as it was is not named.
pub(super) fn change(fields: &Fields, image: &Image) -> ImageChange {
    let is_built = image.source == Source::Built;
    ImageChange {
        display_name: set(fields.text("display_name").to_owned(), &image.display_name),
        description: optional(fields.filled("description"), &image.description),
        tags: set(tags(fields), &image.tags),
        image_type: set(word(fields, "type").unwrap_or_default(), &image.image_type),
        reference: if is_built {
            Change::Keep
        } else {
            optional(fields.filled("reference"), &image.reference)
        },
        gpu_reference: if is_built {
            Change::Keep
        } else {
            optional(gpu_reference(fields), &image.gpu_reference)
        },
        pull_policy: optional(word::<PullPolicy>(fields, "pull_policy"), &image.pull_policy),
        pull_secret: optional(secret(fields, "pull_secret"), &image.pull_secret),
        owner: set(new_owner(fields), &image.owner),
        visibility: seen_by(new_visibility(fields), &image.visibility),
        deprecated: Change::Keep,
    }
}

/// The build that the form asks for: of what is built from now on where that has changed, and where one is wanted anyway.
pub(super) fn new_build(fields: &Fields, image: &Image, is_wanted: bool) -> Result<Option<NewBuild>, Fields> {
    if image.source != Source::Built {
        return Ok(None);
    }
    let spec = spec(fields).map_err(|detail| fields.clone().wrong("/spec/more", detail))?;
    let pull_secret = secret(fields, "base_pull_secret");
    let has_changed = image.spec.as_ref() != Some(&spec) || image.base_pull_secret != pull_secret;
    let upgrade = fields.has("upgrade", "true");
    Ok(match (has_changed, is_wanted) {
        (true, _) => Some(NewBuild { spec: Some(spec), pull_secret, upgrade }),
        (false, true) => Some(NewBuild { upgrade, ..NewBuild::default() }),
        (false, false) => None,
    })
}

fn seen_by(new: Visibility, known: &Visibility) -> Change<VisibilityChange> {
    if new == *known {
        return Change::Keep;
    }
    Change::Set(VisibilityChange {
        global: set(new.global, &known.global),
        groups: set(new.groups, &known.groups),
    })
}

fn set<T: PartialEq>(new: T, known: &T) -> Change<T> {
    if new == *known { Change::Keep } else { Change::Set(new) }
}

fn optional<T: PartialEq>(new: Option<T>, known: &Option<T>) -> Change<T> {
    match new {
        new if new == *known => Change::Keep,
        Some(new) => Change::Set(new),
        None => Change::Clear,
    }
}

fn tags(fields: &Fields) -> BTreeSet<String> {
    fields.text("tags").split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// One for GPUs is there only where both kinds of nodes are.
fn gpu_reference(fields: &Fields) -> Option<String> {
    let image_type: ImageType = word(fields, "type").unwrap_or_default();
    fields.filled("gpu_reference").filter(|_| image_type == ImageType::Universal)
}

fn secret(fields: &Fields, name: &str) -> Option<Name> {
    fields.filled(name).and_then(|name| name.parse().ok())
}

fn new_owner(fields: &Fields) -> Owner {
    match fields.text("owner").parse() {
        Ok(group) if fields.text("owner") != "system" => Owner::Group(group),
        _ => Owner::System,
    }
}

fn new_visibility(fields: &Fields) -> Visibility {
    match fields.text("visibility") {
        "everybody" => Visibility { global: true, ..Visibility::default() },
        "groups" => {
            let groups = fields.all("groups").filter_map(|group| group.parse().ok()).collect();
            Visibility { global: false, groups }
        }
        _ => Visibility::default(),
    }
}

#[cfg(test)]
mod tests {
    use imagewright_catalog::ImageId;
    use jiff::Timestamp;

    use super::*;

    fn image(new: Value) -> Image {
        let new: NewImage = serde_json::from_value(new).unwrap();
        new.into_image(ImageId::new("1"), "a".parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_form_that_is_not_touched_changes_nothing() {
        for new in [
            json!({"display_name": "A", "reference": "registry.example/a:1", "gpu_reference": "registry.example/a:gpu", "tags": ["x", "y"]}),
            json!({"display_name": "A", "reference": "registry.example/a:1", "type": "cpu", "pull_policy": "Always", "description": "d"}),
            json!({"display_name": "A", "visibility": {"groups": ["ml", "bio"]}, "owner": {"group": "ml"}, "base_pull_secret": "s",
                   "spec": {"base": "registry.example/b:1", "pip": ["six", "numpy>=2"], "apt": ["git"], "user": "1000",
                            "conda": {"channels": ["a"], "packages": ["r-base"]}}}),
        ] {
            let image = image(new);
            assert_eq!(change(&filled(&image), &image), ImageChange::default(), "{image:?}");
            assert!(matches!(new_build(&filled(&image), &image, false), Ok(None)));
        }
    }

    #[test]
    fn what_was_changed_is_named_alone() {
        let image = image(
            json!({"display_name": "A", "reference": "a.example/a:1", "gpu_reference": "a.example/a:gpu", "description": "d"}),
        );
        let mut sent = filled(&image).sent().to_vec();
        for (name, value) in &mut sent {
            match name.as_str() {
                "description" => value.clear(),
                "type" => *value = "cpu".to_owned(),
                _ => {}
            }
        }
        let change = change(&Fields::new(sent), &image);
        let expected = ImageChange {
            description: Change::Clear,
            image_type: Change::Set(ImageType::Cpu),
            gpu_reference: Change::Clear,
            ..ImageChange::default()
        };
        assert_eq!(change, expected);
    }

    #[test]
    fn files_are_added_to_what_was_filled_in() {
        let fields = Fields::default()
            .with("way", "existing")
            .with("display_name", "A")
            .with("pip", "six")
            .with("more", r#"{"user": "1000"}"#)
            .with("given_text", "x");
        let read = json!({"base": "b:1", "pip": {"packages": ["numpy"], "pre": true}, "conda": {"packages": ["r"], "channels": ["c"]}});
        let fields = with_files(&fields, &read).unwrap();
        assert_eq!(
            (fields.text("way"), fields.text("display_name"), fields.text("given_text")),
            ("built", "A", "")
        );
        assert_eq!(
            (fields.text("base"), fields.lines("pip"), fields.text("conda")),
            ("b:1", vec!["six", "numpy"], "r")
        );
        assert_eq!(
            spec(&fields).unwrap(),
            json!({"base": "b:1", "pip": {"packages": ["six", "numpy"], "pre": true}, "user": "1000",
                   "conda": {"packages": ["r"], "channels": ["c"]}})
        );
        assert!(with_files(&Fields::default().with("more", "{"), &read).is_err());
    }

    #[test]
    fn lists_and_the_rest_become_a_spec() {
        let fields = Fields::default()
            .with("base", "b:1")
            .with("pip", "six\n\n numpy \n")
            .with("more", "{\"user\": \"1000\"}");
        assert_eq!(spec(&fields).unwrap(), json!({"base": "b:1", "pip": ["six", "numpy"], "user": "1000"}));
        for text in ["[]", "{", "1"] {
            assert!(spec(&Fields::default().with("more", text)).is_err(), "{text}");
        }
    }
}
