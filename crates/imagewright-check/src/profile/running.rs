//! Which rules of profiles run the image, as tables beside those of the rules that look at it.

use super::definition::{Entry, rule};
use crate::rules::running::gateway::{LAUNCHER_NO_REPLY, LAUNCHER_NO_REPLY_FOR_OTHERS};
use crate::rules::running::hub::{SINGLEUSER_DOES_NOT_ANSWER, SINGLEUSER_DOES_NOT_START};
use crate::rules::running::node::{NODE_PREPARATION_FAILS, NOTEBOOK_DOES_NOT_RUN, R_SCRIPT_DOES_NOT_RUN};
use crate::rules::running::server::{
    FRAMING_FORBIDDEN, INIT_FAILURE_SURVIVED, KERNEL_LIST_MISSING, SERVER_DOES_NOT_ANSWER,
    SERVER_NOT_BEHIND_REWRITE, SERVER_NOT_FOR_ANY_USER, VOLUME_CHANGES_LOST,
};
use crate::rules::running::stack::{
    OTHER_USERS_NOT_PREPARED, ROOT_START_IGNORED, START_HOOKS_NOT_RUN, START_LOGS_MISPLACED,
    START_VARIABLES_IGNORED,
};
use crate::rules::running::start::{DEFAULT_COMMAND_ENDS, PYTHON_DOES_NOT_START, SHELL_DOES_NOT_START};

pub(super) static ELYRA: [Entry; 5] = [
    rule(&SHELL_DOES_NOT_START),
    rule(&PYTHON_DOES_NOT_START),
    rule(&NODE_PREPARATION_FAILS),
    rule(&NOTEBOOK_DOES_NOT_RUN),
    rule(&R_SCRIPT_DOES_NOT_RUN),
];

pub(super) static ENTERPRISE_GATEWAY: [Entry; 3] =
    [rule(&PYTHON_DOES_NOT_START), rule(&LAUNCHER_NO_REPLY), rule(&LAUNCHER_NO_REPLY_FOR_OTHERS)];

pub(super) static KUBEFLOW_NOTEBOOK: [Entry; 8] = [
    rule(&SHELL_DOES_NOT_START),
    rule(&SERVER_DOES_NOT_ANSWER),
    rule(&SERVER_NOT_FOR_ANY_USER),
    rule(&KERNEL_LIST_MISSING),
    rule(&FRAMING_FORBIDDEN),
    rule(&VOLUME_CHANGES_LOST),
    rule(&SERVER_NOT_BEHIND_REWRITE),
    rule(&INIT_FAILURE_SURVIVED),
];

pub(super) static DOCKER_STACKS: [Entry; 8] = [
    rule(&SHELL_DOES_NOT_START),
    rule(&PYTHON_DOES_NOT_START),
    rule(&DEFAULT_COMMAND_ENDS),
    rule(&ROOT_START_IGNORED),
    rule(&OTHER_USERS_NOT_PREPARED),
    rule(&START_HOOKS_NOT_RUN),
    rule(&START_VARIABLES_IGNORED),
    rule(&START_LOGS_MISPLACED),
];

pub(super) static JUPYTERHUB: [Entry; 3] =
    [rule(&PYTHON_DOES_NOT_START), rule(&SINGLEUSER_DOES_NOT_START), rule(&SINGLEUSER_DOES_NOT_ANSWER)];
