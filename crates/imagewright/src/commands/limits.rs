//! The flags that say how much of the machine a program may use.

use clap::Args;
use imagewright_sandbox::Limits;

use crate::render::size;

/// How much of the machine a program may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitFlags {
    /// Most memory a program may use, as 500MB or 4GB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<u64>,
    /// Most processes and threads a program may have
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pids: Option<u64>,
    /// Most processors' worth of time a program may take, as 1.5
    #[arg(long, value_name = "COUNT")]
    cpus: Option<f64>,
}

impl From<LimitFlags> for Limits {
    fn from(flags: LimitFlags) -> Self {
        Self { memory: flags.memory, processes: flags.pids, cpu: flags.cpus }
    }
}
