//! `imagewright build --publish`: the record of what was just built and pushed.

use anstream::eprintln;
use clap::{Args, ValueEnum};
use imagewright_model::ErrorKind;
use imagewright_service::metadata::{Publication, Published, RuntimeImages, generated_name};
use imagewright_service::{BuildReport, Service};

use crate::cli::Global;
use crate::failure::Failure;
use crate::settings::elyra;

/// The catalogue that records are published to.
const ELYRA: &str = "elyra";

/// Where the image is made known.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publishing")]
pub(crate) struct PublishFlags {
    /// Push the image, then write its runtime image record for Elyra, or point the record of that name at it: `elyra`, or
    /// `elyra=NAME` with the record's name or display name [default: the image's title, else its repository]
    #[arg(long, value_name = "elyra[=NAME]")]
    publish: Option<String>,
    /// What the record names the image by: its digest, with the tag beside it, or its tag alone
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = By::Digest, requires = "publish")]
    publish_by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Digest,
    Tag,
}

/// What is to be published, and where: found out before anything is built.
pub(crate) struct Publishing {
    name: Option<String>,
    by_tag: bool,
    images: RuntimeImages,
}

impl Publishing {
    /// Checks what can be checked without an image.
    pub(crate) fn prepare(flags: PublishFlags) -> Result<Option<Self>, Failure> {
        let Some(target) = flags.publish else { return Ok(None) };
        let usage = |text: String| Failure::new(ErrorKind::Usage, text);
        let (catalogue, name) = match target.split_once('=') {
            Some((catalogue, name)) => (catalogue, Some(name.to_owned())),
            None => (target.as_str(), None),
        };
        if catalogue != ELYRA {
            return Err(usage(format!("`{catalogue}` is not a place to publish to"))
                .with_hint("write `--publish elyra` or `--publish elyra=NAME`"));
        }
        if let Some(name) = name.as_deref().filter(|name| generated_name(name).is_none()) {
            return Err(usage(format!("no name of a record can be made of `{name}`"))
                .with_hint("records are called with letters and digits"));
        }
        let images = RuntimeImages::open(&elyra::surroundings()).ok_or_else(|| {
            usage("there is no folder for records".to_owned())
                .with_hint("set HOME, JUPYTER_DATA_DIR or ELYRA_METADATA_PATH")
        })?;
        Ok(Some(Self { name, by_tag: flags.publish_by == By::Tag, images }))
    }

    /// Writes the record of an image that was pushed.
    pub(crate) fn publish(
        &self,
        global: &Global,
        service: &Service,
        built: &BuildReport,
    ) -> Result<Published, Failure> {
        let reference = built.names.first().ok_or_else(|| {
            Failure::new(ErrorKind::Usage, "the image has no name that a record could hold")
                .with_hint("name it with --tag")
        })?;
        let details = service.show_image(&built.digest.to_string())?;
        let labels = details.config.config.map(|config| config.labels).unwrap_or_default();
        let publication = Publication {
            name: self.name.as_deref(),
            reference,
            digest: &built.digest,
            id: &built.id,
            labels: &labels,
            by_tag: self.by_tag,
        };
        let published = self.images.publish(&publication).map_err(|error| {
            let text =
                format!("`{reference}` was pushed, but its runtime image record was not written: {error}");
            let failure = Failure::new(error.kind(), text);
            match error.hint() {
                Some(hint) => failure.with_hint(hint),
                None => failure.with_hint("`imagewright metadata create` writes it without building again"),
            }
        })?;
        if !global.quiet {
            published.findings.iter().for_each(|finding| eprintln!("warning: {finding}"));
            let verb = if published.is_new { "created" } else { "updated" };
            eprintln!("{verb} runtime image '{}': {}", published.name, published.path.display());
        }
        Ok(published)
    }
}
