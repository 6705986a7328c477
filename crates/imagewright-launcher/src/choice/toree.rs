//! Toree, the kernel that speaks Scala to Spark: its archive is submitted to Spark, and both are looked for.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::{Interrupt, Kernel, Programs, files};
use crate::LauncherError;
use crate::kernelspec::CONNECTION_FILE;
use crate::request::{Environment, Request};

/// Where Enterprise Gateway's launchers lie, unless `KERNEL_LAUNCHERS_DIR` says otherwise.
const LAUNCHERS: &str = "/usr/local/bin/kernel-launchers";
const MODE_OPTION: &str = "--spark-context-initialization-mode";
const SIGNAL_OPTION: &str = "--alternate-sigint";
/// Raised by an interrupt. Whoever does not know of it, as a machine that is still starting or a shell around it, passes over it; SIGUSR2, which
/// is usual, ends both.
const SIGNAL: Signal = Signal::SIGURG;
/// Toree looks for its magics by what newer Java keeps closed, and has none otherwise. Java that knows no such option passes over it.
const OPENED: &str = "-XX:+IgnoreUnrecognizedVMOptions --add-opens=java.base/java.util.jar=ALL-UNNAMED";

/// The command where no kernelspec has one.
pub(super) fn command(
    request: &Request,
    programs: &Programs,
    environment: &Environment,
) -> Result<Vec<String>, LauncherError> {
    let lacking = |what: &str| LauncherError::Lacking { what: what.to_owned() };
    let archive = archive(programs, environment).ok_or_else(|| {
        lacking("there is no `toree-assembly-….jar`, neither of a package `toree` nor of Enterprise Gateway's files")
    })?;
    let spark = spark_home(environment.text("SPARK_HOME"), programs).ok_or_else(|| {
        lacking("there is no `bin/spark-submit`, neither in `SPARK_HOME` nor in a package `pyspark`")
    })?;
    let name = format!("{}-{}", request.username.as_deref().unwrap_or("kernel"), request.kernel_id);
    let submit = format!("{spark}/bin/spark-submit");
    let archive = archive.to_string_lossy();
    let class = "org.apache.toree.Main";
    let words = [&submit, "--name", &name, "--class", class, &archive, "--profile", CONNECTION_FILE];
    Ok(words.map(str::to_owned).into())
}

/// The archive of Enterprise Gateway's image files, or of a package of Python.
fn archive(programs: &Programs, environment: &Environment) -> Option<PathBuf> {
    let launchers = environment.text("KERNEL_LAUNCHERS_DIR").unwrap_or_else(|| LAUNCHERS.to_owned());
    let folders = std::iter::once(Path::new(&launchers).join("scala/lib"));
    let mut folders = folders.chain(programs.packages().map(|packages| packages.join("toree/lib")));
    let is_archive = |name: &String| name.starts_with("toree-assembly-") && name.ends_with(".jar");
    folders.find_map(|folder| Some(folder.join(files(&folder).into_iter().find(is_archive)?)))
}

/// The folder of Spark: the one that is named, if it is there, since a gateway may name that of its own machine; or the one that a package
/// of Python is.
fn spark_home(named: Option<String>, programs: &Programs) -> Option<String> {
    let packages =
        programs.packages().map(|packages| packages.join("pyspark").to_string_lossy().into_owned());
    let mut homes = named.into_iter().chain(packages).map(|home| home.trim_end_matches('/').to_owned());
    homes.find(|home| Path::new(home).join("bin/spark-submit").is_file())
}

/// Tells it when to make a session, and which signal interrupts it, whoever wrote its command.
pub(super) fn extend(kernel: &mut Kernel, request: &Request, programs: &Programs, environment: &Environment) {
    let variable = |name: &str| kernel.variables.get(name).cloned().or_else(|| environment.text(name));
    let spark = spark_home(variable("SPARK_HOME"), programs);
    let java = [variable("SPARK_SUBMIT_OPTS").filter(|own| !own.is_empty()), Some(OPENED.to_owned())];
    let java: Vec<String> = java.into_iter().flatten().collect();
    // The options that `jupyter toree install` was given are in the last two. What is said twice Toree refuses.
    let own = [variable("TOREE_OPTS"), variable("__TOREE_OPTS__")];
    let words = kernel.argv.iter().chain(own.iter().flatten()).flat_map(|words| words.split([' ', '=']));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let said = |option: &str| words.iter().position(|word| *word == option);
    let own_signal = said(SIGNAL_OPTION).and_then(|at| format!("SIG{}", words.get(at + 1)?).parse().ok());
    let name = SIGNAL.as_str().trim_start_matches("SIG");
    let options = [[MODE_OPTION, request.spark.name()], [SIGNAL_OPTION, name]];
    let missing = options.into_iter().filter(|[option, _]| said(option).is_none()).flatten();
    let missing: Vec<String> = missing.map(str::to_owned).collect();
    kernel.argv.extend(missing);
    kernel.variables.extend(spark.map(|home| ("SPARK_HOME".to_owned(), home)));
    kernel.variables.insert("SPARK_SUBMIT_OPTS".to_owned(), java.join(" "));
    kernel.interrupt = Interrupt::Alternate(own_signal.unwrap_or(SIGNAL));
}
