//! What a list of images is asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BuildState, Image, ImageType, Name, Source};

/// Which images are wanted; all that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFilter {
    /// Words that occur in name, display name, description, tags or type, each of them, in whatever case.
    pub search: Option<String>,
    /// Of this type.
    #[serde(rename = "type")]
    pub image_type: Option<ImageType>,
    /// Built here or not.
    pub source: Option<Source>,
    /// With these tags, all of them.
    pub tags: Vec<String>,
    /// In this state.
    pub state: Option<ImageState>,
    /// Owned by this group.
    pub owner: Option<Name>,
    /// Seen by the members of this group, because it is theirs, on offer to them, or global.
    pub group: Option<Name>,
    /// Owned by the administrators, or by groups.
    pub system: Option<bool>,
    /// To be used no longer, or not.
    pub deprecated: Option<bool>,
    /// Whose digest is known, or not.
    pub pinned: Option<bool>,
}

/// How an image is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageState {
    /// It can be used.
    Ready,
    /// There is nothing to use yet.
    NotReady,
    /// A build waits or runs.
    Building,
    /// The last build failed.
    Failed,
}

/// What a list of images is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageOrder {
    /// The name.
    #[default]
    Name,
    /// The display name, in whatever case.
    DisplayName,
    /// The type.
    Type,
    /// When it was added.
    Created,
    /// When it was changed last.
    Changed,
}

/// A sorted list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderBy {
    /// By what.
    pub order: ImageOrder,
    /// The greatest first.
    pub descending: bool,
}

impl Image {
    /// What a search looks through: lower case, in lines.
    pub fn search_text(&self) -> String {
        let mut text = format!("{}\n{}", self.name, self.display_name);
        for line in self.description.iter().chain(&self.tags) {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text.push_str(self.image_type.word());
        folded(&text)
    }

    /// What the list is sorted by, of this entry.
    pub fn sort_key(&self, order: ImageOrder) -> String {
        match order {
            ImageOrder::Name => self.name.to_string(),
            ImageOrder::DisplayName => folded(&self.display_name),
            ImageOrder::Type => self.image_type.word().to_owned(),
            ImageOrder::Created => self.created_at.to_string(),
            ImageOrder::Changed => self.changed_at.to_string(),
        }
    }

    /// How it is, seeing its last build.
    pub fn state(&self, last_build: Option<BuildState>) -> ImageState {
        match last_build {
            Some(BuildState::Queued | BuildState::Running) => ImageState::Building,
            Some(BuildState::Failed | BuildState::Interrupted) => ImageState::Failed,
            _ if self.is_ready() => ImageState::Ready,
            _ => ImageState::NotReady,
        }
    }
}

impl ImageType {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Universal => "universal",
        }
    }
}

/// Text in which case does not matter.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase()
}
