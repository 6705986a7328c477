//! Commands that are called wrongly.

use imagewright_testkit::context::Outcome;
use insta::assert_snapshot;

use crate::support::context;

#[test]
fn a_command_is_needed() {
    let outcome = context().run::<&str>([]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("Usage: imagewright"), "{outcome}");
}

#[test]
fn an_unknown_command_gets_the_nearest_one() {
    assert_snapshot!(context().run(["image", "lst"]), @r"
    exit: 2
    ----- stderr -----
    error: unrecognized subcommand 'lst'

      tip: some similar subcommands exist: 'ls', 'list'

    Usage: imagewright image [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_option_gets_the_nearest_one() {
    assert_snapshot!(context().run(["build", "--pipp", "pandas"]), @r"
    exit: 2
    ----- stderr -----
    error: unexpected argument '--pipp' found

      tip: a similar argument exists: '--pip'

    Usage: imagewright build --pip <REQUIREMENT> [SOURCE]

    For more information, try '--help'.
    ");
}

#[test]
fn a_build_without_a_base_says_how_to_name_one() {
    assert_snapshot!(context().run(["build", "--pip", "pandas"]), @r"
    exit: 4
    ----- stderr -----
    error: image spec: no base image is named
    hint: add `base: bootstrap` to image.yaml, or say --base
    ");
}

#[test]
fn a_build_of_a_missing_folder_names_it() {
    assert_snapshot!(context().run(["build", "nowhere"]), @r"
    exit: 3
    ----- stderr -----
    error: cannot read `nowhere`
    caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn a_bad_name_for_the_result_is_explained() {
    assert_snapshot!(context().run(["build", "--base", "bootstrap", "-t", "Demo/Image"]), @r"
    exit: 4
    ----- stderr -----
    error: --tag: repository `Image` must be lower case
    ");
}

#[test]
fn a_bad_package_of_a_flag_is_explained() {
    assert_snapshot!(context().run(["build", "--base", "bootstrap", "--apt", "python3;git"]), @r"
    exit: 4
    ----- stderr -----
    error: --apt: `python3;git` is not the name of a Debian package: lower-case letters, digits, `+`, `-` and `.`, two at least
    ");
    assert_snapshot!(context().run(["build", "--base", "bootstrap", "--pip", "pandas=>2"]), @r#"
    exit: 4
    ----- stderr -----
    error: --pip: `pandas=>2` is not a requirement: no such comparison operator "=>", must be one of ~= == != <= >= < > ===
    hint: did you mean `pandas>=2`?
    "#);
}

#[test]
fn a_bad_compression_is_explained() {
    assert_snapshot!(context().run(["build", "--base", "bootstrap", "--compression", "gzip:99"]), @r"
    exit: 4
    ----- stderr -----
    error: --compression: `gzip:99` is not a compression: expected `none`, `gzip`, `gzip:1` to `gzip:12`, `zstd` or `zstd:1` to `zstd:22`
    ");
}

#[test]
fn a_time_limit_is_a_positive_number() {
    assert_snapshot!(context().run(["build", "--base", "bootstrap", "--time-limit", "0"]), @r"
    exit: 2
    ----- stderr -----
    error: invalid value '0' for '--time-limit <SECONDS>': 0 is not in 1..18446744073709551615

    For more information, try '--help'.
    ");
}

#[test]
fn a_place_to_export_to_has_a_known_form() {
    assert_snapshot!(context().run(["image", "export", "demo", "image.tar"]), @r"
    exit: 2
    ----- stderr -----
    error: invalid value 'image.tar' for '<DESTINATION>': `image.tar` is not a place for images

    For more information, try '--help'.
    ");
    assert_snapshot!(context().run(["image", "export", "demo", "docker-daemon:demo"]), @r"
    exit: 2
    ----- stderr -----
    error: invalid value 'docker-daemon:demo' for '<DESTINATION>': images cannot be exported to `docker-daemon:demo`

    For more information, try '--help'.
    ");
}

#[test]
fn a_suite_needs_its_distribution() {
    assert_snapshot!(context().run(["base", "bootstrap", "--suite", "trixie"]), @r"
    exit: 2
    ----- stderr -----
    error: --suite needs a distribution
    hint: write `imagewright base bootstrap debian --suite …`
    ");
}

#[test]
fn a_volume_has_two_sides() {
    assert_snapshot!(context().run(["image", "run", "demo", "-v", "/data", "--", "true"]), @r"
    exit: 2
    ----- stderr -----
    error: volume `/data` is not understood
    hint: write HOST:INSIDE or HOST:INSIDE:ro
    ");
}

#[test]
fn without_a_home_there_is_no_place_for_the_store() {
    let context = context();
    let mut command = context.command(["image", "list"]);
    command.env_remove("HOME").env_remove("IMAGEWRIGHT_ROOT");
    assert_snapshot!(Outcome::of(&mut command), @r"
    exit: 2
    ----- stderr -----
    error: no place for the content store: neither XDG_DATA_HOME nor HOME is set
    hint: name one with --root or IMAGEWRIGHT_ROOT
    ");
}

#[test]
fn a_folder_of_something_else_is_no_store() {
    let context = context();
    context.write("letters/one", "Dear reader\n");
    assert_snapshot!(context.run(["image", "list", "--root", "letters"]), @r"
    exit: 2
    ----- stderr -----
    error: `[TEMP]/work/letters` is not empty and holds no image layout
    hint: name an empty folder, or one that does not exist yet
    ");
}

#[test]
fn a_dockerfile_takes_its_own_flags() {
    let context = context();
    context.write("image/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    context.write("spec/requirements.txt", "pandas\n");
    assert_snapshot!(context.run(["build", "image", "--apt", "git", "--user", "me", "-t", "a:1"]), @r"
    exit: 2
    ----- stderr -----
    error: a Dockerfile says what the image holds, so these flags do not apply: --user, --apt
    hint: write them into the Dockerfile, or build a second image on the first
    ");
    assert_snapshot!(context.run(["build", "image", "--locked"]), @r"
    exit: 2
    ----- stderr -----
    error: a Dockerfile has no lock, so these flags do not apply: --locked
    hint: --pull asks registries for newer bases, --no-cache runs every step again
    ");
    assert_snapshot!(context.run(["build", "-f", "image/Dockerfile"]), @r"
    exit: 2
    ----- stderr -----
    error: no folder is named that files are copied from
    hint: name it: `imagewright build -f Dockerfile .`
    ");
    assert_snapshot!(context.run(["build", "spec", "--target", "x", "--build-arg", "A=b"]), @r"
    exit: 2
    ----- stderr -----
    error: there is no Dockerfile to build, and these flags are for one: --target, --build-arg
    hint: name it with --file
    ");
    assert_snapshot!(context.run(["build", "image", "--secret", "token"]), @r"
    exit: 2
    ----- stderr -----
    error: --secret token: `token` is not understood
    hint: write id=NAME,src=FILE or id=NAME,env=VARIABLE
    ");
}

#[test]
fn what_is_wrong_with_a_dockerfile_is_told_with_its_line() {
    let context = context();
    context.write("image/Dockerfile", "FROM base:1\n\nRUNN true\n");
    assert_snapshot!(context.run(["build", "image"]), @r"
    exit: 4
    ----- stderr -----
    error: image/Dockerfile:3: unknown instruction `RUNN`
    hint: did you mean RUN?
    ");
    context.write("image/Dockerfile", "FROM base:1 AS one\nRUN --security=insecure true\n");
    assert_snapshot!(context.run(["build", "image"]), @r"
    exit: 4
    ----- stderr -----
    error: image/Dockerfile:2: `RUN --security=insecure` is not supported
    hint: commands run with what container engines leave to root
    ");
    assert_snapshot!(context.run(["build", "image", "-f", "nowhere"]), @r"
    exit: 3
    ----- stderr -----
    error: cannot read `nowhere`
    caused by: No such file or directory (os error 2)
    ");
    context.write("image/image.yaml", "base: bootstrap\n");
    assert_snapshot!(context.run(["build", "image"]), @r"
    exit: 4
    ----- stderr -----
    error: image/Dockerfile: this file would not be honoured: it describes an image of its own
    hint: build it with `imagewright build -f`; or say that it is meant to be ignored: `ignore: [Dockerfile]` in image.yaml
    ");
}
