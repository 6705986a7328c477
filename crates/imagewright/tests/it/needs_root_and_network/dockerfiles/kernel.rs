//! A kernel image as people write them, with packages, users, downloads and an entry point: built, and run.

use std::fs;
use std::process::Command;

use imagewright_testkit::context::Outcome;
use imagewright_testkit::http::HttpServer;

use super::{PYTHON, context};

const DOCKERFILE: &str = r#"
ARG BASE_CONTAINER=python:3
FROM $BASE_CONTAINER

ARG NB_USER=jovyan NB_UID=1000 NB_GID=100
ARG FILES
ENV PATH $PATH:/opt/kernel/bin
ENV NB_USER=$NB_USER NB_UID=$NB_UID NB_GID=$NB_GID HOME=/home/$NB_USER

RUN apt-get update -q \
    && apt-get install -yq --no-install-recommends adduser curl sudo tini \
    && rm -rf /var/lib/apt/lists/*

RUN adduser --system --uid $NB_UID --gid $NB_GID --home $HOME --shell /bin/bash $NB_USER \
    && echo "$NB_USER ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/$NB_USER && chmod 0440 /etc/sudoers.d/$NB_USER

RUN curl -fsSL "$FILES/kernel-files.tar.gz" | tar -xz -C /usr/local/bin
ADD $FILES/logo.svg /opt/kernel/logo.svg
COPY --chown=$NB_UID:$NB_GID --chmod=0755 <<'LAUNCHER' /usr/local/bin/kernel-launchers/python/launch.sh
#!/bin/bash
set -e
echo "kernel of $(id -un):$(id -gn) in $PWD with $KERNEL_LANGUAGE for ${KERNEL_ID:-nobody}"
sudo -n id -u
touch "$HOME/started" && stat -c %U "$HOME/started"
exec "$@"
LAUNCHER

USER root
RUN chmod 0755 /usr/local/bin/bootstrap-kernel.sh && chmod 0644 /opt/kernel/logo.svg && chown -R $NB_UID:$NB_GID $HOME
USER $NB_USER
ENV KERNEL_LANGUAGE python
WORKDIR $HOME
ENTRYPOINT ["tini", "-g", "--", "/usr/local/bin/bootstrap-kernel.sh"]
CMD ["python3", "-c", "print('ran')"]
"#;

#[test]
#[ignore = "needs root and network"]
fn a_kernel_image_builds_and_runs() {
    let context = context();
    let script = "#!/bin/bash\nexec /usr/local/bin/kernel-launchers/$KERNEL_LANGUAGE/launch.sh \"$@\"\n";
    context.write("files/bootstrap-kernel.sh", script);
    context.write("served/logo.svg", "<svg/>");
    let (files, served) = (context.work().join("files"), context.work().join("served"));
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(served.join("kernel-files.tar.gz")).arg("-C").arg(files).arg("bootstrap-kernel.sh");
    drop(Outcome::of(&mut tar).success());
    let server = HttpServer::serve(&served).unwrap();
    context.write("image/Dockerfile", DOCKERFILE);
    let arguments = [
        "build",
        "image",
        "-t",
        "team/kernel-py:1",
        "--build-arg",
        &format!("BASE_CONTAINER={PYTHON}"),
        "--build-arg",
        &format!("FILES={}", server.url()),
        "--json",
    ];
    let built = context.run(arguments).success().json();

    let told = "kernel of jovyan:users in /home/jovyan with python for 7\n0\njovyan\n";
    let run = ["image", "run", "--env", "KERNEL_ID=7", "team/kernel-py:1"];
    assert_eq!(context.run(run).success().stdout, format!("{told}ran\n"));
    let own = run.iter().chain(&["--", "cat", "/opt/kernel/logo.svg"]);
    assert_eq!(context.run(own).success().stdout, format!("{told}<svg/>"));

    // Nothing of how this machine reaches packages is left in it.
    let again = context.run(arguments).success().json();
    assert_eq!((&again["digest"], again["unchanged"].as_bool()), (&built["digest"], Some(true)));
    fs::write(served.join("logo.svg"), "<svg>2</svg>").unwrap();
    let changed = context.run(arguments).success().json();
    assert_ne!(changed["digest"], built["digest"], "what is fetched without a digest is looked at again");
}
