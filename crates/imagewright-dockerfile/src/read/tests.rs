use super::*;

fn one(text: &str) -> Result<Instruction, String> {
    let (mut all, _) = instructions("Dockerfile", text).map_err(|error| error.to_string())?;
    Ok(all.remove(0).instruction)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn both_forms_of_env_are_read() {
    for (text, expected) in [
        ("ENV A=1 B=\"two words\" C=a\\ b", &[("A", "1"), ("B", "\"two words\""), ("C", "a\\ b")][..]),
        ("ENV PATH /opt/conda/bin:$PATH", &[("PATH", "/opt/conda/bin:$PATH")]),
        ("ENV A  it has = signs", &[("A", "it has = signs")]),
        ("env A=", &[("A", "")]),
    ] {
        assert_eq!(one(text), Ok(Instruction::Env(owned(expected))), "{text}");
    }
    assert_eq!(
        one("ENV A=1 B").unwrap_err(),
        "Dockerfile:1: ENV: `B` is not written NAME=value; put quotes around values with spaces"
    );
    assert_eq!(one("ENV A").unwrap_err(), "Dockerfile:1: ENV: `A` has no value");
}

#[test]
fn commands_are_lists_or_lines() {
    let exec = |words: &[&str]| Command::Exec(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(one(r#"CMD ["a", "b c"]"#), Ok(Instruction::Cmd(exec(&["a", "b c"]))));
    assert_eq!(one("CMD ['a']"), Ok(Instruction::Cmd(Command::Shell("['a']".to_owned()))));
    assert_eq!(one("CMD"), Ok(Instruction::Cmd(Command::Shell(String::new()))));
    assert!(one("SHELL /bin/sh").unwrap_err().contains("JSON list"));
}

#[test]
fn durations_are_read_as_go_writes_them() {
    for (text, expected) in [
        ("30s", Some(30_000_000_000)),
        ("1m30s", Some(90_000_000_000)),
        ("1.5h", Some(5_400_000_000_000)),
        ("500ms", Some(500_000_000)),
        ("0", Some(0)),
        ("5", None),
        ("s", None),
        ("", None),
    ] {
        assert_eq!(nanoseconds(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_names_its_line_and_a_way_out() {
    let cases = [
        ("FROM a\nRUNN x", "Dockerfile:2: unknown instruction `RUNN`", Some("did you mean RUN?")),
        ("FROM a b", "Dockerfile:1: FROM: is written `FROM IMAGE` or `FROM IMAGE AS NAME`", None),
        (
            "FROM a AS 1x",
            "Dockerfile:1: FROM: `1x` cannot name a stage: a letter, then letters, digits, `-`, `_`, `.`",
            None,
        ),
        ("COPY a", "Dockerfile:1: COPY: needs a source and a destination", None),
        ("COPY --form=x a b", "Dockerfile:1: COPY has no flag `--form`", Some("did you mean from?")),
        ("RUN --mount=type=ftp x", "Dockerfile:1: RUN --mount: there is no `type=ftp`", None),
        (
            "COPY --from=$X a b",
            "Dockerfile:1: a variable in `--from` is not supported",
            Some("name the image as a stage, `FROM $IMAGE AS name`, and take it from there"),
        ),
        ("COPY --parents=maybe a b", "Dockerfile:1: COPY: `--parents` is true or false", None),
        (
            "ADD --parents a b",
            "Dockerfile:1: ADD has no flag `--parents`",
            Some("it has --chown, --chmod, --link, --exclude, --checksum, --keep-git-dir, --unpack"),
        ),
        ("COPY --chown a b", "Dockerfile:1: COPY: `--chown` needs a value", None),
        (
            "RUN --network=bridge x",
            "Dockerfile:1: RUN: there is no network `bridge`: it is default, host or none",
            None,
        ),
        (
            "RUN --security=insecure x",
            "Dockerfile:1: `RUN --security=insecure` is not supported",
            Some("commands run with what container engines leave to root"),
        ),
        ("ONBUILD FROM x", "Dockerfile:1: ONBUILD: FROM may not follow it", None),
        ("ONBUILD COPY x", "Dockerfile:1: COPY: needs a source and a destination", None),
        ("HEALTHCHECK NONE x", "Dockerfile:1: HEALTHCHECK: NONE takes nothing else", None),
        ("HEALTHCHECK --retries=x CMD y", "Dockerfile:1: HEALTHCHECK: `--retries=x` cannot be read", None),
        ("ENTRYPOINT", "Dockerfile:1: ENTRYPOINT: nothing follows it", None),
        ("VOLUME [\"\"]", "Dockerfile:1: VOLUME: a path is empty or missing", None),
    ];
    for (text, expected, hint) in cases {
        let error = instructions("Dockerfile", text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        assert_eq!(error.hint().as_deref(), hint, "{text}");
    }
}
