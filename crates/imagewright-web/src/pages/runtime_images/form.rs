//! The form of a runtime image: its fields, and what they come to.

use imagewright_catalog::{Change, FieldProblem, Image, PullPolicy};
use imagewright_server::{RuntimeImageChange, RuntimeImageView};

use crate::pages::fields::Fields;

/// The field that a problem is about, as Elyra's documentation calls it.
pub(super) fn field_of(problem: &FieldProblem) -> String {
    problem.pointer.trim_start_matches('/').replace('/', ".")
}

/// What Elyra knows of when a node asks the registry.
pub(super) const POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

/// The fields of one that is there, right or wrong.
pub(super) fn filled(image: &RuntimeImageView) -> Fields {
    Fields::default()
        .with("version", &image.version)
        .with("display_name", if has_display_name(image) { &image.display_name } else { "" })
        .with("description", &image.description)
        .with("tags", image.tags.join("\n"))
        .with("image_name", &image.image_name)
        .with("pull_policy", &image.pull_policy)
        .with("pull_secret", &image.pull_secret)
        .with("text", image.text.as_deref().unwrap_or_default())
}

/// The name of a file is shown where it holds no display name; that is not proposed as one.
fn has_display_name(image: &RuntimeImageView) -> bool {
    image.display_name != image.name || image.problem.as_ref().is_none_or(|it| it.pointer != "/display_name")
}

/// The fields of one that is to name an image of the catalogue.
pub(super) fn of_image(image: &Image) -> Fields {
    let tags = image.tags.iter().map(String::as_str).chain([image.image_type.word()]);
    let policy = image.pull_policy.map(|policy| match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    });
    Fields::default()
        .with("display_name", &image.display_name)
        .with("description", image.description.as_deref().unwrap_or_default())
        .with("tags", tags.collect::<Vec<_>>().join("\n"))
        .with("image_name", image.resolved(false).unwrap_or_default())
        .with("pull_policy", policy.unwrap_or_default())
        .with("pull_secret", image.pull_secret.as_ref().map(ToString::to_string).unwrap_or_default())
}

/// What a new one is to hold.
pub(super) fn new(fields: &Fields) -> RuntimeImageChange {
    let optional = |name: &str| fields.filled(name).map_or(Change::Keep, Change::Set);
    let tags = tags(fields);
    RuntimeImageChange {
        display_name: Change::Set(fields.text("display_name").to_owned()),
        description: optional("description"),
        tags: if tags.is_empty() { Change::Keep } else { Change::Set(tags) },
        image_name: Change::Set(fields.text("image_name").to_owned()),
        pull_policy: optional("pull_policy"),
        pull_secret: optional("pull_secret"),
    }
}

/// What the form changes. Of what is valid, fields that were not touched stay to the byte; of what is not, all are written, as each may be
/// what is wrong.
pub(super) fn change(fields: &Fields, image: &RuntimeImageView) -> RuntimeImageChange {
    let is_untouched = |sent: &str, known: &str| image.is_valid() && in_one_line(sent) == in_one_line(known);
    let needed = |name: &str, known: &str| match fields.text(name) {
        sent if is_untouched(sent, known) => Change::Keep,
        sent => Change::Set(sent.to_owned()),
    };
    let optional = |name: &str, known: &str| match fields.text(name) {
        sent if is_untouched(sent, known) => Change::Keep,
        "" => Change::Clear,
        sent => Change::Set(sent.replace("\r\n", "\n")),
    };
    let tags = tags(fields);
    RuntimeImageChange {
        display_name: needed("display_name", &image.display_name),
        description: optional("description", &image.description),
        tags: match tags {
            _ if is_untouched(fields.text("tags"), &image.tags.join("\n")) => Change::Keep,
            tags if tags.is_empty() => Change::Clear,
            tags => Change::Set(tags),
        },
        image_name: needed("image_name", &image.image_name),
        pull_policy: optional("pull_policy", &image.pull_policy),
        pull_secret: optional("pull_secret", &image.pull_secret),
    }
}

/// Browsers break lines in their own way, and not at all where a field has one line.
fn in_one_line(text: &str) -> String {
    text.trim().chars().filter(|character| !matches!(character, '\r' | '\n')).collect()
}

fn tags(fields: &Fields) -> Vec<String> {
    fields.lines("tags").into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use imagewright_server::RuntimeImageOrigin;

    use super::*;

    fn image() -> RuntimeImageView {
        RuntimeImageView {
            name: "x".to_owned(),
            display_name: "X ".to_owned(),
            description: " two\nlines".to_owned(),
            image_name: "a/b:1".to_owned(),
            tags: vec!["a, b".to_owned(), "c".to_owned()],
            pull_policy: "Never".to_owned(),
            pull_secret: String::new(),
            more: Vec::new(),
            origin: RuntimeImageOrigin::Own,
            problem: None,
            is_hiding: false,
            remarks: Vec::new(),
            text: None,
            version: "1".to_owned(),
            unkept: Vec::new(),
        }
    }

    #[test]
    fn a_form_that_is_not_touched_changes_nothing() {
        let image = image();
        assert_eq!(change(&filled(&image), &image), RuntimeImageChange::default());
        let touched = filled(&image).without("tags").without("pull_policy").with("pull_policy", "Always");
        let expected = RuntimeImageChange {
            tags: Change::Clear,
            pull_policy: Change::Set("Always".to_owned()),
            ..RuntimeImageChange::default()
        };
        assert_eq!(change(&touched, &image), expected);
    }

    #[test]
    fn of_what_is_wrong_every_field_is_written() {
        let problem = Some(FieldProblem::new("/metadata/description", "None is not of type 'string'"));
        let image = RuntimeImageView { problem, description: String::new(), ..image() };
        let change = change(&filled(&image), &image);
        assert_eq!((change.description, change.image_name), (Change::Clear, Change::Set("a/b:1".to_owned())));
    }
}
