//! Programs by name: those that nobody misses, those that serve, and interpreters.

use super::{Look, Starts};
use crate::shell::base_name;

/// What does not serve a notebook: it is one, it is for a person, or it does nothing.
const HARMLESS: [&str; 64] = [
    // Jupyter, its servers and its kernels.
    "jupyter",
    "jupyterhub-singleuser",
    "jupyterhub",
    "jupyter-lab",
    "jupyter-labhub",
    "jupyter-notebook",
    "jupyter-server",
    "jupyter-nbclassic",
    "jupyter-singleuser",
    "jupyter-enterprisegateway",
    "jupyter-kernelgateway",
    "start-notebook.sh",
    "start-notebook.py",
    "start-singleuser.sh",
    "start-singleuser.py",
    "start-server.sh",
    "run-notebook.sh",
    "bootstrap-kernel.sh",
    "bootstrap-enterprise-gateway.sh",
    "repo2docker-entrypoint",
    "voila",
    "nbconvert",
    "papermill",
    // Other front ends.
    "code-server",
    "rserver",
    "rstudio-server",
    "marimo",
    // What a person types into.
    "ipython",
    "ipython3",
    "ptpython",
    "bpython",
    "psql",
    "mysql",
    "redis-cli",
    "spark-shell",
    "pyspark",
    "sparkR",
    "spark-sql",
    "scala",
    "jshell",
    "fish",
    "nu",
    "tmux",
    "login",
    // What does nothing, or ends at once.
    "true",
    "false",
    ":",
    "echo",
    "printf",
    "cat",
    "ls",
    "sleep",
    "tail",
    "wait",
    "pause",
    "date",
    "printenv",
    "id",
    "whoami",
    "uname",
    "nvidia-smi",
    // The first process of s6: what it starts is in folders, and nearly always a notebook server.
    "init",
    "s6-svscan",
    "pip",
];

/// What serves others.
const SERVICES: [&str; 48] = [
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "waitress-serve",
    "uwsgi",
    "daphne",
    "flask",
    "fastapi",
    "streamlit",
    "bokeh",
    "panel",
    "gradio",
    "mlflow",
    "tensorboard",
    "tensorflow_model_server",
    "torchserve",
    "tritonserver",
    "ray",
    "celery",
    "dask-scheduler",
    "dask-worker",
    "airflow",
    "superset",
    "vllm",
    "ollama",
    "nginx",
    "caddy",
    "httpd",
    "apache2",
    "apachectl",
    "apache2ctl",
    "haproxy",
    "traefik",
    "envoy",
    "postgres",
    "mysqld",
    "mariadbd",
    "mongod",
    "redis-server",
    "memcached",
    "rabbitmq-server",
    "minio",
    "etcd",
    "consul",
    "vault",
    "sshd",
    "supervisord",
    "elasticsearch",
];

pub(super) fn is_harmless(program: &str) -> bool {
    HARMLESS.contains(&program)
}

pub(super) fn is_service(program: &str) -> bool {
    SERVICES.contains(&program) || program.ends_with("-server") || program.ends_with("_server")
}

/// A program that runs programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interpreter {
    Python,
    R,
    Java,
    Other,
}

/// The interpreter that a program is.
pub(super) fn interpreter(program: &str) -> Option<Interpreter> {
    let unversioned = program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    match unversioned {
        "python" | "pypy" => Some(Interpreter::Python),
        "R" | "Rscript" => Some(Interpreter::R),
        "java" => Some(Interpreter::Java),
        "julia" | "node" | "nodejs" | "deno" | "bun" | "ruby" | "perl" | "php" => Some(Interpreter::Other),
        _ => None,
    }
}

/// Modules that are run by name and serve nobody.
const HARMLESS_MODULES: [&str; 16] = [
    "jupyter",
    "jupyterlab",
    "jupyter_server",
    "jupyter_core",
    "notebook",
    "nbclassic",
    "jupyterhub",
    "ipykernel",
    "ipykernel_launcher",
    "IPython",
    "bash_kernel",
    "papermill",
    "nbconvert",
    "pip",
    "pytest",
    "voila",
];

/// Options of Python that take the next word.
const PYTHON_WITH_VALUE: [&str; 3] = ["-W", "-X", "--check-hash-based-pycs"];

/// What an interpreter starts.
pub(super) fn interpreted(kind: Interpreter, words: &[String], look: &Look<'_>) -> Starts {
    let mut rest = &words[1..];
    while let Some((word, after)) = rest.split_first() {
        match word.as_str() {
            "-m" if kind == Interpreter::Python => {
                let module = after.first().map_or("", String::as_str);
                let package = module.split('.').next().unwrap_or_default();
                return match HARMLESS_MODULES.contains(&package) {
                    true => Starts::Nothing,
                    false => Starts::Service(words.to_vec()),
                };
            }
            "-jar" | "-cp" | "-classpath" if kind == Interpreter::Java => {
                return Starts::Service(words.to_vec());
            }
            // Code on the command line: a kernel, a word of greeting.
            "-c" | "-e" | "--eval" | "-i" => return Starts::Nothing,
            option if PYTHON_WITH_VALUE.contains(&option) => rest = after.get(1..).unwrap_or_default(),
            option if option.starts_with('-') => rest = after,
            file if is_harmless(base_name(file)) || is_launcher(file) => {
                return Starts::Nothing;
            }
            file if file.starts_with('$') => return Starts::Nothing,
            file => {
                return match (look.read)(file) {
                    Some(text) if !look.listens => by_text(&text, words),
                    _ => Starts::Service(words.to_vec()),
                };
            }
        }
    }
    Starts::Nothing
}

/// Whether a file is what starts a kernel.
pub(super) fn is_launcher(file: &str) -> bool {
    file.contains("kernel-launchers/") || base_name(file).starts_with("launch_")
}

/// Signs that a program of any language waits for others.
const SERVES: [&str; 33] = [
    "flask",
    "fastapi",
    "uvicorn",
    "gunicorn",
    "http.server",
    "HTTPServer",
    "socketserver",
    "aiohttp",
    "tornado",
    "sanic",
    "starlette",
    "bottle",
    "cherrypy",
    "django",
    "streamlit",
    "gradio",
    "dash",
    "bokeh",
    "panel",
    "grpc",
    "xmlrpc",
    "zmq",
    "websockets",
    "socket",
    "serve_forever",
    ".listen(",
    "createServer",
    "express(",
    "plumber",
    "shiny",
    "httpuv",
    "Genie",
    "schedule",
];

/// What a program starts whose text can be read: a service where it looks like one.
pub(super) fn by_text(text: &str, words: &[String]) -> Starts {
    match SERVES.iter().any(|sign| text.contains(sign)) {
        true => Starts::Service(words.to_vec()),
        false => Starts::Something(words.to_vec()),
    }
}
