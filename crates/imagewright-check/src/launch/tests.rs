use super::*;

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn read(path: &str) -> Option<String> {
    let text = match path {
        "/setup.sh" => "#!/bin/bash\nset -e\nexport A=1\nmkdir -p /work\nexec \"$@\"\n",
        "/with-database.sh" => "#!/bin/sh\nredis-server --port 1 &\nsleep 1\nexec \"$@\"\n",
        "/old-style.sh" => "#!/bin/sh\nservice postgresql start\nexec tini -- \"$@\"\n",
        "/serve.sh" => "#!/bin/sh\ncd /srv\nexec python3 /srv/app.py --port 80\n",
        "/lab.sh" => {
            "#!/bin/bash\nif [ -n \"$X\" ]; then\n  exec jupyter lab --x\nelse\n  exec jupyter notebook\nfi\n"
        }
        "/piped.sh" => "#!/bin/sh\nuvicorn app:app 2>&1 | tee /log\n",
        "/train.py" => "import pandas\nprint(pandas.read_csv('x'))\n",
        "/app.py" | "/srv/app.py" => "from flask import Flask\napp = Flask(__name__)\napp.run()\n",
        "/usr/local/bin/tool" => "#!/usr/bin/env python3\nfrom http.server import HTTPServer\n",
        _ => return None,
    };
    Some(text.to_owned())
}

fn told(command: &[&str], listens: bool) -> String {
    let variable = |name: &str| (name == "PORT").then(|| "80".to_owned());
    let look = Look::new(&variable, &read, listens);
    match starts(&words(command), &look) {
        Starts::Nothing => "nothing".to_owned(),
        Starts::Something(words) => format!("something: {}", words.join(" ")),
        Starts::Service(words) => format!("service: {}", words.join(" ")),
    }
}

