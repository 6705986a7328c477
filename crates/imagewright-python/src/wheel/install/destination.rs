//! Where a member of a wheel goes.

use std::collections::BTreeSet;

use imagewright_layer::LayerPath;

use super::{Scheme, script};
use crate::wheel::{Wheel, WheelError};
use crate::zip::{Member, ReadAt};

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// It is a file where its path says, below where packages are.
    File(LayerPath),
    /// It is a file elsewhere.
    Moved(LayerPath),
    /// It is a script, whose first line may have to change.
    Script(LayerPath),
    /// It is a folder.
    Directory(LayerPath),
    /// It is not installed.
    Nowhere,
}

/// Sends the members of a wheel to the directories of a scheme.
pub(super) struct Router<'a, R> {
    pub(super) wheel: &'a Wheel<R>,
    pub(super) scheme: &'a Scheme,
    /// The names of scripts that are made for entry points.
    pub(super) made: BTreeSet<String>,
}

impl<R: ReadAt> Router<'_, R> {
    pub(super) fn destination(&self, member: &Member) -> Result<Destination, WheelError> {
        let path = member.path();
        match path.strip_prefix(&self.wheel.data).map(|rest| rest.strip_prefix('/')) {
            Some(Some(path)) => return self.data_destination(member, path),
            Some(None) if path == self.wheel.data && member.is_directory() => {
                return Ok(Destination::Nowhere);
            }
            _ => {}
        }
        let path = self.wheel.join(site(self.wheel, self.scheme), path)?;
        Ok(if member.is_directory() { Destination::Directory(path) } else { Destination::File(path) })
    }

    /// Where a member goes that the wheel has in its folder for other places.
    fn data_destination(&self, member: &Member, path: &str) -> Result<Destination, WheelError> {
        let (kind, rest) = path.split_once('/').map_or((path, None), |(kind, rest)| (kind, Some(rest)));
        let root = match kind {
            "purelib" => self.scheme.purelib.clone(),
            "platlib" => self.scheme.platlib.clone(),
            "scripts" => self.scheme.scripts.clone(),
            "data" => self.scheme.data.clone(),
            "headers" => self.wheel.join(&self.scheme.include, self.wheel.file_name.name())?,
            _ => return Err(self.wheel.malformed(format!("nobody knows where `{}` goes", member.path()))),
        };
        match rest {
            Some(rest) if kind == "scripts" => self.script_destination(member, rest, &root),
            Some(rest) if member.is_directory() => Ok(Destination::Directory(self.wheel.join(&root, rest)?)),
            Some(rest) => {
                let target = self.wheel.join(&root, rest)?;
                self.check_name(member, &target)?;
                Ok(Destination::Moved(target))
            }
            None if !member.is_directory() => {
                Err(self.wheel.malformed(format!("`{}` is a file and not a folder", member.path())))
            }
            // The folder of scripts is made for the first of them.
            None if kind == "scripts" => Ok(Destination::Nowhere),
            None => Ok(Destination::Directory(root)),
        }
    }

    fn script_destination(
        &self,
        member: &Member,
        name: &str,
        scripts: &LayerPath,
    ) -> Result<Destination, WheelError> {
        if member.is_directory() || name.contains('/') {
            return Err(self.wheel.malformed(format!("`{}` is a folder among scripts", member.path())));
        }
        let target = self.wheel.join(scripts, name)?;
        self.check_name(member, &target)?;
        let is_made = self.made.contains(without_form(name));
        Ok(if is_made { Destination::Nowhere } else { Destination::Script(target) })
    }

    /// Checks that the file takes the place of no interpreter.
    fn check_name(&self, member: &Member, target: &LayerPath) -> Result<(), WheelError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        if target.parent().as_ref() == Some(&self.scheme.scripts) && script::is_reserved(&name) {
            let script = format!("member `{}`", member.path());
            return Err(WheelError::ReservedScript {
                wheel: self.wheel.file_name.to_string(),
                script,
                name: name.into(),
            });
        }
        Ok(())
    }
}

/// Where the packages of a wheel go.
pub(super) fn site<'a, R>(wheel: &Wheel<R>, scheme: &'a Scheme) -> &'a LayerPath {
    if wheel.root_is_purelib { &scheme.purelib } else { &scheme.platlib }
}

/// The name of an entry point that a packed script would be for: tools that knew no entry points packed the scripts
/// themselves, in several forms.
fn without_form(name: &str) -> &str {
    [".exe", "-script.py", ".pya"].iter().find_map(|form| name.strip_suffix(form)).unwrap_or(name)
}
