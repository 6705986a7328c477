//! Tokens of servers: one file that its owner alone can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use imagewright_model::{ErrorKind, Secret};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::settings::machine;

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The server that is asked where none is named.
    pub(super) default: Option<String>,
    servers: BTreeMap<String, Login>,
}

#[derive(Serialize, Deserialize)]
struct Login {
    token: String,
}

impl Kept {
    /// The token for a server.
    pub(super) fn token(&self, address: &str) -> Option<Secret> {
        self.servers.get(address).map(|login| Secret::new(login.token.as_str()))
    }
}

/// Keeps the token of a server, which is asked from now on where none is named. Gives the file.
pub(crate) fn keep(address: &str, token: &Secret) -> Result<PathBuf, Failure> {
    let mut kept = read()?;
    kept.default = Some(address.to_owned());
    kept.servers.insert(address.to_owned(), Login { token: token.expose().to_owned() });
    write(&kept)
}

/// Forgets the token of a server, of the one that is asked by default where none is named. Gives its address.
pub(crate) fn forget(address: Option<&str>) -> Result<String, Failure> {
    let mut kept = read()?;
    let nothing = || Failure::new(ErrorKind::NotFound, "nobody is logged in to a server");
    let address = address.map(str::to_owned).or_else(|| kept.default.clone()).ok_or_else(nothing)?;
    if kept.servers.remove(&address).is_none() {
        let text = format!("there is no login to `{address}`");
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    if kept.default.as_ref() == Some(&address) {
        kept.default = None;
    }
    write(&kept)?;
    Ok(address)
}

pub(super) fn read() -> Result<Kept, Failure> {
    let path = path()?;
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        text => text?,
    };
    serde_json::from_str(&text).map_err(|_| {
        let text = format!("`{}` does not hold logins to servers", path.display());
        Failure::new(ErrorKind::Invalid, text).with_hint("remove it, and log in again")
    })
}

/// Replaces the file in one step.
fn write(kept: &Kept) -> Result<PathBuf, Failure> {
    let path = path()?;
    let folder = path.parent().expect("it is in a folder");
    fs::create_dir_all(folder)?;
    // Temporary files are readable by their owner only.
    let mut file = tempfile::Builder::new().prefix(".servers-").tempfile_in(folder)?;
    file.write_all(serde_json::to_string_pretty(kept).map_err(io::Error::from)?.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

fn path() -> Result<PathBuf, Failure> {
    let folder = machine::configuration_folder().ok_or_else(|| {
        let text = "no place for logins: neither XDG_CONFIG_HOME nor HOME is set";
        Failure::new(ErrorKind::Usage, text).with_hint("give --server and IMAGEWRIGHT_TOKEN instead")
    })?;
    Ok(folder.join("imagewright/servers.json"))
}