#[test]
fn nothing_is_missed_of_shells_interpreters_and_notebook_servers() {
    let cases: &[&[&str]] = &[
        &[],
        &["bash"],
        &["/bin/sh"],
        &["/bin/bash", "--login"],
        &["python3"],
        &["python3.12"],
        &["python3", "-i"],
        &["R"],
        &["R", "--no-save"],
        &["julia"],
        &["node"],
        &["ipython"],
        &["sleep", "infinity"],
        &["tail", "-f", "/dev/null"],
        &["start-notebook.py"],
        &["start-notebook.sh", "--NotebookApp.token=''"],
        &["jupyter", "lab", "--ip=0.0.0.0"],
        &["jupyterhub-singleuser"],
        &["python3", "-m", "jupyterlab", "--ip=0.0.0.0"],
        &["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        &["python", "-W", "ignore", "/usr/local/bin/start-notebook.py"],
        &["python3", "-c", "print('hello')"],
        &["tini", "-g", "--", "start-notebook.py"],
        &["tini", "-s", "--", "start.sh", "jupyter", "lab"],
        &["tini", "--"],
        &["dumb-init", "--", "bash"],
        &["/init"],
        &["/usr/local/bin/_entrypoint.sh", "bash"],
        &["/opt/nvidia/nvidia_entrypoint.sh", "/bin/bash"],
        &["/bin/sh", "-c", "jupyter lab --ip=0.0.0.0 --port=${PORT}"],
        &["/bin/sh", "-c", "/usr/local/bin/bootstrap-kernel.sh"],
        &["/bin/bash", "-c", "source /opt/conda/bin/activate && fix-permissions /home; exec jupyter lab"],
        &["bash", "-o", "pipefail", "-c", "cd /x && bash"],
        &["sh", "-c", "exec \"$@\"", "--", "jupyter", "lab"],
        &["conda", "run", "--no-capture-output", "-n", "work", "jupyter", "lab"],
        &["micromamba", "run", "-p", "/opt/x", "ipython"],
        &["env", "A=b", "-u", "X", "jupyter", "lab"],
        &["gosu", "jovyan", "bash"],
        &["/setup.sh", "jupyter", "lab"],
        &["/setup.sh"],
        &["bash", "/setup.sh", "bash"],
        &["/lab.sh"],
        &["/docker-entrypoint.sh", "bash"],
        &["/bin/sh", "-c", "$COMMAND"],
        &["/usr/local/bin/kernel-launchers/python/scripts/launch_ipykernel.py", "--port-range", "0..0"],
        &["python", "/usr/local/bin/kernel-launchers/python/scripts/launch_ipykernel.py"],
    ];
    let missed: Vec<_> = cases.iter().filter(|case| told(case, true) != "nothing").collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn what_serves_is_named() {
    let cases: &[(&[&str], &str)] = &[
        (&["python3", "/path/to/application-or-service"], "service: python3 /path/to/application-or-service"),
        (&["/bin/sh", "-c", "python3 /path/app"], "service: python3 /path/app"),
        (&["tini", "--", "python", "-u", "-m", "myapp"], "service: python -u -m myapp"),
        (&["uvicorn", "app:app", "--port", "80"], "service: uvicorn app:app --port 80"),
        (&["sh", "-c", "uvicorn app:app --port $PORT"], "service: uvicorn app:app --port 80"),
        (&["/setup.sh", "postgres"], "service: postgres"),
        (&["/with-database.sh", "jupyter", "lab"], "service: redis-server --port 1"),
        (&["/old-style.sh", "bash"], "service: service postgresql start"),
        (&["/serve.sh"], "service: python3 /srv/app.py --port 80"),
        (&["/piped.sh"], "service: uvicorn app:app"),
        (&["sh", "-c", "mlflow server & jupyter lab"], "service: mlflow server"),
        (&["conda", "run", "-n", "x", "gunicorn", "a:b"], "service: gunicorn a:b"),
        (&["java", "-Xmx1g", "-jar", "/app.jar"], "service: java -Xmx1g -jar /app.jar"),
        (&["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"], "service: nginx -g daemon off;"),
        (&["python", "/app.py"], "service: python /app.py"),
        (&["/usr/local/bin/tool"], "service: /usr/local/bin/tool"),
        (&["supervisord", "-n"], "service: supervisord -n"),
    ];
    for (command, expected) in cases {
        assert_eq!(told(command, false), *expected, "{command:?}");
    }
}

#[test]
fn what_may_end_by_itself_is_told_from_what_listens() {
    for (command, otherwise) in [
        (&["python", "/train.py"][..], "python /train.py"),
        (&["/opt/tool/run"], "/opt/tool/run"),
        (&["/docker-entrypoint.sh"], "/docker-entrypoint.sh"),
    ] {
        assert_eq!(told(command, false), format!("something: {otherwise}"));
        assert_eq!(told(command, true), format!("service: {otherwise}"));
    }
}

#[test]
fn environments_are_found_where_they_are_entered() {
    let script = "#!/bin/bash\n. /opt/conda/etc/profile.d/conda.sh\nconda activate work\nexec \"$@\"";
    let read = |path: &str| (path == "/entry.sh").then(|| script.to_owned());
    let look = Look::new(&|_| None, &read, false);
    for (command, expected) in [
        (&["conda", "run", "-n", "work", "python"][..], Some("work")),
        (&["tini", "--", "/entry.sh", "jupyter"], Some("work")),
        (&["bash", "/entry.sh"], Some("work")),
        (&["bash", "-c", "source activate ml && jupyter lab"], Some("ml")),
        (&["sh", "-c", ". /opt/venv/bin/activate; python"], Some("/opt/venv")),
        (&["sh", "-c", "conda activate $ENVIRONMENT; python"], None),
        (&["jupyter", "lab"], None),
    ] {
        assert_eq!(environment(&words(command), &look).as_deref(), expected, "{command:?}");
    }
}

#[test]
fn scripts_that_start_each_other_end() {
    let read = |_: &str| Some("#!/bin/sh\n".to_owned() + &"/again.sh &\n".repeat(50));
    assert_eq!(starts(&words(&["/again.sh"]), &Look::new(&|_| None, &read, true)), Starts::Nothing);
}
