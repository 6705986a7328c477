//! Roots from nothing: from small archives made here, and from the machine's own.

mod needs_root;
mod needs_root_and_network;

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_engine::bootstrap::{
    AptSource, ArchiveSources, BootstrapError, BootstrapRequest, Report, Solution, download, solve,
};
use imagewright_engine::fetch::Fetcher;
use imagewright_model::spec::Distribution;
use imagewright_model::{ErrorKind, SecretUrl, TrustSettings};
use imagewright_testkit::archive::{Archive, Compression, Package, ReleaseInfo};
use imagewright_testkit::http::{Fault, HttpServer};
use tempfile::TempDir;

/// The smallest system: essential, required, apt, and something to ask for.
fn system() -> Vec<Package> {
    vec![
        Package::new("apt", "3.0").field("Depends", "libapt (>= 3)").file("./usr/bin/apt-get", "apt"),
        Package::new("base-files", "13")
            .field("Essential", "yes")
            .directory("./")
            .directory("./usr/")
            .directory("./usr/bin/")
            .symlink("./bin", "usr/bin")
            .file("./etc/os-release", "VERSION_CODENAME=trixie\n"),
        Package::new("dash", "1").field("Priority", "required").directory("./bin/").file("./bin/sh", "dash"),
        Package::new("libapt", "3.0").compressed(Compression::Zstd).file("./usr/lib/libapt.so", "libapt"),
        Package::new("python3", "3.13").field("Depends", "libapt").file("./usr/bin/python3", "python"),
    ]
}

fn archive(packages: &[Package]) -> Archive {
    let archive = Archive::new().expect("gpg is installed");
    archive.publish(&ReleaseInfo::of("trixie"), packages).unwrap();
    archive
}

