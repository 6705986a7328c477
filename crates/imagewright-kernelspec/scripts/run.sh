#!/bin/sh
# Has spark-submit start a kernel. The first word is the gateway's own Python, the others are those of scripts/submit_spark.py.
# What spark-submit needs of this machine (HADOOP_CONF_DIR, JAVA_HOME …) can be set here.
set -eu
python="$1"
shift
exec "$python" "$(dirname "$0")/../scripts/submit_spark.py" "$@"
