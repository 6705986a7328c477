//! `WORKDIR`: a folder that is made where it is missing.

use imagewright_oci::Digest;

use super::stages::{Rechecked, Surroundings};
use super::write::{Look, Writer};
use crate::error::EngineError;
use crate::passwd;
use crate::step::{self, Step, StepResult};
use imagewright_store::overlay::TidyRules;

/// Makes a folder.
pub(super) struct FolderStep<'a> {
    surroundings: Surroundings<'a>,
    path: &'a str,
    user: &'a str,
}

impl<'a> FolderStep<'a> {
    pub(super) fn new(surroundings: Surroundings<'a>, path: &'a str, user: &'a str) -> Self {
        Self { surroundings, path, user }
    }
}

impl Rechecked for FolderStep<'_> {}

impl Step for FolderStep<'_> {
    const KIND: &'static str = "dockerfile-folder";
    type Solution = ();

    fn question(&self) -> Digest {
        step::key("dockerfile-folder", &(self.surroundings.context.parent(), self.path, self.user))
    }

    fn solve(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    fn identity(&self, (): &()) -> Digest {
        let context = &self.surroundings.context;
        step::key(
            "dockerfile-folder-made",
            &(self.question(), context.epoch, context.site.compression.to_string()),
        )
    }

    fn run(&mut self, (): &()) -> Result<StepResult, EngineError> {
        let context = self.surroundings.context;
        let bench = context.bench()?;
        let (uid, gid) = match self.user {
            "" => (0, 0),
            user => passwd::find_owner(user, &bench.view())?,
        };
        let look = Look { mode: 0o755, uid, gid, time: context.epoch };
        let mut writer = Writer::new(bench.upper(), bench.view(), self.surroundings.origin);
        let place = writer.place(self.path)?;
        writer.folders(&place, look)?;
        writer.finish()?;
        Ok(StepResult::of(bench.seal(context.draft, TidyRules::default())?))
    }
}
