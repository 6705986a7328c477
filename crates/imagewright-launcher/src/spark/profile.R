# Gives a kernel its session of Spark: `spark`, `sc`, `sqlContext`. R reads this instead of the user's profile, which comes first.
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

  # At this time of a start, R itself has attached nothing.
  session <- function() {
    library(methods)
    suppressPackageStartupMessages(library(SparkR, pos = "package:base"))
    SparkR::sparkR.session()
  }
  delayedAssign("spark", session(), assign.env = globalenv())
  delayedAssign("sc", { spark; SparkR:::callJMethod(spark, "sparkContext") }, globalenv(), globalenv())
  delayedAssign("sqlContext", spark, globalenv(), globalenv())
  if (mode == "eager") get("spark", envir = globalenv())
  invisible()
})
