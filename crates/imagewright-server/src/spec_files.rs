//! Files that say what an image holds, read as a spec: for whoever fills in what is to be built.

use imagewright_catalog::{Action, FieldProblem, Invalid, Object, Principal, may};
use imagewright_model::in_one_line;
use imagewright_service::{GivenFile, ReadFiles, read_files};

use crate::{Server, ServerError};

impl Server {
    /// Reads files together as a spec: lists of packages, an `image.yaml`, a Dockerfile. For whoever may build; nothing is kept.
    pub fn read_files(&self, principal: &Principal, files: &[GivenFile]) -> Result<ReadFiles, ServerError> {
        may(principal, Action::Build, Object::Server)?;
        if files.is_empty() {
            let text = "there is no file: send at least one, with `name` and `text`";
            return Err(Invalid(vec![FieldProblem::new("/files", text)]).into());
        }
        read_files(files)
            .map_err(|error| Invalid(vec![FieldProblem::new("/files", in_one_line(&error))]).into())
    }
}
