//! `imagewright image show`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::{ImageDetails, Inventory, LayerOrigin};

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{image_json, output, size, table};
use crate::settings::Settings;

/// The longest text that is shown whole, in characters.
const LONGEST_TEXT: usize = 60;

/// Show one image: names, layers, how it starts, how it came to be
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// Print as JSON, with manifest and configuration
    #[arg(long)]
    json: bool,
    /// List the packages that builds put into it: name, version, licence; in JSON with all that is known of them
    #[arg(long)]
    packages: bool,
}

pub(crate) fn run(global: &Global, arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    if arguments.packages {
        let inventory = service.packages_of_image(&arguments.image)?;
        match arguments.json {
            true => output::json(&image_json::inventory(&inventory))?,
            false => output::text(&draw_packages(&inventory))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let details = service.show_image(&arguments.image)?;
    if arguments.json {
        output::json(&image_json::details(&details))?;
    } else {
        output::text(&draw(&details))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn draw_packages(inventory: &Inventory) -> String {
    let Inventory { packages, unknown, foreign } = inventory;
    let rows = packages.iter().map(|package| {
        let license = package.license().unwrap_or_else(|| "unknown".to_owned());
        vec![package.name.clone(), package.version.clone(), package.kind.as_str().to_owned(), shown(&license)]
    });
    let mut text = table::draw(&["PACKAGE", "VERSION", "KIND", "LICENCE"], rows.collect());
    let layers = |layers: &[LayerOrigin]| {
        let line = |it: &LayerOrigin| {
            let made_by = shown(it.made_by.as_deref().unwrap_or("unknown"));
            format!("  {}  {made_by}\n", it.digest.short())
        };
        layers.iter().map(line).collect::<String>()
    };
    if !unknown.is_empty() {
        text.push_str(
            "\nNot known any more is what these layers hold; `build --no-cache` finds it out again:\n",
        );
        text.push_str(&layers(unknown));
    }
    if !foreign.is_empty() {
        text.push_str("\nNot looked into are layers that others made:\n");
        text.push_str(&layers(foreign));
    }
    text
}

/// A text of a package, which may be anything, on a line of its own.
fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(LONGEST_TEXT).map(visible).collect();
    if text.chars().nth(LONGEST_TEXT).is_some() {
        shown.push('…');
    }
    shown
}

fn draw(details: &ImageDetails) -> String {
    let ImageDetails { record, manifest, config, missing_layers } = details;
    let names: Vec<String> = record.names.iter().map(ToString::to_string).collect();
    let mut fields = vec![
        ("Names", if names.is_empty() { "<none>".to_owned() } else { names.join(", ") }),
        ("Id", record.id.to_string()),
        ("Digest", record.manifest.digest.to_string()),
        ("Platform", record.platform.to_string()),
        ("Created", record.created.clone().unwrap_or_else(|| "unknown".to_owned())),
        (
            "Size",
            format!("{} in {}", size::bytes(record.size), size::count(manifest.layers.len() as u64, "layer")),
        ),
    ];
    if *missing_layers > 0 {
        let missing = size::count(*missing_layers as u64, "layer");
        fields.push((
            "Partial",
            format!("{missing} left in the registry; `image fetch` brings what is missing"),
        ));
    }
    if let Some(container) = &config.config {
        let words = |words: &Option<Vec<String>>| words.as_ref().map(|words| format!("{words:?}"));
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let optional = [
            ("User", text(&container.user)),
            ("Workdir", text(&container.working_dir)),
            ("Entrypoint", words(&container.entrypoint)),
            ("Command", words(&container.cmd)),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        fields.extend(container.env.iter().map(|variable| ("Env", variable.clone())));
        fields.extend(container.labels.iter().map(|(name, value)| ("Label", format!("{name}={value}"))));
    }
    let mut text: String = fields.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
    let steps =
        config.history.iter().filter(|entry| !entry.empty_layer).map(|entry| entry.created_by.as_deref());
    let rows = manifest.layers.iter().zip(steps.chain(std::iter::repeat(None))).map(|(layer, step)| {
        vec![layer.digest.short().to_owned(), size::bytes(layer.size), step.unwrap_or("").to_owned()]
    });
    text.push('\n');
    text.push_str(&table::draw(&["LAYER", "SIZE", "MADE BY"], rows.collect()));
    text
}

#[cfg(test)]
mod tests {
    use imagewright_model::package::{PackageKind, PackageRecord};
    use imagewright_oci::Digest;

    use super::*;

    fn package(kind: PackageKind, name: &str, license: Option<&str>) -> PackageRecord {
        let mut record = PackageRecord::new(kind, name.to_owned(), "1.0".to_owned(), "pkg:x".to_owned());
        record.license_expression = license.map(str::to_owned);
        record
    }

    #[test]
    fn what_is_known_of_packages_and_what_is_not() {
        let origin = |made_by: Option<&str>| LayerOrigin {
            digest: Digest::of(b""),
            made_by: made_by.map(str::to_owned),
        };
        let long = format!("one\u{1b}[31m {}", "x".repeat(100));
        let inventory = Inventory {
            packages: vec![
                package(PackageKind::Debian, "git", Some("GPL-2, MIT")),
                package(PackageKind::Python, "numpy", None),
                package(PackageKind::Python, "odd", Some(&long)),
            ],
            unknown: vec![origin(Some("pip pandas 2.2"))],
            foreign: vec![origin(None)],
        };
        insta::assert_snapshot!(draw_packages(&inventory), @r"
        PACKAGE   VERSION   KIND     LICENCE
        git       1.0       debian   GPL-2, MIT
        numpy     1.0       python   unknown
        odd       1.0       python   one [31m xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…

        Not known any more is what these layers hold; `build --no-cache` finds it out again:
          e3b0c44298fc  pip pandas 2.2

        Not looked into are layers that others made:
          e3b0c44298fc  unknown
        ");
    }
}
