//! Runs an image for rules that want to see it run, in our own sandbox: a [`Machine`] of the engine's.

mod aes;
mod gateway;
mod http;
mod kernel;

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use imagewright_check::{
    HttpAnswer, Machine, Played, Ran, RanEnd, Reply, Trial, TrialCommand, TrialReach, TrialUser,
};
use imagewright_engine::{
    Cancel, EngineError, RunRequest, TrialEnd, TrialGround, TrialNetwork, TrialRequest, Underway, Volume,
    trial_limits,
};
use imagewright_model::{ErrorKind, in_one_line};
use imagewright_sandbox::PrivateNetwork;

use gateway::Gateway;

/// As high as numbers of users are where platforms make them up; and what there is of it in a user namespace.
const MADE_UP: [u32; 2] = [1_000_660_000, 64_321];
/// How often a server is asked whether it is there.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a server that answers, but not well, is given to get well.
const GETTING_WELL: Duration = Duration::from_secs(10);
/// What a server that was asked everything may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An image that is run, as often as rules want.
pub(super) struct TrialMachine<'a> {
    ground: TrialGround<'a>,
    cancel: &'a Cancel,
    /// What made going on pointless.
    failed: RefCell<Option<EngineError>>,
}

impl<'a> TrialMachine<'a> {
    pub(super) fn new(ground: TrialGround<'a>, cancel: &'a Cancel) -> Self {
        Self { ground, cancel, failed: RefCell::default() }
    }

    /// What stopped the trials: they were cancelled, or the disk is full.
    pub(super) fn failure(self) -> Option<EngineError> {
        self.failed.into_inner()
    }

    fn request(&self, trial: &Trial) -> Result<TrialRequest, String> {
        let (entrypoint, arguments) = match &trial.command {
            TrialCommand::OfImage => (None, Vec::new()),
            TrialCommand::Instead(words) => (Some(Vec::new()), words.clone()),
            TrialCommand::Arguments(words) => (None, words.clone()),
        };
        let user = match &trial.user {
            TrialUser::OfImage => None,
            TrialUser::Numbers { uid, gid, groups } => Some((*uid, *gid, groups.clone())),
            TrialUser::MadeUp => {
                let uid = MADE_UP.into_iter().find(|uid| self.ground.has_user(*uid));
                Some((uid.ok_or("there are no other users on this machine")?, 0, Vec::new()))
            }
        };
        if let Some((uid, ..)) = &user
            && !self.ground.has_user(*uid)
        {
            return Err(format!("there is no user {uid} on this machine"));
        }
        let run = RunRequest {
            arguments,
            entrypoint,
            environment: trial.environment.clone(),
            working_directory: trial.folder.as_ref().map(Into::into),
            time_limit: Some(trial.limit),
            limits: trial_limits(),
            ..RunRequest::default()
        };
        let files =
            trial.files.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes(), file.mode));
        let volume = trial.volume.as_ref().map(|volume| {
            (volume.path.clone(), Volume { name: volume.name.to_owned(), group: volume.group })
        });
        Ok(TrialRequest { run, user, confined: trial.confined, files: files.collect(), volume })
    }

    fn with_indexes(&self, trial: &Trial) -> Result<Ran, EngineOrWords> {
        if self.ground.is_offline() {
            return Err("it takes a package index, and nothing leads out of this machine".to_owned().into());
        }
        let request = self.request(trial)?;
        let tried = self.ground.run(&request, TrialNetwork::Indexes, self.cancel, |_| {})?;
        Ok(ran(tried, Vec::new(), Reply::None))
    }

    fn alone(&self, trial: &Trial) -> Result<Ran, EngineOrWords> {
        let network = PrivateNetwork::new().map_err(EngineError::from)?;
        let mut request = self.request(trial)?;
        let unplayable =
            |error: std::io::Error| format!("nobody can listen in a network of its own: {error}");
        let gateway = match &trial.played {
            Played::Gateway => {
                let gateway = Gateway::new(&network).map_err(unplayable)?;
                request.run.environment.extend(gateway.environment());
                Some(gateway)
            }
            _ => None,
        };
        let service = match &trial.played {
            Played::Service { port, .. } => Some(network.listen(*port).map_err(unplayable)?),
            _ => None,
        };
        let (answers, reply) = (Mutex::new(Vec::new()), Mutex::new(Reply::None));
        let tried = self.ground.run(&request, TrialNetwork::Private(&network), self.cancel, |underway| {
            std::thread::scope(|scope| {
                if let (Some(listener), Played::Service { documents, .. }) = (&service, &trial.played) {
                    scope.spawn(|| http::serve(listener, documents, underway));
                }
                if let Some(gateway) = &gateway {
                    set(&reply, gateway.wait(&network, underway, trial.limit));
                    underway.stop();
                } else if !trial.questions.is_empty() {
                    set(&answers, asked(trial, &network, underway));
                    underway.stop();
                } else if let Some(stays) = trial.stays {
                    wait(stays, underway);
                    underway.stop();
                }
            });
        })?;
        let reply = reply.into_inner().unwrap_or(Reply::None);
        Ok(ran(tried, answers.into_inner().unwrap_or_default(), reply))
    }
}

