//! Kill storms: a command is killed again and again at moments nobody chose, and after each kill all must be in order.
//!
//! Moments are drawn over the duration of an undisturbed run, from a seed that is printed. At least half of the kills
//! fall between the first write of the command and its commit: the storm watches for the first write of each run and
//! draws on until there are enough.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::context::Outcome;
use crate::processes::{Process, family_of, wait_until};
use crate::random::{Random, SEED_VARIABLE};

/// The variable that gives the number of kills of each storm.
pub const KILLS_VARIABLE: &str = "IMAGEWRIGHT_TEST_KILLS";

/// How many undisturbed runs are measured.
const MEASUREMENTS: usize = 3;
/// So many runs for each kill that is wanted; more of them end by themselves only where the watching is wrong.
const MOST_RUNS_A_KILL: usize = 6;
/// How long the watching sleeps.
const GLANCE: Duration = Duration::from_micros(50);
/// From a kill to the end of all that the command started; far more than it takes.
const AT_ONCE: Duration = Duration::from_secs(5);
/// A command that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// What a storm rages over.
pub trait Scene {
    /// Puts everything back to how it was before the command ever ran.
    fn prepare(&mut self);

    /// The command, not started yet.
    fn command(&self) -> Command;

    /// Whether the command, which runs as this process or was killed just now, has begun to write. May be forgotten
    /// after the commit.
    fn has_begun(&self, process: u32) -> bool;

    /// Whether what the command does has become visible as a whole.
    fn is_committed(&self) -> bool;

    /// Looks at what an undisturbed run came to, to compare with it later, and demands that it went well.
    fn note_outcome(&mut self, outcome: &Outcome);

    /// Demands that all is in order after a kill, and that the command goes on from there.
    fn check(&mut self);

    /// Whether the command starts processes of its own.
    fn starts_processes(&self) -> bool {
        false
    }
}

/// When things happen in an undisturbed run, from its start.
#[derive(Clone, Copy, Debug)]
struct Course {
    first_write: Duration,
    commit: Duration,
    end: Duration,
}

impl Course {
    /// Goes half the way to a run that was shorter: it was measured while the machine was busier.
    fn draw_near(&mut self, end: Duration) {
        let scale = (1.0 + (end.as_secs_f64() / self.end.as_secs_f64()).min(1.0)) / 2.0;
        for time in [&mut self.first_write, &mut self.commit, &mut self.end] {
            *time = time.mul_f64(scale);
        }
    }
}

/// How a run ended.
enum Struck {
    /// By itself, so long after its start.
    Spared { after: Duration },
    /// It was killed.
    Killed { had_begun: bool },
}

/// When one run is to be killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This long after its start.
    SinceStart(Duration),
    /// This long after its first write.
    SinceFirstWrite(Duration),
}

/// What a storm came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Runs that were killed.
    pub kills: usize,
    /// Those of them that had begun to write and had not committed.
    pub within: usize,
    /// Runs that ended before their moment came.
    pub spared: usize,
}

/// Kills the command of `scene` `kills` times, or as often as [`KILLS_VARIABLE`] says, and on until half as many kills
/// fell between first write and commit. Kills that come too early or too late, because the machine is busier or less busy
/// than when the course was measured, are additional ones.
///
/// # Panics
///
/// When something is not in order, or too few kills hit the time between first write and commit.
#[expect(clippy::print_stderr, reason = "the seed is for whoever reads the failure")]
pub fn rage(name: &str, kills: usize, scene: &mut dyn Scene) -> Tally {
    let kills = wanted_kills().unwrap_or(kills);
    let (mut random, seed) = Random::from_environment(name);
    eprintln!("storm `{name}`: {SEED_VARIABLE}={seed} {KILLS_VARIABLE}={kills}");
    let mut course = measure(scene);
    eprintln!("storm `{name}`: {course:.1?}");
    let mut tally = Tally::default();
    while tally.kills < kills || tally.within * 2 < kills {
        assert!(tally.kills + tally.spared < MOST_RUNS_A_KILL * kills, "storm `{name}` misses: {tally:?}");
        let moment = draw(&mut random, &course, tally.within * 2 <= tally.kills);
        scene.prepare();
        match strike(scene, moment) {
            Struck::Spared { after } => {
                tally.spared += 1;
                course.draw_near(after);
            }
            Struck::Killed { had_begun } => {
                tally.within += usize::from(had_begun && !scene.is_committed());
                tally.kills += 1;
                eprintln!("storm `{name}`: kill {} at {moment:.1?}", tally.kills);
                scene.check();
            }
        }
    }
    eprintln!("storm `{name}`: {tally:?}");
    tally
}

