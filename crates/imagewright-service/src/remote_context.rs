//! Contexts of Dockerfiles that are no folder: a git repository, or what comes on standard input.

use std::io::Read;
use std::path::PathBuf;

use imagewright_engine::{Cancel, FetchedContext, StreamedContext};

use crate::given::{find_dockerfile, is_stream, repository};
use crate::{DockerfileCommand, Service, ServiceError};

impl Service {
    /// Brings the context of a build here, and gives the command for that folder; the other value holds the folder. None
    /// where the context is a folder already. `stream` is what comes on standard input.
    ///
    /// As with `docker build`, a Dockerfile that is named lies in what is fetched.
    pub fn bring_context(
        &self,
        command: &DockerfileCommand,
        stream: &mut dyn Read,
        cancel: &Cancel,
    ) -> Result<Option<(DockerfileCommand, FetchedContext)>, ServiceError> {
        let (context, text) = if is_stream(&command.context) {
            match self.engine.streamed_context(stream, cancel)? {
                StreamedContext::Folder(context) => (context, None),
                StreamedContext::Dockerfile(text, context) => (context, Some(text)),
            }
        } else if let Some(source) = repository(&command.context) {
            (self.engine.repository_context(&source, &command.agents, command.offline, cancel)?, None)
        } else {
            return Ok(None);
        };
        let folder = context.folder().to_path_buf();
        let in_folder = |file: &PathBuf| folder.join(file.strip_prefix("/").unwrap_or(file));
        let file = match text {
            Some(_) => None,
            None => command.file.as_ref().map(in_folder).or_else(|| find_dockerfile(&folder)),
        };
        let text = text.or_else(|| command.text.clone());
        Ok(Some((DockerfileCommand { context: folder, file, text, ..command.clone() }, context)))
    }
}
