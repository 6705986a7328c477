use super::explicit::read_explicit;
use super::*;
use crate::spec::{Origin, Problem};

fn parse(text: &str) -> Result<CondaPackage, CondaSpecError> {
    CondaPackage::parse(text, Origin::flag("--conda")).map_err(|error| match error.problem() {
        Problem::Conda(error) => error.clone(),
        other => panic!("{other}"),
    })
}

#[test]
fn packages_are_read_as_people_write_them() {
    let cases = [
        // What the guide for image management has.
        ("numpy", "numpy"),
        ("-c conda-forge::numpy==1.17*", "conda-forge::numpy==1.17*"),
        ("-c conda-forge numpy==1.17*", "conda-forge::numpy==1.17*"),
        ("conda-forge::numpy==1.17*", "conda-forge::numpy==1.17*"),
        // What conda's documentation has.
        ("NumPy", "numpy"),
        ("numpy=1.11", "numpy=1.11"),
        ("numpy==1.11", "numpy==1.11"),
        ("numpy 1.11", "numpy 1.11"),
        ("numpy  1.11   *nomkl* ", "numpy 1.11 *nomkl*"),
        ("numpy>=1.8,<2", "numpy>=1.8,<2"),
        ("numpy >=1.8,<2|==1.7", "numpy >=1.8,<2|==1.7"),
        ("numpy~=1.17", "numpy~=1.17"),
        ("numpy!=1.17", "numpy!=1.17"),
        ("numpy=1.17=py37*", "numpy=1.17=py37*"),
        ("conda-forge/linux-64::numpy", "conda-forge/linux-64::numpy"),
        ("conda-forge/label/dev::numpy", "conda-forge/label/dev::numpy"),
        ("*/noarch::tzdata", "*/noarch::tzdata"),
        ("numpy[version='>=1',build=*cuda*]", "numpy[version='>=1',build='*cuda*']"),
        ("numpy[version=\">=1,<2\"]", "numpy[version='>=1,<2']"),
        ("numpy[channel=conda-forge]", "conda-forge::numpy"),
        (
            "numpy[channel=conda-forge, subdir=linux-64,build_number='>2']",
            "conda-forge/linux-64::numpy[build_number='>2']",
        ),
        ("numpy 1.8.*[build=x]", "numpy 1.8.*[build='x']"),
        ("https://mirror.example/conda/team::numpy", "https://mirror.example/conda/team::numpy"),
        ("-c https://mirror.example/team numpy", "https://mirror.example/team::numpy"),
        ("--channel=team numpy", "team::numpy"),
        ("--channel team::numpy", "team::numpy"),
        ("-c=team numpy", "team::numpy"),
        ("numpy # for the plots", "numpy"),
        ("_libgcc_mutex", "_libgcc_mutex"),
        ("r-base>=4", "r-base>=4"),
    ];
    for (text, shown) in cases {
        let package = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(package.to_string(), shown, "{text}");
        assert_eq!(parse(shown).unwrap().to_string(), shown, "what is shown means the same");
    }
}

