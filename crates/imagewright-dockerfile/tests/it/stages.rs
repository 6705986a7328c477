//! Which stages are built, and what arguments come to.

use imagewright_dockerfile::{
    Action, CopySource, Dockerfile, GitSource, Lowered, NamedContext, PlanRequest, StageSource,
};
use imagewright_oci::ContainerConfig;
use serde_json::json;

use crate::{plan, request};

const STAGES: &str = "\
ARG BASE=debian
FROM ${BASE}:1 AS build
RUN build
FROM $NOTHING AS broken
FROM build AS test
RUN test
FROM build AS other
FROM scratch
COPY --from=build /a /a
RUN --mount=type=bind,from=2,target=/t x
";

fn names(text: &str, target: Option<&str>) -> Vec<String> {
    plan(text, target, &[]).unwrap().stages.into_iter().map(|stage| stage.name).collect()
}

fn lowered(text: &str, arguments: &[(&str, &str)]) -> Lowered {
    let plan = plan(text, None, arguments).unwrap();
    plan.stages.last().unwrap().lower(&ContainerConfig::default()).unwrap()
}

#[test]
fn only_what_the_target_needs_is_planned() {
    assert_eq!(names(STAGES, None), ["build", "test", "4"]);
    assert_eq!(names(STAGES, Some("TEST")), ["build", "test"]);
    assert_eq!(names(STAGES, Some("0")), ["build"]);
    let built = plan(STAGES, None, &[("BASE", "ubuntu")]).unwrap();
    let StageSource::Image(base) = &built.stages[0].base else { panic!("{built:?}") };
    assert!(base.canonical().ends_with("/ubuntu:1"), "{base}");
    assert_eq!(built.stages[1].base, StageSource::Stage(0));
    assert_eq!(built.stages[2].base, StageSource::Scratch);
}

#[test]
fn stages_that_cannot_be_are_told() {
    let cases = [
        (STAGES, Some("broken"), "Dockerfile:4: the base `$NOTHING` comes out empty"),
        (STAGES, Some("tset"), "--target: there is no stage `tset`"),
        ("RUN x", None, "Dockerfile:1: RUN stands before the first FROM"),
        ("ARG A", None, "Dockerfile: there is no FROM"),
        (
            "FROM a\nCOPY --from=b x y\nFROM c AS b",
            Some("0"),
            "Dockerfile:2: `b` is not built yet at this place",
        ),
        ("FROM Upper", None, "Dockerfile:1: `Upper` is no name of an image"),
        ("FROM --platform=x a", None, "Dockerfile:1: `x` is no platform"),
    ];
    for (text, target, expected) in cases {
        assert_eq!(plan(text, target, &[]).unwrap_err().to_string(), expected);
    }
    let error = plan(STAGES, Some("tset"), &[]).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean test?"));
}

#[test]
fn names_may_stand_for_other_images_and_folders() {
    let text = "FROM base AS build\nFROM build\nCOPY --from=files /a /\nCOPY --from=build /b /\n";
    let planned = |text: &str, contexts: &[(&str, NamedContext)]| {
        let contexts = contexts.iter().map(|(name, context)| ((*name).to_owned(), context.clone())).collect();
        Dockerfile::parse("Dockerfile", text)?.plan(&PlanRequest { contexts, ..request(None, &[]) })
    };
    let image = |name: &str| NamedContext::Image(name.parse().unwrap());
    let plan = planned(text, &[("Files", NamedContext::Folder), ("base", image("other:2"))]).unwrap();
    assert_eq!(plan.stages[0].base, StageSource::Image("other:2".parse().unwrap()));
    let sources: Vec<_> = plan.stages[1]
        .lower(&ContainerConfig::default())
        .unwrap()
        .steps
        .into_iter()
        .filter_map(|step| match step.action {
            Action::Copy(copy) => copy.from,
            _ => None,
        })
        .collect();
    assert_eq!(sources, [StageSource::Folder("Files".to_owned()), StageSource::Stage(0)]);
    let plan = planned(text, &[("build", image("built:1"))]).unwrap();
    assert_eq!(plan.stages.len(), 1, "the stage is not needed when its name stands for an image");
    let plan = planned("FROM base", &[("base", NamedContext::Folder)]).unwrap();
    assert_eq!(plan.stages[0].base, StageSource::Folder("base".to_owned()));
}

