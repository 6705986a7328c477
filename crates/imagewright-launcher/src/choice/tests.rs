//! Images with kernels, made of folders, and the commands that follow from them.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// A key of 1024 bits.
const KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCmFqD9gZsIW4y9mTTgqtQ60HzxuRiDJWMK3wvmamsxK5l87YtP6GWXuRnIK5qHo2K+Yrj2kZxR9yRUfH5FOwpDbeLgXzppoPeuWrVf3cibQeHYGZK5KLoxde89ejxD+1j5g65y5NX4Av9lSQFIbk0uJXXP9K0g12TRJ0kx0bk21QIDAQAB";

/// A folder that stands for an image. Kernels of this machine must not be seen, so languages have made-up names where it has some.
struct Image(TempDir);

impl Image {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn program(self, name: &str) -> Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn kernelspec(self, folder: &str, json: &str) -> Self {
        let path = self.0.path().join(folder);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("kernel.json"), json).unwrap();
        self
    }

    fn environment(&self, more: &[(&str, &str)]) -> Environment {
        let all = [
            ("KERNEL_ID", "one"),
            ("KERNEL_USERNAME", "bob"),
            ("RESPONSE_ADDRESS", "10.0.0.1:8877"),
            ("PUBLIC_KEY", KEY),
            ("HOME", "/nonexistent"),
            ("PATH", &self.path("bin")),
            ("JUPYTER_PATH", &self.path("data")),
        ];
        Environment(all.iter().chain(more).map(|(name, value)| (name.into(), value.into())).collect())
    }

    fn choose(&self, more: &[(&str, &str)]) -> Result<Kernel, LauncherError> {
        let environment = self.environment(more);
        choose(&Request::read(&[], &environment).unwrap(), &environment)
    }

    fn argv(&self, more: &[(&str, &str)]) -> String {
        self.choose(more).unwrap().argv.join(" ").replace(&self.path(""), "/")
    }
}

const IPYKERNEL: &str =
    r#"{"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}"#;

