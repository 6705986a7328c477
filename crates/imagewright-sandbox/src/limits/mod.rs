//! Keeps a command and all it starts within limits: by control groups where this process may make them, else
//! by what a process can do without them, and then a note says how far that goes.

mod control_group;
mod hierarchy;
mod processors;
mod usage;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::protocol::{Attempt, Failure};
use control_group::ControlGroup;
pub(crate) use hierarchy::{Controller, Hierarchies};
pub(crate) use usage::Bounds;

/// Smallest share of a processor the kernel can give.
const LEAST_CPU: f64 = 0.01;

/// Most that a command and all it started may use together. The default is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory. When they need more, processes are killed and [`Outcome::limited`](crate::Outcome) tells.
    pub memory: Option<u64>,
    /// Processes and threads. When there are as many, no more can be started; or, without control groups, all
    /// are killed when there are more, and [`Outcome::limited`](crate::Outcome) tells.
    pub processes: Option<u64>,
    /// Processors' worth of time, such as `1.5`. Who wants more waits.
    pub cpu: Option<f64>,
}

/// A limit for which processes were killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LimitHit {
    /// They needed more memory.
    OutOfMemory {
        /// Bytes they were allowed.
        limit: u64,
    },
    /// There were more processes and threads.
    TooManyProcesses {
        /// How many were allowed.
        limit: u64,
    },
}

impl Limits {
    /// Refuses limits under which nothing runs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let reason = if self.memory == Some(0) {
            "a command cannot run without memory"
        } else if self.processes == Some(0) {
            "a command is a process, so the limit of processes cannot be 0"
        } else if self.cpu.is_some_and(|cpu| !cpu.is_finite() || cpu < LEAST_CPU) {
            "a command needs at least 0.01 processors"
        } else {
            return Ok(());
        };
        Err(reason.to_owned())
    }

    /// What has to control the limits that are set.
    fn controllers(&self) -> Vec<Controller> {
        [
            (Controller::Memory, self.memory.is_some()),
            (Controller::Processes, self.processes.is_some()),
            (Controller::Cpu, self.cpu.is_some()),
        ]
        .into_iter()
        .filter_map(|(controller, is_set)| is_set.then_some(controller))
        .collect()
    }
}

/// How one sandbox is kept within its limits. The helper makes it and finishes it.
#[derive(Default)]
pub(crate) struct Enforcement {
    memory: Option<u64>,
    groups: Vec<ControlGroup>,
    watched: Bounds,
    processors: Option<CpuSet>,
    notes: Vec<String>,
}

impl Enforcement {
    /// Prepares to keep `limits` as well as the machine lets this user do it.
    pub(crate) fn prepare(limits: &Limits) -> Self {
        let mut this = Self { memory: limits.memory, ..Self::default() };
        let wanted = limits.controllers();
        let controlled = if wanted.is_empty() { Vec::new() } else { this.make_groups(limits, &wanted) };
        for controller in wanted.into_iter().filter(|controller| !controlled.contains(controller)) {
            this.do_without(controller, limits);
        }
        this
    }

    /// Makes control groups, and returns what they control.
    fn make_groups(&mut self, limits: &Limits, wanted: &[Controller]) -> Vec<Controller> {
        let Ok(hierarchies) = Hierarchies::of_this_process() else { return Vec::new() };
        let mut controlled = Vec::new();
        for place in hierarchies.places(wanted) {
            if let Ok(group) = ControlGroup::create(&place, limits) {
                controlled.extend(place.controllers);
                self.groups.push(group);
            }
        }
        controlled
    }

    /// Keeps a limit in the next best way. `RLIMIT_AS` would forbid what programs only reserve, `RLIMIT_NPROC`
    /// counts all that the user runs, and does not hold for root.
    fn do_without(&mut self, controller: Controller, limits: &Limits) {
        let can_watch = usage::is_measurable();
        let way = match controller {
            Controller::Memory if can_watch => {
                self.watched.memory = limits.memory;
                "the command is killed when its processes are seen to have more"
            }
            Controller::Processes if can_watch => {
                self.watched.processes = limits.processes;
                "the command is killed when more are seen"
            }
            Controller::Cpu => {
                self.processors = limits.cpu.and_then(|cpu| processors::choose(cpu).ok());
                "the command is bound to as many whole processors"
            }
            Controller::Memory | Controller::Processes => "nothing else can",
        };
        self.notes.push(format!("no control group keeps the {controller} limit: {way}"));
    }

    /// Puts this process under the limits, and with it all it will start.
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        for group in &self.groups {
            group.enter().attempt("enter the control group")?;
        }
        match &self.processors {
            Some(processors) => sched_setaffinity(Pid::from_raw(0), processors).attempt("choose processors"),
            None => Ok(()),
        }
    }

    /// What the helper has to look after, because nobody else does.
    pub(crate) fn watched(&self) -> &Bounds {
        &self.watched
    }

    /// The limit for which the kernel has killed processes.
    pub(crate) fn hit(&self) -> Option<LimitHit> {
        let limit = self.memory.filter(|_| self.groups.iter().any(ControlGroup::has_killed))?;
        Some(LimitHit::OutOfMemory { limit })
    }

    /// Removes the control groups, which nobody is in any more, and returns the notes.
    pub(crate) fn finish(self) -> Vec<String> {
        self.groups.into_iter().for_each(ControlGroup::remove);
        self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_limits_under_which_nothing_runs() {
        let none = Limits::default();
        for (limits, expected) in [
            (none.clone(), None),
            (Limits { memory: Some(1), processes: Some(1), cpu: Some(0.01) }, None),
            (Limits { memory: Some(0), ..none.clone() }, Some("memory")),
            (Limits { processes: Some(0), ..none.clone() }, Some("processes")),
            (Limits { cpu: Some(0.0), ..none.clone() }, Some("processors")),
            (Limits { cpu: Some(-1.0), ..none.clone() }, Some("processors")),
            (Limits { cpu: Some(f64::NAN), ..none.clone() }, Some("processors")),
            (Limits { cpu: Some(f64::INFINITY), ..none }, Some("processors")),
        ] {
            let reason = limits.check().err();
            let as_expected = match (&reason, expected) {
                (Some(reason), Some(expected)) => reason.contains(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(as_expected, "{limits:?}: {reason:?}");
        }
    }
}