#[test]
fn each_way_to_be_wrong_has_its_own_words() {
    use CondaSpecError as Wrong;
    type IsExpected = fn(&Wrong) -> bool;
    let cases: [(&str, IsExpected); 39] = [
        ("", |error| matches!(error, Wrong::NoPackage(_))),
        ("-c", |error| matches!(error, Wrong::NoPackage(_))),
        ("-c conda-forge", |error| matches!(error, Wrong::NoPackage(_))),
        ("-c conda-forge::", |error| matches!(error, Wrong::NoPackage(_))),
        ("conda-forge::", |error| matches!(error, Wrong::NoPackage(_))),
        ("--force-reinstall", |error| matches!(error, Wrong::Option(_))),
        ("-n base numpy", |error| matches!(error, Wrong::Option(_))),
        ("-cconda-forge numpy", |error| matches!(error, Wrong::Option(_))),
        ("-c a b::numpy", |error| matches!(error, Wrong::Twice { what: "channel", .. })),
        ("a::numpy[channel=b]", |error| matches!(error, Wrong::Twice { what: "channel", .. })),
        ("a/noarch::numpy[subdir=linux-64]", |error| {
            matches!(error, Wrong::Twice { what: "architecture", .. })
        }),
        ("conda-forge:ns:numpy", |error| matches!(error, Wrong::Namespace(_))),
        ("https://mirror.example/team/linux-64/numpy-1-0.conda", |error| matches!(error, Wrong::File(_))),
        ("./numpy-1-0.conda", |error| matches!(error, Wrong::File(_))),
        ("@EXPLICIT", |error| matches!(error, Wrong::File(_))),
        ("num*py", |error| matches!(error, Wrong::Pattern(_))),
        ("*", |error| matches!(error, Wrong::Pattern(_))),
        ("^numpy$", |error| matches!(error, Wrong::Pattern(_))),
        ("__glibc>=2.17", |error| matches!(error, Wrong::Virtual(_))),
        ("numpy,scipy", |error| matches!(error, Wrong::Name { .. })),
        ("$numpy", |error| matches!(error, Wrong::Name { .. })),
        ("numpy@1.2", |error| matches!(error, Wrong::Rest { .. })),
        ("numpy;python", |error| matches!(error, Wrong::Rest { .. })),
        ("numpy[", |error| matches!(error, Wrong::Brackets(_))),
        ("numpy]", |error| matches!(error, Wrong::Brackets(_))),
        ("numpy[version=1][build=2]", |error| matches!(error, Wrong::Brackets(_))),
        ("numpy[version='1]", |error| matches!(error, Wrong::Brackets(_))),
        ("numpy[version]", |error| matches!(error, Wrong::Part { .. })),
        ("numpy[extras='[x]']", |error| matches!(error, Wrong::Part { .. })),
        ("numpy[url='https://mirror.example/x']", |error| matches!(error, Wrong::Key { .. })),
        ("numpy[when=python]", |error| matches!(error, Wrong::Key { .. })),
        ("defaults::numpy", |error| matches!(error, Wrong::Defaults(_))),
        // Not even in words that show what was written.
        ("https://mirror.example/t/tk-1/c::numpy", |error| matches!(error, Wrong::Credentials)),
        ("-c https://mirror.example/t/tk-1/c", |error| matches!(error, Wrong::Credentials)),
        ("-c https://mirror.example/t/tk-1/c numpy", |error| matches!(error, Wrong::Credentials)),
        ("numpy[channel=https://mirror.example/t/tk-1/c]", |error| matches!(error, Wrong::Credentials)),
        ("numpy[url='https://me:word@mirror.example/x']", |error| matches!(error, Wrong::Credentials)),
        ("https://mirror.example/t/tk-1/c/noarch/a-1-0.conda", |error| matches!(error, Wrong::Credentials)),
        ("numpy\u{7}", |error| matches!(error, Wrong::Control(_))),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(expected(&error), "{text}: {error:?}");
    }
}

#[test]
fn channels_hold_no_secrets_and_no_paths() {
    let parse = |text: &str| CondaChannel::parse(text, Origin::flag("--conda-channel"));
    for (text, name) in
        [("conda-forge/", "conda-forge"), ("https://mirror.example/c/", "https://mirror.example/c")]
    {
        assert_eq!(parse(text).unwrap().name(), name);
    }
    use CondaSpecError as Wrong;
    for text in [
        "https://me:word@mirror.example/c",
        "https://me@mirror.example/c",
        "https://mirror.example/t/tk-1/c",
        "https://mirror.example/conda/t/tk-1/c",
        "https://mirror.example/t/tk-1",
        "ftp://me:word@mirror.example/c",
        "file://me:word@mirror.example/c",
    ] {
        assert_eq!(parse(text).unwrap_err(), Wrong::Credentials, "{text}");
    }
    for text in ["./channel", "/srv/channel", "~/channel", "file:///srv/channel"] {
        assert!(matches!(parse(text), Err(Wrong::LocalChannel(_))), "{text}");
    }
    for text in
        ["", "a b", "a//b", "ftp://mirror.example/c", "https:///c", "https://mirror.example/../c", "-x"]
    {
        assert!(matches!(parse(text), Err(Wrong::Channel(_))), "{text}");
    }
}