fn of_language(language: &str, program: &str) -> String {
    format!(r#"{{"argv": ["{program}", "{{connection_file}}"], "language": "{language}"}}"#)
}

#[test]
fn python_of_a_kernelspec_is_that_of_its_environment() {
    let image = Image::new()
        .program("bin/python3")
        .program("venv/bin/python3")
        .kernelspec("venv/share/jupyter/kernels/python3", IPYKERNEL)
        .kernelspec("data/kernels/Other", &of_language("klingon", "qapla"));
    let path = format!("{}:{}", image.path("bin"), image.path("venv/bin"));
    let more = [("KERNEL_LANGUAGE", "Python"), ("PATH", path.as_str())];
    assert_eq!(image.argv(&more), "/venv/bin/python3 -m ipykernel_launcher -f {connection_file}");
    // What the image says counts for more than what the gateway says.
    let more = [("KERNEL_LANGUAGE", "python"), ("IMAGEWRIGHT_KERNELSPEC", "OTHER")];
    assert_eq!(image.argv(&more), "qapla {connection_file}");
}

#[test]
fn a_language_has_one_kernel_or_a_preferred_one() {
    let image = Image::new().kernelspec("data/kernels/one", &of_language("Klingon", "first"));
    assert_eq!(image.argv(&[("KERNEL_LANGUAGE", "klingon")]), "first {connection_file}");
    let image = image.kernelspec("data/kernels/two", &of_language("klingon", "second"));
    let error = image.choose(&[("KERNEL_LANGUAGE", "klingon")]).unwrap_err();
    assert_eq!(error.to_string(), "several kernelspecs are for the language `klingon`: one, two");
    assert!(error.hint().unwrap().contains("IMAGEWRIGHT_KERNELSPEC"));
    let error = image.choose(&[("KERNEL_LANGUAGE", "esperanto")]).unwrap_err();
    assert!(error.to_string().contains("`esperanto`") && error.to_string().contains("one"), "{error}");
    let error = image.choose(&[("IMAGEWRIGHT_KERNELSPEC", "three")]).unwrap_err();
    assert!(error.to_string().starts_with("there is no kernelspec `three`; there are: one"), "{error}");

    let r = Image::new()
        .kernelspec("data/kernels/other-r", &of_language("R", "other"))
        .kernelspec("data/kernels/ir", &of_language("R", "ir"));
    assert_eq!(r.argv(&[("KERNEL_LANGUAGE", "r")]), "ir {connection_file}");
}

#[test]
fn kernels_without_a_kernelspec_are_known() {
    let image = Image::new().program("bin/R").program("bin/python").program("conda/bin/python3");
    fs::create_dir_all(image.path("conda/lib/python3.12/site-packages/ipykernel")).unwrap();
    let r = image.argv(&[("KERNEL_LANGUAGE", "r")]);
    assert_eq!(r, "/bin/R --slave -e IRkernel::main() --args {connection_file}");
    let path = format!("{}:{}", image.path("bin"), image.path("conda/bin"));
    let programs = Programs::of(&image.environment(&[("PATH", &path)]));
    assert_eq!(programs.python_with_ipykernel().unwrap(), image.path("conda/bin/python3"));
    let programs = Programs(vec![image.0.path().join("bin")]);
    assert_eq!(programs.python_with_ipykernel().unwrap(), image.path("bin/python"));
}

#[test]
fn ipykernel_gets_its_class_and_its_session() {
    let image =
        Image::new().kernelspec("data/kernels/python3", &IPYKERNEL.replace("\"python\"", "\"/bin/python\""));
    let more = [
        ("IMAGEWRIGHT_KERNELSPEC", "python3"),
        ("KERNEL_CLASS_NAME", "my.Kernel"),
        ("KERNEL_SPARK_CONTEXT_INIT_MODE", "eager"),
    ];
    let kernel = image.choose(&more).unwrap();
    let tail = ["--IPKernelApp.kernel_class=my.Kernel", "--IPKernelApp.exec_files={start_file}"];
    assert_eq!(kernel.argv[5..], tail);
    assert_eq!(kernel.variables["KERNEL_SPARK_CONTEXT_INIT_MODE"], "eager");
    assert_eq!(kernel.start_file.unwrap().name, "start-spark.py");
    let plain = image.choose(&more[..1]).unwrap();
    assert_eq!((plain.argv.len(), plain.start_file), (5, None));

    let image = image.kernelspec("data/kernels/xpython", &of_language("python", "xpython"));
    let error = image.choose(&[("IMAGEWRIGHT_KERNELSPEC", "xpython"), more[1]]).unwrap_err();
    assert_eq!(error.to_string(), "`KERNEL_CLASS_NAME` is `my.Kernel`, and `xpython` is not ipykernel");
}

#[test]
fn r_gets_a_profile_that_knows_the_one_it_replaces() {
    let image = Image::new().program("bin/R");
    let more = [
        ("KERNEL_LANGUAGE", "R"),
        ("KERNEL_SPARK_CONTEXT_INIT_MODE", "lazy"),
        ("R_PROFILE_USER", "/home/bob/profile.R"),
    ];
    let kernel = image.choose(&more).unwrap();
    assert_eq!(kernel.variables["R_PROFILE_USER"], "{start_file}");
    assert_eq!(kernel.variables["IMAGEWRIGHT_R_PROFILE_USER"], "/home/bob/profile.R");
    assert_eq!(kernel.start_file.unwrap().name, "start-spark.R");
    assert!(image.choose(&more[..1]).unwrap().start_file.is_none());
}

/// Where Toree's archive and Spark are, as options and variables say it.
const SUBMITTED: &str = "--name bob-one --class org.apache.toree.Main";
const OPENED: &str = "-XX:+IgnoreUnrecognizedVMOptions --add-opens=java.base/java.util.jar=ALL-UNNAMED";

#[test]
fn toree_is_found_in_files_of_enterprise_gateway() {
    let image = Image::new()
        .program("launchers/scala/lib/toree-assembly-0.6.0.jar")
        .program("spark/bin/spark-submit")
        .program("venv/bin/python3");
    let (launchers, spark) = (image.path("launchers"), image.path("spark/"));
    let more = [
        ("KERNEL_LANGUAGE", "scala"),
        ("SPARK_HOME", spark.as_str()),
        ("KERNEL_LAUNCHERS_DIR", launchers.as_str()),
    ];
    assert_eq!(
        image.argv(&more),
        format!(
            "/spark/bin/spark-submit {SUBMITTED} /launchers/scala/lib/toree-assembly-0.6.0.jar --profile {{connection_file}} \
             --spark-context-initialization-mode none --alternate-sigint URG"
        )
    );
    let kernel = image.choose(&more).unwrap();
    assert_eq!(kernel.interrupt, Interrupt::Alternate(Signal::SIGURG));
    assert_eq!(kernel.variables["SPARK_SUBMIT_OPTS"], OPENED);
    let error = image.choose(&[more[0], more[2], ("PATH", "")]).unwrap_err();
    let text = "there is no `bin/spark-submit`, neither in `SPARK_HOME` nor in a package `pyspark`";
    assert_eq!((error.to_string().as_str(), error.exit_code()), (text, 66));
}

#[test]
fn toree_is_found_among_packages() {
    let image = Image::new()
        .program("bin/python3")
        .program("venv/bin/python3")
        .program("venv/lib/python3.13/site-packages/toree/lib/toree-assembly-0.5.0-incubating.jar")
        .program("venv/lib/python3.13/site-packages/pyspark/bin/spark-submit");
    let path = format!("{}:{}", image.path("bin"), image.path("venv/bin"));
    // A gateway may name the Spark of its own machine.
    let more = [
        ("KERNEL_LANGUAGE", "scala"),
        ("PATH", path.as_str()),
        ("SPARK_HOME", "/nonexistent/spark"),
        ("SPARK_SUBMIT_OPTS", "-Xmx2g"),
    ];
    let packages = "/venv/lib/python3.13/site-packages";
    let begin = format!(
        "{packages}/pyspark/bin/spark-submit {SUBMITTED} {packages}/toree/lib/toree-assembly-0.5.0-incubating.jar"
    );
    assert!(image.argv(&more).starts_with(&begin), "{}", image.argv(&more));
    let kernel = image.choose(&more).unwrap();
    assert_eq!(kernel.variables["SPARK_HOME"], image.path("venv/lib/python3.13/site-packages/pyspark"));
    assert_eq!(kernel.variables["SPARK_SUBMIT_OPTS"], format!("-Xmx2g {OPENED}"));
}

#[test]
fn toree_of_a_kernelspec_is_told_what_it_was_not_told_yet() {
    let spec = r#"{"argv": ["{resource_dir}/bin/run.sh", "--profile", "{connection_file}"], "language": "scala",
        "interrupt_mode": "message", "env": {"SPARK_HOME": "/opt/spark", "PYTHONPATH": "${SPARK_LIB}/python:$NOTHING:$$"}}"#;
    let image = Image::new().kernelspec("data/kernels/apache_toree_scala", spec);
    let lazy =
        [("KERNEL_LANGUAGE", "scala"), ("KERNEL_SPARK_CONTEXT_INIT_MODE", "lazy"), ("SPARK_LIB", "/lib")];
    let kernel = image.choose(&lazy).unwrap();
    assert_eq!(kernel.argv[0], image.path("data/kernels/apache_toree_scala/bin/run.sh"));
    let tail = "--spark-context-initialization-mode lazy --alternate-sigint URG";
    assert_eq!(kernel.argv[3..].join(" "), tail);
    assert_eq!(kernel.variables["PYTHONPATH"], "/lib/python:$NOTHING:$");

    let own = "--spark-context-initialization-mode=eager --alternate-sigint HUP";
    let installed = spec.replace("\"SPARK_HOME\"", &format!(r#""__TOREE_OPTS__": "{own}", "SPARK_HOME""#));
    let image = image.kernelspec("data/kernels/apache_toree_scala", &installed);
    let kernel = image.choose(&lazy).unwrap();
    assert_eq!((kernel.argv.len(), kernel.interrupt), (3, Interrupt::Alternate(Signal::SIGHUP)));
}
