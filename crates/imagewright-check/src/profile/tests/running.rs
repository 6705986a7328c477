//! Rules that run the image: whether they are asked, and what they make of what came of it. Images that really run are those of the
//! command line's tests.

use super::*;
use crate::trial::{Machine, Ran, RanEnd, Reply, Trial, Trials};

/// Answers every trial alike, and counts them.
struct Alike {
    answer: Result<Ran, String>,
    made: std::cell::Cell<usize>,
}

impl Machine for Alike {
    fn run(&self, _: &Trial) -> Result<Ran, String> {
        self.made.set(self.made.get() + 1);
        self.answer.clone()
    }
}

fn ran(end: RanEnd, stdout: &str, stderr: &str) -> Ran {
    Ran { end, stdout: stdout.to_owned(), stderr: stderr.to_owned(), answers: Vec::new(), reply: Reply::None }
}

/// Asks the rules of a profile that run an image with a shell, a Python and a command.
fn asked(profile: &str, answer: Result<Ran, String>) -> (Report, usize) {
    let profile = Profile::named(profile).unwrap();
    let files = Files::default()
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .program("usr/bin/sh")
        .program("usr/bin/python3")
        .program("usr/bin/jupyterhub-singleuser")
        .program("usr/local/bin/start.sh");
    let container = ContainerConfig { cmd: words(&["serve"]), ..ContainerConfig::default() };
    let example = Example::new(files, container);
    let manifest = Example::manifest();
    let mut config = ImageConfig::empty(Platform::linux("amd64"));
    config.config = Some(example.container.clone());
    let indexes = [Some(example.files.index())];
    let subject = ImageSubject::new(example.name, &manifest, &config, &indexes);
    let only: Vec<String> = profile
        .rule_names()
        .filter(|name| crate::rule(name).unwrap().runs_images())
        .map(str::to_owned)
        .collect();
    let selection = Selection::new(&only, &[]).unwrap();
    let unasked = profile.ask(&subject, &selection);
    assert_eq!((unasked.asked, unasked.not_run, unasked.verdict), (0, only.len(), Verdict::Runs));
    let machine = Alike { answer, made: std::cell::Cell::new(0) };
    let report = profile.ask_running(&subject, &selection, &Trials::new(&machine));
    assert_eq!((report.asked, report.not_run), (only.len(), 0));
    (report, machine.made.get())
}

#[test]
fn what_cannot_be_tried_cannot_be_told() {
    for profile in Profile::names() {
        let (report, _) = asked(profile, Err("there is no machine".to_owned()));
        assert!(report.findings.is_empty(), "{}", told(&report));
        assert!(
            !report.unanswered.is_empty()
                && report.unanswered.iter().all(|it| it.reason == "there is no machine")
        );
        let expected = if profile == "docker-stacks" { Verdict::CannotTell } else { report.verdict };
        assert_eq!(report.verdict, expected, "{}", told(&report));
        assert_ne!(report.verdict, Verdict::Runs);
    }
}

#[test]
fn what_is_the_same_trial_is_made_once() {
    let (_, made) = asked("kubeflow-notebook", Ok(ran(RanEnd::TimedOut, "", "")));
    // A shell as two users, a pod, the same under a made-up user id, one whose home stays: five, for eight rules.
    assert_eq!(made, 5);
}

#[test]
fn what_last_was_said_is_told() {
    let (report, _) =
        asked("elyra", Ok(ran(RanEnd::Code(1), "step: folder\n", "Traceback\n`No module\u{7}`\n\n")));
    let told = told(&report);
    for expected in [
        "`sh -c` does not work as the image's user: it ended with 1, and last said `'No module'`",
        "`python3 -c` does not work as a user id that a platform makes up",
        "`python3 -m pip install packaging` fails",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(report.verdict, Verdict::DoesNotRun);
}

#[test]
fn an_index_that_is_out_of_reach_is_no_fault_of_the_image() {
    let stderr = "WARNING: Retrying: NewConnectionError('Failed to establish a new connection')\nERROR: No matching distribution\n";
    let (report, _) = asked("elyra", Ok(ran(RanEnd::Code(1), "works: 42\nstep: folder\n", stderr)));
    let open = report.unanswered.iter().find(|it| it.rule == "node-preparation-fails").unwrap();
    assert_eq!(open.reason, "pip reaches no package index from here");
    assert!(report.findings.iter().all(|it| it.rule != "node-preparation-fails"));
}
