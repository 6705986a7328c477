//! Each rule where it must find something, and what comments leave out.

use imagewright_check::unknown_names;
use imagewright_oci::ContainerConfig;

use crate::support::{Around, notebook, python};

/// What is found behind a pinned base, beside notes.
fn named(lines: &str) -> Vec<String> {
    let digest = "0".repeat(64);
    Around::default().named(&format!("FROM a/b@sha256:{digest}\nUSER 1000\n{lines}\n"))
}

#[test]
fn caches_that_stay_are_found() {
    for lines in [
        "RUN apt-get update && apt-get install -y git",
        "RUN apt-get update && apt-get install -y git && apt-get clean",
        "RUN sudo apt update",
        "RUN [\"apt-get\", \"update\"]",
        "RUN <<EOF\napt-get update\napt-get install -y git\nEOF",
        "RUN pip install pandas",
        "RUN cd /x && pip3.12 install -r requirements.txt",
        "RUN python3 -m pip install --upgrade pip",
        "RUN conda run -n work python -m pip install x",
        "RUN rm -rf ~/.cache && pip install pandas",
        "RUN --mount=type=cache,target=/var/lib/apt pip install pandas",
        "ENV PIP_NO_CACHE_DIR=\nRUN pip install pandas",
        "RUN uv pip install --system pandas",
        "RUN conda install -y numpy",
        "RUN mamba env create -f environment.yml",
        "RUN npm ci",
        "RUN yarn install",
        "RUN apk add --update git",
        "RUN dnf -y install git",
        "RUN if [ -f x ]; then pip install -r x; fi",
    ] {
        let expected = if lines.starts_with("ENV") { "4 package-cache" } else { "3 package-cache" };
        assert_eq!(named(lines), [expected], "{lines}");
    }
    let both = named(
        "RUN apt-get update && pip install x && pip install y\nRUN rm -rf /var/lib/apt/lists/* ~/.cache",
    );
    assert_eq!(both, ["3 package-cache", "3 package-cache"], "a later RUN removes nothing from a layer");
}

#[test]
fn caches_of_stages_that_the_image_is_made_on_count() {
    let digest = "0".repeat(64);
    let text = format!(
        "FROM a@sha256:{digest} AS base\nRUN pip install x\nFROM a@sha256:{digest} AS other\nRUN pip install y\nFROM base\nUSER 1\nCOPY --from=other /a /a\n"
    );
    assert_eq!(Around::default().named(&text), ["2 package-cache"]);
}

#[test]
fn variables_of_the_base_count() {
    let quiet = ContainerConfig { env: vec!["PIP_NO_CACHE_DIR=1".to_owned()], ..ContainerConfig::default() };
    let around = Around::default().base("quiet:1", quiet);
    assert_eq!(around.named("FROM quiet:1\nUSER 1\nRUN pip install x\n"), [] as [&str; 0]);
    assert_eq!(around.named("FROM unknown:1\nUSER 1\nRUN pip install x\n"), ["3 package-cache"]);
}

#[test]
fn what_an_unknown_base_may_decide_is_passed_over() {
    let named = |lines: &str| Around::default().named(&format!("FROM unknown:1\nUSER 1\n{lines}\n"));
    assert_eq!(named("ENV PIP_NO_CACHE_DIR=$NO_CACHE\nRUN pip install x"), [] as [&str; 0]);
    assert_eq!(named("RUN pip install requests==$REQUESTS --no-cache-dir"), [] as [&str; 0]);
    assert_eq!(named("CMD $APPLICATION --port 80"), [] as [&str; 0]);
    assert_eq!(named("EXPOSE $PORT\nUSER root"), ["4 runs-as-root"], "a port must be a number");
}

