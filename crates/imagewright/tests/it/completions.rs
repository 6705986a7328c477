//! Shell completions.

use std::process::Command;

use imagewright_testkit::context::Outcome;

use crate::support::context;

#[test]
fn scripts_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = context().run(["completions", shell]).success().stdout;
        for word in ["build", "image", "bootstrap", "export", "digest-file", "catalog", "owner-group"] {
            assert!(script.contains(word), "{shell} does not complete `{word}`");
        }
    }
}

#[test]
fn bash_takes_its_script() {
    let context = context();
    let script = context.run(["completions", "bash"]).success().stdout;
    let script = format!(
        "{script}\nCOMP_WORDS=(imagewright im) COMP_CWORD=1\n_imagewright imagewright im imagewright\n\
         echo \"${{COMPREPLY[@]}}\"\n"
    );
    let path = context.write("completions.bash", &script);
    let outcome = Outcome::of(Command::new("bash").arg(path));
    assert_eq!(outcome.success().stdout, "image\n");
}
