//! The command lines by which clusters are asked for drivers. In place of spark-submit a script prints its words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use imagewright_kernelspec::{NewKernelspec, Proxy, SparkMode};

use crate::shared::{install, shared};

/// Submits a kernel as the gateway does, and says what spark-submit was told: a word a line, or what went wrong.
fn submit(proxy: Proxy, language: &str, environment: &[(&str, &str)], of_client: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let image = "registry.example/kernel:1".parse().unwrap();
    let mut new = NewKernelspec::new("mine".parse().unwrap(), "Mine", language, image, proxy);
    new.spark = Some(SparkMode::Eager);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    new.environment = environment.iter().map(own).collect();
    let spec = new.build().unwrap();
    let home = folder.path().join("spark");
    let program = home.join("bin/spark-submit");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let installed = install(folder.path(), &spec);
    let mut command = Command::new(installed.join("bin/run.sh"));
    let python = shared().join("kernel/gateway/bin/python");
    for word in &spec.command()[1..] {
        let word = word.replace("{prefix}/bin/python", python.to_str().unwrap());
        let word = word.replace("{kernel_id}", "0f0e").replace("{port_range}", "0..0");
        command.arg(word.replace("{response_address}", "10.0.0.1:8877").replace("{public_key}", "KEY"));
    }
    for (name, value) in spec.document["env"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    command.envs([("SPARK_HOME", home.to_str().unwrap()), ("KERNEL_ID", "0f0e"), ("KERNEL_USERNAME", "bob")]);
    command.env("KERNEL_LANGUAGE", language.to_lowercase()).envs(of_client.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), !text.contains("error: "), "{text}");
    text.replace(folder.path().to_str().unwrap(), "FOLDER")
}

#[test]
#[ignore = "needs kernels"]
fn clusters_are_told_all_of_it() {
    let variables = [("PRICE", "5 $ each"), ("LAUNCH_OPTS", "--kernel-class-name x.Y")];
    let of_client = [
        ("KERNEL_EXTRA_SPARK_OPTS", "--conf 'a=b c' --queue ${KERNEL_USERNAME}"),
        ("NOT_OF_KERNELSPEC", "1"),
    ];
    insta::assert_snapshot!("yarn", submit(Proxy::YarnCluster, "python", &variables, &of_client));
    insta::assert_snapshot!(
        "yarn_in_r",
        submit(Proxy::YarnCluster, "R", &[], &[("EG_IMPERSONATION_ENABLED", "True")])
    );
    insta::assert_snapshot!("conductor_in_scala", submit(Proxy::Conductor, "Scala", &[], &[]));
}

#[test]
#[ignore = "needs kernels"]
fn no_shell_reads_what_clients_say() {
    let told = submit(
        Proxy::YarnCluster,
        "python",
        &[],
        &[("KERNEL_USERNAME", "a; $(touch x) `id` $HOME"), ("KERNEL_EXTRA_SPARK_OPTS", "--conf a=$(id);b")],
    );
    // A variable in what stands for a variable is one as well; nothing else happens.
    assert!(told.lines().any(|line| line == "a=$(id);b"), "{told}");
    assert!(told.contains("KERNEL_USERNAME=a; $(touch x) `id` $HOME\n"), "{told}");
    for (name, value, expected) in [
        (
            "KERNEL_EXTRA_SPARK_OPTS",
            "--conf 'a",
            "error: `KERNEL_EXTRA_SPARK_OPTS` cannot be divided into words: No closing quotation",
        ),
        ("SPARK_HOME", "", "error: `SPARK_HOME` is not set: kernel.json says where the gateway has Spark"),
        ("SPARK_HOME", "/nowhere", "error: spark-submit cannot be started: "),
        (
            "KERNEL_LANGUAGE",
            "julia",
            "error: Spark has no drivers for `julia`: there are Python, R and Scala",
        ),
    ] {
        let told = submit(Proxy::YarnCluster, "python", &[], &[(name, value)]);
        assert!(told.starts_with(expected), "{told}");
    }
}
