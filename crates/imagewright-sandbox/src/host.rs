//! Programs that run beside the sandbox, on the host: trusted ones of ours, which must not outlive us either.

use std::process::Command;

use crate::sys;

/// Lets the program that `command` starts be killed when the calling thread ends, also by `kill -9` of the process.
///
/// The thread that spawns it has to wait for it.
pub fn end_with_this_thread(command: &mut Command) {
    sys::end_with_this_thread(command);
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_ends_with_the_thread_that_started_it() {
        let spawn = || {
            let mut command = Command::new("sleep");
            super::end_with_this_thread(command.arg("1000").stdin(Stdio::null()));
            command.spawn().unwrap()
        };
        let mut child = std::thread::spawn(spawn).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