fn wanted_kills() -> Option<usize> {
    let text = std::env::var(KILLS_VARIABLE).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{KILLS_VARIABLE} is not a number: `{text}`")))
}

fn draw(random: &mut Random, course: &Course, within: bool) -> Moment {
    let fraction = random.fraction();
    match within {
        true => Moment::SinceFirstWrite((course.commit - course.first_write).mul_f64(fraction)),
        false => Moment::SinceStart(course.end.mul_f64(fraction)),
    }
}

/// Measures undisturbed runs; the one of middling length counts.
fn measure(scene: &mut dyn Scene) -> Course {
    let mut courses: Vec<Course> = (0..MEASUREMENTS).map(|_| undisturbed(scene)).collect();
    courses.sort_by_key(|course| course.end);
    courses[MEASUREMENTS / 2]
}

fn undisturbed(scene: &mut dyn Scene) -> Course {
    scene.prepare();
    assert!(!scene.is_committed(), "what the command does is done already");
    let mut child = start(scene);
    let begin = Instant::now();
    let (mut first_write, mut commit) = (None, None);
    while child.try_wait().expect("it is a child").is_none() {
        first_write = first_write.or_else(|| scene.has_begun(child.id()).then(|| begin.elapsed()));
        commit = commit.or_else(|| scene.is_committed().then(|| begin.elapsed()));
        assert!(begin.elapsed() < LONGEST_RUN, "the command hangs");
        std::thread::sleep(GLANCE);
    }
    let end = begin.elapsed();
    let outcome = outcome_of(child);
    assert!(scene.is_committed(), "what the command does is not seen: {outcome}");
    scene.note_outcome(&outcome);
    let commit = commit.unwrap_or(end);
    Course { first_write: first_write.unwrap_or(commit).min(commit), commit, end }
}

/// Starts the command and kills it at its moment, unless it has ended before.
fn strike(scene: &dyn Scene, moment: Moment) -> Struck {
    let mut child = start(scene);
    let begin = Instant::now();
    let (mut first_write, mut ended): (Option<Duration>, bool) = (None, false);
    loop {
        if first_write.is_none() && scene.has_begun(child.id()) {
            first_write = Some(begin.elapsed());
        }
        let due = match moment {
            Moment::SinceStart(after) => Some(after),
            Moment::SinceFirstWrite(after) => first_write.map(|first_write| first_write + after),
        };
        if let Some(rest) = due.map(|due| due.saturating_sub(begin.elapsed())) {
            std::thread::sleep(rest);
            break;
        }
        ended = child.try_wait().expect("it is a child").is_some();
        if ended {
            break;
        }
        assert!(begin.elapsed() < LONGEST_RUN, "the command hangs");
        std::thread::sleep(GLANCE);
    }
    let process = child.id();
    let family = if scene.starts_processes() && !ended { family_of(process) } else { Vec::new() };
    child.kill().expect("it is a child, waited for or not");
    let outcome = outcome_of(child);
    if outcome.code.is_some() {
        // It ended at the last moment, but must have done what it was to do.
        assert!(scene.is_committed(), "{outcome}");
        return Struck::Spared { after: begin.elapsed() };
    }
    let time = wait_until("nothing runs", || !family.iter().any(Process::is_running));
    assert!(time < AT_ONCE, "it took {time:?} until nothing ran");
    Struck::Killed { had_begun: first_write.is_some() || scene.has_begun(process) }
}

fn start(scene: &dyn Scene) -> Child {
    let mut command = scene.command();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"))
}

fn outcome_of(child: Child) -> Outcome {
    child.wait_with_output().map(Outcome::from).expect("it is a child with pipes")
}
