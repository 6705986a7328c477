//! Whom an image believes: `ca-certificates-missing` and `certificate-variable-broken`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Outcome, PlatformCheck, Rule};

pub(crate) static CA_CERTIFICATES_MISSING: Rule = Rule {
    name: "ca-certificates-missing",
    summary: "`curl` finds certificate authorities to check servers with.",
    why: "What runs a node is fetched over HTTPS. Without certificate authorities `curl` refuses every server, and the node fails as if \
          `curl` were missing.",
    mend: "```dockerfile\nRUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \\\n    \
           && rm -rf /var/lib/apt/lists/*\n```",
    sources: &["Elyra 4.1.1 as observed: `curl --fail -L https://…`", "curl, \"SSL CA Certificates\""],
    on_platform: Some(PlatformCheck::Files(ca_certificates_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static CERTIFICATE_VARIABLE_BROKEN: Rule = Rule {
    name: "certificate-variable-broken",
    summary: "Variables that name certificate authorities name files that are there.",
    why: "Programs that are told by a variable where certificate authorities lie look nowhere else. `curl` goes by `CURL_CA_BUNDLE` and \
          `SSL_CERT_FILE`, pip by `PIP_CERT` and `REQUESTS_CA_BUNDLE`, the client of the object storage by `SSL_CERT_FILE`. A file that \
          is not in the image must be mounted wherever it runs, and nobody will know.",
    mend: "Put the file into the image, or leave the variable out:\n\n\
           ```dockerfile\nCOPY site-ca.pem /usr/local/share/ca-certificates/site-ca.crt\nRUN update-ca-certificates\n\
           ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n```",
    sources: &["curl, \"SSL CA Certificates\"", "pip, \"HTTPS Certificates\"", "minio-py, `SSL_CERT_FILE`"],
    on_platform: Some(PlatformCheck::Files(certificate_variable_broken)),
    ..Rule::OF_PLATFORMS
};

/// Where distributions and conda keep certificate authorities.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/conda/ssl/cacert.pem",
];
const VARIABLES: [&str; 5] =
    ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "SSL_CERT_DIR"];

fn ca_certificates_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(curl) = subject.view.which("curl", &subject.search_path()) else { return Outcome::fine() };
    // A program that lies elsewhere brings its own, in the folder that it was made for.
    let path = curl.path();
    let prefix = path.strip_suffix("/bin/curl").unwrap_or_default();
    let own = format!("{prefix}/ssl/cacert.pem");
    let said = VARIABLES.iter().take(2).any(|name| subject.variable(name).is_some());
    let is_there = |path: &str| subject.view.find(path).is_some();
    if said || BUNDLES.into_iter().any(is_there) || is_there(&own) {
        return Outcome::fine();
    }
    let message = "`curl` finds no certificate authorities in the image, so it refuses every HTTPS server";
    subject.found(message).with_remedy(Remedy::apt(["ca-certificates"])).into()
}

fn certificate_variable_broken(subject: &ProfileSubject<'_>) -> Outcome {
    let broken = VARIABLES.iter().filter_map(|name| {
        let path = subject.variable(name).filter(|path| !path.is_empty())?;
        if path.starts_with('/') && subject.view.find(&path).is_some() {
            return None;
        }
        let message = format!("`{name}` names `{path}`, which is not in the image");
        let remedy = Remedy::Environment { name: (*name).to_owned(), value: None };
        Some(subject.found(message).with_remedy(remedy))
    });
    broken.collect::<Vec<_>>().into()
}
