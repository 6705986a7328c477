//! Errors as a person reads them: `error:`, then each cause, then a hint. And the exit code.

use std::error::Error;
use std::process::ExitCode;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use imagewright_model::{ErrorKind, in_one_line};
use imagewright_service::ServiceError;
use imagewright_service::kernelspec::KernelsFolderError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error>,
    kind: ErrorKind,
    hint: Option<String>,
}

impl Failure {
    /// A failure the command line itself finds.
    pub(crate) fn new(kind: ErrorKind, error: impl Into<Box<dyn Error>>) -> Self {
        Self { error: error.into(), kind, hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether another machine could not be reached.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// The error and its causes.
    pub(crate) fn in_one_line(&self) -> String {
        in_one_line(self.error.as_ref())
    }

    /// Prints it and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.is_closed_pipe() {
            self.print();
            return ExitCode::from(self.kind.exit_code());
        }
        // `imagewright image list | head`: the reader has seen enough.
        ExitCode::SUCCESS
    }

    fn print(&self) {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        eprintln!("{red}error:{red:#} {}", self.error);
        let mut cause = self.error.source();
        while let Some(error) = cause {
            eprintln!("{red}caused by:{red:#} {error}");
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            eprintln!("{cyan}hint:{cyan:#} {hint}");
        }
    }

    fn is_closed_pipe(&self) -> bool {
        self.error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self { kind: error.kind(), hint: error.hint(), error: Box::new(error) }
    }
}

impl From<KernelsFolderError> for Failure {
    fn from(error: KernelsFolderError) -> Self {
        ServiceError::from(error).into()
    }
}

/// Results could not be printed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { kind: ErrorKind::of_io(&error), hint: ErrorKind::io_hint(&error), error: Box::new(error) }
    }
}
