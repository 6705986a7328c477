//! Who runs in a notebook image: `user-not-1000`, `account-not-jovyan`, `user-not-conventional`, `groups-not-for-any-user`,
//! `environment-disagrees`.

use super::starts::Starting;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};
use crate::view::{Account, User};

const SOURCES: &[&str] = &[
    "Kubeflow, \"Notebook container images\", section \"Custom images\"",
    "Jupyter Docker Stacks, \"Common features\"",
];

pub(crate) static USER_NOT_1000: Rule = Rule {
    name: "user-not-1000",
    summary: "The image runs as user 1000.",
    why: "Notebooks run as user 1000 of group 100, and their volume belongs to them. An image that says nothing, or root, is refused by \
          clusters that run nothing as root; another user cannot write to the volume.",
    mend: "```dockerfile\nUSER 1000\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(user_not_1000)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static ACCOUNT_NOT_JOVYAN: Rule = Rule {
    name: "account-not-jovyan",
    level: Level::Warning,
    summary: "User 1000 is called jovyan and lives in `/home/jovyan`.",
    why: "The volume of a notebook is mounted at `/home/jovyan`. Programs that look up their home find another one, or none, and write \
          where nothing is kept.",
    mend: "```dockerfile\nRUN useradd --create-home --home-dir /home/jovyan --uid 1000 --gid 100 --shell /bin/bash jovyan\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(account_not_jovyan)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static USER_NOT_CONVENTIONAL: Rule = Rule {
    name: "user-not-conventional",
    level: Level::Warning,
    summary: "Kernels run as user 1000 of group 100, who has an entry in `/etc/passwd` and a home that the group may write to.",
    why: "Enterprise Gateway runs kernels as user 1000 of group 100 unless a client says otherwise, whatever the image says. Programs \
          that look up who they are fail without an entry, and settings cannot be written without a home.",
    mend: "```dockerfile\nRUN useradd --create-home --uid 1000 --gid 100 jovyan && chmod 2775 /home/jovyan\nUSER 1000:100\n```",
    sources: &["Enterprise Gateway, \"Container Kernels\"; its own images"],
    on_platform: Some(PlatformCheck::Files(user_not_conventional)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static GROUPS_NOT_FOR_ANY_USER: Rule = Rule {
    name: "groups-not-for-any-user",
    level: Level::Warning,
    summary: "jovyan's own group is 0, and 100 is another one of its groups.",
    why: "Clusters that make up a user id give it group 0. What is made for that group works for any user, and group 100 is the one \
          that volumes have. Images of Kubeflow are so since release 1.9.",
    mend: "```dockerfile\nRUN usermod --gid 0 --append --groups 100 jovyan\n```",
    sources: &[
        "Kubeflow's notebook images since 1.9",
        "OpenShift, \"Creating images\", section \"Support arbitrary user ids\"",
    ],
    on_platform: Some(PlatformCheck::Files(groups_not_for_any_user)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static ENVIRONMENT_DISAGREES: Rule = Rule {
    name: "environment-disagrees",
    level: Level::Warning,
    summary: "`HOME`, `NB_USER`, `NB_UID`, `SHELL` and the locale say what `/etc/passwd` says.",
    why: "Start scripts, terminals and extensions go by these variables. Where they are missing or name somebody else, files end up in \
          another home, and terminals have no UTF-8.",
    mend: "```dockerfile\nENV NB_USER=jovyan NB_UID=1000 HOME=/home/jovyan SHELL=/bin/bash LANG=C.UTF-8 LC_ALL=C.UTF-8\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(environment_disagrees)),
    ..Rule::OF_PLATFORMS
};

/// Where notebooks have their volume.
pub(super) const HOME: &str = "/home/jovyan";

/// Whether the image starts as root to become somebody else, and says so.
fn gives_up_root(subject: &ProfileSubject<'_>) -> bool {
    subject.command().iter().any(|word| crate::launch::changes_user(word) || word.ends_with("start.sh"))
        || Starting::of(subject).has("s6-setuidgid")
}

fn user_not_1000(subject: &ProfileSubject<'_>) -> Outcome {
    let written = &subject.container.user;
    let text = match subject.user() {
        Some(user) if user.uid == 1000 => return Outcome::fine(),
        Some(user) if user.is_root() && gives_up_root(subject) => return Outcome::fine(),
        Some(user) if user.is_root() => "the image runs as root".to_owned(),
        Some(user) => format!("the image runs as user {}, not 1000", user.uid),
        None => format!("the image runs as `{written}`, whom it does not know"),
    };
    subject.found(text).with_mend("USER 1000").with_remedy(Remedy::User { user: "1000".to_owned() }).into()
}

fn jovyan(groups: Vec<u32>, gid: u32) -> Remedy {
    Remedy::Account { name: "jovyan".to_owned(), uid: 1000, gid, groups, home: HOME.to_owned() }
}

fn account_not_jovyan(subject: &ProfileSubject<'_>) -> Outcome {
    let text = match subject.view.account(1000) {
        None => "user 1000 has no entry in `/etc/passwd`".to_owned(),
        Some(Account { name, .. }) if name != "jovyan" => format!("user 1000 is called `{name}`, not jovyan"),
        Some(Account { home, .. }) if home.trim_end_matches('/') != HOME => {
            format!("the home of jovyan is `{home}`, not `{HOME}`")
        }
        Some(_) => return Outcome::fine(),
    };
    subject.found(text).with_remedy(jovyan(Vec::new(), 100)).into()
}

fn user_not_conventional(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(account) = subject.view.account(1000) else {
        let found = subject.found("user 1000, as whom kernels run, has no entry in `/etc/passwd`");
        return found.with_remedy(jovyan(Vec::new(), 100)).into();
    };
    let member = User { uid: 1000, gid: 0, groups: vec![1000, 100] };
    let home = subject.view.find(&account.home).filter(|home| member.may_fill(home));
    let in_group = User { uid: 1_000_660_000, gid: 100, groups: Vec::new() };
    match home {
        None => {
            let text = format!("user 1000 may not write to its home `{}`", account.home);
            subject.found(text).with_remedy(jovyan(Vec::new(), 100)).into()
        }
        Some(home) if !in_group.may_fill(&home) => {
            let text = format!("group 100 may not write to the home `{}` of user 1000", account.home);
            subject.found(text).with_remedy(Remedy::group_may_write(&account.home, 100, true)).into()
        }
        Some(_) => Outcome::fine(),
    }
}

fn groups_not_for_any_user(subject: &ProfileSubject<'_>) -> Outcome {
    // That there is no such account is told already.
    let Some(account) = subject.view.account(1000) else { return Outcome::fine() };
    let groups = subject.view.groups_of(&account.name);
    let text = match account.gid {
        0 if groups.contains(&100) => return Outcome::fine(),
        0 => format!("{} is not in group 100, which volumes have", account.name),
        gid => format!("the own group of {} is {gid}, not 0", account.name),
    };
    subject.found(text).with_remedy(jovyan(vec![100], 0)).into()
}

fn environment_disagrees(subject: &ProfileSubject<'_>) -> Outcome {
    let account = subject.view.account(1000);
    let name = account.as_ref().map_or("jovyan", |account| account.name.as_str()).to_owned();
    let home = account.map_or_else(|| HOME.to_owned(), |account| account.home);
    let wanted = [("HOME", home.as_str()), ("NB_USER", &name), ("NB_UID", "1000"), ("SHELL", "/bin/bash")];
    let mut found = Vec::new();
    for (variable, value) in wanted {
        let text = match subject.variable(variable) {
            Some(said) if said.trim_end_matches('/') == value => continue,
            Some(said) => format!("`{variable}` is `{said}`, not `{value}`"),
            None => format!("`{variable}` is not set; it is `{value}`"),
        };
        let mend = format!("ENV {variable}={value}");
        found.push(subject.found(text).with_mend(mend).with_remedy(Remedy::variable(variable, value)));
    }
    let locale = ["LC_ALL", "LANG"].into_iter().find_map(|name| subject.variable(name)).unwrap_or_default();
    let is_utf8 = locale.to_ascii_uppercase().replace('-', "").ends_with("UTF8");
    if !is_utf8 {
        let text = match locale.as_str() {
            "" => "no locale is set, so it is not one of UTF-8".to_owned(),
            locale => format!("the locale is `{locale}`, which is not of UTF-8"),
        };
        let mend = "ENV LANG=C.UTF-8 LC_ALL=C.UTF-8";
        found.push(subject.found(text).with_mend(mend).with_remedy(Remedy::variable("LANG", "C.UTF-8")));
    }
    found.into()
}
