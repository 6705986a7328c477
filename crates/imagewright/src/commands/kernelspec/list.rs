//! `imagewright kernelspec list`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::kernelspec::{Kernelspec, ListedKernelspec, Proxy};
use serde_json::json;

use super::FolderFlags;
use crate::failure::Failure;
use crate::render::{output, table};

/// List kernelspecs, and what is wrong with them
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    folder: FolderFlags,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ListArguments) -> Result<ExitCode, Failure> {
    let listed = arguments.folder.folder().list()?;
    if arguments.json {
        output::json(&listed.iter().map(document).collect::<Vec<_>>())?;
    } else {
        output::text(&draw(&listed))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(listed: &[ListedKernelspec]) -> String {
    let rows = listed.iter().map(|listed| {
        let of = |what: fn(&Kernelspec) -> String| listed.spec.as_ref().map(what).unwrap_or_default();
        vec![
            listed.name.clone(),
            of(|spec| spec.display_name().to_owned()),
            of(|spec| spec.language().to_owned()),
            of(proxy),
            of(|spec| spec.image().unwrap_or_default().to_owned()),
        ]
    });
    let mut text = table::draw(&["NAME", "DISPLAY NAME", "LANGUAGE", "PROXY", "IMAGE"], rows.collect());
    for listed in listed {
        for problem in listed.problems() {
            let level = if problem.is_error { "error" } else { "warning" };
            text += &format!("{level}: {}: {}\n", listed.name, problem.text);
        }
    }
    text
}

/// Its process proxy by the name it has here, else by its class.
fn proxy(spec: &Kernelspec) -> String {
    let class = spec.class_name().map(|class| class.rsplit('.').next().unwrap_or(class).to_owned());
    spec.proxy().map(|proxy: Proxy| proxy.to_string()).or(class).unwrap_or_default()
}

fn document(listed: &ListedKernelspec) -> serde_json::Value {
    let spec = listed.spec.as_ref().ok();
    let problems = listed.problems();
    json!({
        "name": listed.name,
        "path": listed.path,
        "display_name": spec.map(Kernelspec::display_name),
        "language": spec.map(Kernelspec::language),
        "proxy": spec.map(proxy),
        "image": spec.and_then(Kernelspec::image),
        "problems": problems.iter().map(|problem| json!({
            "level": if problem.is_error { "error" } else { "warning" },
            "message": problem.text,
        })).collect::<Vec<_>>(),
    })
}
