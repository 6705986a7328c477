//! What each command of `metadata` takes: for reading arguments, for help, and for completions.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction};
use imagewright_service::metadata::SCHEMASPACE;

use super::Call;
use super::{edit, exchange, list, own, pin, save, verify};

/// What an option takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Nothing: it is there or not.
    Flag,
    /// Any text.
    Text(&'static str),
    /// Any text, as often as one likes.
    Texts(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// With its dashes.
    pub(super) option: &'static str,
    pub(super) kind: Kind,
    /// Whether help calls it required.
    pub(super) required: bool,
    pub(super) help: &'static str,
}

/// One command.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) options: &'static [Choice],
    pub(super) run: fn(&mut Call<'_>) -> Result<(), super::Ended>,
}

const fn flag(option: &'static str, help: &'static str) -> Choice {
    Choice { option, kind: Kind::Flag, required: false, help }
}

const fn text(option: &'static str, value: &'static str, help: &'static str) -> Choice {
    Choice { option, kind: Kind::Text(value), required: false, help }
}

const fn required(choice: Choice) -> Choice {
    Choice { required: true, ..choice }
}

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];

const NAMES: Choice = Choice {
    option: "--name",
    kind: Kind::Texts("NAME"),
    required: false,
    help: "The name of a record; may be given several times",
};
const ALL: Choice = flag("--all", "All records");
const DRY_RUN: Choice = flag("--dry-run", "Say what would be written, and write nothing");
const NAME: Choice = text("--name", "NAME", "The name of the record");
const STRICT: Choice = flag("--strict", "Treat warnings as errors");
const FILE: Choice =
    text("--file", "FILE", "A file with the record as JSON; other options override what is in it");
const JSON_TEXT: Choice =
    text("--json", "JSON", "The record as JSON or as a Python literal, or a file that holds it");
const SCHEMA_NAME: Choice = text("--schema_name", "SCHEMA", "The schema [default: runtime-image]");
const DISPLAY_NAME: Choice = text("--display_name", "TEXT", "What people see");
const DESCRIPTION: Choice = text("--description", "TEXT", "What the image is for");
const TAGS: Choice = text("--tags", "TAGS", "Words to find it by: \"one,two\" or \"['one', 'two']\"");
const IMAGE_NAME: Choice =
    text("--image_name", "REFERENCE", "The image, as [registry/]owner/image:tag or with a digest");
const PULL_POLICY: Choice = Choice {
    option: "--pull_policy",
    kind: Kind::Choice(PULL_POLICIES),
    required: false,
    help: "When the cluster pulls the image; Kubeflow Pipelines ignore it from Elyra 4.1 on",
};
const PULL_SECRET: Choice = text(
    "--pull_secret",
    "SECRET",
    "The Kubernetes secret to pull with; Kubeflow Pipelines ignore it from Elyra 4.1 on",
);

