//! Flags of instructions, above all the mounts of `RUN`.

use crate::error::Problem;

/// The network that a `RUN` sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunNetwork {
    /// The builder's.
    #[default]
    Default,
    /// The machine's.
    Host,
    /// None.
    None,
}

/// What a `RUN` was flagged with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunFlags {
    pub(crate) network: RunNetwork,
    /// Mounts as they are written: variables in them are replaced later.
    pub(crate) mounts: Vec<String>,
}

/// Something that one `RUN` sees and the image does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where, absolute.
    pub target: String,
    /// What.
    pub kind: MountKind,
}

/// What a [`Mount`] shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context (where `from` is none), of a stage or an image.
    Bind {
        /// The stage or image, as it is written.
        from: Option<String>,
        /// A path in it.
        source: String,
        /// Whether the command may write there; what it writes is lost.
        writable: bool,
    },
    /// A folder that stays for later builds.
    Cache {
        /// What tells it from others.
        id: String,
        /// The stage or image whose files a new one begins with, as it is written.
        from: Option<String>,
        /// A path in it, where a new one begins with files.
        source: Option<String>,
        /// Who may use it at the same time.
        sharing: CacheSharing,
        /// Whether the command cannot change it.
        read_only: bool,
        /// Permission bits of a new folder.
        mode: u32,
        /// Owner of a new folder.
        uid: u32,
        /// Group of a new folder.
        gid: u32,
    },
    /// An empty folder in memory.
    Tmpfs {
        /// Most bytes it holds, where that is said.
        size: Option<u64>,
    },
    /// A secret as a file.
    Secret {
        /// Its name.
        id: String,
        /// Whether it is an error that it was not given.
        required: bool,
        /// Permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// The variable that holds it, too.
        variable: Option<String>,
    },
    /// An SSH agent: a socket, named by `SSH_AUTH_SOCK`.
    Ssh {
        /// Its name.
        id: String,
        /// Whether it is an error that it was not given.
        required: bool,
        /// Permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// A secret as a variable; there is nothing at the target.
    SecretVariable {
        /// Its name.
        id: String,
        /// Whether it is an error that it was not given.
        required: bool,
        /// The variable.
        variable: String,
    },
}

/// Who may use a cache at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheSharing {
    /// Everybody.
    Shared,
    /// One after the other.
    Locked,
    /// One for each who uses it.
    Private,
}

const KEYS: &[&str] = &[
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "readwrite",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];

#[derive(Default)]
struct Options {
    kind: Option<String>,
    from: Option<String>,
    source: Option<String>,
    target: Option<String>,
    id: Option<String>,
    sharing: Option<String>,
    env: Option<String>,
    read_only: Option<bool>,
    required: Option<bool>,
    size: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Mount {
    /// Reads `type=…,target=…`. `expand` replaces variables; a relative target is taken from `folder`.
    pub(crate) fn parse(
        text: &str,
        folder: &str,
        expand: &dyn Fn(&str) -> Result<String, Problem>,
    ) -> Result<Self, Problem> {
        let mut options = Options::default();
        for field in fields(text) {
            options.read(&field, expand)?;
        }
        options.finish(folder)
    }
}

/// The fields of a line of CSV.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().expect("there is one from the beginning").push(letter),
        }
    }
    fields
}

fn wrong(reason: impl Into<String>) -> Problem {
    Problem::malformed("RUN --mount", reason)
}

