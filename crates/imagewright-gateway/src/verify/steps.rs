//! The steps, one after the other.

use std::thread;
use std::time::{Duration, Instant};

use imagewright_model::Stop;

use super::cells::{BEGUN, Cells};
use super::reasons;
use super::{Cell, Outcome, Problem, Report, Step, StepReport, VerifyRequest};
use crate::{Channel, Execution, Gateway, GatewayError, KernelId, ListedKernelspec};

/// How much longer than the gateway's limit its answer is waited for.
const AFTER_LAUNCH: Duration = Duration::from_secs(30);
/// A cell that has not said that it has begun is interrupted after this time.
const SURELY_BEGUN: Duration = Duration::from_secs(5);
/// How long it is looked at most whether a kernel is gone, or is there after all.
const LONGEST_LOOK: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(300);

type Done = Result<String, Problem>;

/// One verification.
pub(super) struct Run<'a> {
    gateway: &'a Gateway,
    request: &'a VerifyRequest,
    stop: &'a Stop,
    tell: &'a mut dyn FnMut(&StepReport),
    report: Report,
    /// The kernel, from the moment that it may be there.
    kernel: Option<KernelId>,
    /// Whether a gateway that gave no answer may be starting it still.
    may_be_starting: bool,
    cells: Option<Cells>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        gateway: &'a Gateway,
        request: &'a VerifyRequest,
        stop: &'a Stop,
        tell: &'a mut dyn FnMut(&StepReport),
    ) -> Self {
        let report = Report {
            kernelspec: request.kernelspec.clone(),
            gateway: gateway.address().to_owned(),
            language: None,
            image: None,
            kernel: None,
            steps: Vec::new(),
            notes: Vec::new(),
            problem: None,
        };
        Self { gateway, request, stop, tell, report, kernel: None, may_be_starting: false, cells: None }
    }

    pub(super) fn finish(mut self) -> Report {
        if let Err(problem) = self.steps() {
            self.clean_up();
            self.report.problem = Some(problem);
        }
        self.report
    }

    fn steps(&mut self) -> Result<(), Problem> {
        self.step(Step::Listed, Self::see)?;
        self.step(Step::Started, Self::start)?;
        let mut channel = None;
        self.step(Step::Executed, |run| run.execute(&mut channel))?;
        let mut channel = channel.expect("a cell was executed on it");
        match (self.request.interrupt, self.cells) {
            (true, Some(cells)) => self.step(Step::Interrupted, |run| run.interrupt(&mut channel, cells))?,
            (wanted, _) => self.leave_out(Step::Interrupted, wanted),
        }
        drop(channel);
        if self.request.restart {
            self.step(Step::Restarted, Self::restart)?;
        } else {
            self.leave_out(Step::Restarted, false);
        }
        self.step(Step::Stopped, Self::stop)
    }

    /// Does a step, and tells of it.
    fn step(&mut self, step: Step, work: impl FnOnce(&mut Self) -> Done) -> Result<(), Problem> {
        let start = Instant::now();
        let done = match self.stop.is_asked() {
            true => Err(self.problem(step, &GatewayError::Cancelled)),
            false => work(self),
        };
        let time = start.elapsed();
        let (outcome, detail) = match &done {
            Ok(detail) => (Outcome::Done, detail.clone()),
            Err(problem) => (Outcome::Failed, problem.reason.clone()),
        };
        self.told(StepReport { step, outcome, time, detail });
        done.map(drop)
    }

    fn leave_out(&mut self, step: Step, was_wanted: bool) {
        let detail = match was_wanted {
            true => "no code is known for this language".to_owned(),
            false => "not wanted".to_owned(),
        };
        self.told(StepReport { step, outcome: Outcome::LeftOut, time: Duration::ZERO, detail });
    }

    fn told(&mut self, report: StepReport) {
        (self.tell)(&report);
        self.report.steps.push(report);
    }

    fn problem(&self, step: Step, error: &GatewayError) -> Problem {
        reasons::of(step, error, self.request, self.report.image.as_deref())
    }

    /// The gateway lists the kernelspec.
    fn see(&mut self) -> Done {
        let at = |error: &GatewayError| self.problem(Step::Listed, error);
        let listed = self.gateway.kernelspecs(self.request.timeout).map_err(|error| at(&error))?;
        // Gateways list names in lower case, and take them in any.
        let wanted = self.request.kernelspec.to_lowercase();
        let found = listed.values().find(|listed| listed.name.to_lowercase() == wanted).cloned();
        let Some(found) = found else {
            let hidden = self.gateway.kernelspec(&self.request.kernelspec, self.request.timeout);
            if hidden.map_err(|error| at(&error))?.is_some() {
                return Err(reasons::hidden(self.request));
            }
            let names: Vec<&str> = listed.values().map(|listed| listed.name.as_str()).collect();
            return Err(reasons::unknown(self.request, &names));
        };
        self.cells = Cells::of(found.language());
        if self.cells.is_none() && self.request.cell.is_none() {
            return Err(reasons::no_code(found.language()));
        }
        self.report.language = Some(found.language().to_owned());
        let image = self.request.environment.get("KERNEL_IMAGE").cloned();
        self.report.image = image.or_else(|| found.image().map(str::to_owned));
        Ok(described(&found, self.report.image.as_deref()))
    }

    fn start(&mut self) -> Done {
        let id = KernelId::random();
        self.kernel = Some(id.clone());
        self.report.kernel = Some(id.to_string());
        let mut environment = self.request.environment.clone();
        let seconds = self.request.launch_timeout.as_secs().to_string();
        environment.insert("KERNEL_USERNAME".to_owned(), self.request.user.clone());
        environment.insert("KERNEL_LAUNCH_TIMEOUT".to_owned(), seconds);
        let limit = self.request.launch_timeout + AFTER_LAUNCH;
        let started = self.gateway.start(&self.request.kernelspec, &id, &environment, limit);
        self.may_be_starting =
            matches!(started, Err(GatewayError::Silent { .. } | GatewayError::Unreachable { .. }));
        let id = started.map_err(|error| self.problem(Step::Started, &error))?;
        self.report.kernel = Some(id.to_string());
        self.kernel = Some(id);
        Ok(format!("as user {}", self.request.user))
    }

    fn execute(&mut self, channel: &mut Option<Channel>) -> Done {
        let cell = self.request.cell.clone().or_else(|| self.cells.map(Cells::sum));
        let cell = cell.expect("there is one, or the first step fails");
        let open = self.open(Step::Executed)?;
        let channel = channel.insert(open);
        self.compute(Step::Executed, channel, &cell)
    }

    /// Executes a cell, and looks at what it prints.
    fn compute(&self, step: Step, channel: &mut Channel, cell: &Cell) -> Done {
        let execution = self.run(step, channel, &cell.code)?;
        let printed = execution.output.trim();
        let is_right = execution.status == "ok"
            && cell.expected.as_ref().is_none_or(|expected| printed == expected.trim());
        if !is_right {
            return Err(reasons::wrong_output(step, cell, &execution));
        }
        let code = crate::gateway::short(&cell.code);
        Ok(if printed.is_empty() { code } else { format!("{code} → {}", crate::gateway::short(printed)) })
    }

    fn run(&self, step: Step, channel: &mut Channel, code: &str) -> Result<Execution, Problem> {
        let execution = channel.execute(code, self.request.timeout, self.stop, |_| Ok(()));
        execution.map_err(|error| self.problem(step, &error))
    }

    fn open(&self, step: Step) -> Result<Channel, Problem> {
        let kernel = self.kernel.as_ref().expect("it was started");
        let channel =
            Channel::open(self.gateway, kernel, &self.request.user, self.request.timeout, self.stop);
        channel.map_err(|error| self.problem(step, &error))
    }

    /// Interrupts a long cell; what was there before is there afterwards.
    fn interrupt(&mut self, channel: &mut Channel, cells: Cells) -> Done {
        let step = Step::Interrupted;
        self.run(step, channel, cells.leave)?;
        let (gateway, limit) = (self.gateway, self.request.timeout);
        let kernel = self.kernel.as_ref().expect("it was started");
        let mut sent: Option<Instant> = None;
        let mut refused = None;
        // From its beginning the cell has twice the time: once to begin, once to end.
        let slept = channel.execute(cells.sleep, limit * 2, self.stop, |progress| {
            let has_begun = progress.output.contains(BEGUN)
                || progress.busy_since.is_some_and(|since| since.elapsed() > SURELY_BEGUN);
            match sent {
                None if has_begun => {
                    if let Err(error) = gateway.interrupt(kernel, limit) {
                        refused = Some(error);
                        return Err(GatewayError::Cancelled);
                    }
                    sent = Some(Instant::now());
                }
                Some(since) if since.elapsed() > limit => {
                    return Err(GatewayError::KernelSilent { seconds: limit.as_secs() });
                }
                _ => {}
            }
            Ok(())
        });
        if let Some(error) = refused {
            return Err(self.problem(step, &error));
        }
        let slept = slept.map_err(|error| match (&error, sent) {
            (GatewayError::KernelSilent { .. }, Some(_)) => reasons::not_interrupted(limit),
            _ => self.problem(step, &error),
        })?;
        let took = sent.map(|since| since.elapsed()).ok_or_else(|| reasons::slept_not(&slept))?;
        let looked = self.run(step, channel, cells.look)?;
        if !looked.output.contains(cells.there) {
            return Err(reasons::lost_state(step));
        }
        let how = slept.error.as_deref().and_then(|error| error.split(':').next()).unwrap_or(&slept.status);
        Ok(format!("after {:.1} s, with {how}; the kernel kept its state", took.as_secs_f64()))
    }

    /// Restarts the kernel; what was there before is gone, and it computes.
    fn restart(&mut self) -> Done {
        let step = Step::Restarted;
        let kernel = self.kernel.clone().expect("it was started");
        let limit = self.request.launch_timeout + AFTER_LAUNCH;
        self.gateway.restart(&kernel, limit).map_err(|error| self.problem(step, &error))?;
        let mut channel = self.open(step)?;
        let mut detail = String::new();
        // Without the interrupt nothing was left to be gone.
        if let Some(cells) = self.cells.filter(|_| self.request.interrupt) {
            let looked = self.run(step, &mut channel, cells.look)?;
            let is_gone = match cells.gone {
                Some(gone) => looked.output.trim() == gone,
                None => looked.status == "error",
            };
            if !is_gone {
                return Err(reasons::kept_state());
            }
            detail.push_str("the kernel is a new one; ");
        }
        let cell = self.request.cell.clone().or_else(|| self.cells.map(Cells::sum));
        let cell = cell.expect("there is one, or the first step fails");
        detail.push_str(&self.compute(step, &mut channel, &cell)?);
        Ok(detail)
    }

    fn stop(&mut self) -> Done {
        let step = Step::Stopped;
        let kernel = self.kernel.clone().expect("it was started");
        let limit = self.request.timeout.max(AFTER_LAUNCH);
        let was_there = self.gateway.stop(&kernel, limit).map_err(|error| self.problem(step, &error))?;
        if !was_there {
            self.kernel = None;
            return Err(reasons::was_gone());
        }
        let start = Instant::now();
        while self.gateway.has(&kernel, limit).map_err(|error| self.problem(step, &error))? {
            if start.elapsed() > self.request.timeout.min(LONGEST_LOOK) {
                return Err(reasons::stays(&kernel));
            }
            thread::sleep(LOOK);
        }
        self.kernel = None;
        Ok("the gateway has it no more".to_owned())
    }

    /// Ends a kernel that may be there, though something failed.
    fn clean_up(&mut self) {
        let Some(kernel) = self.kernel.take() else { return };
        let launch = self.request.launch_timeout.min(LONGEST_LOOK);
        let patience = if self.may_be_starting { launch } else { Duration::ZERO };
        let start = Instant::now();
        loop {
            match self.gateway.stop(&kernel, self.request.timeout.min(AFTER_LAUNCH)) {
                Ok(true) => return,
                Ok(false) if start.elapsed() >= patience => return,
                Ok(false) => thread::sleep(LOOK),
                Err(error) => {
                    let text =
                        format!("the kernel {kernel} may still be there, and should be deleted: {error}");
                    self.report.notes.push(text);
                    return;
                }
            }
        }
    }
}

fn described(found: &ListedKernelspec, image: Option<&str>) -> String {
    let mut parts = vec![format!("{} ({})", found.display_name(), found.language())];
    parts.extend(found.process_proxy().map(str::to_owned));
    parts.extend(image.map(str::to_owned));
    parts.iter().map(|part| crate::gateway::short(part)).collect::<Vec<_>>().join(", ")
}
