//! Images that do not want to end, or not to be looked at: each is over in bounded time and memory, and leaves nothing.

use std::time::Instant;

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

#[test]
#[ignore = "needs root and network"]
fn what_forks_floods_or_ignores_signals_is_over_in_time() {
    let context = context();
    for (name, command) in [
        (
            "team/floods:1",
            "CMD [\"sh\", \"-c\", \"while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done\"]",
        ),
        ("team/deaf:1", "CMD [\"sh\", \"-c\", \"trap '' TERM INT HUP; while :; do sleep 1; done\"]"),
    ] {
        build(&context, name, &format!("FROM {PYTHON}\n{command}\n"), &[]);
        let start = Instant::now();
        let found = run(&context, name, "docker-stacks", &["default-command-ends"]);
        assert_eq!(found, Default::default(), "{name} goes on");
        assert!(start.elapsed().as_secs() < 60, "{name}: {:?}", start.elapsed());
    }
    let bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n";
    let dockerfile = format!("FROM {PYTHON}\nCOPY bomb.py /\nCMD [\"python3\", \"/bomb.py\"]\n");
    build(&context, "team/forks:1", &dockerfile, &[("bomb.py", bomb)]);
    let start = Instant::now();
    drop(run(&context, "team/forks:1", "docker-stacks", &["default-command-ends"]));
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    let left = std::process::Command::new("pgrep").args(["-f", "^python3 /bomb.py"]).output().unwrap();
    assert!(left.stdout.is_empty(), "{left:?}");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn a_server_that_says_nothing_or_too_much_is_no_server() {
    let context = context();
    let server = "import os, socket, threading\n\
                  listener = socket.create_server(('0.0.0.0', 8888))\n\
                  def talk(peer):\n\
                  \x20   try:\n\
                  \x20       while True:\n\
                  \x20           peer.sendall(b'x' * 65536)\n\
                  \x20   except OSError:\n\
                  \x20       pass\n\
                  while True:\n\
                  \x20   threading.Thread(target=talk, args=(listener.accept()[0],)).start()\n";
    let dockerfile = format!("FROM {PYTHON}\nCOPY server.py /\nCMD [\"python3\", \"/server.py\"]\n");
    build(&context, "team/endless:1", &dockerfile, &[("server.py", server)]);
    let found = run(&context, "team/endless:1", "kubeflow-notebook", &["server-does-not-answer"]);
    finds(&found, "server-does-not-answer", "error", "nothing answers at");
    context.assert_nothing_unfinished();
}
