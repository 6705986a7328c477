//! A walk through what is copied, past what is left out.

use std::path::{Path, PathBuf};

use imagewright_dockerfile::IgnoreRules;

use super::source::{Found, SourceRoot};
use crate::error::EngineError;

/// One walk through a root.
pub(super) struct Walk<'a> {
    pub(super) root: &'a SourceRoot,
    pub(super) top: PathBuf,
    pub(super) exclude: &'a IgnoreRules,
}

impl Walk<'_> {
    /// `pending` has the folders above that count only if something in them does.
    pub(super) fn below(
        &self,
        relative: &Path,
        pending: &mut Vec<Found>,
        visit: &mut dyn FnMut(Found) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let view = &self.root.view;
        let is_top = relative.as_os_str().is_empty();
        let path = if is_top { self.top.clone() } else { self.top.join(relative) };
        // A root has no folder to look for it in.
        let found = if path == Path::new("/") { view.find(&path) } else { view.find_itself(&path) };
        let Some((host, metadata)) = found else { return Ok(()) };
        let is_folder = metadata.is_dir();
        let (ignored, may_hold_more) = self.leaves_out(relative, &path, is_folder);
        if ignored && !(is_folder && may_hold_more) {
            return Ok(());
        }
        let depth = pending.len();
        let found = Found { relative: relative.to_path_buf(), host, metadata };
        if ignored {
            pending.push(found);
        } else {
            pending.drain(..).try_for_each(&mut *visit)?;
            visit(found)?;
        }
        if is_folder {
            for name in view.list(&path) {
                self.below(&relative.join(name), pending, visit)?;
            }
        }
        pending.truncate(depth);
        Ok(())
    }

    /// Whether something is left out, and whether something in it may count all the same.
    fn leaves_out(&self, relative: &Path, path: &Path, is_folder: bool) -> (bool, bool) {
        let ignored = self.root.ignores(path);
        // Of a file that is named itself the name counts; a folder that is named is never left out.
        let name = if relative.as_os_str().is_empty() {
            Path::new(path.file_name().unwrap_or_default())
        } else {
            relative
        };
        let is_named_folder = is_folder && relative.as_os_str().is_empty();
        let excluded = !is_named_folder && name.to_str().is_some_and(|name| self.exclude.ignores(name));
        let comes_back = |left_out: bool, rules: &IgnoreRules| !left_out || rules.has_exceptions();
        let may_hold_more = comes_back(ignored, &self.root.ignore) && comes_back(excluded, self.exclude);
        (ignored || excluded, may_hold_more)
    }
}
