use imagewright_testkit::conda::{CondaPackage, Format};
use url::Url;

use super::*;
use crate::Channel;

fn listed(channel: &str, package: &CondaPackage) -> Package {
    let channel = Channel::new(channel).unwrap();
    let base = Url::parse(&channel.subdir(package.subdir())).unwrap();
    let record = serde_json::from_value(package.record(b"bytes")).unwrap();
    Package::listed(&channel, (package.subdir(), &base), &package.file_name(Format::Conda), record).unwrap()
}

fn packages(channel: &str, packages: &[CondaPackage]) -> Vec<Package> {
    packages.iter().map(|package| listed(channel, package)).collect()
}

fn wanted(texts: &[&str]) -> Vec<Wanted> {
    texts.iter().map(|text| Wanted::parse(text, None, None).unwrap()).collect()
}

fn image() -> VirtualPackages {
    VirtualPackages::of("amd64", Some("2.36".to_owned()), None)
}

fn solved(
    texts: &[&str],
    available: &[Vec<Package>],
    preferred: &[Package],
) -> Result<Vec<String>, SolveError> {
    let question = Question {
        wanted: &wanted(texts),
        available,
        preferred,
        virtual_packages: &image(),
        priority: Priority::Strict,
        stop: Stop::default(),
    };
    Ok(solve(&question)?.iter().map(|package| format!("{} {}", package.name(), package.version())).collect())
}

fn new(name: &str, version: &str) -> CondaPackage {
    CondaPackage::new(name, version)
}

#[test]
fn what_is_needed_comes_along_and_first() {
    let team = [packages(
        "team",
        &[
            new("app", "1.0").depends("lib >=2"),
            new("lib", "1.0"),
            new("lib", "2.0").depends("base"),
            new("base", "1"),
        ],
    )];
    assert_eq!(solved(&["app"], &team, &[]).unwrap(), ["base 1", "lib 2.0", "app 1.0"]);
}

#[test]
fn what_is_there_stays_where_nothing_speaks_against_it() {
    let team =
        [packages("team", &[new("lib", "1.0"), new("lib", "2.0"), new("app", "1.0").depends("lib >=2")])];
    let there = vec![team[0][0].clone()];
    assert_eq!(solved(&["lib"], &team, &there).unwrap(), ["lib 1.0"]);
    assert_eq!(solved(&["lib", "app"], &team, &there).unwrap(), ["lib 2.0", "app 1.0"]);
    // It is there, whatever channels have.
    assert_eq!(solved(&["lib"], &[Vec::new()], &there).unwrap(), ["lib 1.0"]);
}

#[test]
fn folders_and_files_that_are_asked_for_count() {
    let team = [packages(
        "team",
        &[
            new("lib", "1.0"),
            new("lib", "2.0").noarch("generic"),
            new("app", "1.0").depends("lib"),
            new("app", "1.0").build("1").depends("lib"),
        ],
    )];
    let chosen = |asked: Wanted, preferred: &[Package]| {
        let question = Question {
            wanted: &[asked],
            available: &team,
            preferred,
            virtual_packages: &image(),
            priority: Priority::Strict,
            stop: Stop::default(),
        };
        solve(&question)
            .map(|packages| packages.last().map(|last| format!("{}/{}", last.subdir(), last.file())))
    };
    let of_folder = |folder: &str| Wanted::parse("lib", None, Some(folder)).unwrap();
    let native = team[0][0].subdir();
    let expected = |file: &str| Some(file.to_owned());
    assert_eq!(chosen(of_folder("noarch"), &[]).unwrap(), expected("noarch/lib-2.0-0.conda"));
    assert_eq!(chosen(of_folder(native), &[]).unwrap(), expected(&format!("{native}/lib-1.0-0.conda")));
    // Not even what is there already does.
    let there = vec![team[0][0].clone()];
    assert_eq!(chosen(of_folder("noarch"), &there).unwrap(), expected("noarch/lib-2.0-0.conda"));
    let of_file = |file: &str| Wanted::parse(&format!("app[fn='{file}']"), None, None).unwrap();
    assert_eq!(
        chosen(of_file("app-1.0-0.conda"), &[]).unwrap(),
        expected(&format!("{native}/app-1.0-0.conda"))
    );
    assert_eq!(
        chosen(of_file("app-1.0-1.conda"), &[]).unwrap(),
        expected(&format!("{native}/app-1.0-1.conda"))
    );
    assert!(matches!(chosen(of_file("app-1.0-0.tar.bz2"), &[]), Err(SolveError::Conflict(_))));
}

