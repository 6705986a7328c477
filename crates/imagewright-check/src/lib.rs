//! Rules over Dockerfiles and images of this field: what is known to go wrong with them in notebooks and pipelines.
//!
//! A [`Rule`] has a name that stays, a sentence, a reason, a remedy and a source; a [`Finding`] is what it found and
//! where. Rules look at values: a Dockerfile whose stages are lowered as a build would lower them
//! ([`check_dockerfile`]), or an image with what its layers tell ([`check_image`]). Whoever has files and a store hands
//! them in; nothing here reads or runs anything.
//!
//! A rule keeps quiet where it cannot know. What a shell or a base decides that nobody can see is passed over, for a
//! warning that is wrong teaches people to read none.

mod dockerfile;
mod elyra;
mod image;
mod index;
mod installs;
mod kernelspec;
mod launch;
mod leftovers;
mod notebook;
mod page;
mod profile;
mod reference;
mod remedy;
mod requirement;
mod rule;
mod rules;
mod run;
mod selection;
mod shell;
mod trial;
mod unknown_base;
mod view;

pub use dockerfile::{Surroundings, check_dockerfile, unknown_names};
pub use image::{ImageSubject, check_image};
pub use index::{IndexEntry, IndexKind, Indexer, LAYER_INDEX, LayerIndex};
pub use installs::{AsSpec, as_spec};
pub use kernelspec::KernelspecFolder;
pub use notebook::{Notebook, NotebookError, NotebooksChecked, check_notebooks};
pub use page::index;
pub use profile::{Profile, ProfileError, ProfileFile, Report, Unanswered, Verdict, profiles_page};
pub use reference::{ReferenceState, RegistryAnswer};
pub use remedy::Remedy;
pub use rule::{Finding, Level, Rule};
pub use rules::rules;
pub use selection::{Selection, UnknownRule, rule};
pub use trial::{
    HttpAnswer, Machine, Played, Question, Ran, RanEnd, Reply, Trial, TrialCommand, TrialFile, TrialReach,
    TrialUser, TrialVolume, Trials,
};
pub use view::View;
