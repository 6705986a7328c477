//! What a kernel is given so that it has a session of Spark, where its image has Spark.

use crate::choice::Kernel;
use crate::request::{Environment, SparkMode};

/// Stands for the start-up file in a command or a variable.
pub const START_FILE: &str = "{start_file}";
/// The start-up file of IPython.
const PYTHON: &str = include_str!("spark/start.py");
/// That of R, in the place of a profile.
const R: &str = include_str!("spark/profile.R");

/// A file that the kernel reads when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartFile {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// IPython runs a file that looks for pyspark itself.
pub fn for_ipython(kernel: &mut Kernel, mode: SparkMode) {
    if mode == SparkMode::None {
        return;
    }
    kernel.start_file = Some(StartFile { name: "start-spark.py", text: PYTHON });
    kernel.argv.push(format!("--IPKernelApp.exec_files={START_FILE}"));
    set_mode(kernel, mode);
}

/// R reads a profile that looks for SparkR itself, and for the profile that it replaces.
pub fn for_r(kernel: &mut Kernel, mode: SparkMode, environment: &Environment) {
    if mode == SparkMode::None {
        return;
    }
    kernel.start_file = Some(StartFile { name: "start-spark.R", text: R });
    let replaced = environment.text("R_PROFILE_USER").unwrap_or_default();
    kernel.variables.insert("IMAGEWRIGHT_R_PROFILE_USER".to_owned(), replaced);
    kernel.variables.insert("R_PROFILE_USER".to_owned(), START_FILE.to_owned());
    set_mode(kernel, mode);
}

/// The scripts ask for it; it may have come as an option.
fn set_mode(kernel: &mut Kernel, mode: SparkMode) {
    kernel.variables.insert("KERNEL_SPARK_CONTEXT_INIT_MODE".to_owned(), mode.name().to_owned());
}