impl Options {
    fn read(&mut self, field: &str, expand: &dyn Fn(&str) -> Result<String, Problem>) -> Result<(), Problem> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_lowercase(), Some(value)),
            None => (field.trim().to_ascii_lowercase(), None),
        };
        if key == "from" && value.is_some_and(|value| value.contains('$')) {
            return Err(Problem::unsupported(
                "a variable in `from`",
                "name the image as a stage, `FROM $IMAGE AS name`, and take it from there",
            ));
        }
        let value = value.map(expand).transpose()?;
        let needed = || value.clone().ok_or_else(|| wrong(format!("`{key}` needs a value")));
        let flag = || match value.as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(wrong(format!("`{key}` is true or false, not `{other}`"))),
        };
        let number = || {
            let value = needed()?;
            value.parse().map_err(|_| wrong(format!("`{key}={value}` is no number")))
        };
        match key.as_str() {
            "type" => self.kind = Some(needed()?),
            "from" => self.from = Some(needed()?),
            "source" | "src" => self.source = Some(needed()?),
            "target" | "dst" | "destination" => self.target = Some(needed()?),
            "id" => self.id = Some(needed()?),
            "sharing" => self.sharing = Some(needed()?),
            "env" => self.env = Some(needed()?),
            "readonly" | "ro" => self.read_only = Some(flag()?),
            "readwrite" | "rw" => self.read_only = Some(!flag()?),
            "required" => self.required = Some(flag()?),
            "uid" => self.uid = Some(number()?),
            "gid" => self.gid = Some(number()?),
            "mode" => {
                let value = needed()?;
                let mode = u32::from_str_radix(&value, 8).ok().filter(|mode| *mode <= 0o7777);
                self.mode = Some(mode.ok_or_else(|| wrong(format!("`mode={value}` is no octal mode")))?);
            }
            "size" => self.size = Some(size(&needed()?)?),
            _ => {
                return Err(Problem::UnknownFlag {
                    keyword: "RUN --mount".to_owned(),
                    flag: key,
                    known: KEYS,
                });
            }
        }
        Ok(())
    }

    fn finish(self, folder: &str) -> Result<Mount, Problem> {
        let target = match &self.target {
            Some(target) if !target.is_empty() => Ok(absolute(folder, target)),
            _ => Err(wrong("`target` is missing")),
        };
        match self.kind.as_deref().unwrap_or("bind") {
            "bind" => {
                let source = absolute("/", self.source.as_deref().unwrap_or("/"));
                let writable = self.read_only == Some(false);
                Ok(Mount { target: target?, kind: MountKind::Bind { from: self.from, source, writable } })
            }
            "tmpfs" => Ok(Mount { target: target?, kind: MountKind::Tmpfs { size: self.size } }),
            "cache" => self.cache(target?),
            "secret" => self.secret(folder),
            "ssh" => Ok(self.ssh(folder)),
            other => Err(wrong(format!("there is no `type={other}`"))),
        }
    }

    fn cache(self, target: String) -> Result<Mount, Problem> {
        let sharing = match self.sharing.as_deref() {
            None | Some("shared") => CacheSharing::Shared,
            Some("locked") => CacheSharing::Locked,
            Some("private") => CacheSharing::Private,
            Some(other) => return Err(wrong(format!("`sharing={other}` is not shared, locked or private"))),
        };
        let kind = MountKind::Cache {
            id: self.id.unwrap_or_else(|| target.clone()),
            source: match (&self.from, self.source) {
                (_, Some(source)) => Some(absolute("/", &source)),
                (Some(_), None) => Some("/".to_owned()),
                (None, None) => None,
            },
            from: self.from,
            sharing,
            read_only: self.read_only == Some(true),
            mode: self.mode.unwrap_or(0o755),
            uid: self.uid.unwrap_or(0),
            gid: self.gid.unwrap_or(0),
        };
        Ok(Mount { target, kind })
    }

    fn secret(self, folder: &str) -> Result<Mount, Problem> {
        let named = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
        let id = self.id.clone().or_else(|| self.source.clone()).or_else(|| self.target.as_ref().map(named));
        let id = id.filter(|id| !id.is_empty()).ok_or_else(|| wrong("a secret needs an `id`"))?;
        let required = self.required.unwrap_or(false);
        if let (Some(variable), None) = (&self.env, &self.target) {
            let kind = MountKind::SecretVariable { id, required, variable: variable.clone() };
            return Ok(Mount { target: String::new(), kind });
        }
        let target = self.target.unwrap_or_else(|| format!("/run/secrets/{id}"));
        let mode = self.mode.unwrap_or(0o400);
        let (uid, gid) = (self.uid.unwrap_or(0), self.gid.unwrap_or(0));
        let kind = MountKind::Secret { id, required, mode, uid, gid, variable: self.env };
        Ok(Mount { target: absolute(folder, &target), kind })
    }

    fn ssh(self, folder: &str) -> Mount {
        let id = self.id.unwrap_or_else(|| "default".to_owned());
        let target = self.target.unwrap_or_else(|| "/run/buildkit/ssh_agent.0".to_owned());
        let (uid, gid) = (self.uid.unwrap_or(0), self.gid.unwrap_or(0));
        let (required, mode) = (self.required.unwrap_or(false), self.mode.unwrap_or(0o600));
        Mount { target: absolute(folder, &target), kind: MountKind::Ssh { id, required, mode, uid, gid } }
    }
}

