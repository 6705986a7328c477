//! `imagewright-kernel-launcher`: the default command of a kernel image.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use imagewright_launcher::{Environment, LauncherError, launch};

const HELP: &str = "Starts a kernel for Jupyter Enterprise Gateway, which says by variables what it wants.

Usage: imagewright-kernel-launcher [--OPTION VALUE]...

  --kernelspec NAME         the kernelspec to start        IMAGEWRIGHT_KERNELSPEC
  --language LANGUAGE       or the language of its kernel  KERNEL_LANGUAGE
  --kernel-id ID            what the gateway calls it      KERNEL_ID
  --response-address ADDRESS:PORT  where it is told        RESPONSE_ADDRESS
  --public-key KEY          what the reply is sealed with  PUBLIC_KEY
  --port-range LOW..HIGH    where ports come from          PORT_RANGE
  --kernel-class-name NAME  the class of an ipykernel      KERNEL_CLASS_NAME
  --spark-context-initialization-mode none|lazy|eager      KERNEL_SPARK_CONTEXT_INIT_MODE
";

/// Says a sentence; nobody can be told when that fails.
fn say(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "imagewright-kernel-launcher: {sentence}");
}

fn report(error: &LauncherError) {
    let mut sentence = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        sentence.push_str(&format!(": {error}"));
        cause = error.source();
    }
    say(&sentence);
    if let Some(hint) = error.hint() {
        say(&format!("hint: {hint}"));
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("--help" | "-h") => {
            let _ = std::io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Some("--version" | "-V") => {
            let _ = writeln!(std::io::stdout(), "imagewright-kernel-launcher {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let environment = Environment(std::env::vars_os().collect());
    match launch(&arguments, &environment, &say) {
        Ok(ended) => {
            say(&ended.sentence);
            ExitCode::from(ended.code)
        }
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
