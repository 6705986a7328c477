//! The Dockerfiles of the guides, to the letter where that matters.

use insta::assert_snapshot;

use crate::support::{Around, notebook, python, told};

#[test]
fn the_walk_through_of_elyra() {
    let text =
        "FROM python:3\n\nCOPY requirements.txt ./\nRUN pip3 install --no-cache-dir -r requirements.txt\n";
    let around = Around::default().file("requirements.txt", "pandas\nnumpy\n").base("python:3", python());
    assert_snapshot!(around.told(text), @r"
    note: Dockerfile:1: `python:3` is named by a tag, which may move: add its digest (base-not-pinned)
    warning: Dockerfile:1: the base runs as root and no USER follows, so containers of this image run as root (runs-as-root)
    ");
}

/// The parts about `CMD` and `ENTRYPOINT`, each behind the same base.
fn scenario(lines: &str) -> String {
    let base = format!("python:3@sha256:{}", "0".repeat(64));
    let around = Around::default().base(&base, python());
    around.told(&format!("FROM {base}\nUSER 1000\n{lines}\n"))
}

#[test]
fn cmd_scenario_1_has_no_side_effects() {
    assert_eq!(scenario(r#"CMD ["python3"]"#), "");
}

#[test]
fn cmd_scenario_2_has_side_effects() {
    assert_snapshot!(scenario(r#"CMD ["python3", "/path/to/application-or-service"]"#), @"warning: Dockerfile:3: `CMD` starts `python3 /path/to/application-or-service`, and a pipeline runs a command of its own instead: a notebook that relies on it must start it (service-not-started)");
}

#[test]
fn entrypoint_scenario_1_has_side_effects() {
    assert_snapshot!(scenario(r#"ENTRYPOINT ["python3", "/path/to/application-or-service"]"#), @"warning: Dockerfile:3: `ENTRYPOINT` starts `python3 /path/to/application-or-service`, and a pipeline runs a command of its own instead: a notebook that relies on it must start it (service-not-started)");
}

#[test]
fn the_remedy_is_a_cell_that_starts_it() {
    let around = Around::default();
    let findings = around.check("FROM scratch\nUSER 1000\nCMD python3 /srv/app.py --name \"a b\"\n");
    assert_snapshot!(findings[0].mend.as_deref().unwrap(), @r#"
    import subprocess, time
    subprocess.Popen(["python3", "/srv/app.py", "--name", "a b"])
    time.sleep(2)
    "#);
}

#[test]
fn conflicting_package_dependencies() {
    let text = "FROM scratch\nUSER 1000\nCOPY *.txt ./\nRUN pip install --no-cache-dir -r requirements.txt 'jinja2<3.1' urllib3==2.6.3\n";
    let around = Around::default()
        .file("requirements.txt", "requests==2.28.0\njupyter_client==8.6.3\npandas==1.0\n-r more.txt\n")
        .file("more.txt", "tornado>=6.5\nipykernel==6.29.5\n");
    assert_snapshot!(around.told(text), @r"
    note: Dockerfile:4: `ipykernel==6.29.5` (more.txt:2) does not last: a pipeline installs 6.31.0 (Elyra main) before it runs a notebook (pin-conflict)
    warning: Dockerfile:4: `jinja2<3.1` does not last: a pipeline installs 3.1.6 (Elyra 4.1.1 and main) before it runs a notebook (pin-conflict)
    warning: Dockerfile:4: `jupyter_client==8.6.3` (requirements.txt:2) does not last: a pipeline installs 7.4.9 (Elyra 4.1.1) or 8.9.1 (Elyra main) before it runs a notebook (pin-conflict)
    warning: Dockerfile:4: `requests==2.28.0` (requirements.txt:1) does not last: a pipeline installs 2.33.0 (Elyra 4.1.1 and main) before it runs a notebook (pin-conflict)
    note: Dockerfile:4: `urllib3==2.6.3` does not last: a pipeline installs 2.7.0 (Elyra main) before it runs a notebook (pin-conflict)
    ");
    assert_eq!(around.told(&format!("{text}ENV ELYRA_INSTALL_PACKAGES=false\n")), "");
}

#[test]
fn extending_a_kernel_image() {
    let text = "FROM elyra/kernel-py:VERSION\n\nUSER root  # switch to root user to perform installation (if necessary)\n\nRUN pip install my-libraries\n\nUSER $NB_UID  # switch back to the jovyan user \n";
    assert_snapshot!(told(text), @r"
    note: Dockerfile:1: `elyra/kernel-py:VERSION` is named by a tag, which may move: add its digest (base-not-pinned)
    error: Dockerfile:1: `VERSION` in `elyra/kernel-py:VERSION` stands for something that is still to be filled in (placeholder)
    warning: Dockerfile:5: `pip install` leaves downloaded and built packages in the image (package-cache)
    ");
}

const ON_JUPYTER: &str = r#"
FROM jupyter/scipy-notebook:61d8aaedaeaf

USER root

RUN pip install pycrypto

RUN wget https://server.example/download/vVERSION/jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz &&\
        tar -xvf jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz -C /usr/local/bin &&\
        rm -f jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz &&\
        fix-permissions /usr/local/bin

USER $NB_UID
ENV KERNEL_LANGUAGE python
CMD /usr/local/bin/bootstrap-kernel.sh
"#;

#[test]
fn a_kernel_image_on_a_jupyter_image() {
    let expected = r"
    note: Dockerfile:2: `jupyter/scipy-notebook:61d8aaedaeaf` is named by a tag, which may move: add its digest (base-not-pinned)
    warning: Dockerfile:6: `pip install` leaves downloaded and built packages in the image (package-cache)
    error: Dockerfile:8: `VERSION` in `https://server.example/download/vVERSION/jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz` stands for something that is still to be filled in (placeholder)
    ";
    let lines = |text: &str| {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&told(ON_JUPYTER)), lines(expected), "with a base that is not known");
    let around = Around::default().base("jupyter/scipy-notebook:61d8aaedaeaf", notebook());
    assert_eq!(lines(&around.told(ON_JUPYTER)), lines(expected), "and with one that is");
}

#[test]
fn an_independent_kernel_image() {
    let text = r#"FROM tensorflow/tensorflow:2.5.0-gpu-jupyter

USER root

RUN apt-get update && apt-get install -yq --no-install-recommends \
    build-essential \
    unzip \
    && rm -rf /var/lib/apt/lists/*

RUN pip install pycrypto

RUN curl -L https://server.example/download/v3.2.3/jupyter_enterprise_gateway_kernel_image_files-3.2.3.tar.gz | \
    tar -xz -C /usr/local/bin

RUN adduser --system --uid 1000 --gid 100 jovyan && \
    chown jovyan:users /usr/local/bin/bootstrap-kernel.sh && \
    chmod 0755 /usr/local/bin/bootstrap-kernel.sh && \
    chown -R jovyan:users /usr/local/bin/kernel-launchers

ENV NB_UID 1000
ENV NB_GID 100
USER jovyan
ENV KERNEL_LANGUAGE python
CMD /usr/local/bin/bootstrap-kernel.sh
"#;
    assert_snapshot!(told(text), @r"
    note: Dockerfile:1: `tensorflow/tensorflow:2.5.0-gpu-jupyter` is named by a tag, which may move: add its digest (base-not-pinned)
    warning: Dockerfile:10: `pip install` leaves downloaded and built packages in the image (package-cache)
    ");
}
