//! Scripts that the gateway runs, with the options that all of them take.

use crate::{File, Files, NewKernelspec};

/// A file below `scripts/`, by its name.
pub(super) type Script = (&'static str, &'static str);

/// What all scripts share: options, and what of the gateway's environment is for the kernel.
const REQUEST: Script = ("kernel_request.py", include_str!("../../scripts/kernel_request.py"));
const OBJECTS: Script = ("kernel_objects.py", include_str!("../../scripts/kernel_objects.py"));
pub(super) const LAUNCH_KUBERNETES: Script =
    ("launch_kubernetes.py", include_str!("../../scripts/launch_kubernetes.py"));
const POD: Script = ("kernel-pod.yaml.j2", include_str!("../../scripts/kernel-pod.yaml.j2"));
pub(super) const SUBMIT_SPARK: Script = ("submit_spark.py", include_str!("../../scripts/submit_spark.py"));
const PROGRAM_IN_PYTHON: Script = ("spark_kernel.py", include_str!("../../scripts/spark_kernel.py"));
const PROGRAM_IN_R: Script = ("spark_kernel.R", include_str!("../../scripts/spark_kernel.R"));

/// The files of a script, below `scripts/`.
pub(super) fn with_request(script: Script, others: &[Script]) -> Files {
    let path = |name: &str| format!("scripts/{name}");
    let mut files: Files =
        others.iter().chain([&REQUEST]).map(|(name, contents)| (path(name), File::text(contents))).collect();
    files.insert(path(script.0), File::program(script.1));
    files
}

/// The files of a script that makes objects of Kubernetes, of which a pod may be the driver of Spark.
pub(super) fn for_kubernetes(script: Script, others: &[Script]) -> Files {
    let mut files = for_spark();
    files.extend(with_request(LAUNCH_KUBERNETES, &[OBJECTS, POD]));
    files.extend(with_request(script, others));
    files
}

/// The files of the script that submits to Spark.
pub(super) fn for_spark() -> Files {
    with_request(SUBMIT_SPARK, &[PROGRAM_IN_PYTHON, PROGRAM_IN_R])
}

/// The command that runs a script of the kernelspec. The gateway puts its folder in, so that it can be moved and copied.
pub(super) fn command(script: Script, new: &NewKernelspec) -> Vec<String> {
    let script = format!("{{resource_dir}}/scripts/{}", script.0);
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
