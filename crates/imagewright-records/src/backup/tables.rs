//! All tables with their columns, in an order in which references hold.

use Kind::{Number, Text};

/// What a column holds; any may be empty where the database lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// Whether a server that has only been started has written to it.
    pub(super) begins_filled: bool,
}

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, begins_filled: false }
}

pub(super) const TABLES: [Table; 20] = [
    table(
        "people",
        &[
            ("id", Text),
            ("name", Text),
            ("display_name", Text),
            ("email", Text),
            ("admin", Number),
            ("disabled", Number),
            ("subject", Text),
            ("password", Text),
            ("created_at", Text),
            ("search", Text),
        ],
    ),
    table("groups", &[("id", Text), ("name", Text), ("display_name", Text), ("created_at", Text)]),
    table("memberships", &[("group_id", Text), ("person_id", Text), ("role", Text), ("claimed", Number)]),
    table(
        "tokens",
        &[
            ("id", Text),
            ("person_id", Text),
            ("name", Text),
            ("scope", Text),
            ("hash", Text),
            ("expires_at", Text),
            ("last_used_at", Text),
            ("created_at", Text),
        ],
    ),
    table("sessions", &[("hash", Text), ("person_id", Text), ("expires_at", Text), ("created_at", Text)]),
    Table { begins_filled: true, ..table("setups", &[("hash", Text), ("expires_at", Text)]) },
    table(
        "logins",
        &[
            ("state", Text),
            ("browser", Text),
            ("nonce", Text),
            ("verifier", Text),
            ("return_to", Text),
            ("expires_at", Text),
        ],
    ),
    table(
        "secrets",
        &[
            ("id", Text),
            ("name", Text),
            ("kind", Text),
            ("host", Text),
            ("username", Text),
            ("kept", Text),
            ("sealed", Text),
            ("created_at", Text),
            ("changed_at", Text),
        ],
    ),
    table(
        "images",
        &[
            ("id", Text),
            ("name", Text),
            ("document", Text),
            ("revision", Number),
            ("type", Text),
            ("source", Text),
            ("owner", Text),
            ("global", Number),
            ("ready", Number),
            ("pinned", Number),
            ("deprecated", Number),
            ("pull_secret", Text),
            ("search", Text),
            ("key_display_name", Text),
            ("key_created", Text),
            ("key_changed", Text),
        ],
    ),
    table("image_groups", &[("image_id", Text), ("group_name", Text)]),
    table("image_tags", &[("image_id", Text), ("tag", Text)]),
    Table { begins_filled: true, ..table("facts", &[("name", Text), ("value", Text)]) },
    table("image_references", &[("image_id", Text), ("reference", Text)]),
    table(
        "builds",
        &[
            ("id", Text),
            ("image_id", Text),
            ("number", Number),
            ("state", Text),
            ("spec", Text),
            ("pull_secret", Text),
            ("upgrade", Number),
            ("lock", Text),
            ("digest", Text),
            ("size", Number),
            ("error", Text),
            ("person_id", Text),
            ("person_name", Text),
            ("retry_of", Text),
            ("attempts", Number),
            ("cancel_requested", Number),
            ("queued_at", Text),
            ("started_at", Text),
            ("finished_at", Text),
            ("worker", Text),
            ("lease_until", Text),
        ],
    ),
    table("build_events", &[("build_id", Text), ("first", Number), ("count", Number), ("lines", Text)]),
    table(
        "audit",
        &[
            ("number", Number),
            ("at", Text),
            ("actor", Text),
            ("actor_name", Text),
            ("action", Text),
            ("subject", Text),
            ("subject_id", Text),
            ("subject_name", Text),
            ("before", Text),
            ("after", Text),
        ],
    ),
    table(
        "answers",
        &[
            ("person_id", Text),
            ("request_key", Text),
            ("request", Text),
            ("answer", Text),
            ("created_at", Text),
        ],
    ),
    table("repositories", &[("name", Text), ("image_id", Text)]),
    table("removals", &[("image_id", Text), ("name", Text)]),
    table("pulls", &[("image_id", Text), ("day", Text), ("count", Number)]),
];

impl Table {
    pub(super) fn column_names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A table that is missing here would be missing in backups.
    #[test]
    fn all_tables_of_the_schema_are_here() {
        let schema = include_str!("../../migrations/0001_begin.sql");
        let mut made: BTreeMap<&str, Vec<(&str, Kind)>> = BTreeMap::new();
        for table in schema.split("CREATE TABLE ").skip(1) {
            let (name, columns) = table.split_once(" (\n").unwrap();
            let (columns, _) = columns.split_once("\n);").unwrap();
            let column = |line: &'static str| {
                let mut words = line.split_whitespace();
                let (name, kind) = (words.next()?, words.next()?.trim_end_matches(','));
                match kind {
                    "TEXT" => Some((name, Text)),
                    "BIGINT" => Some((name, Number)),
                    _ => None,
                }
            };
            made.insert(name, columns.lines().filter_map(column).collect());
        }
        let known: BTreeMap<&str, Vec<(&str, Kind)>> =
            TABLES.iter().map(|table| (table.name, table.columns.to_vec())).collect();
        assert_eq!(known, made);
        assert_eq!(crate::connect::MIGRATIONS.iter().count(), 1, "later migrations add to the tables above");
    }
}