#[test]
fn a_name_that_two_stages_have_means_the_last_before() {
    let plan = plan("FROM a AS x\nFROM b AS X\nFROM x\nCOPY --from=x /a /\n", None, &[]).unwrap();
    let bases: Vec<_> = plan.stages.iter().map(|stage| &stage.base).collect();
    assert_eq!(bases, [&StageSource::Image("b".parse().unwrap()), &StageSource::Stage(0)]);
    assert_eq!(
        plan.warnings,
        ["Dockerfile:2: a stage above is named `x`, too: give one of them another name"]
    );
}

#[test]
fn arguments_are_seen_where_they_are_declared() {
    let text = "\
ARG GLOBAL=g
ARG TWICE=$GLOBAL-2
FROM scratch
ENV SEEN=[$GLOBAL]
ARG GLOBAL
ARG TWICE=stage
ARG ONLY=default NONE
ARG TARGETARCH
ARG BUILDPLATFORM
ENV A=$GLOBAL B=$TWICE C=$ONLY D=[$NONE] E=$TARGETARCH-$BUILDPLATFORM
ARG A=argument
ENV F=$A
RUN x
";
    let values = |arguments: &[(&str, &str)]| lowered(text, arguments).container.env[1..].join(" ");
    assert_eq!(values(&[]), "SEEN=[] A=g B=stage C=default D=[] E=amd64-linux/arm64 F=g");
    let given = [("GLOBAL", "x"), ("TWICE", "y"), ("ONLY", "z"), ("NONE", "n"), ("A", "a")];
    assert_eq!(values(&given), "SEEN=[] A=x B=y C=z D=[n] E=amd64-linux/arm64 F=x");

    let run = lowered(text, &[("http_proxy", "http://proxy.example")]);
    let Action::Run(run) = &run.steps.last().unwrap().action else { panic!("{run:?}") };
    let value = |name: &str| run.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    assert_eq!(value("A").unwrap(), "g", "the image's variable goes over an argument");
    assert_eq!(value("ONLY").unwrap(), "default");
    assert_eq!(value("NONE"), None);
    assert_eq!(run.unrecorded, [("http_proxy".to_owned(), "http://proxy.example".to_owned())]);

    let warnings = plan(text, None, &[("TYPO", "1"), ("NO_PROXY", "2")]).unwrap().warnings;
    assert_eq!(warnings, ["Dockerfile: no ARG declares `TYPO`, so its value changes nothing"]);
}

#[test]
fn what_runs_is_reset_as_docker_does() {
    let base = ContainerConfig { cmd: Some(vec!["base".to_owned()]), ..ContainerConfig::default() };
    for (text, expected) in [
        ("ENTRYPOINT [\"e\"]", None),
        ("CMD c\nENTRYPOINT [\"e\"]", Some("/bin/sh -c c")),
        ("ENTRYPOINT [\"e\"]\nCMD [\"c\"]", Some("c")),
        ("SHELL [\"/bin/bash\", \"-c\"]\nCMD c", Some("/bin/bash -c c")),
        ("USER me", Some("base")),
        ("CMD []", None),
    ] {
        let plan = plan(&format!("FROM a\n{text}"), None, &[]).unwrap();
        let lowered = plan.stages[0].lower(&base).unwrap();
        assert_eq!(lowered.container.cmd.map(|words| words.join(" ")).as_deref(), expected, "{text}");
    }
}

