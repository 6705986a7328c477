//! The help of every command, as snapshots: a changed option is a visible change.

use imagewright_testkit::context::Outcome;

use crate::support::context;

#[test]
fn every_command_explains_itself() {
    let context = context();
    let mut commands = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let arguments = command.iter().map(String::as_str).chain(["--help"]);
        let help = context.run(arguments).success();
        commands.extend(subcommands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        let name = if command.is_empty() { "imagewright".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(name, help.stdout);
    }
}

/// The names in the section `Commands:`.
fn subcommands(help: &Outcome) -> Vec<String> {
    let section = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = section.take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        line.starts_with(&format!("  {name}")).then(|| name.to_owned())
    });
    names.filter(|name| name != "help").collect()
}

#[test]
fn the_version_is_told() {
    let expected = format!("imagewright {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(context().run(["--version"]).success().stdout, expected);
}
