//! What flags say of an entry.

use clap::Args;
use serde_json::{Map, Value, json};

/// What is said of an image.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct EntryFlags {
    /// What people read
    #[arg(long, value_name = "TEXT")]
    pub(super) display_name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Word to find it by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Where it runs: without a GPU, with one alone, or both ways
    #[arg(long = "type", value_name = "TYPE", value_parser = ["cpu", "gpu", "universal"])]
    image_type: Option<String>,
    /// What is pulled where there is a GPU, if it is another image
    #[arg(long, value_name = "REFERENCE")]
    gpu_reference: Option<String>,
    /// When a node asks the registry
    #[arg(long, value_name = "POLICY", value_parser = ["always", "if-not-present", "never"])]
    pull_policy: Option<String>,
    /// Secret of the server with which it is pulled
    #[arg(long, value_name = "NAME")]
    pull_secret: Option<String>,
    #[command(flatten)]
    audience: AudienceFlags,
}

/// Who looks after an image, and who sees it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct AudienceFlags {
    /// Group whose administrators look after it
    #[arg(long, value_name = "GROUP", conflicts_with = "owner_system")]
    owner_group: Option<String>,
    /// The administrators of the server look after it
    #[arg(long)]
    owner_system: bool,
    /// Offer it to everybody
    #[arg(long)]
    for_all: bool,
    /// Group to whose members it is offered; may be given several times
    #[arg(long = "for", value_name = "GROUP")]
    for_groups: Vec<String>,
}

impl EntryFlags {
    /// The fields that are named.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let policy = self.pull_policy.as_deref().map(|policy| match policy {
            "always" => "Always",
            "never" => "Never",
            _ => "IfNotPresent",
        });
        let texts = [
            ("display_name", self.display_name.as_deref()),
            ("description", self.description.as_deref()),
            ("type", self.image_type.as_deref()),
            ("gpu_reference", self.gpu_reference.as_deref()),
            ("pull_policy", policy),
            ("pull_secret", self.pull_secret.as_deref()),
        ];
        let named = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
        let mut fields: Map<String, Value> = named.collect();
        if !self.tags.is_empty() {
            fields.insert("tags".to_owned(), json!(self.tags));
        }
        fields.extend(self.audience.fields());
        fields
    }

    /// Whether it is to be offered to everybody.
    pub(super) fn is_for_all(&self) -> bool {
        self.audience.for_all
    }

    /// Whether it is said to which groups it is offered.
    pub(super) fn is_for_groups(&self) -> bool {
        !self.audience.for_groups.is_empty()
    }
}

impl AudienceFlags {
    /// The fields that are named.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(group) = &self.owner_group {
            fields.insert("owner".to_owned(), json!({"group": group}));
        } else if self.owner_system {
            fields.insert("owner".to_owned(), json!("system"));
        }
        let mut visibility = Map::new();
        if self.for_all {
            visibility.insert("global".to_owned(), json!(true));
        }
        if !self.for_groups.is_empty() {
            visibility.insert("groups".to_owned(), json!(self.for_groups));
        }
        if !visibility.is_empty() {
            fields.insert("visibility".to_owned(), visibility.into());
        }
        fields
    }
}
