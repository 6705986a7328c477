//! Keeps a command and all it starts within limits: by control groups where this process may make them, else
//! by what a process can do without them, and then a note says how far that goes.

mod control_group;
mod hierarchy;
mod processors;
mod usage;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, getppid};
use serde::{Deserialize, Serialize};

use crate::protocol::{Attempt, Failure};
use crate::user_namespace;
use control_group::ControlGroup;
pub(crate) use hierarchy::{Controller, Hierarchies};

/// Smallest share of a processor the kernel can give.
const LEAST_CPU: f64 = 0.01;

/// Most that a command and all it started may use together. The default is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory. When they need more, processes are killed and [`Outcome::limited`](crate::Outcome) tells.
    pub memory: Option<u64>,
    /// Processes and threads. When there are as many, no more can be started.
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
    /// Whether the helper itself has to look after the memory.
    watches_memory: bool,
    /// Most processes of the command's user.
    user_processes: Option<u64>,
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

    /// Keeps a limit in the next best way.
    fn do_without(&mut self, controller: Controller, limits: &Limits) {
        let way = match controller {
            Controller::Memory => self.watch_memory(),
            Controller::Processes => self.limit_user(limits.processes.unwrap_or(u64::MAX)),
            Controller::Cpu => self.choose_processors(limits.cpu.unwrap_or(f64::INFINITY)),
        };
        let way = way.unwrap_or("nothing else keeps it");
        self.notes.push(format!("no control group keeps the {controller} limit: {way}"));
    }

    fn watch_memory(&mut self) -> Option<&'static str> {
        self.watches_memory = usage::is_measurable();
        self.watches_memory.then_some("the command is killed when its processes are seen to have more memory")
    }

    /// Processes of an ordinary user are counted by user and user namespace, those of root not at all.
    fn limit_user(&mut self, most: u64) -> Option<&'static str> {
        if user_namespace::is_initial() {
            return None;
        }
        self.user_processes = Some(usage::tasks_below(getppid()).saturating_add(most));
        Some("it holds for all commands together that run at the same time")
    }

    fn choose_processors(&mut self, cpu: f64) -> Option<&'static str> {
        self.processors = processors::choose(cpu).ok();
        self.processors.map(|_| "the command is bound to as many whole processors")
    }

    /// Puts this process under the limits, and with it all it will start.
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        for group in &self.groups {
            group.enter().attempt("enter the control group")?;
        }
        if let Some(processors) = &self.processors {
            sched_setaffinity(Pid::from_raw(0), processors).attempt("choose processors")?;
        }
        if let Some(most) = self.user_processes {
            let (_, allowed) = getrlimit(Resource::RLIMIT_NPROC).attempt("limit processes")?;
            let most = most.min(allowed);
            setrlimit(Resource::RLIMIT_NPROC, most, most).attempt("limit processes")?;
        }
        Ok(())
    }

    /// Bytes of memory at which the helper itself has to end the sandbox.
    pub(crate) fn watched_memory(&self) -> Option<u64> {
        self.memory.filter(|_| self.watches_memory)
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

/// Whether the process `first` and all below it have more memory than `limit`.
pub(crate) fn is_memory_exceeded(first: Pid, limit: u64) -> bool {
    usage::exceeds(first, limit)
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
