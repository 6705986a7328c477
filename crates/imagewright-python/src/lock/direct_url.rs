//! `direct_url.json` (PEP 610): what an installed package says of where it came from.
//!
//! The texts are those that uv 0.13 writes, whose peculiarities are kept: archives are named without their hashes, a
//! folder within a folder becomes part of the path, and a commit stands for a revision that nobody asked for.

use serde::Serialize;

use super::{Artifact, Location};

#[derive(Serialize)]
struct DirectUrl<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir_info: Option<DirectoryInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_info: Option<ArchiveInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vcs_info: Option<VcsInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdirectory: Option<&'a str>,
}

#[derive(Serialize)]
struct DirectoryInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    editable: Option<bool>,
}

#[derive(Serialize)]
struct ArchiveInfo {}

#[derive(Serialize)]
struct VcsInfo<'a> {
    vcs: &'a str,
    commit_id: &'a str,
    requested_revision: &'a str,
}

/// The text of `direct_url.json`, for artefacts that have one: not for files of an index. `folder` is the absolute path
/// that paths of the lock count from.
pub fn direct_url(artifact: &Artifact, folder: &str) -> Option<String> {
    let nothing = DirectUrl {
        url: String::new(),
        dir_info: None,
        archive_info: None,
        vcs_info: None,
        subdirectory: None,
    };
    let direct_url = match artifact {
        Artifact::Wheel { .. } | Artifact::Sdist { .. } => return None,
        Artifact::Archive { file, subdirectory } => DirectUrl {
            url: address(&file.location, folder),
            archive_info: Some(ArchiveInfo {}),
            subdirectory: subdirectory.as_deref(),
            ..nothing
        },
        Artifact::Directory { path, editable, subdirectory, content: _ } => {
            let inner = subdirectory.as_deref().unwrap_or_default();
            DirectUrl {
                url: file_address(&format!("{}/{inner}", absolute(path, folder))),
                dir_info: Some(DirectoryInfo { editable: *editable }),
                ..nothing
            }
        }
        Artifact::Vcs(vcs) => {
            let requested_revision = vcs.requested_revision.as_deref().unwrap_or(&vcs.commit_id);
            let folder_mark = if matches!(vcs.location, Location::Path(_)) { "/" } else { "" };
            DirectUrl {
                url: address(&vcs.location, folder) + folder_mark,
                vcs_info: Some(VcsInfo { vcs: &vcs.kind, commit_id: &vcs.commit_id, requested_revision }),
                subdirectory: vcs.subdirectory.as_deref(),
                ..nothing
            }
        }
    };
    Some(serde_json::to_string(&direct_url).expect("texts and flags are always JSON"))
}

fn address(location: &Location, folder: &str) -> String {
    match location {
        Location::Url(address) => address.without_credentials(),
        Location::Path(path) => file_address(&absolute(path, folder)),
    }
}

fn absolute(path: &str, folder: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") }
}

/// `file://` with an absolute path, without `.` and `..`, encoded as the URL standard has it.
fn file_address(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut address = String::from("file://");
    for part in parts {
        address.push('/');
        for byte in part.bytes() {
            match byte {
                b' ' | b'"' | b'#' | b'<' | b'>' | b'?' | b'`' | b'{' | b'}' | b'%' | b'\\' => {
                    address.push_str(&format!("%{byte:02X}"));
                }
                b'!'..=b'~' => address.push(char::from(byte)),
                _ => address.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    address
}
