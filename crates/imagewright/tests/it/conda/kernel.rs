//! Images for kernels whose packages are conda's, on a base that can run nothing.

use std::fs;

use imagewright_testkit::conda::{CondaPackage, Index};
use imagewright_testkit::context::TestContext;

use super::support::{Found, build, context_with, environment, layers, newer, refused, text, tree};

const LAUNCHER: &str = "imagewright-kernel-launcher";

/// A place with a launcher, and a channel with kernels.
fn context() -> TestContext {
    let spec = r#"{"argv": ["xcpp", "-f", "{connection_file}"], "language": "C++"}"#;
    let packages = vec![
        CondaPackage::new("python", "3.13.1").build("h0_cpython").program("bin/python", "#!/bin/true\n"),
        CondaPackage::new("ipykernel", "7.4.0").depends("python").file("share/x", "x"),
        CondaPackage::new("r-base", "4.5.1").program("bin/R", "#!/bin/true\n"),
        CondaPackage::new("r-irkernel", "1.3.2")
            .file("lib/R/library/IRkernel/DESCRIPTION", "Package: IRkernel\n"),
        CondaPackage::new("xeus-cpp", "0.7").file("share/jupyter/kernels/xcpp20/kernel.json", spec),
    ];
    let context = context_with(Index::Json, &newer(packages));
    fs::create_dir_all(context.root().join("tools")).unwrap();
    fs::write(context.root().join("tools").join(LAUNCHER), "a launcher").unwrap();
    context
}

#[test]
fn the_kernel_comes_with_the_packages_and_what_starts_it_with_none() {
    let context = context();
    build(&context, &["--conda", "python", "--kernel", "Python", "-t", "demo/python"]);
    let files = tree(&context, "demo/python");
    assert_eq!(text(&files, &format!("usr/local/bin/{LAUNCHER}")), "a launcher");
    assert_eq!(text(&files, "etc/passwd"), "jovyan:x:1000:100::/home/jovyan:/bin/sh\n");
    assert_eq!(text(&files, "etc/group"), "users:x:100:\n");
    assert_eq!(files["home/jovyan"], Found::Folder(0o2775, 1000, 100));
    assert_eq!(text(&files, "opt/conda/share/x"), "x");
    // conda's Python comes first on the path of pods, by that name.
    assert!(!files.contains_key("usr/local/bin/python") && !files.contains_key("etc/shadow"));
    assert!(environment(&context, "demo/python").contains(&"KERNEL_LANGUAGE=python".to_owned()));

    build(&context, &["--conda", "r-base", "--kernel", "R", "-t", "demo/r"]);
    assert!(tree(&context, "demo/r").contains_key("opt/conda/lib/R/library/IRkernel/DESCRIPTION"));
    let last = |image| layers(&context, image).split_off(layers(&context, image).len() - 2);
    assert_eq!(last("demo/python"), last("demo/r"));
}

#[test]
fn a_kernel_of_any_language_is_found_by_its_kernelspec() {
    let context = context();
    build(&context, &["--conda", "xeus-cpp", "--kernel", "C++", "-t", "demo/cpp"]);
    assert!(environment(&context, "demo/cpp").contains(&"KERNEL_LANGUAGE=c++".to_owned()));
    let missing = refused(&context, 4, &["--conda", "xeus-cpp", "--kernel", "julia"]);
    let expected = "error: --kernel: nothing in the image starts a kernel for `julia`, but `xcpp20` for c++\n\
                    hint: add packages that bring a kernelspec for it, or check how the language is spelt\n";
    assert!(missing.contains(expected), "{missing}");
}

#[test]
fn another_launcher_is_another_image() {
    let context = context();
    let words = ["--conda", "python", "--kernel", "python", "-t", "demo/kernel"];
    let first = build(&context, &words);
    assert_eq!(build(&context, &words), first);
    fs::write(context.root().join("tools").join(LAUNCHER), "another one").unwrap();
    let locked = refused(&context, 5, &[&words[..], &["--locked"]].concat());
    assert!(locked.contains("the lock is not for this spec: `imagewright-kernel-launcher` was "), "{locked}");
    assert_ne!(build(&context, &words), first);
    fs::remove_file(context.root().join("tools").join(LAUNCHER)).unwrap();
    assert!(refused(&context, 8, &words).contains("hint: `scripts/build-launcher "));
}
