//! Many processes at one store, and some of them killed: each ends well, or with an error that names what another took
//! away; the store is whole afterwards, and so is every image in its list.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::random::{Random, SEED_VARIABLE};
use imagewright_testkit::registry::TestRegistry;

use crate::storm::assert_sound;
use crate::support::context;

/// Processes at once: more than any machine for this has processors.
const AT_ONCE: usize = 6;
/// Commands in all.
const COMMANDS: usize = 400;
/// Different images.
const IMAGES: u64 = 3;
/// How many different names each kind of command gives.
const NAMES: u64 = 3;
/// Of so many commands one is killed.
const ONE_IN_KILLED: u64 = 6;
/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command at work.
struct Work {
    arguments: Vec<String>,
    child: Child,
    begun: Instant,
    killed_after: Option<Duration>,
}

impl Work {
    fn begin(context: &TestContext, arguments: Vec<String>, random: &mut Random) -> Self {
        let mut command = context.command(&arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let killed_after =
            (random.below(ONE_IN_KILLED) == 0).then(|| Duration::from_micros(random.below(20_000)));
        Self { arguments, child, begun: Instant::now(), killed_after }
    }

    /// Whether it has ended; kills it when its time has come.
    fn is_over(&mut self) -> bool {
        if self.killed_after.is_some_and(|after| self.begun.elapsed() >= after) {
            self.child.kill().unwrap();
        }
        let ended = self.child.try_wait().unwrap().is_some();
        assert!(ended || self.begun.elapsed() < PATIENCE, "{:?} hangs", self.arguments);
        ended
    }

    fn check(self) {
        let Self { arguments, child, killed_after, .. } = self;
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        let fine = match outcome.code {
            Some(0) => true,
            None => killed_after.is_some(),
            // Removed by another, or the program that there is in no image.
            Some(3) => ["there is no image `", "could not start `no-such-program`"]
                .iter()
                .any(|words| outcome.stderr.contains(words)),
            Some(_) => false,
        };
        assert!(fine, "{arguments:?}: {outcome}");
    }
}

/// The next command of the crowd.
fn draw(random: &mut Random, registry: &str, number: usize) -> Vec<String> {
    let mut below = |bound| random.below(bound);
    let (layout, name) = (format!("oci:layout-{}", below(IMAGES)), below(NAMES));
    let any_name = match below(3) {
        0 => format!("demo/imported:{name}"),
        1 => format!("demo/built:{name}"),
        _ => format!("{registry}/demo/image:{name}"),
    };
    let line = match below(14) {
        0 | 1 => format!("image import {layout} -t demo/imported:{name}"),
        2 | 3 => format!("build --base {layout} -l number={number} -t demo/built:{name} --quiet"),
        4 => format!("build --base {registry}/demo/image:{name} -l a=b -t demo/built:{name} --quiet"),
        5 | 6 => format!("pull {registry}/demo/image:{name}"),
        7 => format!("push {any_name} {registry}/demo/pushed:{name}"),
        8 => format!("image tag {any_name} demo/imported:{name}"),
        9 => format!("image remove {any_name}"),
        10 => format!("image export {any_name} oci-archive:export-{number}.tar"),
        11 => format!("image run {any_name} -- no-such-program"),
        12 => "image list".to_owned(),
        _ => "gc --keep-days 0".to_owned(),
    };
    line.split(' ').map(str::to_owned).collect()
}

#[test]
#[ignore = "needs root"]
fn a_crowd_leaves_a_whole_store() {
    let (mut random, seed) = Random::from_environment("crowd");
    eprintln!("crowd: {SEED_VARIABLE}={seed}");
    let context = context();
    let registry = TestRegistry::start().unwrap();
    let host = registry.host();
    for number in 0..IMAGES {
        let files = (0..40).map(|file| format!("usr/{number}/{file}"));
        let image = files.fold(TinyImage::default(), |image, path| image.file(&path, path.clone()));
        let folder = context.work().join(format!("layout-{number}"));
        image.write_layout(&folder, &format!("demo/image:{number}")).unwrap();
        drop(context.run(["image", "import", &format!("oci:layout-{number}")]).success());
        let name = format!("{host}/demo/image:{number}");
        drop(context.run(["push", &format!("demo/image:{number}"), &name]).success());
    }
    let (mut begun, mut working): (usize, Vec<Work>) = (0, Vec::new());
    while begun < COMMANDS || !working.is_empty() {
        while begun < COMMANDS && working.len() < AT_ONCE {
            let arguments = draw(&mut random, &host, begun);
            working.push(Work::begin(&context, arguments, &mut random));
            begun += 1;
        }
        match working.iter_mut().position(Work::is_over) {
            Some(over) => working.swap_remove(over).check(),
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    }
    assert_sound(&context);
    let list = context.run(["image", "list", "--json"]).success().json();
    for image in list.as_array().unwrap() {
        let digest = image["digest"].as_str().unwrap();
        drop(context.run(["image", "export", digest, "oci-archive:whole.tar"]).success());
        let import = ["image", "import", "oci-archive:whole.tar", "--root", "whole"];
        drop(context.run(import).success());
    }
    for name in (0..NAMES).filter(|name| registry.manifest("demo/pushed", &name.to_string()).is_some()) {
        let pull = ["pull", &format!("{host}/demo/pushed:{name}"), "--root", "whole"];
        drop(context.run(pull).success());
    }
}
