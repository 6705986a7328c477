//! The start-up file of Python. Spark itself is not here: a module of its name stands in for it and notes what is asked of it.

use std::fs;

use tempfile::TempDir;

use super::ipykernel::Kernel;

const PYSPARK_SQL: &str = r#"
import time

class Context:
    cancelled = 0
    def cancelAllJobs(self):
        Context.cancelled += 1

class SparkSession:
    made = 0
    sparkContext = Context()
    class builder:
        @staticmethod
        def getOrCreate():
            SparkSession.made += 1
            if SparkSession.made > 1:
                raise RuntimeError("a second session")
            time.sleep(1)
            return SparkSession()
    def sql(self, text):
        return text.upper()
"#;

fn with_pyspark(mode: &str) -> (Kernel, TempDir) {
    let packages = tempfile::tempdir().unwrap();
    let package = packages.path().join("pyspark/sql");
    fs::create_dir_all(&package).unwrap();
    fs::write(packages.path().join("pyspark/__init__.py"), "").unwrap();
    fs::write(package.join("__init__.py"), PYSPARK_SQL).unwrap();
    let path = packages.path().to_str().unwrap();
    let kernel = Kernel::start(&[("KERNEL_SPARK_CONTEXT_INIT_MODE", mode), ("PYTHONPATH", path)]);
    (kernel, packages)
}

const COUNT: &str = "from pyspark.sql import SparkSession as S, Context as C; print(S.made, C.cancelled)";

#[test]
#[ignore = "needs kernels"]
fn a_lazy_session_is_made_when_it_is_named() {
    let (kernel, _packages) = with_pyspark("lazy");
    assert_eq!(kernel.execute(COUNT)["output"], "0 0\n");
    // Text is no name.
    assert_eq!(kernel.execute("print('spark')")["output"], "spark\n");
    assert_eq!(kernel.execute(COUNT)["output"], "0 0\n");
    assert_eq!(kernel.execute("print(spark is sqlCtx, sql('select'))")["output"], "True SELECT\n");
    assert_eq!(kernel.execute(COUNT)["output"], "1 0\n");
    let interrupted = kernel.execute_and_interrupt("import time; sc; time.sleep(60)");
    assert_eq!(interrupted["error"], "KeyboardInterrupt");
    assert_eq!(kernel.execute(COUNT)["output"], "1 1\n", "jobs were cancelled");
    assert_eq!(kernel.stop().0, 0);
}

#[test]
#[ignore = "needs kernels"]
fn an_eager_session_is_made_beside_the_start() {
    let (kernel, _packages) = with_pyspark("eager");
    assert_eq!(kernel.execute("spark = 5; print(spark, type(sc).__name__)")["output"], "5 Context\n");
    assert_eq!(kernel.execute(COUNT)["output"], "1 0\n");
    assert_eq!(
        kernel.execute("print([name for name in globals() if 'imagewright' in name])")["output"],
        "[]\n"
    );
    assert_eq!(kernel.stop().0, 0);
}

#[test]
#[ignore = "needs kernels"]
fn a_kernel_without_pyspark_is_an_ordinary_one() {
    let kernel = Kernel::start(&[("KERNEL_SPARK_CONTEXT_INIT_MODE", "eager")]);
    assert_eq!(kernel.execute("spark")["error"], "NameError");
    let (code, output) = kernel.stop();
    assert_eq!(code, 0, "{output}");
}
