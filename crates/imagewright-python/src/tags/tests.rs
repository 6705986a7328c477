//! The lists were made with `packaging` 25.0 (26.4 for what is new in it) and are compared whole, by their digest; those
//! of CPython 3.8 to 3.13 are what real interpreters answered to `packaging.tags.sys_tags()`.

use imagewright_oci::Digest;

use super::*;

const CPYTHON: Implementation = Implementation::CPython { free_threaded: false, debug: false };

fn glibc(minor: u32, architecture: &str) -> Platform {
    Platform::Manylinux { glibc: (2, minor), architecture: architecture.to_owned() }
}

fn built(free_threaded: bool, debug: bool) -> Implementation {
    Implementation::CPython { free_threaded, debug }
}

#[test]
fn tags_are_those_of_packaging_in_its_order() {
    let x86 = || "x86_64".to_owned();
    let pypy = Implementation::from_extension_suffix("pypy", ".pypy310-pp73-x86_64-linux-gnu.so");
    let graalpy = Implementation::from_extension_suffix("graalpy", ".graalpy242-311-native-x86_64-linux.so");
    let musl = Platform::Musllinux { musl: (1, 2), architecture: x86() };
    let newer = Platform::Manylinux { glibc: (3, 1), architecture: "riscv64".into() };
    #[rustfmt::skip]
    let cases = [
        (&CPYTHON, (3, 8), glibc(36, "x86_64"), 695, "0c777b7faa1fde5a6ed1b1d45550c3b733b10e56ccf65c9ff71cde673d0122f5"),
        (&CPYTHON, (3, 9), glibc(36, "x86_64"), 768, "1b8d02aa9f1f886d3bcf54c7638c0c40a535cdf6873b61b77c2e13df1af3d2d5"),
        (&CPYTHON, (3, 10), glibc(36, "x86_64"), 841, "0bfec252abddb109c5165db93e11f390ce25dabbb3018880d846d108c2cbe333"),
        (&CPYTHON, (3, 11), glibc(36, "x86_64"), 914, "383ffd2beb764fa9054698434f944b99ad76427d82d57c95382f2b5df9c80b33"),
        (&CPYTHON, (3, 12), glibc(36, "x86_64"), 987, "0f952510c80f9cd9051683b89e7758c7164ea6ae0c524be3798dd0c213fafb7d"),
        (&CPYTHON, (3, 13), glibc(36, "x86_64"), 1060, "dc9f6d4798eb3114e40db63493e61133bc4505fc3203e7de352c6020cf170274"),
        (&CPYTHON, (3, 13), glibc(41, "aarch64"), 799, "6cbbac0920b045b413973484cf7d20b270aaa320654956efbd509996eee5ef80"),
        (&CPYTHON, (3, 12), musl, 123, "3a76d8d82692e240ac450d80dc131de4a1abe5bfca4d60950f9ffceb5d3947dd"),
        (&CPYTHON, (3, 7), glibc(28, "x86_64"), 486, "17b9611e5fe282bbedafe4d78ca7bc1a056320a26a649266dd4342a918d689f9"),
        (&CPYTHON, (3, 9), glibc(4, "x86_64"), 33, "19d47408c18e8f1dd4c1f3ccba1458fde6905bc5d73b5ece3baaa5093fb83afc"),
        (&CPYTHON, (3, 10), glibc(31, "armv8l"), 795, "212582a89fb801fee8ec308215180962230286c6f5654380554bba1261100c62"),
        (&CPYTHON, (3, 10), glibc(31, "mips64"), 36, "1a87b52abecf222ad7db488e13c7b0c61314ec88738d6744db93347f169192ec"),
        (&CPYTHON, (3, 11), Platform::Linux { architecture: x86() }, 39, "6fd2576cb64fd89147d98a23ff34c2d596c219693fa5059d9b33597d72f7d817"),
        (&CPYTHON, (3, 14), newer, 1195, "550e66574ac76d958fcbe4256e306e02abd77ebfeaea6126c192f109e429cbec"),
        (&built(false, true), (3, 12), glibc(36, "x86_64"), 1023, "467127984770cce042f8c01a6ae30b4cb26ddca5838142cf4dbb0c19bae3c537"),
        (&built(true, false), (3, 13), glibc(36, "x86_64"), 1060, "1e212239e417102631d4739dccf7b371376252c5557d2b11bb54b126629702ed"),
        (&built(true, true), (3, 13), glibc(36, "x86_64"), 1096, "5b1673298bea868d8f257f01fbc0528f85aa36f4475fb712fb4a7c65f5f0f176"),
        (&pypy, (3, 10), glibc(36, "x86_64"), 517, "da48f1b29e6d50781d5cd58f700bb85d067608e4c49060413fad69973c7ef008"),
        (&graalpy, (3, 11), glibc(28, "x86_64"), 433, "e26c53bd171ff0e85414265314fc3e69165f1852b26768645ae280f346d7d534"),
    ];
    for (implementation, version, platform, length, digest) in cases {
        let tags: Vec<String> =
            Tags::new(implementation, version, &platform).iter().map(str::to_owned).collect();
        let found = Digest::of(tags.join("\n").as_bytes());
        let name = format!("{implementation:?} {version:?} {platform:?}");
        assert_eq!((tags.len(), found.hex()), (length, digest), "{name} begins {:?}", &tags[..3]);
    }
}

