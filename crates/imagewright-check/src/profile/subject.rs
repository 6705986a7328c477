//! An image as a platform would run it: its documents, its files, who its programs run as, and which Python they find.

use std::cell::OnceCell;

use imagewright_oci::ContainerConfig;

use super::Profile;
use crate::image::ImageSubject;
use crate::reference::ReferenceState;
use crate::rule::Found;
use crate::view::{Installed, Python, PythonAnswer, User, View};

/// What runtimes take where an image says nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image that a profile is asked about.
pub(crate) struct ProfileSubject<'a> {
    pub(crate) image: &'a ImageSubject<'a>,
    pub(crate) view: &'a View,
    pub(crate) profile: &'a Profile,
    pub(crate) container: ContainerConfig,
    python3: OnceCell<PythonAnswer>,
    python: OnceCell<PythonAnswer>,
    installed: OnceCell<Option<Installed>>,
}

impl<'a> ProfileSubject<'a> {
    pub(crate) fn new(image: &'a ImageSubject<'a>, profile: &'a Profile) -> Self {
        Self {
            view: image.view(),
            profile,
            container: image.container(),
            image,
            python3: OnceCell::new(),
            python: OnceCell::new(),
            installed: OnceCell::new(),
        }
    }

    pub(crate) fn found(&self, message: impl Into<String>) -> Found {
        Found::new(&self.image.origin(), message)
    }

    /// What is known of the image's name; none where nobody looked.
    pub(crate) fn reference(&self) -> Option<&ReferenceState> {
        self.image.reference.as_ref()
    }

    /// A variable of the container, where the image sets it.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.image.config.env(name).map(str::to_owned)
    }

    /// Whether a variable says yes.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.variable(name)
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()))
    }

    pub(crate) fn search_path(&self) -> String {
        self.variable("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned())
    }

    /// A variable as a program in the container sees it.
    fn environment(&self, name: &str) -> Option<String> {
        match name {
            "PATH" => Some(self.search_path()),
            "HOME" => self.user().map(|user| self.home_of(&user)),
            _ => self.variable(name),
        }
    }

    pub(crate) fn has_program(&self, name: &str) -> bool {
        self.view.which(name, &self.search_path()).is_some()
    }

    /// Whoever containers run as that nobody changed; none where the image has no such user.
    pub(crate) fn user(&self) -> Option<User> {
        self.view.user(&self.container.user)
    }

    /// The home of a user: what the image says, else what runtimes look up, else the root.
    pub(crate) fn home_of(&self, user: &User) -> String {
        let said = self.variable("HOME").filter(|home| !home.is_empty());
        said.or_else(|| Some(self.view.account(user.uid)?.home)).unwrap_or_else(|| "/".to_owned())
    }

    /// Where programs start.
    pub(crate) fn working_directory(&self) -> &str {
        match self.container.working_dir.as_str() {
            "" => "/",
            folder => folder,
        }
    }

    /// What `python3` is.
    pub(crate) fn python3(&self) -> &PythonAnswer {
        self.python3.get_or_init(|| self.view.python("python3", &|name| self.environment(name)))
    }

    /// What `python` is.
    pub(crate) fn python(&self) -> &PythonAnswer {
        self.python.get_or_init(|| self.view.python("python", &|name| self.environment(name)))
    }

    /// The Python that `python3` is, where that can be seen.
    pub(crate) fn known_python3(&self) -> Option<&Python> {
        match self.python3() {
            PythonAnswer::Found(python) => Some(python),
            _ => None,
        }
    }

    /// The packages of `python3`, or else of `python`; none where neither is known.
    pub(crate) fn installed(&self) -> Option<&Installed> {
        let installed = self.installed.get_or_init(|| {
            let python = [self.python3(), self.python()].into_iter().find_map(|answer| match answer {
                PythonAnswer::Found(python) => Some(python),
                _ => None,
            });
            python.map(|python| self.view.installed(python))
        });
        installed.as_ref()
    }

    /// What a container starts of which nothing else was said.
    pub(crate) fn command(&self) -> Vec<String> {
        self.container.entrypoint.iter().chain(&self.container.cmd).flatten().cloned().collect()
    }
}