/// Bytes, as `100m` or `1g`.
fn size(text: &str) -> Result<u64, Problem> {
    let bad = || wrong(format!("`size={text}` is no size"));
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches('b');
    let (digits, shift) = match digits.chars().last() {
        Some('k') => (&digits[..digits.len() - 1], 10),
        Some('m') => (&digits[..digits.len() - 1], 20),
        Some('g') => (&digits[..digits.len() - 1], 30),
        _ => (digits, 0),
    };
    let number: u64 = digits.parse().map_err(|_| bad())?;
    number.checked_mul(1 << shift).ok_or_else(bad)
}

/// `path` from `folder`, without `.` and `..`, absolute.
pub(crate) fn absolute(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let before = if path.starts_with('/') { "" } else { folder };
    for part in before.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(text: &str) -> Result<Mount, String> {
        Mount::parse(text, "/srv", &|word| Ok(word.replace("$X", "y"))).map_err(|error| error.to_string())
    }

    #[test]
    fn mounts_are_read_with_their_defaults() {
        let bind = mount("target=a,src=../b/./c").unwrap();
        let kind = MountKind::Bind { from: None, source: "/b/c".into(), writable: false };
        assert_eq!(bind, Mount { target: "/srv/a".into(), kind });
        let MountKind::Cache { id, sharing, mode, .. } =
            mount("type=cache,target=/root/.cache/$X,sharing=locked,mode=0700").unwrap().kind
        else {
            panic!()
        };
        assert_eq!((id.as_str(), sharing, mode), ("/root/.cache/y", CacheSharing::Locked, 0o700));
        let secret = mount("type=secret,id=token,required").unwrap();
        assert_eq!(secret.target, "/run/secrets/token");
        assert_eq!(
            mount("type=tmpfs,target=/t,size=2m").unwrap().kind,
            MountKind::Tmpfs { size: Some(2 << 20) }
        );
        let MountKind::Secret { variable, .. } =
            mount("type=secret,id=token,env=TOKEN,target=/t").unwrap().kind
        else {
            panic!()
        };
        assert_eq!(variable.as_deref(), Some("TOKEN"));
        let ssh = mount("type=ssh,mode=0666,uid=1000,required").unwrap();
        let kind = MountKind::Ssh { id: "default".into(), required: true, mode: 0o666, uid: 1000, gid: 0 };
        assert_eq!(ssh, Mount { target: "/run/buildkit/ssh_agent.0".into(), kind });
        let MountKind::Cache { from, source, sharing, .. } =
            mount("type=cache,target=/c,from=base,sharing=private").unwrap().kind
        else {
            panic!()
        };
        assert_eq!((from.as_deref(), source.as_deref()), (Some("base"), Some("/")));
        assert_eq!(sharing, CacheSharing::Private);
        let variable = mount("type=secret,id=token,env=TOKEN").unwrap().kind;
        assert!(matches!(variable, MountKind::SecretVariable { .. }));
    }

    #[test]
    fn what_cannot_be_mounted_is_told() {
        for (text, expected) in [
            ("type=bind", "RUN --mount: `target` is missing"),
            ("type=x,target=/a", "RUN --mount: there is no `type=x`"),
            ("target=/a,ro=maybe", "RUN --mount: `ro` is true or false, not `maybe`"),
            ("target=/a,tarrget=/b", "RUN --mount has no flag `--tarrget`"),
            ("target=/a,from=$X", "a variable in `from` is not supported"),
            ("type=cache,target=/a,mode=9", "RUN --mount: `mode=9` is no octal mode"),
            ("type=secret", "RUN --mount: a secret needs an `id`"),
            ("type=tmpfs,target=/a,size=99999999999999g", "RUN --mount: `size=99999999999999g` is no size"),
        ] {
            assert_eq!(mount(text).unwrap_err(), expected, "{text}");
        }
    }
}
