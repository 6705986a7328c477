//! Whole roots from the machine's own archives.

#![expect(clippy::print_stderr, reason = "how long each part takes is worth knowing")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use imagewright_engine::bootstrap::{
    BootstrapRequest, Extracted, Machine, Solution, apt_source_files, choose, configure_command, extract,
    junk, parse_sources,
};
use imagewright_model::AptSettings;
use imagewright_model::spec::Distribution;
use tempfile::TempDir;

use super::{Bench, names};

fn machine_request(suite: &str) -> BootstrapRequest {
    let sources = parse_sources(&apt_source_files(Path::new("/etc/apt")).unwrap()).unwrap();
    let os_release = fs::read_to_string("/etc/os-release").unwrap();
    let machine = Machine { os_release: &os_release, sources: &sources, has_keyring: &|path| path.is_file() };
    choose(&machine, &AptSettings::default(), Some(Distribution::Debian), Some(suite), "amd64").unwrap()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    eprintln!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    result
}

/// A root before it is configured, with everything it was made of.
struct Raw {
    bench: Bench,
    solution: Solution,
    extracted: Extracted,
    folder: TempDir,
}

impl Raw {
    fn of(suite: &str) -> Self {
        let mut bench = Bench::new();
        let request = machine_request(suite);
        let solution = timed("solve", || bench.solve(&request)).unwrap();
        timed("solve with cached lists", || bench.solve(&request)).unwrap();
        let debs = timed("download", || bench.download(&request, &solution)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let extracted = timed("extract", || extract(&solution, &debs, folder.path())).unwrap();
        eprintln!("{suite}: {} packages, {} bytes, {extracted:?}", solution.packages.len(), solution.size());
        Self { bench, solution, extracted, folder }
    }

    /// Runs a command with the root as `/`, in namespaces of its own with `/proc` and `/dev`; `before` is shell.
    fn run(&self, before: &str, command: &[String], environment: &[(String, String)]) -> String {
        let script = format!(
            "mount --make-rprivate / && mount -t proc proc \"$1/proc\" && mount --rbind /dev \"$1/dev\" && \
             mkdir -p \"$1/mnt\" && mount --bind \"$2\" \"$1/mnt\" && root=$1 && shift 2 && {before} exec chroot \"$root\" \"$@\""
        );
        let output = Command::new("unshare")
            .args(["--mount", "--uts", "--pid", "--fork", "sh", "-ec", &script, "sh"])
            .args([self.folder.path(), self.bench.cache.path()])
            .args(command)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        text
    }

    fn configure(&self, before: &str) {
        let configure = configure_command(&self.solution, "/mnt");
        let mut environment = configure.environment;
        environment.push(("SOURCE_DATE_EPOCH".to_owned(), self.extracted.newest_mtime.to_string()));
        let log = timed("configure", || self.run(before, &configure.command, &environment));
        assert!(!log.contains("error processing"), "{log}");
    }

    fn ask(&self, line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.run("", &words, &[])
    }

    /// The root as a layer would hold it.
    fn layer(&self) -> Vec<u8> {
        let excluded = junk().iter().map(|glob| format!("--exclude=./{}", glob.replace("**/", "*")));
        let time = format!("--mtime=@{}", self.extracted.newest_mtime);
        let output = Command::new("tar")
            .args([
                "--sort=name",
                "--numeric-owner",
                "--format=gnu",
                "--clamp-mtime",
                &time,
                "--anchored",
                "--wildcards",
            ])
            .args(excluded)
            .args(["--create", "--to-stdout", "."])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    }
}

fn check_root(suite: &str) {
    let raw = Raw::of(suite);
    let root = raw.folder.path();
    assert!(raw.solution.packages.len() >= 70, "{:?}", names(&raw.solution));
    let os_release = fs::read_to_string(root.join("etc/os-release")).unwrap();
    assert!(os_release.contains(&format!("VERSION_CODENAME={suite}")), "{os_release}");
    assert_eq!(fs::read_link(root.join("bin")).unwrap(), Path::new("usr/bin"));
    assert!(raw.ask("/usr/bin/dpkg --version").contains("package management program"));

    raw.configure("");
    let states = raw.ask("/usr/bin/dpkg-query --show --showformat=${db:Status-Abbrev}${Package}\\n");
    assert_eq!(states.lines().count(), raw.solution.packages.len(), "{states}");
    assert!(states.lines().all(|line| line.starts_with("ii ")), "{states}");
    assert_eq!(raw.ask("/usr/bin/dpkg --audit"), "");
    assert!(raw.ask("/usr/bin/apt-get --version").starts_with("apt "));
    assert!(!raw.ask("/usr/bin/apt-get check").contains("unmet"));
    assert!(!root.join("usr/sbin/policy-rc.d").exists());
}

#[test]
#[ignore = "needs root and network"]
fn trixie_is_made_of_the_machines_archives() {
    check_root("trixie");
}

#[test]
#[ignore = "needs root and network"]
fn bookworm_is_made_of_the_machines_archives() {
    check_root("bookworm");
}

#[test]
#[ignore = "needs root and network"]
fn a_root_does_not_depend_on_when_and_where_it_was_configured() {
    let layers = ["", "hostname elsewhere && umask 077 && export TZ=Asia/Tokyo LANG=C &&"].map(|before| {
        let raw = Raw::of("trixie");
        raw.configure(before);
        raw.layer()
    });
    assert!(layers[0] == layers[1]);
}