impl Machine for TrialMachine<'_> {
    fn run(&self, trial: &Trial) -> Result<Ran, String> {
        if self.failed.borrow().is_some() {
            return Err("the trials were stopped".to_owned());
        }
        let ran = match trial.reach {
            TrialReach::Indexes => self.with_indexes(trial),
            TrialReach::Itself => self.alone(trial),
        };
        ran.map_err(|error| match error {
            EngineOrWords::Words(words) => words,
            EngineOrWords::Engine(error) => {
                let told = format!("it cannot be run on this machine: {}", in_one_line(&error));
                if error.kind() == ErrorKind::Cancelled {
                    *self.failed.borrow_mut() = Some(error);
                }
                told
            }
        })
    }
}

/// Why there was no trial.
enum EngineOrWords {
    Engine(EngineError),
    Words(String),
}

impl From<EngineError> for EngineOrWords {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<String> for EngineOrWords {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

fn set<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = value;
}

fn ran(tried: imagewright_engine::Tried, answers: Vec<Option<HttpAnswer>>, reply: Reply) -> Ran {
    let end = match tried.end {
        TrialEnd::Code(code) => RanEnd::Code(code),
        TrialEnd::Signal(signal) => RanEnd::Signal(signal),
        TrialEnd::Stopped => RanEnd::Stopped,
        TrialEnd::TimedOut => RanEnd::TimedOut,
        TrialEnd::Limited(why) => RanEnd::Limited(why),
        TrialEnd::NotStarted(why) => RanEnd::NotStarted(why),
    };
    Ran { end, stdout: tried.stdout, stderr: tried.stderr, answers, reply }
}

/// Waits, or until it has ended; whether it has not.
fn wait(time: Duration, underway: &Underway<'_>) -> bool {
    let end = Instant::now() + time;
    while !underway.has_ended() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(INTERVAL / 4));
    }
    false
}

/// Asks a server until it is there and well, then everything else once.
fn asked(trial: &Trial, network: &PrivateNetwork, underway: &Underway<'_>) -> Vec<Option<HttpAnswer>> {
    let Some((first, others)) = trial.questions.split_first() else { return Vec::new() };
    // The sandbox would end it a little later, and then nobody could say that it was up.
    let end = Instant::now() + trial.limit.saturating_sub(GETTING_WELL / 2);
    let (mut answer, mut since) = (None, None);
    loop {
        if let Ok(came) = http::ask(network, first, PATIENCE) {
            let is_well = (200..400).contains(&came.status);
            answer = Some(came);
            if is_well || since.get_or_insert_with(Instant::now).elapsed() > GETTING_WELL {
                break;
            }
        }
        if Instant::now() > end || !wait(INTERVAL, underway) {
            break;
        }
    }
    let is_there = answer.is_some();
    let others = others.iter().map(|other| is_there.then(|| http::ask(network, other, PATIENCE).ok())?);
    std::iter::once(answer).chain(others).collect()
}
