//! Rules that run the image, as the platform would. A rule says what to try ([`crate::trial`]) and judges what came of it; what this
//! machine cannot try it cannot tell.

pub(crate) mod gateway;
pub(crate) mod hub;
pub(crate) mod node;
pub(crate) mod server;
pub(crate) mod stack;
pub(crate) mod start;

use crate::rule::{Outcome, Rule};
use crate::trial::{Ran, Trial, Trials};

/// All of them, in the order in which they are told.
pub(super) static ALL: [&Rule; 22] = [
    &start::SHELL_DOES_NOT_START,
    &start::PYTHON_DOES_NOT_START,
    &start::DEFAULT_COMMAND_ENDS,
    &node::NODE_PREPARATION_FAILS,
    &node::NOTEBOOK_DOES_NOT_RUN,
    &node::R_SCRIPT_DOES_NOT_RUN,
    &gateway::LAUNCHER_NO_REPLY,
    &gateway::LAUNCHER_NO_REPLY_FOR_OTHERS,
    &server::SERVER_DOES_NOT_ANSWER,
    &server::SERVER_NOT_FOR_ANY_USER,
    &server::KERNEL_LIST_MISSING,
    &server::FRAMING_FORBIDDEN,
    &server::VOLUME_CHANGES_LOST,
    &server::SERVER_NOT_BEHIND_REWRITE,
    &server::INIT_FAILURE_SURVIVED,
    &stack::ROOT_START_IGNORED,
    &stack::OTHER_USERS_NOT_PREPARED,
    &stack::START_HOOKS_NOT_RUN,
    &stack::START_VARIABLES_IGNORED,
    &stack::START_LOGS_MISPLACED,
    &hub::SINGLEUSER_DOES_NOT_START,
    &hub::SINGLEUSER_DOES_NOT_ANSWER,
];

/// Makes a trial and judges it; what cannot be tried cannot be told.
fn tried(trials: &Trials<'_>, trial: &Trial, judge: impl FnOnce(&Ran) -> Outcome) -> Outcome {
    match trials.run(trial) {
        Ok(ran) => judge(&ran),
        Err(why) => Outcome::unknown(why),
    }
}

impl Outcome {
    /// Both.
    fn and(mut self, other: Self) -> Self {
        self.found.extend(other.found);
        self.unknown.extend(other.unknown);
        self.unknown.dedup();
        self
    }
}
