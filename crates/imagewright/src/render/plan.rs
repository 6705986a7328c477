//! A plan as people read it.

use imagewright_model::plan::{
    LockUse, PackageChange, Plan, PlannedBase, PlannedImage, PlannedPackage, PlannedStep,
};

use crate::render::{size, table};

/// Draws the base, a table for each step, and what comes of it.
pub(crate) fn draw(plan: &Plan) -> String {
    let mut text = base(&plan.base);
    for step in &plan.steps {
        text.push('\n');
        text.push_str(&self::step(step));
    }
    text.push('\n');
    let mut fields =
        vec![("Lock", lock(plan.lock).to_owned()), ("Download", size::bytes(plan.download_size))];
    if let Some(image) = &plan.image {
        fields.extend(self::image(image));
    }
    fields.extend(plan.notes.iter().map(|note| ("Note", note.clone())));
    text.extend(fields.iter().map(|(name, value)| format!("{name:<12}{value}\n")));
    text
}

fn base(base: &PlannedBase) -> String {
    let how = if base.cached { "in the store" } else { "not in the store before" };
    let size = format!("{} in {}", size::bytes(base.size), size::count(base.layers, "layer"));
    format!("base {}: {size}, {how}\n", base.name)
}

fn step(step: &PlannedStep) -> String {
    let how = match (step.cached, step.size_is_exact) {
        (true, _) => "there already".to_owned(),
        (false, true) => "done for the plan".to_owned(),
        (false, false) if step.download_size > 0 => format!("to fetch: {}", size::bytes(step.download_size)),
        (false, false) => "nothing to fetch".to_owned(),
    };
    let count = |change| step.packages.iter().filter(|package| package.change == change).count();
    let changes =
        [PackageChange::Install, PackageChange::Replace, PackageChange::Remove, PackageChange::Keep];
    let counts = changes.into_iter().map(|change| (verb(change), count(change)));
    let counts = counts.filter(|(_, count)| *count > 0).map(|(verb, count)| format!("{count} to {verb}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "nothing to install" } else { &counts };
    let heading = format!("{}: {counts}; {how}\n", step.title);
    let rows: Vec<Vec<String>> = step.packages.iter().map(row).collect();
    if rows.is_empty() {
        heading
    } else {
        heading + &table::draw(&["CHANGE", "PACKAGE", "VERSION", "SIZE", "FROM"], rows)
    }
}

fn row(package: &PlannedPackage) -> Vec<String> {
    let version = package.version.as_deref().unwrap_or("?");
    let version = match &package.before {
        Some(before) => format!("{before} -> {version}"),
        None => version.to_owned(),
    };
    let from = match package.change {
        PackageChange::Remove | PackageChange::Keep => "",
        _ if package.path.is_some() => package.path.as_deref().unwrap_or_default(),
        _ if package.cached => "cache",
        _ => "network",
    };
    vec![
        verb(package.change).to_owned(),
        package.name.clone(),
        version,
        package.size.map(size::bytes).unwrap_or_default(),
        from.to_owned(),
    ]
}

fn verb(change: PackageChange) -> &'static str {
    match change {
        PackageChange::Install => "install",
        PackageChange::Replace => "replace",
        PackageChange::Remove => "remove",
        PackageChange::Keep => "keep",
    }
}

fn lock(usage: LockUse) -> &'static str {
    match usage {
        LockUse::None => "none yet",
        LockUse::Kept => "kept",
        LockUse::Preferred => "preferred: its versions are kept where possible",
        LockUse::Ignored => "ignored: everything is solved anew",
    }
}

fn image(image: &PlannedImage) -> Vec<(&'static str, String)> {
    let about = if image.size_is_exact { "" } else { "about " };
    let layers = match image.layers {
        Some(layers) => format!("{}, {} of them there", size::count(layers, "layer"), image.layers_there),
        None => format!("{} are there", size::count(image.layers_there, "layer")),
    };
    let mut fields = vec![("Image", format!("{about}{}; {layers}", size::bytes(image.size)))];
    if let Some(digest) = &image.digest {
        let there = if image.exists { "is there already" } else { "is not there yet" };
        fields.push(("Digest", format!("{digest}, {there}")));
    }
    fields
}

#[cfg(test)]
mod tests {
    use imagewright_model::plan::{PLAN_VERSION, StepKind};
    use imagewright_oci::Digest;

    use super::*;

    fn package(name: &str, change: PackageChange, before: Option<&str>, cached: bool) -> PlannedPackage {
        PlannedPackage {
            name: name.to_owned(),
            version: Some("2.0".to_owned()),
            change,
            before: before.map(str::to_owned),
            path: None,
            size: (change != PackageChange::Remove).then_some(12_300_000),
            cached,
        }
    }

    fn plan(steps: Vec<PlannedStep>, image: Option<PlannedImage>) -> Plan {
        Plan {
            version: PLAN_VERSION,
            lock: LockUse::Preferred,
            base: PlannedBase {
                name: "python:3.13-slim".to_owned(),
                digest: None,
                layers: 4,
                size: 43_000_000,
                cached: true,
            },
            download_size: steps.iter().map(|step| step.download_size).sum(),
            steps,
            image,
            conflict: None,
            notes: vec!["the apt step was done".to_owned()],
        }
    }

    #[test]
    fn a_plan_is_a_table_for_each_step() {
        let apt = PlannedStep {
            kind: StepKind::Apt,
            title: "apt git".to_owned(),
            cached: true,
            packages: vec![
                package("git", PackageChange::Install, None, true),
                package("exim4", PackageChange::Remove, None, true),
            ],
            download_size: 0,
            layers: Some(1),
            size: 12_000_000,
            size_is_exact: true,
        };
        let pip = PlannedStep {
            kind: StepKind::Pip,
            title: "pip numpy pandas six".to_owned(),
            cached: false,
            packages: vec![
                package("numpy", PackageChange::Install, None, true),
                package("pandas", PackageChange::Replace, Some("1.0"), false),
                PlannedPackage {
                    path: Some("../ours".to_owned()),
                    version: None,
                    size: None,
                    ..package("ours", PackageChange::Install, None, true)
                },
                package("six", PackageChange::Keep, None, true),
            ],
            download_size: 12_300_000,
            layers: None,
            size: 24_600_000,
            size_is_exact: false,
        };
        let image = PlannedImage {
            digest: None,
            exists: false,
            size: 79_600_000,
            size_is_exact: false,
            layers: None,
            layers_there: 5,
        };
        insta::assert_snapshot!(draw(&plan(vec![apt, pip], Some(image))));
    }

    #[test]
    fn an_image_that_is_there_is_told() {
        let image = PlannedImage {
            digest: Some(Digest::of(b"")),
            exists: true,
            size: 43_000_000,
            size_is_exact: true,
            layers: Some(4),
            layers_there: 4,
        };
        insta::assert_snapshot!(draw(&plan(Vec::new(), Some(image))));
    }
}
