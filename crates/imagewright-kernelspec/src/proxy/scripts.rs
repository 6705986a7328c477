//! Scripts that the gateway runs, with the options that all of them take.

use crate::{File, Files, NewKernelspec};

/// What all scripts share: options, and what of the gateway's environment is for the kernel.
const REQUEST: &str = include_str!("../../scripts/kernel_request.py");

/// The files of a script, below `scripts/`.
pub(super) fn with_request(name: &str, contents: &str) -> Files {
    Files::from([
        ("scripts/kernel_request.py".to_owned(), File::text(REQUEST)),
        (format!("scripts/{name}"), File::program(contents)),
    ])
}

/// The command that runs a script of the kernelspec. The gateway puts its folder in, so that it can be moved and copied.
pub(super) fn command(name: &str, new: &NewKernelspec) -> Vec<String> {
    let script = format!("{{resource_dir}}/scripts/{name}");
    let mut command = vec!["python".to_owned(), script];
    command.extend(options(new));
    command
}

/// What the gateway hands over.
pub(super) fn options(new: &NewKernelspec) -> Vec<String> {
    let mode = new.spark.map_or("none", |mode| mode.name());
    [
        ("--kernel-id", "{kernel_id}"),
        ("--port-range", "{port_range}"),
        ("--response-address", "{response_address}"),
        ("--public-key", "{public_key}"),
        ("--spark-context-initialization-mode", mode),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value.to_owned()])
    .collect()
}
