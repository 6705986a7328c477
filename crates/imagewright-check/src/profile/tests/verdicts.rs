//! What findings and open questions come to.

use super::*;
use crate::ProfileFile;

fn verdict(level: &str, files: Files) -> (Verdict, usize) {
    let text = format!("name = \"x\"\n[rules.curl-missing]\nlevel = \"{level}\"\n");
    let profile = ProfileFile::parse("x.toml", &text).unwrap().profile(None).unwrap();
    let report = Example::new(files, ContainerConfig::default()).ask(&profile);
    (report.verdict, report.findings.len())
}

#[test]
fn a_site_says_how_much_a_finding_matters() {
    let curl = Files::default().program("usr/bin/curl").file("etc/passwd", "root:x:0:0::/root:\n");
    assert_eq!(verdict("error", curl), (Verdict::Runs, 0));
    assert_eq!(verdict("error", Files::default()), (Verdict::DoesNotRun, 1));
    assert_eq!(verdict("warning", Files::default()), (Verdict::RunsWithDoubts, 1));
    assert_eq!(verdict("note", Files::default()), (Verdict::Runs, 1));
}

#[test]
fn without_all_layers_nothing_is_said_of_files() {
    let manifest = Example::manifest();
    let mut config = ImageConfig::empty(Platform::linux("amd64"));
    config.config = Some(ContainerConfig::default());
    let indexes = [None, Some(Files::default().index())];
    let subject = ImageSubject::new("team/x:1", &manifest, &config, &indexes);
    let report = Profile::named("elyra").unwrap().ask(&subject, &Selection::default());
    assert_eq!(report.verdict, Verdict::CannotTell, "{}", told(&report));
    let names: BTreeSet<_> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(names, BTreeSet::from(["runs-as-root"]));
    assert!(report.unanswered.iter().all(|it| it.reason == "1 of its layers is not known"));
}

#[test]
fn what_is_asked_alone_decides_alone() {
    let only = Selection::new(&["curl-missing".to_owned()], &[]).unwrap();
    let manifest = Example::manifest();
    let config = ImageConfig::empty(Platform::linux("amd64"));
    let indexes = [Some(Files::default().index())];
    let subject = ImageSubject::new("team/x:1", &manifest, &config, &indexes);
    let report = Profile::named("elyra").unwrap().ask(&subject, &only);
    assert_eq!((report.asked, report.findings.len()), (1, 1));
}

#[test]
fn rows_have_names_of_their_own_and_are_answered_by_rules_that_are_asked() {
    use crate::profile::definition::{ALL, By};
    let mut ids = BTreeSet::new();
    for definition in ALL {
        let asks = |name: &str| definition.entries().any(|entry| entry.rule.name == name);
        for row in definition.rows {
            assert!(ids.insert(row.id), "{} is there twice", row.id);
            if let By::Rules(rules) = &row.by {
                assert!(!rules.is_empty() && rules.iter().all(|rule| asks(rule.name)), "{}", row.id);
            }
        }
        let names: BTreeSet<_> = definition.entries().map(|entry| entry.rule.name).collect();
        assert_eq!(names.len(), definition.entries().count(), "{} asks a rule twice", definition.name);
    }
}
