# Gives a kernel its session of Spark: `spark`, `sc`, `sqlContext`, `sqlCtx`, `sql`.
# IPython runs this once, before the first cell; it leaves no names behind.
def _imagewright_spark():
    import ast
    import importlib.util
    import os
    import sys
    import threading
    import time

    mode = os.environ.get("KERNEL_SPARK_CONTEXT_INIT_MODE", "none")
    shell = get_ipython()  # noqa: F821
    if mode not in ("lazy", "eager") or shell is None or importlib.util.find_spec("pyspark") is None:
        return
    names = {"spark", "sc", "sqlContext", "sqlCtx", "sql"}
    lock = threading.Lock()
    made = {}

    def session():
        with lock:
            if "spark" not in made:
                from pyspark.sql import SparkSession

                made["spark"] = SparkSession.builder.getOrCreate()
            return made["spark"]

    def names_in(cell):
        try:
            tree = ast.parse(shell.transform_cell(cell))
        except SyntaxError:
            return set()
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def before_cell(info):
        if not names & names_in(info.raw_cell or ""):
            return
        spark = session()
        shell.events.unregister("pre_run_cell", before_cell)
        context = spark.sparkContext
        values = {"spark": spark, "sc": context, "sql": spark.sql, "sqlContext": None, "sqlCtx": None}
        try:
            from pyspark.sql import SQLContext

            values["sqlContext"] = values["sqlCtx"] = SQLContext(context, spark)
        except Exception:
            # Newer versions of Spark are without it.
            values["sqlContext"] = values["sqlCtx"] = spark
        for name, value in values.items():
            # What the person named themselves stays theirs.
            shell.user_ns.setdefault(name, value)

    def interrupted(self, kind, value, trace, tb_offset=None):
        # The cell has ended; its jobs in the cluster have not.
        if "spark" in made:
            made["spark"].sparkContext.cancelAllJobs()
        self.showtraceback((kind, value, trace), tb_offset=tb_offset)

    here = os.path.dirname(os.path.realpath(__file__))

    def eager():
        # IPython has our folder in the path until this file is done. An import that goes along the path just then misses a folder.
        for _ in range(500):
            if here not in sys.path:
                break
            time.sleep(0.01)
        try:
            session()
        except Exception:
            # The first cell that needs it tries again, and shows why it fails.
            pass

    shell.events.register("pre_run_cell", before_cell)
    shell.set_custom_exc((KeyboardInterrupt,), interrupted)
    if mode == "eager":
        threading.Thread(target=eager, name="spark-session", daemon=True).start()


_imagewright_spark()
del _imagewright_spark