#[test]
fn environments_are_read_as_conda_reads_them() {
    let text = "\
name: science
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - conda-forge::numpy>=1.20
  - pip
  - pip:
    - pandas>=2
    - -e ./lib
variables:
  MODE: fast
prefix: /home/me/envs/science
";
    let spec = read_environment("environment.yml", text).unwrap();
    let shown: Vec<String> = spec.conda.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["python=3.11", "conda-forge::numpy>=1.20", "pip"]);
    assert_eq!(spec.conda[1].origin.to_string(), "environment.yml:7:5");
    let channels: Vec<&str> = spec.conda_channels.iter().map(CondaChannel::name).collect();
    assert_eq!(channels, ["conda-forge"]);
    assert_eq!(spec.pip.len(), 2);
    assert_eq!(spec.environment, [("MODE".to_owned(), "fast".to_owned())]);
    let cases = [
        ("dependencies:\n  - npm: [x]\n", "environment.yml:2"),
        ("dependencies:\n  - pip: [-r more.txt]\n", "environment.yml:2"),
        ("channels: [defaults]\n", "environment.yml:1"),
        ("dependencies: [a, '-n x']\n", "environment.yml:1"),
        ("category: dev\n", "environment.yml:1"),
        ("dependencies: python\n", "environment.yml:1"),
    ];
    for (text, place) in cases {
        let error = read_environment("environment.yml", text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{text}: {error}");
    }
}

#[test]
fn words_for_choices_are_read() {
    assert_eq!("flexible".parse(), Ok(ChannelPriority::Flexible));
    assert!("fast".parse::<ChannelPriority>().is_err());
    assert_eq!("skip".parse(), Ok(LinkScripts::Skip));
    assert_eq!("run".parse(), Ok(LinkScripts::Run));
    assert!("always".parse::<LinkScripts>().is_err());
    assert_eq!(check_cuda("12.4").unwrap(), "12.4");
    for text in ["", "12.", "twelve", "1.2.3.4", ">=12"] {
        assert!(check_cuda(text).is_err(), "{text}");
    }
}

#[test]
fn explicit_lists_are_read_line_by_line() {
    let (md5, sha256) = ("0".repeat(32), "A".repeat(64));
    let folder = "https://mirror.example/team";
    let text = format!(
        "# made by a tool\r\n@EXPLICIT\n\n{folder}/linux-64/a-b-1.0-h1_0.conda#{md5}\n{folder}/noarch/_c-1!2+x-0.tar.bz2#sha256:{sha256}\n"
    );
    let spec = read_explicit("conda-linux-64.lock", &text).unwrap();
    let shown: Vec<String> = spec.conda.iter().map(|it| format!("{} {it}", it.origin)).collect();
    assert_eq!(
        shown,
        [
            format!(
                "conda-linux-64.lock:4 {folder}/linux-64::a-b=1.0=h1_0[fn='a-b-1.0-h1_0.conda',md5='{md5}']"
            ),
            format!(
                "conda-linux-64.lock:5 {folder}/noarch::_c=1!2+x=0[fn='_c-1!2+x-0.tar.bz2',sha256='{}']",
                sha256.to_lowercase()
            ),
        ]
    );
    assert!(spec.conda_explicit.is_some());
    let a = format!("{folder}/linux-64/a-1-0.conda");
    let cases = [
        (String::new(), "f:1: the list does not begin"),
        (format!("{a}#{md5}"), "f:1: the list does not begin"),
        (format!("@EXPLICIT\n{a}"), "f:2: `a-1-0.conda` comes without"),
        (format!("@EXPLICIT\n{a}#{}", &md5[1..]), "comes without its MD5"),
        (format!("@EXPLICIT\n{folder}/linux-64/a-1.conda#{md5}"), "is not the address of a package"),
        (format!("@EXPLICIT\n{folder}/a-1-0.conda#{md5}"), "is not the address of a package"),
        (format!("@EXPLICIT\n{folder}/linux-64/a-1-0.whl#{md5}"), "is not the address of a package"),
        (format!("@EXPLICIT\n{a}#{md5}\n{a}#{md5}"), "f:3: `a` stands in the list already (f:2)"),
        (format!("@EXPLICIT\nfile:///srv/linux-64/a-1-0.conda#{md5}"), "is a folder of this machine"),
        (format!("@EXPLICIT\nhttps://me:word@mirror.example/linux-64/a-1-0.conda#{md5}"), "has a user name"),
    ];
    for (text, expected) in cases {
        let error = read_explicit("f", &text).map(|spec| format!("{spec:?}")).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("word@"), "{text}: {error}");
    }
}
