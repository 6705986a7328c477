//! The catalogue of a server: which images there are, who may use and change them, how they were built.
//!
//! Values and the rules that hold for them, nothing else: whoever keeps them ([`imagewright-records`]) or shows them
//! asks here. Times are handed in.
//!
//! [`imagewright-records`]: ../imagewright_records/index.html

mod access;
mod audit;
mod build;
mod change;
mod copy;
mod id;
mod image;
mod name;
mod page;
mod people;
mod problem;
mod query;
mod secret;

pub mod exchange;
pub mod selection;

pub use access::{Action, Object, Refusal, may, may_pull};
pub use audit::{AuditEntry, AuditFilter, Subject};
pub use build::{Build, BuildState, Timings};
pub use change::{Change, DeprecationChange, GroupChange, ImageChange, PersonChange, VisibilityChange};
pub use copy::NewCopy;
pub use id::{BuildId, GroupId, ImageId, PersonId, SecretId, TokenId};
pub use image::{
    Deprecation, Image, ImageType, NewImage, Owner, Pin, PullPolicy, Source, Visibility, Warning,
};
pub use name::{Name, NameError};
pub use page::{Cursor, CursorError, Page, PageRequest};
pub use people::{
    Group, Member, Membership, NewGroup, NewPerson, Person, Principal, Role, Token, TokenScope,
};
pub use problem::{FieldProblem, Invalid};
pub use query::{ImageFilter, ImageOrder, ImageState, OrderBy};
pub use secret::{Kept, NewSecret, SecretChange, SecretKind, SecretRecord};
