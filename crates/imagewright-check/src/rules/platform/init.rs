//! Images whose first process is s6: `init-not-executable`, `init-failures-ignored`. How another first process behaves only a
//! container can tell.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::{Entry, User};

const SOURCES: &[&str] = &["Kubeflow's example notebook servers", "s6-overlay, \"Customizing s6 behaviour\""];

pub(crate) static INIT_NOT_EXECUTABLE: Rule = Rule {
    name: "init-not-executable",
    summary: "What s6 starts may be executed, and group 0 may write to `/run`.",
    why: "Scripts lose their right to be executed where a builder passes over `COPY --chmod`; s6 then starts no service. It keeps its \
          books in `/run`, and under a made-up user id only the group can write there.",
    mend: "```dockerfile\nCOPY --chown=1000:0 --chmod=755 s6/ /etc\nRUN chmod -R 755 /etc/cont-init.d /etc/services.d && chgrp 0 /run && chmod \
           g+rwX /run\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(init_not_executable)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static INIT_FAILURES_IGNORED: Rule = Rule {
    name: "init-failures-ignored",
    level: Level::Warning,
    summary: "A script that fails when the container starts ends it, and slow volumes have time.",
    why: "By default s6 goes on when a start script fails, and the notebook runs without what the script should have done. It waits five \
          seconds for services, which is little where a home is copied onto a volume in a network.",
    mend: "```dockerfile\nENV S6_BEHAVIOUR_IF_STAGE2_FAILS=2 S6_CMD_WAIT_FOR_SERVICES_MAXTIME=300000\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(init_failures_ignored)),
    ..Rule::OF_PLATFORMS
};

/// Milliseconds that slow volumes need.
const LONG_ENOUGH: u64 = 300_000;
const MOST: usize = 5_000;

fn is_s6(subject: &ProfileSubject<'_>) -> bool {
    subject.command().first().is_some_and(|word| word == "/init")
}

fn init_not_executable(subject: &ProfileSubject<'_>) -> Outcome {
    if !is_s6(subject) {
        return Outcome::fine();
    }
    let mut found = Vec::new();
    match subject.view.find("/init") {
        Some(init) if init.is_program() => {}
        Some(_) => found.push(subject.found("`/init` may not be executed").with_mend("RUN chmod 755 /init")),
        None => found.push(subject.found("the container starts `/init`, which is not in the image")),
    }
    for folder in ["/etc/cont-init.d", "/etc/services.d"] {
        let Some(entries) = subject.view.find(folder).map(|folder| folder.below(MOST)) else { continue };
        let counts =
            |entry: &Entry<'_>| folder.ends_with("cont-init.d") || ["run", "finish"].contains(&entry.name());
        let wrong = entries.iter().find(|entry| entry.is_file() && counts(entry) && !entry.is_program());
        if let Some(entry) = wrong {
            let text = format!("`{}` may not be executed (mode {:04o})", entry.path(), entry.mode());
            let remedy = Remedy::Permissions {
                path: folder.to_owned(),
                recursive: true,
                uid: None,
                gid: None,
                file_mode: 0o755,
                folder_mode: 0o755,
            };
            found.push(
                subject.found(text).with_mend(format!("RUN chmod -R 755 {folder}")).with_remedy(remedy),
            );
        }
    }
    let run = subject.view.find("/run");
    if !run.is_some_and(|run| User::ARBITRARY.may_fill(&run)) {
        let text = "group 0 may not write to `/run`, where s6 keeps its books";
        let found_run = subject.found(text).with_mend("RUN chgrp 0 /run && chmod g+rwX /run");
        found.push(found_run.with_remedy(Remedy::group_may_write("/run", 0, false)));
    }
    found.into()
}

fn init_failures_ignored(subject: &ProfileSubject<'_>) -> Outcome {
    if !is_s6(subject) {
        return Outcome::fine();
    }
    let mut found = Vec::new();
    let behaviour = "S6_BEHAVIOUR_IF_STAGE2_FAILS";
    if subject.variable(behaviour).is_none_or(|value| value.trim() != "2") {
        let text = format!("`{behaviour}` is not 2: the container goes on when a start script fails");
        found.push(subject.found(text).with_remedy(Remedy::variable(behaviour, "2")));
    }
    let wait = "S6_CMD_WAIT_FOR_SERVICES_MAXTIME";
    // 0 is for ever.
    let time = subject.variable(wait).and_then(|value| value.trim().parse::<u64>().ok());
    if time.is_none_or(|time| time != 0 && time < LONG_ENOUGH) {
        let text = format!("`{wait}` is below {LONG_ENOUGH}: slow volumes end the start");
        found.push(subject.found(text).with_remedy(Remedy::variable(wait, "300000")));
    }
    found.into()
}
