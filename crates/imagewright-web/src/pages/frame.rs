//! What every page has around it.

use super::assets::{HTMX, ICON, SCRIPT, STYLE};
use super::visitor::Visitor;

/// The parts of the server that can be gone to from everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Images,
    Builds,
    RuntimeImages,
    Kernelspecs,
    Overview,
    Administration,
    Account,
    /// Outside of all of them, such as where one logs in.
    Outside,
}

/// The frame of a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) place: Place,
    /// Who looks at it; nobody before logging in.
    pub(super) visitor: Option<Visitor>,
    /// What was done, told once.
    pub(super) done: Option<&'static str>,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, place: Place, visitor: &Visitor) -> Self {
        Self { title: title.into(), place, visitor: Some(visitor.clone()), done: None }
    }

    /// Around a page for whoever it is.
    pub(super) fn outside(title: impl Into<String>) -> Self {
        Self { title: title.into(), place: Place::Outside, visitor: None, done: None }
    }

    /// The same, telling what was done.
    pub(super) fn after(self, done: Option<Done>) -> Self {
        Self { done: done.map(Done::text), ..self }
    }

    // What follows is called by templates.

    /// Whether the page belongs to the part of the server that is reached so.
    pub(super) fn is_at(&self, address: &str) -> bool {
        let of_place = match self.place {
            Place::Images => "/images",
            Place::Builds => "/builds",
            Place::RuntimeImages => "/runtime-images",
            Place::Kernelspecs => "/kernelspecs",
            Place::Overview => "/overview",
            Place::Administration => "/admin",
            Place::Account => "/account",
            Place::Outside => "",
        };
        of_place == address
    }

    pub(super) fn style(&self) -> String {
        STYLE.address()
    }

    pub(super) fn script(&self) -> String {
        SCRIPT.address()
    }

    pub(super) fn htmx(&self) -> String {
        HTMX.address()
    }

    pub(super) fn icon(&self) -> String {
        ICON.address()
    }
}

/// What was done before a page is shown; a word in its address, so that only what is written here is ever told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Done {
    Added,
    Saved,
    Duplicated,
    Removed,
    Queued,
    Cancelled,
    LoggedOut,
    Revoked,
    Hidden,
}

impl Done {
    fn text(self) -> &'static str {
        match self {
            Self::Added => "It was added.",
            Self::Saved => "It was saved.",
            Self::Duplicated => "This is the duplicate.",
            Self::Removed => "It was removed.",
            Self::Queued => "The build waits for its turn.",
            Self::Cancelled => "The build stops.",
            Self::LoggedOut => "You are logged out.",
            Self::Revoked => "The token was revoked.",
            Self::Hidden => "It is hidden, and can be shown again.",
        }
    }
}

/// What stands in the address of a page that tells what was done.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct DoneQuery {
    pub(super) done: Option<Done>,
}
