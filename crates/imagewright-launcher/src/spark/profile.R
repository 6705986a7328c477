# Gives a kernel its session of Spark: `spark`, `sc`, `sqlContext`, and SparkR attached. R reads this instead of the user's profile,
# which comes first.
local({
  own <- Sys.getenv("IMAGEWRIGHT_R_PROFILE_USER")
  if (!nzchar(own)) {
    own <- if (file.exists(".Rprofile")) ".Rprofile" else file.path("~", ".Rprofile")
  }
  if (file.exists(own)) sys.source(own, envir = globalenv())

  mode <- Sys.getenv("KERNEL_SPARK_CONTEXT_INIT_MODE", "none")
  library_of_spark <- file.path(Sys.getenv("SPARK_HOME"), "R", "lib")
  if (dir.exists(library_of_spark)) .libPaths(c(library_of_spark, .libPaths()))
  if (!(mode %in% c("lazy", "eager")) || !nzchar(system.file(package = "SparkR"))) return(invisible())

  # R attaches its own packages after this, and then SparkR.
  options(defaultPackages = c(getOption("defaultPackages"), "SparkR"))
  setHook(packageEvent("SparkR", "attach"), function(...) {
    # Here functions of SparkR look for session and context.
    kept <- SparkR:::.sparkREnv
    begin <- function() {
      waiting <- intersect(c(".sparkRsession", ".sparkRjsc"), ls(kept, all.names = TRUE))
      rm(list = waiting, envir = kept)
      SparkR::sparkR.session()
    }
    if (mode == "eager") {
      begin()
    } else {
      makeActiveBinding(".sparkRsession", function(value) begin(), kept)
      makeActiveBinding(".sparkRjsc", function(value) { begin(); get(".sparkRjsc", envir = kept) }, kept)
    }
    delayedAssign("spark", get(".sparkRsession", envir = kept), environment(), globalenv())
    delayedAssign("sc", {
      SparkR:::callJStatic("org.apache.spark.sql.api.r.SQLUtils", "getJavaSparkContext", get("spark", globalenv()))
    }, environment(), globalenv())
    delayedAssign("sqlContext", get("spark", globalenv()), environment(), globalenv())
  })
  invisible()
})