#[test]
fn bases_are_judged_by_what_is_written() {
    let rules = |text: &str| {
        let findings = Around::default().check(&format!("{text}\nUSER 1\n"));
        findings.iter().map(|it| format!("{} {}", it.level, it.rule)).collect::<Vec<_>>().join(", ")
    };
    let digest = "0".repeat(64);
    assert_eq!(rules("FROM python"), "warning base-not-pinned");
    assert_eq!(rules("FROM registry.example:5000/python"), "warning base-not-pinned");
    assert_eq!(rules("FROM python:latest"), "warning base-latest");
    assert_eq!(rules("FROM python:3"), "note base-not-pinned");
    assert_eq!(rules("ARG TAG=latest\nFROM python:$TAG"), "warning base-latest");
    assert_eq!(rules(&format!("FROM python:latest@sha256:{digest}")), "");
    assert_eq!(rules("FROM scratch"), "");
    assert_eq!(rules("FROM scratch\nCOPY --from=busybox /bin/sh /bin/sh"), "warning base-not-pinned");
    assert_eq!(rules("FROM python AS unused\nFROM scratch"), "", "what no target needs does not count");
}

#[test]
fn root_is_found_where_it_is_known() {
    let around = Around::default().base("a:1", python()).base("n:1", notebook());
    assert_eq!(around.named("FROM a:1\n"), ["1 runs-as-root"]);
    assert_eq!(around.named("FROM a:1\nUSER 1000\nUSER root\n"), ["3 runs-as-root"]);
    assert_eq!(around.named("FROM a:1\nUSER 0:0\n"), ["2 runs-as-root"]);
    assert_eq!(around.named("FROM a:1 AS b\nUSER 1000\nFROM b\n"), [] as [&str; 0]);
    assert_eq!(around.named("FROM n:1\nUSER $NB_UID\n"), [] as [&str; 0]);
    assert_eq!(around.named("FROM n:1\n"), [] as [&str; 0]);
    assert_eq!(around.named("FROM unknown:1\n"), [] as [&str; 0]);
    assert_eq!(around.named("FROM unknown:1\nUSER root\nENTRYPOINT [\"x-unknown\"]\n"), ["2 runs-as-root"]);
}

#[test]
fn services_are_found_wherever_they_are_started_from() {
    let serve = "#!/bin/sh\nexport A=1\nexec uvicorn app:app\n";
    let around = Around::default().file("deploy/serve.sh", serve).base(
        "db:1",
        ContainerConfig {
            user: "db".to_owned(),
            cmd: Some(vec!["postgres".to_owned()]),
            ..ContainerConfig::default()
        },
    );
    let found = |lines: &str| around.named(&format!("FROM scratch\nUSER 1000\n{lines}\n"));
    assert_eq!(found("COPY deploy /srv\nCMD [\"/srv/serve.sh\"]"), ["4 service-not-started"]);
    assert_eq!(found("COPY deploy/ /srv/\nCMD /srv/serve.sh"), ["4 service-not-started"]);
    assert_eq!(found("ENTRYPOINT [\"gunicorn\"]\nCMD [\"app:app\"]"), ["3 service-not-started"]);
    assert_eq!(
        found("ENTRYPOINT [\"tini\", \"--\"]\nCMD [\"gunicorn\", \"app:app\"]"),
        ["4 service-not-started"]
    );
    assert_eq!(found("EXPOSE 80\nCMD [\"/opt/thing\"]"), ["4 service-not-started"]);
    assert_eq!(found("CMD [\"/opt/thing\"]"), [] as [&str; 0], "only a note");
    assert_eq!(around.named("FROM db:1\n"), ["1 service-not-started"]);
    assert_eq!(around.named("FROM db:1\nCMD [\"bash\"]\n"), [] as [&str; 0]);
    let staged = "FROM scratch AS scripts\nCOPY deploy /d\nFROM scratch\nUSER 1\nCOPY --from=scripts /d /e\nCMD [\"/e/serve.sh\"]\n";
    assert_eq!(around.named(staged), ["6 service-not-started"]);
}

