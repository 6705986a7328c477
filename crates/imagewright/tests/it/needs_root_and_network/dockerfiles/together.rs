//! Stages and builds that go on at the same time.

use imagewright_testkit::processes::is_running;

use super::{PYTHON, context, run_in};

/// Waits for a file for a minute; without it, it fails.
const WAIT: &str = "i=0; until [ -e $FILE ]; do sleep 0.1; i=$((i+1)); [ $i -lt 600 ] || exit 9; done";

fn meeting(stage: &str, own: &str, other: &str, then: &str) -> String {
    let wait = WAIT.replace("$FILE", &format!("/meet/{other}"));
    format!(
        "FROM {PYTHON} AS {stage}\nRUN --mount=type=cache,target=/meet touch /meet/{own}; {wait}; {then}\n"
    )
}

#[test]
#[ignore = "needs root and network"]
fn stages_that_do_not_need_each_other_are_built_at_the_same_time() {
    let context = context();
    // Each ends only when the other has begun.
    let one = meeting("one", "a", "b", "echo 1 > /one");
    let two = meeting("two", "b", "a", "echo 2 > /two");
    let last = format!("FROM {PYTHON}\nCOPY --from=one /one /\nCOPY --from=two /two /\n");
    context.write("image/Dockerfile", &(one + &two + &last));
    drop(context.run(["build", "image", "-t", "together:1"]).success());
    assert_eq!(run_in(&context, "together:1", "cat /one /two"), "1\n2\n");
}

#[test]
#[ignore = "needs root and network"]
fn a_stage_that_fails_stops_the_others() {
    let context = context();
    let number = format!("{}", 100_000 + std::process::id());
    let sleeper = format!("sleep {number}");
    let waits = meeting("waits", "a", "b", &sleeper);
    let fails = meeting("fails", "b", "a", "exit 7");
    let last = format!("FROM {PYTHON}\nCOPY --from=waits /x /\nCOPY --from=fails /x /\n");
    context.write("image/Dockerfile", &(waits + &fails + &last));
    let outcome = context.run(["build", "image"]).exits(1);
    let told = "Dockerfile:4: the command exited with code 7";
    assert!(outcome.stderr.contains(told), "{outcome}");
    assert!(!is_running(&number), "the command of the other stage still runs");
}

#[test]
#[ignore = "needs root and network"]
fn a_private_cache_is_nobody_elses() {
    let context = context();
    let mount = "--mount=type=cache,target=/mine,id=mine,sharing=private --mount=type=cache,target=/meet";
    let wait = |file: &str| WAIT.replace("$FILE", file);
    // Both have the cache at the same time and each finds it empty.
    let stage = |name: &str, own: &str, other: &str| {
        let wait = wait(&format!("/meet/{other}"));
        format!(
            "FROM {PYTHON} AS {name}\nRUN {mount} ls /mine > /{name} && touch /mine/{own} /meet/{own} && {wait}\n"
        )
    };
    let last = format!("FROM {PYTHON}\nCOPY --from=one /one /\nCOPY --from=two /two /\n");
    context.write("image/Dockerfile", &(stage("one", "a", "b") + &stage("two", "b", "a") + &last));
    drop(context.run(["build", "image", "-t", "private:1"]).success());
    assert_eq!(run_in(&context, "private:1", "cat /one /two"), "");
    // Who comes alone finds what was there.
    let text = format!(
        "FROM {PYTHON}\nRUN --mount=type=cache,target=/mine,id=mine,sharing=private ls /mine > /found\n"
    );
    context.write("image/Dockerfile", &text);
    drop(context.run(["build", "image", "-t", "private:2"]).success());
    let found = run_in(&context, "private:2", "cat /found");
    assert!(found == "a\n" || found == "b\n", "{found}");
}

#[test]
#[ignore = "needs root and network"]
fn caches_taken_in_another_order_do_not_wait_for_each_other() {
    let context = context();
    let mount = |id: &str| format!("--mount=type=cache,target=/{id},id={id},sharing=locked");
    let write = |folder: &str, first: &str, second: &str| {
        let text = format!("FROM {PYTHON}\nRUN {} {} echo {folder} > /done\n", mount(first), mount(second));
        context.write(&format!("{folder}/Dockerfile"), &text);
    };
    write("one", "x", "y");
    write("two", "y", "x");
    for round in 0..3 {
        let start =
            |folder: &str| context.command(["build", folder, "--no-cache", "--quiet"]).spawn().unwrap();
        for mut build in [start("one"), start("two")] {
            assert!(build.wait().unwrap().success(), "round {round}");
        }
    }
}

#[test]
#[ignore = "needs root and network"]
fn commands_that_name_no_network_have_the_one_of_the_build() {
    let context = context();
    let count = "grep -c : /proc/net/dev";
    let text = format!("FROM {PYTHON}\nRUN {count} > /default\nRUN --network=host {count} > /host\n");
    context.write("image/Dockerfile", &text);
    drop(context.run(["build", "image", "-t", "network:1", "--network", "none"]).success());
    let seen = run_in(&context, "network:1", "cat /default; cat /host");
    let (default, host) = seen.trim().split_once('\n').unwrap();
    assert_eq!(default, "1", "lo, and nothing else");
    assert_ne!(host, "1", "the machine's");
}

#[test]
#[ignore = "needs root and network"]
fn a_command_may_have_a_cache_at_two_places() {
    let context = context();
    for sharing in ["locked", "private", "shared"] {
        let mount =
            |target: &str| format!("--mount=type=cache,id={sharing},sharing={sharing},target={target}");
        let text = format!(
            "FROM {PYTHON}\nRUN {} {} echo one > /a/file && cp /b/file /found\n",
            mount("/a"),
            mount("/b")
        );
        context.write("image/Dockerfile", &text);
        drop(context.run(["build", "image", "-t", "twice:1"]).success());
        assert_eq!(run_in(&context, "twice:1", "cat /found"), "one\n", "{sharing}");
    }
}
