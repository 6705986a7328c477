//! What `spark-submit` starts: `bin/run.sh`, the options in `SPARK_OPTS`, and the script that reads them.

use super::{Layout, scripts};
use crate::{File, Files, NewKernelspec};

const RUN: &str = "bin/run.sh";
/// Where images and gateways have Spark, unless somebody says otherwise.
const SPARK_HOME: &str = "/opt/spark";

pub(super) fn lay_out(cluster: &str, options: &str, new: &NewKernelspec) -> Layout {
    // Whatever shell starts the command, the script runs with the Python that the gateway runs with.
    let mut command: Vec<String> =
        [&format!("{{resource_dir}}/{RUN}"), "{prefix}/bin/python", "--cluster", cluster]
            .map(str::to_owned)
            .to_vec();
    command.extend(scripts::options(new));
    let variables =
        [("SPARK_HOME", SPARK_HOME), ("SPARK_OPTS", options), ("LAUNCH_OPTS", "")].map(own).to_vec();
    let mut files = scripts::for_spark();
    files.extend(Files::from([(RUN.to_owned(), File::program(include_str!("../../scripts/run.sh")))]));
    Layout { command, variables, files, ..Layout::default() }
}

/// What only clusters that are no containers themselves need to be told: the image.
pub(super) fn lay_out_with_image(
    cluster: &str,
    options: &str,
    endpoint: &str,
    new: &NewKernelspec,
) -> Layout {
    let mut layout = lay_out(cluster, options, new);
    let (image, language) = (new.image.to_string(), new.language.to_lowercase());
    layout.variables.extend([("KERNEL_IMAGE", image.as_str()), ("KERNEL_LANGUAGE", &language)].map(own));
    layout.settings.extend(new.endpoint.iter().map(|address| own((endpoint, address))));
    layout
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
