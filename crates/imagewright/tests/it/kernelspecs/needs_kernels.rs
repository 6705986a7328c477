//! A real Enterprise Gateway with its cache of kernelspecs, which watches the folder that we write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use imagewright_testkit::processes::wait_until;
use imagewright_testkit::shared;
use serde_json::Value;

use super::{kernel_image, put, with_images};

/// The cache of the gateway, as its server sets it up; each line on standard input is answered by what it has.
const CACHE: &str = r#"
import json, sys
from enterprise_gateway.services.kernelspecs import KernelSpecCache
from jupyter_client.kernelspec import KernelSpecManager

manager = KernelSpecManager(ensure_native_kernel=False, kernel_dirs=[sys.argv[1]])
cache = KernelSpecCache(manager, cache_enabled=True)
for line in sys.stdin:
    print(json.dumps(cache.get_all_items()), flush=True)
"#;

struct Cache {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Cache {
    fn watching(folder: &Path) -> Self {
        let python = shared::folder().join("kernel/gateway/bin/python");
        let mut process = Command::new(python)
            .args(["-c", CACHE])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/fetch-kernels made it");
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut cache = Self { process, input, output };
        cache.ask();
        cache
    }

    fn ask(&mut self) -> Value {
        self.input.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn wait_for(&mut self, what: &str, is_there: impl Fn(&Value) -> bool) {
        wait_until(what, || is_there(&self.ask()));
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
#[ignore = "needs kernels"]
fn a_gateway_that_watches_its_folder_sees_what_is_made_changed_and_removed() {
    let context = with_images();
    let image = "registry.example:5000/team/kernel-py:1";
    let create = |name: &str| {
        drop(context.run(["kernelspec", "create", image, "-p", "docker", "--pin", "-n", name]).success());
    };
    create("first");
    let mut cache = Cache::watching(&context.work().join("kernels"));
    assert!(cache.ask()["first"].is_object());
    create("second");
    cache.wait_for("the second is seen", |all| all["second"]["spec"]["argv"][0] == "python");

    let image_of = |all: &Value, name: &str| {
        all[name]["spec"]["metadata"]["process_proxy"]["config"]["image_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = image_of(&cache.ask(), "first");
    put(&context, &kernel_image("python").file("new", "1"), image);
    drop(context.run(["kernelspec", "update"]).success());
    for name in ["first", "second"] {
        cache.wait_for("the new digest is seen", |all| {
            let now = image_of(all, name);
            now.contains("@sha256:") && now != before
        });
    }
    drop(context.run(["kernelspec", "remove", "first"]).success());
    cache.wait_for("the first is gone", |all| all["first"].is_null());
    // It still watches.
    drop(context.run(["kernelspec", "publish", "second", "--to", "elsewhere"]).success());
    std::fs::rename(context.work().join("kernels/second"), context.folder().join("aside")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    create("third");
    cache.wait_for("the third is seen", |all| all["third"].is_object());
}