/// All commands; Elyra's first.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "list",
        about: "List records",
        options: &[
            flag("--json", "Print records whole, as JSON"),
            flag("--include-invalid", "Those that are not valid too"),
            flag(
                "--why",
                "Say of each record what is wrong with it: file, field and reason; and warn of what pipelines refuse",
            ),
            flag("--strict", "Fail where --why has something to say"),
        ],
        run: list::run,
    },
    Table {
        name: "create",
        about: "Create a record",
        options: &[
            FILE,
            JSON_TEXT,
            SCHEMA_NAME,
            text("--name", "NAME", "The name of the record [default: made of the display name]"),
            required(DISPLAY_NAME),
            DESCRIPTION,
            TAGS,
            required(IMAGE_NAME),
            PULL_POLICY,
            PULL_SECRET,
            STRICT,
        ],
        run: save::create,
    },
    Table {
        name: "update",
        about: "Change a record; what is not given stays",
        options: &[
            FILE,
            JSON_TEXT,
            SCHEMA_NAME,
            required(NAME),
            DISPLAY_NAME,
            DESCRIPTION,
            TAGS,
            IMAGE_NAME,
            PULL_POLICY,
            PULL_SECRET,
            flag("--replace", "What is not given goes; this repairs broken records too"),
            STRICT,
        ],
        run: save::update,
    },
    Table {
        name: "remove",
        about: "Remove a record, valid or broken",
        options: &[required(NAME)],
        run: own::remove,
    },
    Table {
        name: "export",
        about: "Write all records into a folder",
        options: &[
            text("--schema_name", "SCHEMA", "Only records of this schema"),
            flag("--include-invalid", "Those that are not valid too"),
            flag("--clean", "First remove the files that are in the folder"),
            NAMES,
            required(text("--directory", "DIR", "The folder; records go into `runtime-images` in it")),
            flag(
                "--with-images",
                "Write the images of the records into `images.tar` in the folder, an OCI archive with each layer once",
            ),
            text(
                "--platform",
                "OS/ARCHITECTURE",
                "With images: those for this platform alone [default: for all that each name has]",
            ),
        ],
        run: exchange::export,
    },
    Table {
        name: "import",
        about: "Take the records of a folder",
        options: &[
            required(text("--directory", "DIR", "The folder")),
            flag("--overwrite", "Change records that exist; what the files do not have stays"),
            flag("--replace", "Replace records that exist; what the files do not have goes"),
            flag("--strict", "Refuse records with warnings, and fail where a file is refused"),
            flag(
                "--with-images",
                "Push the images in the `images.tar` beside the folder first, and have the records name them there",
            ),
            text("--to", "REGISTRY[/PREFIX]", "With images: where they go"),
            flag("--keep-references", "With images: leave in the records what they name"),
            text(
                "--mirror-set",
                "FILE",
                "Leave in the records what they name, and write an ImageDigestMirrorSet for OpenShift",
            ),
            text(
                "--content-source-policy",
                "FILE",
                "The same for OpenShift before 4.13: an ImageContentSourcePolicy",
            ),
        ],
        run: exchange::import,
    },
    Table {
        name: "migrate",
        about: "Do nothing: there is nothing to migrate",
        options: &[],
        run: exchange::migrate,
    },
    Table {
        name: "show",
        about: "Show a record and what there is to say about it",
        options: &[required(NAME), flag("--json", "Print it as JSON")],
        run: own::show,
    },
    Table {
        name: "duplicate",
        about: "Copy a record under another display name",
        options: &[
            required(NAME),
            text("--display_name", "TEXT", "The display name of the copy [default: X-Copy1]"),
        ],
        run: own::duplicate,
    },
    Table {
        name: "edit",
        about: "Edit a record, valid or broken, in $VISUAL or $EDITOR",
        options: &[required(NAME), text("--file", "FILE", "Go on with a text that was kept"), STRICT],
        run: edit::run,
    },
    Table {
        name: "hide",
        about: "Keep a record out of sight that cannot be removed",
        options: &[required(NAME)],
        run: own::hide,
    },
    Table {
        name: "unhide",
        about: "Bring a hidden record back",
        options: &[required(NAME)],
        run: own::unhide,
    },
    Table {
        name: "pin",
        about: "Resolve the tags of records to digests in their registries; the tag stays beside the digest",
        options: &[
            NAMES,
            ALL,
            flag("--upgrade", "Those that are pinned too: to what their tag stands for now"),
            DRY_RUN,
            flag("--json", "Print what was done as JSON"),
        ],
        run: pin::pin,
    },
    Table {
        name: "unpin",
        about: "Take the digests out of records again",
        options: &[NAMES, ALL, DRY_RUN, flag("--json", "Print what was done as JSON")],
        run: pin::unpin,
    },
    Table {
        name: "verify",
        about: "Ask registries whether the images of records are there, are what the records say, and can be pulled",
        options: &[
            NAMES,
            text("--platform", "OS/ARCHITECTURE", "Where the images are going to run [default: linux/amd64]"),
            text("--tags", "NUMBER", "The most tags that are looked through for a digest [default: 50]"),
            flag(
                "--check",
                "Ask as well whether Elyra would run them; their layers are read in the registries",
            ),
            text(
                "--for",
                "PROFILE",
                "With --check: the release, or the file of a profile of your own [default: elyra]",
            ),
            STRICT,
            flag("--json", "Print what was found as JSON"),
        ],
        run: verify::run,
    },
];

impl Table {
    /// The command with all its options, for help and for completions.
    pub(super) fn described(&self) -> clap::Command {
        let schemaspace = Arg::new("schemaspace")
            .value_name("SCHEMASPACE")
            .required(true)
            .value_parser(PossibleValuesParser::new([SCHEMASPACE]))
            .help("The kind of record");
        let debug = Arg::new("debug").long("debug").action(ArgAction::SetTrue).help("Log more");
        let level = Arg::new("log-level")
            .long("log-level")
            .value_name("LEVEL")
            .help("Log from DEBUG, INFO, WARNING or ERROR on");
        let options = self.options.iter().map(Choice::described);
        clap::Command::new(self.name)
            .bin_name(format!("imagewright metadata {}", self.name))
            .about(self.about)
            .max_term_width(100)
            .arg(schemaspace)
            .args(options)
            .args([debug, level])
    }
}

impl Choice {
    fn described(&self) -> Arg {
        let name = self.option.trim_start_matches('-');
        let argument = Arg::new(name).long(name).help(self.help);
        match self.kind {
            Kind::Flag => argument.action(ArgAction::SetTrue),
            Kind::Text(value) => argument.value_name(value).required(self.required),
            Kind::Texts(value) => argument.value_name(value).action(ArgAction::Append),
            Kind::Choice(values) => {
                argument.value_parser(PossibleValuesParser::new(values)).value_name("POLICY")
            }
        }
    }
}
