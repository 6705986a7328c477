//! Containers that `docker run` starts on the hosts of the gateway, in the network of the host.
//!
//! The gateway reaches other hosts by ssh and joins the words of the command by blanks, so no word may hold one.

use super::Layout;
use crate::NewKernelspec;

pub(super) fn lay_out(new: &NewKernelspec) -> Layout {
    let mut command: Vec<String> =
        ["docker", "run", "--rm", "--network", "host", "--label", "kernel_id={kernel_id}"]
            .map(str::to_owned)
            .to_vec();
    let mode = new.spark.map_or("none", |mode| mode.name());
    let given = [
        "KERNEL_ID={kernel_id}".to_owned(),
        "RESPONSE_ADDRESS={response_address}".to_owned(),
        "PUBLIC_KEY={public_key}".to_owned(),
        "PORT_RANGE={port_range}".to_owned(),
        format!("KERNEL_SPARK_CONTEXT_INIT_MODE={mode}"),
        // Without a value they are taken from the command's own environment.
        "KERNEL_LANGUAGE".to_owned(),
        "KERNEL_IMAGE".to_owned(),
        "KERNEL_USERNAME".to_owned(),
        "KERNEL_LAUNCH_TIMEOUT".to_owned(),
    ];
    let names = new.variables().into_iter().map(|(name, _)| name).filter(|name| name != "KERNEL_LANGUAGE");
    for variable in given.into_iter().chain(names) {
        command.extend(["--env".to_owned(), variable]);
    }
    command.push(new.image.to_string());
    // Where containers are the gateway's own it tells them both.
    let variables = vec![
        ("KERNEL_LANGUAGE".to_owned(), new.language.to_lowercase()),
        ("KERNEL_IMAGE".to_owned(), new.image.to_string()),
    ];
    let hosts = new.remote_hosts.join(",");
    let settings = if hosts.is_empty() { Vec::new() } else { vec![("remote_hosts".to_owned(), hosts)] };
    Layout { command, variables, settings, ..Layout::default() }
}
