//! Every way to ask for a package that `docs/conda.md` has.

use std::collections::BTreeSet;

use imagewright_testkit::conda::{CondaPackage, Index};
use imagewright_testkit::context::TestContext;

use super::support::{build, context_with, fill, newer, refused, text, tree};

const PAGE: &str = include_str!("../../../../../docs/conda.md");

/// What is written, and what it stands for: version and build, with the channel where that is not `team`.
const HONOURED: [(&str, &str); 27] = [
    ("numpy", "2.0.0 py312_0"),
    ("NumPy", "2.0.0 py312_0"),
    ("numpy=1.26", "1.26.4 py312_1"),
    ("numpy 1.26.*", "1.26.4 py312_1"),
    ("numpy==1.26.4", "1.26.4 py312_1"),
    ("numpy==1.26*", "1.26.4 py312_1"),
    ("numpy>=1.20,<2", "1.26.4 py312_1"),
    ("numpy >=1.20,<1.25|>=1.26", "2.0.0 py312_0"),
    ("numpy >=1.20,<1.25|1.19.*", "1.20.5 py312_0"),
    ("numpy~=1.26.1", "1.26.4 py312_1"),
    ("numpy!=2.0.0", "1.26.4 py312_1"),
    ("numpy!=1.26.2", "2.0.0 py312_0"),
    ("numpy=1.26.4=py312*", "1.26.4 py312_1"),
    ("numpy=1.26.4=py311*", "1.26.4 py311_cuda_0"),
    ("numpy 1.26.4 py312*", "1.26.4 py312_1"),
    ("conda-forge::numpy", "1.26.9 forge_0"),
    ("conda-forge/linux-64::numpy", "1.26.9 forge_0"),
    ("*/linux-64::numpy", "2.0.0 py312_0"),
    ("-c conda-forge::numpy", "1.26.9 forge_0"),
    ("-c conda-forge numpy", "1.26.9 forge_0"),
    // As the guide for images has it.
    ("-c conda-forge::numpy==1.26*", "1.26.9 forge_0"),
    ("-c conda-forge numpy==1.26*", "1.26.9 forge_0"),
    ("numpy[version='>=1',build=*cuda*]", "1.26.4 py311_cuda_0"),
    ("numpy[build_number=0,version=1.26.4]", "1.26.4 py311_cuda_0"),
    ("numpy[channel=conda-forge,subdir=linux-64]", "1.26.9 forge_0"),
    ("numpy[fn=numpy-1.20.5-py312_0.conda]", "1.20.5 py312_0"),
    ("numpy[version='1.*',license=MIT]", "1.19.0 py312_0"),
];

/// What is written, and why it is refused.
const REFUSED: [(&str, &str); 17] = [
    ("-n base numpy", "begins with a dash"),
    ("-n base", "begins with a dash"),
    ("num*", "names packages by a pattern"),
    ("https://mirror.example/team/linux-64/numpy-2.0.0-0.conda", "is the address or the path of a package"),
    ("./numpy-2.0.0-0.conda", "is the address or the path of a package"),
    ("@EXPLICIT", "is the address or the path of a package"),
    ("conda-forge:ns:numpy", "`conda-forge:ns:numpy` has a namespace"),
    ("__glibc", "`__glibc` is not a package"),
    ("numpy[url='https://mirror.example/x']", "the key `url`"),
    ("numpy[extras=x]", "the key `extras`"),
    ("numpy[flags=x]", "the key `flags`"),
    ("numpy[when=python]", "the key `when`"),
    ("defaults::numpy", "stands for whatever conda is set to"),
    ("local::numpy", "stands for whatever conda is set to"),
    ("numpy >=1,,<", "cannot be understood"),
    ("numpy,scipy", "is not the name of a conda package"),
    ("https://mirror.example/t/tk-1/team::numpy", "a user name, a password or a token"),
];

fn context() -> TestContext {
    let numpy = |version: &str, build: &str| {
        CondaPackage::new("numpy", version).build(build).file("version", format!("{version} {build}"))
    };
    let versions = [
        ("1.19.0", "py312_0"),
        ("1.20.5", "py312_0"),
        ("1.25.0", "py312_0"),
        ("1.26.2", "py312_0"),
        ("1.26.4", "py311_cuda_0"),
        ("1.26.4", "py312_1"),
        ("2.0.0", "py312_0"),
    ];
    let mut team: Vec<CondaPackage> = versions.map(|(version, build)| numpy(version, build)).into();
    team[0] = team[0].clone().license("MIT");
    // Of both folders that for all architectures has the newer one.
    team.push(CondaPackage::new("tool", "1.0").file("version", "native"));
    team.push(CondaPackage::new("tool", "2.0").noarch("generic").file("version", "generic"));
    team.push(CondaPackage::new("tzdata", "2026a").noarch("generic").file("version", "noarch"));
    let context = context_with(Index::Json, &newer(team));
    drop(fill(&context, "conda-forge", Index::Json, &newer(vec![numpy("1.26.9", "forge_0")])));
    context
}

#[test]
fn each_form_means_what_the_page_says() {
    let context = context();
    let folders = [
        ("*/noarch::tzdata", "noarch"),
        ("tool", "generic"),
        ("*/linux-64::tool", "native"),
        ("team/noarch::tool", "generic"),
        ("tool[subdir=linux-64]", "native"),
    ];
    for (asked, expected) in HONOURED.into_iter().chain(folders) {
        drop(build(&context, &["--conda", asked, "-t", "demo/form"]));
        assert_eq!(text(&tree(&context, "demo/form"), "opt/conda/version"), expected, "{asked}");
    }
}

#[test]
fn what_is_not_honoured_is_refused_by_name() {
    let context = context();
    for (asked, expected) in REFUSED {
        let told = refused(&context, 4, &["--conda", asked]);
        assert!(
            told.contains("--conda: ") && told.contains(expected) && !told.contains("tk-1"),
            "{asked}: {told}"
        );
    }
}

#[test]
fn each_form_of_the_page_is_tried() {
    let section = PAGE.split("## What is asked for\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let tried: BTreeSet<&str> =
        HONOURED.iter().map(|(asked, _)| *asked).chain(["*/noarch::tzdata"]).collect();
    let rows: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    assert!(rows.len() > 8, "{rows:?}");
    for row in rows {
        // A bar inside a cell is written with a backslash.
        let row = format!("`{}", row.replace("\\|", "\u{0}"));
        let written = row.split('|').next().unwrap().replace('\u{0}', "|");
        for form in written.split('`').skip(1).step_by(2) {
            assert!(tried.contains(form), "no test of `{form}`");
        }
    }
    let refused = section.split("\nRefused, ").nth(1).unwrap().split("\n\n").next().unwrap();
    for named in refused.split('`').skip(1).step_by(2) {
        assert!(REFUSED.iter().any(|(asked, _)| asked.contains(named)), "no test of `{named}`");
    }
}
