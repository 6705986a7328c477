//! Secrets by name: what is known of them without the secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Change, FieldProblem, Invalid, Name, SecretId};

/// A secret of the server. What it hides is not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretRecord {
    /// Tells secrets apart.
    pub id: SecretId,
    /// The name that images and settings use; never changed.
    pub name: Name,
    /// What it is for.
    pub kind: SecretKind,
    /// The registry or index it is for, such as `registry.example:5000`.
    pub host: String,
    /// Who logs in with it.
    pub username: Option<String>,
    /// Where it is kept.
    pub kept: Kept,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// A secret to be added, without what it hides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the fields are those of `SecretRecord`")]
pub struct NewSecret {
    pub name: Name,
    pub kind: SecretKind,
    pub host: String,
    pub username: Option<String>,
    pub kept: Kept,
}

/// A change of a secret, without what it hides. Its name and what it is for never change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `SecretRecord`")]
pub struct SecretChange {
    pub host: Change<String>,
    pub username: Change<String>,
    pub kept: Change<Kept>,
}

impl NewSecret {
    /// The record, if nothing is wrong with what was asked for. `given` says whether the secret itself came along.
    pub fn into_record(self, id: SecretId, given: bool, now: Timestamp) -> Result<SecretRecord, Invalid> {
        let Self { name, kind, host, username, kept } = self;
        let record = SecretRecord { id, name, kind, host, username, kept, created_at: now, changed_at: now };
        let record = record.tidied();
        Invalid::unless_empty(record.problems(given, given))?;
        Ok(record)
    }
}

impl SecretRecord {
    /// The record after a change. `given` says whether the secret itself came along.
    pub fn changed(&self, change: SecretChange, given: bool, now: Timestamp) -> Result<Self, Invalid> {
        let mut record = self.clone();
        if let Change::Set(host) = change.host {
            record.host = host;
        }
        change.username.apply(&mut record.username);
        match change.kept {
            Change::Keep => (),
            Change::Clear => record.kept = Kept::Stored,
            Change::Set(kept) => record.kept = kept,
        }
        record.changed_at = now;
        let record = record.tidied();
        let is_here = given || (self.kept == Kept::Stored && record.kept == Kept::Stored);
        let mut problems = record.problems(is_here, given);
        if record.host != self.host && record.kept == Kept::Stored && !given {
            problems.push(FieldProblem::new(
                "/secret",
                "for another host the secret has to be given anew: nobody can send it there who does not know it",
            ));
        }
        Invalid::unless_empty(problems)?;
        Ok(record)
    }

    fn tidied(mut self) -> Self {
        self.host = self.host.trim().to_ascii_lowercase();
        self.username = self.username.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        self
    }

    fn problems(&self, is_here: bool, given: bool) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if self.host.is_empty() || self.host.len() > 255 || !self.host.chars().all(is_of_host) {
            problems.push(FieldProblem::new(
                "/host",
                format!(
                    "`{}` is no host: write it as `registry.example` or `registry.example:5000`, without `https://` and path",
                    self.host.escape_debug()
                ),
            ));
        }
        let is_odd = |c: char| c.is_control() || c == ':';
        if self.username.as_ref().is_some_and(|it| it.contains(is_odd) || it.chars().count() > 255) {
            problems.push(FieldProblem::new(
                "/username",
                "a user name has at most 255 characters, and neither `:` nor line breaks",
            ));
        }
        match self.kept {
            Kept::Stored if !is_here => {
                problems
                    .push(FieldProblem::new("/secret", "give the secret, or say with `kept` where it is"));
            }
            Kept::Environment(_) | Kept::File(_) | Kept::Kubernetes(_) if given => {
                problems.push(FieldProblem::new(
                    "/secret",
                    "a secret that is kept elsewhere is not given here: leave out `secret` or `kept`",
                ));
            }
            _ => (),
        }
        problems
    }
}

/// What a secret is for. One that pushes never pulls for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// Pulling images.
    Pull,
    /// Pushing results.
    Push,
    /// Reading a package index or channel.
    Index,
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Here, encrypted.
    Stored,
    /// In a variable of the server's environment.
    Environment(String),
    /// In a file that the server can read.
    File(String),
    /// In a secret of Kubernetes that is mounted or read where images are pulled; the server does not know it.
    Kubernetes(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(host: &str, kept: Kept) -> NewSecret {
        let name = "here".parse().unwrap();
        NewSecret { name, kind: SecretKind::Pull, host: host.to_owned(), username: None, kept }
    }

    fn pointers<T>(result: Result<T, Invalid>) -> Vec<String> {
        result.map_or_else(|Invalid(all)| all.into_iter().map(|it| it.pointer).collect(), |_| Vec::new())
    }

    #[test]
    fn a_secret_is_here_or_elsewhere() {
        let elsewhere = || Kept::File("/run/secrets/a".to_owned());
        let cases: [(Kept, bool, &[&str]); 4] = [
            (Kept::Stored, true, &[]),
            (Kept::Stored, false, &["/secret"]),
            (elsewhere(), false, &[]),
            (elsewhere(), true, &["/secret"]),
        ];
        for (kept, given, wrong) in cases {
            let made = new("registry.example", kept.clone());
            let made = made.into_record(SecretId::new("1"), given, Timestamp::UNIX_EPOCH);
            assert_eq!(pointers(made), wrong, "{kept:?} {given}");
        }
        for host in ["", "https://registry.example", "registry.example/a", "a b", "me@registry.example"] {
            let made = new(host, Kept::Stored).into_record(SecretId::new("1"), true, Timestamp::UNIX_EPOCH);
            assert_eq!(pointers(made), ["/host"], "{host}");
        }
    }

    #[test]
    fn a_secret_goes_to_no_other_host_than_it_was_given_for() {
        let now = Timestamp::UNIX_EPOCH;
        let here =
            new(" Registry.Example:5000", Kept::Stored).into_record(SecretId::new("1"), true, now).unwrap();
        assert_eq!(here.host, "registry.example:5000");
        let to = |host: &str| SecretChange { host: Change::Set(host.to_owned()), ..SecretChange::default() };
        assert_eq!(pointers(here.changed(to("other.example"), false, now)), ["/secret"]);
        assert_eq!(here.changed(to("other.example"), true, now).unwrap().host, "other.example");
        assert_eq!(here.changed(to("REGISTRY.example:5000"), false, now).unwrap(), here);
        let away = SecretChange { kept: Change::Set(Kept::File("/a".to_owned())), ..SecretChange::default() };
        let away = here.changed(away, false, now).unwrap();
        let back = SecretChange { kept: Change::Clear, ..SecretChange::default() };
        assert_eq!(pointers(away.changed(back, false, now)), ["/secret"]);
    }
}
