//! Trials: what rules want run of an image, and what they are told of it. Whoever can run an image is a [`Machine`]; here is only
//! said what to run and how to judge it.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::Value;

/// Where packages come from, or how a platform leaves a container alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialReach {
    /// Nothing but itself, and what the machine plays for it.
    Itself,
    /// Package indexes.
    Indexes,
}

/// Who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialUser {
    /// Whoever the image says.
    OfImage,
    /// These numbers.
    Numbers {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
        /// Other groups.
        groups: Vec<u32>,
    },
    /// What a platform makes up: a high number that the image does not know, in group 0, without capabilities.
    MadeUp,
}

impl TrialUser {
    /// As Kubeflow and Enterprise Gateway have it.
    pub(crate) fn jovyan() -> Self {
        Self::Numbers { uid: 1000, gid: 100, groups: vec![100] }
    }

    pub(crate) fn told(&self) -> String {
        match self {
            Self::OfImage => "the image's user".to_owned(),
            Self::Numbers { uid, .. } => format!("user {uid}"),
            Self::MadeUp => "a user id that a platform makes up".to_owned(),
        }
    }
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialCommand {
    /// What the image starts.
    OfImage,
    /// This, in the place of entry point and command.
    Instead(Vec<String>),
    /// This, in the place of the command: the entry point gets it.
    Arguments(Vec<String>),
}

/// A folder that a platform mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialVolume {
    /// Where.
    pub path: String,
    /// Trials that name it get the same one.
    pub name: &'static str,
    /// The group that it belongs to.
    pub group: u32,
}

/// A file that is shown to the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialFile {
    /// Where.
    pub path: String,
    /// What is in it.
    pub text: String,
    /// Its rights.
    pub mode: u32,
}

/// What is asked of a server by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The port it listens on.
    pub port: u16,
    /// What is asked for.
    pub path: String,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
}

/// What the machine plays for the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Played {
    /// Nothing.
    Nothing,
    /// Enterprise Gateway, which waits for what a launcher sends; `RESPONSE_ADDRESS` and `PUBLIC_KEY` are set.
    Gateway,
    /// A service that answers these paths with these documents, and everything else with 404.
    Service {
        /// Where it listens.
        port: u16,
        /// Beginnings of paths, and documents.
        documents: Vec<(String, Value)>,
    },
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What is started.
    pub command: TrialCommand,
    /// Who runs it.
    pub user: TrialUser,
    /// Whether it has no capabilities, and gets none.
    pub confined: bool,
    /// Variables beside those of the image.
    pub environment: Vec<(String, String)>,
    /// Where it starts, if not where the image says.
    pub folder: Option<String>,
    /// The folder that is mounted.
    pub volume: Option<TrialVolume>,
    /// Files that it is shown.
    pub files: Vec<TrialFile>,
    /// What it reaches.
    pub reach: TrialReach,
    /// Who is played for it.
    pub played: Played,
    /// What is asked until it answers; then it has shown what it had to.
    pub questions: Vec<Question>,
    /// How long it has to stay up for it to be good, where nothing is asked.
    pub stays: Option<Duration>,
    /// How long it may take at most.
    pub limit: Duration,
    /// The how manyth of trials that are the same.
    pub round: u32,
}

/// How long a start may take.
pub(crate) const START: Duration = Duration::from_secs(60);

impl Trial {
    /// Runs what the image starts, to its end.
    pub(crate) fn of_image() -> Self {
        Self {
            command: TrialCommand::OfImage,
            user: TrialUser::OfImage,
            confined: false,
            environment: Vec::new(),
            folder: None,
            volume: None,
            files: Vec::new(),
            reach: TrialReach::Itself,
            played: Played::Nothing,
            questions: Vec::new(),
            stays: None,
            limit: START,
            round: 0,
        }
    }

    /// Runs this in its place.
    pub(crate) fn of<const N: usize>(words: [&str; N]) -> Self {
        Self { command: TrialCommand::Instead(words.map(str::to_owned).to_vec()), ..Self::of_image() }
    }

    pub(crate) fn by(self, user: TrialUser) -> Self {
        Self { user, ..self }
    }

    /// As clusters run what they do not trust.
    pub(crate) fn by_anybody(self) -> Self {
        Self { user: TrialUser::MadeUp, confined: true, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn file(mut self, path: &str, text: impl Into<String>, mode: u32) -> Self {
        self.files.push(TrialFile { path: path.to_owned(), text: text.into(), mode });
        self
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RanEnd {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was up when nobody wanted to know more.
    Stopped,
    /// It did not come to an end in its time.
    TimedOut,
    /// It used too much.
    Limited(String),
    /// It did not start.
    NotStarted(String),
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: String,
}

impl HttpAnswer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a launcher sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing came.
    None,
    /// What came cannot be read, for this reason.
    Unreadable(String),
    /// This; and of its ports, those where nobody listens.
    Read {
        /// What it says of the kernel's connection.
        connection: Value,
        /// Ports that are closed.
        closed: Vec<u16>,
        /// Why the kernel did not compute, where it was asked to.
        computes: Result<(), String>,
    },
}

/// What was seen of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: RanEnd,
    /// The end of its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
    /// Answers to the questions, in order; none where there was no answer.
    pub answers: Vec<Option<HttpAnswer>>,
    /// What a launcher sent to the gateway that was played for it.
    pub reply: Reply,
}

impl Ran {
    pub(crate) fn succeeded(&self) -> bool {
        self.end == RanEnd::Code(0)
    }

    /// Whether it was up as long as it had to.
    pub(crate) fn stayed(&self) -> bool {
        self.end == RanEnd::Stopped
    }

    /// How it ended, in words that go on with what it last said.
    pub(crate) fn told(&self) -> String {
        let end = match &self.end {
            RanEnd::Code(code) => format!("it ended with {code}"),
            RanEnd::Signal(signal) => format!("signal {signal} ended it"),
            RanEnd::Stopped => "it went on".to_owned(),
            RanEnd::TimedOut => "it did not come to an end in its time".to_owned(),
            RanEnd::Limited(why) => why.clone(),
            RanEnd::NotStarted(why) => return why.clone(),
        };
        match self.last_words() {
            Some(words) => format!("{end}, and last said `{words}`"),
            None => end,
        }
    }

    /// The last line that says something.
    fn last_words(&self) -> Option<String> {
        let last = |text: &str| {
            let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
            let printable: String = line.chars().filter(|letter| !letter.is_control()).take(200).collect();
            Some(printable.replace('`', "'"))
        };
        last(&self.stderr).or_else(|| last(&self.stdout))
    }
}

/// Runs images.
pub trait Machine {
    /// Makes a trial.
    ///
    /// # Errors
    /// Says why this machine cannot, in a sentence without a full stop.
    fn run(&self, trial: &Trial) -> Result<Ran, String>;
}

/// Trials of one image: one that was made is not made again.
pub struct Trials<'a> {
    machine: &'a dyn Machine,
    made: RefCell<Vec<(Trial, Result<Ran, String>)>>,
}

impl<'a> Trials<'a> {
    /// None made yet.
    pub fn new(machine: &'a dyn Machine) -> Self {
        Self { machine, made: RefCell::default() }
    }

    /// What came of a trial.
    pub(crate) fn run(&self, trial: &Trial) -> Result<Ran, String> {
        if let Some((_, known)) = self.made.borrow().iter().find(|(made, _)| made == trial) {
            return known.clone();
        }
        let ran = self.machine.run(trial);
        self.made.borrow_mut().push((trial.clone(), ran.clone()));
        ran
    }
}