#[test]
fn environments_off_the_path_are_found() {
    let around = Around::default().base("n:1", notebook());
    let found = |lines: &str| around.named(&format!("FROM n:1\n{lines}\n"));
    assert_eq!(
        found("ENTRYPOINT [\"conda\", \"run\", \"-n\", \"work\", \"jupyter\", \"lab\"]"),
        ["2 environment-not-on-path"]
    );
    assert_eq!(found("CMD source activate work && jupyter lab"), ["2 environment-not-on-path"]);
    assert_eq!(found("RUN echo \"conda activate work\" >> ~/.bashrc"), ["2 environment-not-on-path"]);
    assert_eq!(found("CMD conda activate base && jupyter lab"), [] as [&str; 0]);
    let unknown =
        "FROM unknown:1\nUSER 1\nENTRYPOINT [\"conda\", \"run\", \"-n\", \"work\", \"jupyter\", \"lab\"]\n";
    assert_eq!(around.named(unknown), [] as [&str; 0], "the base may have it on its PATH");
}

#[test]
fn downloads_whose_failure_nobody_sees_are_found() {
    assert_eq!(named("RUN curl -fsSL https://server.example/x.sh | bash"), ["3 download-without-pipefail"]);
    assert_eq!(
        named("RUN wget -qO- https://server.example/x.sh | sudo sh -s -- -y"),
        ["3 download-without-pipefail"]
    );
    for lines in [
        "RUN curl -fsSL https://server.example/x.tar.gz | tar xz",
        "RUN set -o pipefail && curl -fsSL https://server.example/x.sh | sh",
        "RUN set -euxo pipefail; curl https://server.example/x.sh | sh",
        "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl https://server.example/x.sh | bash",
        "RUN echo curl | sh",
        "RUN curl -sS https://server.example/key.gpg | sudo apt-key add -",
    ] {
        assert_eq!(named(lines), [] as [&str; 0], "{lines}");
    }
}

#[test]
fn secrets_are_found_and_not_shown() {
    let told = Around::default()
        .told("FROM scratch\nUSER 1\nENV HF_TOKEN=hf_secret OTHER=1\nARG API_KEY=xyz\nARG GIT_TOKEN\n");
    insta::assert_snapshot!(told, @r"
    warning: Dockerfile:3: the value of `HF_TOKEN` is for everybody to read who has the image (secret-in-image)
    warning: Dockerfile:4: the value of `API_KEY` is for everybody to read who has the image (secret-in-image)
    ");
}

#[test]
fn comments_leave_findings_out() {
    let found = |text: &str| Around::default().named(text);
    let text = "FROM python\nUSER 1\nRUN pip install x\nRUN pip install y\n";
    assert_eq!(found(text), ["1 base-not-pinned", "3 package-cache", "4 package-cache"]);
    let here =
        "FROM python\nUSER 1\n# imagewright: ignore=package-cache\n\nRUN pip install x\nRUN pip install y\n";
    assert_eq!(found(here), ["1 base-not-pinned", "6 package-cache"]);
    let within = "FROM python\nUSER 1\nRUN true \\\n # imagewright: ignore=package-cache it must be there\n && pip install x\n";
    assert_eq!(found(within), ["1 base-not-pinned"]);
    let all = format!("{text}# imagewright: global ignore=package-cache,base-not-pinned\n");
    assert_eq!(found(&all), [] as [&str; 0]);
    let wrong =
        "FROM python\n# imagewright: ignore=package-cach\nUSER 1\n# imagewright: global ignore=nonsense\n";
    assert_eq!(
        unknown_names("Dockerfile", wrong).unwrap(),
        [
            "Dockerfile:3: a comment ignores the rule `package-cach`, which does not exist; did you mean package-cache?",
            "Dockerfile: a comment ignores the rule `nonsense`, which does not exist",
        ]
    );
}

#[test]
fn a_mounted_requirements_file_is_read() {
    let text = "FROM scratch\nUSER 1\nRUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install --no-cache-dir -r /tmp/r.txt\n";
    let around = Around::default().file("requirements.txt", "requests==2.0\n");
    assert_eq!(around.named(text), ["3 pin-conflict"]);
    let elsewhere = text.replace("--no-cache-dir", "--no-cache-dir --target=/x");
    assert_eq!(around.named(&elsewhere), [] as [&str; 0]);
    let later = format!("{text}RUN pip install --no-cache-dir requests==2.40\n");
    assert_eq!(around.named(&later), [] as [&str; 0], "what is asked for last counts");
}
