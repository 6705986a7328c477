//! ipykernel with Spark itself, from where `scripts/fetch-spark` puts it. What is asked of Spark, and when, tells `needs_kernels::spark`.

use std::thread;
use std::time::Duration;

use crate::needs_kernels::ipykernel::Kernel;
use crate::needs_kernels::shared;

fn with_spark(mode: &str) -> Kernel {
    let packages = shared().join("spark");
    let path = packages.to_str().unwrap();
    Kernel::start(&[("KERNEL_SPARK_CONTEXT_INIT_MODE", mode), ("PYTHONPATH", path)])
}

const IS_MADE: &str = "import pyspark; print(pyspark.SparkContext._active_spark_context is not None)";
const SUM: &str = "sc.parallelize(range(10), 2).map(lambda x: x * x).sum()";

#[test]
#[ignore = "needs kernels and Spark"]
fn a_lazy_session_computes_and_its_jobs_are_interrupted() {
    let kernel = with_spark("lazy");
    assert_eq!(kernel.execute(IS_MADE)["output"], "False\n");
    assert_eq!(kernel.execute(SUM)["output"], "285");
    assert_eq!(kernel.execute("sql('select 1 + 1 as two').collect()[0].two")["output"], "2");
    assert_eq!(kernel.execute("isinstance(spark, pyspark.sql.SparkSession)")["output"], "True");

    let wait = "import time; sc.parallelize(range(2), 2).map(lambda x: time.sleep(8) or x).sum()";
    assert_eq!(kernel.execute_and_interrupt(wait)["error"], "KeyboardInterrupt");
    let left = kernel.execute("time.sleep(1); print(sc.statusTracker().getActiveJobsIds())");
    assert_eq!(left["output"], "[]\n", "jobs were cancelled");
    assert_eq!(kernel.execute(SUM)["output"], "285");
    let (code, output) = kernel.stop();
    assert_eq!(code, 0, "{output}");
}

#[test]
#[ignore = "needs kernels and Spark"]
fn an_eager_session_is_there_before_it_is_named() {
    let kernel = with_spark("eager");
    let mut tries = 0..60;
    while kernel.execute(IS_MADE)["output"] != "True\n" {
        assert!(tries.next().is_some(), "nobody made a session");
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(kernel.execute("spark.range(5).count()")["output"], "5");
    assert_eq!(kernel.stop().0, 0);
}

#[test]
#[ignore = "needs kernels and Spark"]
fn there_is_no_session_where_none_is_wanted() {
    let kernel = with_spark("none");
    assert_eq!(kernel.execute("spark")["error"], "NameError");
    assert_eq!(kernel.execute(IS_MADE)["output"], "False\n");
    assert_eq!(kernel.stop().0, 0);
}