#[test]
fn triggers_of_the_base_run_first_and_once() {
    let mut base = ContainerConfig::default();
    base.extra.insert("OnBuild".to_owned(), json!(["COPY requirements.txt /", "RUN pip install"]));
    let plan = plan("FROM a\nRUN own\nONBUILD run <<EOF\ntext\nEOF", None, &[]).unwrap();
    let lowered = plan.stages[0].lower(&base).unwrap();
    let titles: Vec<_> = lowered.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(titles, ["COPY requirements.txt /", "RUN pip install", "RUN own", "ONBUILD run <<EOF"]);
    assert_eq!(lowered.container.extra["OnBuild"], json!(["run <<EOF\ntext\nEOF"]));
    base.extra.insert("OnBuild".to_owned(), json!(["NONSENSE"]));
    let error = plan.stages[0].lower(&base).unwrap_err().to_string();
    assert_eq!(error, "ONBUILD of the base of Dockerfile:1:1: unknown instruction `NONSENSE`");
}

#[test]
fn what_is_copied_may_be_chosen_in_many_ways() {
    let copied = |text: &str| {
        let lowered = lowered(&format!("FROM scratch\nARG OUT=*.txt\n{text}\n"), &[]);
        match lowered.steps.into_iter().last().unwrap().action {
            Action::Copy(copy) => copy,
            action => panic!("{action:?}"),
        }
    };
    let below = |folder: &str, path: &str| CopySource::Below { folder: folder.into(), path: path.into() };
    for (text, source) in [
        ("COPY --parents a/b/*.txt /to/", below("/", "a/b/*.txt")),
        ("COPY --parents ./a/./b/c /to/", below("/a", "b/c")),
        ("COPY --parents /a/b/./**/*.py /to/", below("/a/b", "**/*.py")),
        ("COPY --parents=false a/./b /to/", CopySource::Path("/a/b".into())),
    ] {
        assert_eq!(copied(text).sources, [source], "{text}");
    }
    let copy = copied("COPY --exclude=$OUT --exclude=docs/** --exclude=!docs/keep.txt . /to/");
    let left_out = |path: &str| copy.exclude.ignores(path);
    assert!(left_out("a.txt") && left_out("docs/a.md"));
    assert!(!left_out("docs/keep.txt") && !left_out("in/a.txt"));

    let add = copied("ADD --keep-git-dir --checksum=A1B2C3D --unpack https://h.example/a.git#v1:docs /to");
    let git = GitSource {
        url: "https://h.example/a.git".into(),
        reference: Some("v1".into()),
        folder: Some("docs".into()),
    };
    assert_eq!(add.sources, [CopySource::Git(git)]);
    assert_eq!((add.commit.as_deref(), add.keep_git, add.unpack_fetched), (Some("a1b2c3d"), true, true));
    let add = copied("ADD --unpack=false a.tar /to");
    assert!(!add.unpack && !add.unpack_fetched);
}

#[test]
fn files_that_cannot_be_copied_are_told() {
    for (text, expected) in [
        ("COPY a b c", "COPY: several sources go into a folder: write `c/`"),
        ("COPY https://h.example/a b", "COPY: `https://h.example/a` is an address, and those are for ADD"),
        ("ADD --checksum=main https://h.example/a.git b", "ADD: `main` is no commit"),
        ("ADD --checksum=sha256:0 a b", "ADD: `--checksum` is for one source that is an address"),
        (
            "COPY --chmod=u+q a b",
            "COPY: `--chmod=u+q` is neither an octal mode nor changes like `u=rwX,go=rX`",
        ),
        ("COPY --exclude=[ a b", "COPY: `--exclude=[` cannot be read"),
        ("WORKDIR ${X:?is needed}", "`X`: is needed"),
        ("EXPOSE 80/icmp", "EXPOSE: `80/icmp` is no port: 8888, 8888/udp or 8000-8010"),
        ("STOPSIGNAL SIGNO", "STOPSIGNAL: there is no signal `SIGNO`: it is a name as SIGTERM, or a number"),
    ] {
        let plan = plan(&format!("FROM scratch\n{text}"), None, &[]).unwrap();
        let error = plan.stages[0].lower(&ContainerConfig::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("Dockerfile:2: {expected}"));
    }
}