#[test]
fn the_best_tag_of_a_wheel_counts() {
    let tags = Tags::new(&CPYTHON, (3, 11), &glibc(36, "x86_64"));
    #[rustfmt::skip]
    let cases = [
        ("cp311-cp311-manylinux_2_36_x86_64", Some(0)),
        ("cp311-cp311-manylinux_2_37_x86_64", None),
        ("cp311-cp311-manylinux_2_17_x86_64", Some(19)),
        ("cp311-cp311-manylinux2014_x86_64", Some(20)),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", Some(19)),
        ("cp311-cp311-manylinux1_x86_64", Some(34)),
        ("cp311-cp311-linux_x86_64", Some(35)),
        ("cp311-cp311-musllinux_1_1_x86_64", None),
        ("cp311-cp311-manylinux_2_17_aarch64", None),
        ("cp310-cp310-manylinux_2_17_x86_64", None),
        ("cp310-abi3-manylinux_2_36_x86_64", Some(108)),
        ("cp312-abi3-manylinux_2_17_x86_64", None),
        ("py2.py3-none-any", Some(902)),
        ("py3-none-any", Some(902)),
        ("CP311-None-Any", Some(900)),
        ("py2-none-any", None),
    ];
    for (tag, expected) in cases {
        let wheel: WheelName = format!("x-1-{tag}.whl").parse().unwrap();
        assert_eq!(tags.rank(&wheel), expected, "{tag}");
    }
}

#[test]
fn of_several_wheels_pips_choice_is_taken() {
    let tags = Tags::new(&CPYTHON, (3, 11), &glibc(36, "x86_64"));
    let cases: [(&[&str], Option<usize>); 6] = [
        (&["x-1-py3-none-any.whl", "x-1-cp311-cp311-manylinux2014_x86_64.whl"], Some(1)),
        (&["x-1-cp38-abi3-manylinux2014_x86_64.whl", "x-1-cp310-abi3-manylinux2014_x86_64.whl"], Some(1)),
        (&["x-1-py3-none-any.whl", "x-1-2-py3-none-any.whl", "x-1-10-py3-none-any.whl"], Some(2)),
        (&["x-1-2-py3-none-any.whl", "x-1-2b-py3-none-any.whl"], Some(1)),
        (&["x-1-py2.py3-none-any.whl", "x-1-py3-none-any.whl"], Some(0)),
        (&["x-1-cp312-cp312-manylinux2014_x86_64.whl", "x-1-cp311-cp311-win_amd64.whl"], None),
    ];
    for (names, expected) in cases {
        let wheels: Vec<WheelName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let chosen = tags.choose(wheels.iter().enumerate(), |(_, wheel)| wheel);
        assert_eq!(chosen.map(|(position, _)| position), expected, "{names:?}");
    }
}

#[test]
fn names_of_wheels_are_taken_apart() {
    let wheel: WheelName = "Zope.Interface-6.1.post1-3rc-cp39.cp310-abi3-any.whl".parse().unwrap();
    assert_eq!(wheel.name().to_string(), "zope-interface");
    assert_eq!(wheel.version().to_string(), "6.1.post1");
    assert_eq!(wheel.build().unwrap().to_string(), "3rc");
    assert_eq!(wheel.compressed_tags(), "cp39.cp310-abi3-any");
    assert_eq!(wheel.tags().collect::<Vec<_>>(), ["cp39-abi3-any", "cp310-abi3-any"]);
    let local: WheelName = "torch-2.4.0+cu121-cp311-cp311-linux_x86_64.whl".parse().unwrap();
    assert_eq!(local.version().to_string(), "2.4.0+cu121");
}

#[test]
fn what_is_not_the_name_of_a_wheel_is_refused() {
    let long = format!("x-1-py3-none-{}.whl", "a.".repeat(200));
    let cases = [
        ("x-1.tar.gz", "it does not end in `.whl`"),
        ("x-1-py3-none.whl", "it does not have five or six parts with `-` between them"),
        ("x-1-1-py3-none-any-more.whl", "it does not have five or six parts with `-` between them"),
        ("-1-py3-none-any.whl", "the name is not valid"),
        ("x-one-py3-none-any.whl", "the version is not valid"),
        ("x-1-build-py3-none-any.whl", "the build number is not valid"),
        ("x-1-99999999999999999999-py3-none-any.whl", "the build number is not valid"),
        ("x-1-py3--any.whl", "a tag must have letters, digits and `_`"),
        ("x-1-py3.-none-any.whl", "a tag must have letters, digits and `_`"),
        ("x-1-py3-none-../any.whl", "a tag must have letters, digits and `_`"),
        (&long, "it is longer than a file name can be"),
    ];
    for (text, reason) in cases {
        let error = text.parse::<WheelName>().unwrap_err().to_string();
        assert!(error.ends_with(&format!("is not the name of a wheel: {reason}")), "{text}: {error}");
    }
}