fn request(archive: &Archive, url: &str) -> BootstrapRequest {
    let source = |uri: &str| AptSource {
        uri: SecretUrl::new(uri),
        suites: vec!["trixie".to_owned()],
        components: vec!["main".to_owned()],
        architectures: Vec::new(),
        signed_by: None,
    };
    BootstrapRequest {
        distribution: Distribution::Debian,
        suite: "trixie".to_owned(),
        architecture: "amd64".to_owned(),
        include: Vec::new(),
        sources: ArchiveSources {
            fetch: vec![source(url)],
            image: vec![source("http://mirror.example/debian")],
        },
        keyring: archive.keyring(),
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(&TrustSettings::default()).unwrap()
}

/// A cache, and what was reported.
struct Bench {
    cache: TempDir,
    reports: Vec<Report>,
}

impl Bench {
    fn new() -> Self {
        Self { cache: tempfile::tempdir().unwrap(), reports: Vec::new() }
    }

    fn solve(&mut self, request: &BootstrapRequest) -> Result<Solution, BootstrapError> {
        solve(request, &fetcher(), self.cache.path(), &mut |report| self.reports.push(report))
    }

    fn download(
        &mut self,
        request: &BootstrapRequest,
        solution: &Solution,
    ) -> Result<Vec<PathBuf>, BootstrapError> {
        download(request, solution, &fetcher(), self.cache.path(), &mut |report| self.reports.push(report))
    }

    fn warnings(&self) -> Vec<&str> {
        let mut warnings = Vec::new();
        for report in &self.reports {
            if let Report::Warning(text) = report {
                warnings.push(text.as_str());
            }
        }
        warnings
    }
}

fn names(solution: &Solution) -> Vec<&str> {
    solution.packages.iter().map(|package| package.name.as_str()).collect()
}

/// The error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[test]
fn a_solution_is_solved_downloaded_and_found_again() {
    for (list_form, by_hash) in [(".xz", true), (".xz", false), (".gz", false), ("", false)] {
        let archive = Archive::new().unwrap();
        let release = ReleaseInfo { list_form, by_hash, ..ReleaseInfo::of("trixie") };
        archive.publish(&release, &system()).unwrap();
        let server = HttpServer::serve(archive.folder()).unwrap();
        let mut bench = Bench::new();
        let mut request = request(&archive, &server.url());
        let solution = bench.solve(&request).unwrap();
        assert_eq!(names(&solution), ["apt", "base-files", "dash", "libapt"]);
        assert_eq!(solution.release_date.unwrap().to_string(), "2026-09-12T07:55:41Z");
        assert_eq!(bench.warnings().len(), 1, "{:?}", bench.warnings());

        request.include = vec!["python3".to_owned()];
        let larger = bench.solve(&request).unwrap();
        assert_eq!(names(&larger), ["apt", "base-files", "dash", "libapt", "python3"]);
        assert_ne!(solution.key(), larger.key());

        let debs = bench.download(&request, &larger).unwrap();
        let fetched = server.requests().len();
        assert_eq!(bench.download(&request, &larger).unwrap(), debs);
        assert_eq!(server.requests().len(), fetched, "a second download asks for nothing");
        for (package, deb) in larger.packages.iter().zip(&debs) {
            assert_eq!(fs::metadata(deb).unwrap().len(), package.size);
        }
    }
}

#[test]
fn a_solution_does_not_depend_on_the_mirror() {
    let archive = archive(&system());
    let server = HttpServer::serve(archive.folder()).unwrap();
    let mut bench = Bench::new();
    let by_file = bench.solve(&request(&archive, &archive.url())).unwrap();
    let secret = server.url().replace("://", "://me:pass@");
    let by_http = bench.solve(&request(&archive, &secret)).unwrap();
    assert_eq!(by_file, by_http);
    assert_eq!(by_file.key(), by_http.key());
    assert_eq!(request(&archive, "http://a.example").key(), request(&archive, "http://b.example").key());
    assert_eq!(server.requests()[0].authorization.as_deref(), Some("Basic bWU6cGFzcw=="));
    // A kept solution is downloaded from whatever archive holds the suite now.
    assert_eq!(bench.download(&request(&archive, &server.url()), &by_file).unwrap().len(), 4);
}

#[test]
fn damaged_cache_files_are_fetched_again() {
    let archive = archive(&system());
    let mut bench = Bench::new();
    let request = request(&archive, &archive.url());
    let solution = bench.solve(&request).unwrap();
    let debs = bench.download(&request, &solution).unwrap();
    let whole = fs::read(&debs[0]).unwrap();
    fs::write(&debs[0], vec![0; whole.len()]).unwrap();
    fs::write(&debs[1], b"short").unwrap();
    assert_eq!(bench.download(&request, &solution).unwrap(), debs);
    assert_eq!(fs::read(&debs[0]).unwrap(), whole);
}

#[test]
fn nothing_untrusted_is_used() {
    type Spoil = fn(&Archive, &mut BootstrapRequest);
    fn replace(path: &Path, from: &str, to: &str) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
    }
    let cases: [(&str, Spoil, ErrorKind, &str); 10] = [
        (
            "another key",
            |_, request| {
                let other = Archive::new().unwrap();
                let keyring = request.keyring.with_file_name("other.gpg");
                fs::copy(other.keyring(), &keyring).unwrap();
                request.keyring = keyring;
            },
            ErrorKind::Invalid,
            "no key of the keyring",
        ),
        (
            "changed text",
            |archive, _| {
                replace(&archive.suite_folder("trixie").join("InRelease"), "Suite: stable", "Suite: stablo");
            },
            ErrorKind::Invalid,
            "its bytes are not those that were signed",
        ),
        (
            "text before the message",
            |archive, _| {
                let begin = "-----BEGIN PGP SIGNED MESSAGE-----";
                let path = archive.suite_folder("trixie").join("InRelease");
                replace(&path, begin, &format!("Suite: trixie\n\n{begin}"));
            },
            ErrorKind::Invalid,
            "it is not one signed message",
        ),
        (
            "no signature",
            |archive, _| {
                fs::write(archive.suite_folder("trixie").join("InRelease"), "Suite: trixie\n").unwrap();
            },
            ErrorKind::Invalid,
            "it is not one signed message",
        ),
        (
            "another suite's file",
            |archive, _| {
                archive
                    .publish(
                        &ReleaseInfo { folder: "trixie".into(), ..ReleaseInfo::of("bookworm") },
                        &system(),
                    )
                    .unwrap();
            },
            ErrorKind::Invalid,
            "is for the suite `bookworm` or `stable`, not for `trixie`",
        ),
        (
            "changed list",
            |archive, _| {
                let path = archive.suite_folder("trixie").join("main/binary-amd64/Packages.xz");
                let mut list = fs::read(&path).unwrap();
                let middle = list.len() / 2;
                list[middle] ^= 1;
                fs::write(path, list).unwrap();
            },
            ErrorKind::Invalid,
            "has the digest",
        ),
        (
            "shorter list",
            |archive, _| {
                let path = archive.suite_folder("trixie").join("main/binary-amd64/Packages.xz");
                fs::write(path, b"short").unwrap();
            },
            ErrorKind::Invalid,
            "has 5 bytes, not",
        ),
        (
            "missing list",
            |archive, _| {
                fs::remove_file(archive.suite_folder("trixie").join("main/binary-amd64/Packages.xz"))
                    .unwrap();
            },
            ErrorKind::NotFound,
            "there is no `file:",
        ),
        (
            "no such suite",
            |_, request| {
                request.suite = "trixy".to_owned();
                request.sources.fetch[0].suites = vec!["trixy".to_owned()];
            },
            ErrorKind::NotFound,
            "has no suite `trixy`",
        ),
        (
            "no keyring",
            |_, request| {
                request.keyring = "/nonexistent/archive.gpg".into();
            },
            ErrorKind::NotFound,
            "could not read the keyring `/nonexistent/archive.gpg`",
        ),
    ];
    for (name, spoil, kind, message) in cases {
        let archive = archive(&system());
        let mut request = request(&archive, &archive.url());
        Bench::new().solve(&request).unwrap();
        spoil(&archive, &mut request);
        let error = Bench::new().solve(&request).expect_err(name);
        assert!(chain(&error).contains(message), "{name}: {}", chain(&error));
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
}

#[test]
fn an_old_mirror_is_warned_about() {
    let archive = Archive::new().unwrap();
    let until = Some("Sat, 12 Sep 2020 07:55:41 UTC".to_owned());
    archive.publish(&ReleaseInfo { valid_until: until, ..ReleaseInfo::of("trixie") }, &system()).unwrap();
    let mut bench = Bench::new();
    bench.solve(&request(&archive, &archive.url())).unwrap();
    assert!(
        bench.warnings().iter().any(|text| text.contains("valid until 2020-09-12")),
        "{:?}",
        bench.warnings()
    );
}

#[test]
fn the_archive_must_hold_what_is_needed() {
    let archive = archive(&system());
    let mut request = request(&archive, &archive.url());
    request.include = vec!["phyton3".to_owned()];
    let error = Bench::new().solve(&request).unwrap_err();
    assert_eq!(error.to_string(), "there is no package `phyton3` in `trixie`");
    assert_eq!(error.hint().as_deref(), Some("did you mean `python3`?"));
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let mut packages = system();
    packages.push(Package::new("broken", "1").field("Priority", "required").field("Depends", "a | b"));
    archive.publish(&ReleaseInfo::of("trixie"), &packages).unwrap();
    request.include.clear();
    let error = Bench::new().solve(&request).unwrap_err();
    assert_eq!(error.to_string(), "`broken` needs `a | b`, which no package of the archive brings");
}

#[test]
fn servers_may_stumble_but_not_fall() {
    let archive = archive(&system());
    let server = HttpServer::serve(archive.folder()).unwrap();
    let request = request(&archive, &server.url());
    let mut bench = Bench::new();
    server.fail("InRelease", &Fault::Status(503), 2);
    server.fail("Packages.xz", &Fault::Truncate, 1);
    server.fail("dash_1_amd64.deb", &Fault::Close, 1);
    server.fail("/apt_3.0_amd64.deb", &Fault::Redirect("/pool/apt_3.0_amd64.deb?again".into()), 1);
    let solution = bench.solve(&request).unwrap();
    bench.download(&request, &solution).unwrap();
    let last = bench.reports.iter().rev().find_map(|report| match report {
        Report::Progress { progress, .. } => Some(*progress),
        _ => None,
    });
    assert_eq!(last.unwrap().done, solution.size(), "vain tries do not count");

    server.fail("InRelease", &Fault::Status(503), 3);
    let error = bench.solve(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    server.fail("InRelease", &Fault::Redirect("/dists/trixie/InRelease".into()), 20);
    assert!(chain(&bench.solve(&request).unwrap_err()).contains("redirected too often"));
    let address = server.url();
    drop(server);
    let error = bench.solve(&super::bootstrap::request(&archive, &address)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    assert!(error.hint().unwrap().contains("check the network"));
}

#[test]
fn servers_that_refuse_are_not_asked_twice() {
    let archive = archive(&system());
    let server = HttpServer::serve(archive.folder()).unwrap();
    server.fail("InRelease", &Fault::Status(403), 1);
    let secret = server.url().replace("://", "://me:hunter2@");
    let error = Bench::new().solve(&request(&archive, &secret)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(server.requests().len(), 1);
    assert!(!format!("{}{error:?}", chain(&error)).contains("hunter2"));
}