#[test]
fn the_image_is_asked_and_not_the_machine() {
    let team = [packages(
        "team",
        &[
            new("app", "1.0").depends("__glibc >=2.17"),
            new("app", "2.0").depends("__glibc >=2.99"),
            new("gpu", "1.0").depends("__cuda >=12"),
            new("fast", "1.0").depends("__archspec 1 x86_64").depends("__linux").depends("__unix"),
        ],
    )];
    assert_eq!(solved(&["app"], &team, &[]).unwrap(), ["app 1.0"]);
    assert_eq!(solved(&["fast"], &team, &[]).unwrap(), ["fast 1.0"]);
    let error = solved(&["gpu"], &team, &[]).unwrap_err().to_string();
    assert!(error.contains("__cuda"), "{error}");
    let question = Question {
        wanted: &wanted(&["gpu"]),
        available: &team,
        preferred: &[],
        virtual_packages: &VirtualPackages { cuda: Some("12.4".to_owned()), ..image() },
        priority: Priority::Strict,
        stop: Stop::default(),
    };
    assert_eq!(solve(&question).unwrap().len(), 1);
}

#[test]
fn channels_count_in_their_order() {
    let (first, second) = (packages("first", &[new("a", "1.0")]), packages("second", &[new("a", "2.0")]));
    let available = [first, second];
    let channel_of = |priority, wanted: &[Wanted]| {
        let virtual_packages = &image();
        let stop = Stop::default();
        let question =
            Question { wanted, available: &available, preferred: &[], virtual_packages, priority, stop };
        solve(&question).map(|packages| packages[0].channel().unwrap().name().to_owned())
    };
    assert_eq!(channel_of(Priority::Strict, &wanted(&["a"])).unwrap(), "first");
    assert_eq!(channel_of(Priority::Disabled, &wanted(&["a"])).unwrap(), "second");
    assert_eq!(channel_of(Priority::Flexible, &wanted(&["a >=2"])).unwrap(), "second");
    assert!(channel_of(Priority::Strict, &wanted(&["a >=2"])).is_err());
    let from_second = Wanted::parse("a", Channel::new("second"), None).unwrap();
    assert_eq!(channel_of(Priority::Strict, &[from_second]).unwrap(), "second");
}

#[test]
fn conflicts_are_told_in_words() {
    let team = [packages(
        "team",
        &[
            new("one", "1.0").depends("lib <2"),
            new("two", "1.0").depends("lib >=2"),
            new("lib", "1.0"),
            new("lib", "2.0"),
        ],
    )];
    let error = solved(&["one", "two"], &team, &[]).unwrap_err();
    assert!(matches!(error, SolveError::Conflict(_)));
    let text = error.to_string();
    assert!(
        text.contains("lib <2") && text.contains("lib >=2") && !text.contains("channels.invalid"),
        "{text}"
    );
    let text = solved(&["nothing-like-it"], &team, &[]).unwrap_err().to_string();
    assert!(text.contains("nothing-like-it"), "{text}");
}

#[test]
fn only_what_can_be_reached_is_asked_for() {
    let all = [
        packages(
            "first",
            &[new("a", "1").depends("b >=1").depends("__glibc >=2"), new("c", "1"), new("other", "1")],
        ),
        packages("second", &[new("b", "1").depends("C 1").depends("a")]),
    ];
    let mut asked = Vec::new();
    let reached = reachable(["a".to_owned()], |names| {
        asked.push(names.to_vec());
        let of_names = |packages: &Vec<Package>| {
            packages.iter().filter(|package| names.contains(&package.name().to_owned())).cloned().collect()
        };
        Ok::<_, ()>(all.iter().map(of_names).collect())
    })
    .unwrap();
    assert_eq!(asked, [["a"], ["b"], ["c"]]);
    assert_eq!(reached.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}
