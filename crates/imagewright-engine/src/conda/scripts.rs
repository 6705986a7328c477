//! Scripts that packages bring for whoever installs them: run in the sandbox on the image so far, where the spec says so.
//!
//! As conda does it: in the order in which packages need each other, in an environment that is activated, by bash where the image
//! has one. What they change is a layer of its own, which belongs to the image so far, its environment and the scripts.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use imagewright_conda::{Package, sorted};
use imagewright_model::spec::LinkScripts;
use imagewright_oci::Digest;
use imagewright_store::overlay::{PathPattern, TidyRules};
use serde::{Deserialize, Serialize};

use super::error::CondaError;
use super::facts::{CondaFacts, Folder};
use super::layers::CondaLayer;
use super::{CondaStep, Solution};
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::step::{self, Memory, Step, StepContext, StepLayer, StepResult, perform};
use crate::workbench::{Command, Finished, Workbench};

/// What programs leave behind that scripts are likely to call.
const JUNK: [&str; 4] = ["tmp/**", "var/tmp/**", "root/.cache/**", "var/cache/ldconfig/aux-cache"];
/// Where scripts write what people should read, from the prefix on.
const MESSAGES: &str = ".messages.txt";

/// When a script is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Moment {
    /// When its package has been installed.
    PostLink,
    /// When its package is about to be taken away.
    PreUnlink,
}

impl Moment {
    /// The script of a package, from the prefix on.
    fn script(self, package: &str) -> String {
        let moment = match self {
            Self::PostLink => "post-link",
            Self::PreUnlink => "pre-unlink",
        };
        format!("bin/.{package}-{moment}.sh")
    }
}

/// A script of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Script {
    package: String,
    version: String,
    build_number: u64,
    /// From the prefix on.
    path: String,
}

impl Script {
    fn of(package: &Package, moment: Moment) -> Self {
        Self {
            package: package.name().to_owned(),
            version: package.version(),
            build_number: package.build_number(),
            path: moment.script(package.name()),
        }
    }

    fn shown(&self) -> String {
        format!("{} {}", self.package, self.version)
    }
}

impl CondaStep<'_> {
    /// What else makes results equal where scripts are run: they may look at everything.
    pub(super) fn scripted(&self) -> Option<impl Serialize> {
        let surroundings = || (self.context.parent(), environment(self.context).to_vec(), self.context.epoch);
        (self.spec.link_scripts == LinkScripts::Run).then(surroundings)
    }

    /// What scripts of packages change that are about to be replaced.
    pub(super) fn before_replacing(&self, solution: &Solution) -> Result<Option<StepLayer>, EngineError> {
        let (facts, moment) = (&solution.facts, Moment::PreUnlink);
        let gone = solution.replaced();
        if gone.is_empty() || self.spec.link_scripts == LinkScripts::Skip {
            return Ok(None);
        }
        // Those that need others go first.
        let mut scripted = facts.with_file(self.context, sorted(gone), |name| moment.script(name))?;
        scripted.reverse();
        if let (LinkScripts::Refuse, Some(package)) = (self.spec.link_scripts, scripted.first()) {
            let script = moment.script(package.name());
            return Err(CondaError::UnlinkScript { package: package.shown(), script }.into());
        }
        let scripts = scripted.iter().map(|package| Script::of(package, moment)).collect();
        self.run_scripts(self.context, facts, moment, scripts)
    }

    /// What scripts of new packages change; `so_far` are the layers that the step made.
    pub(super) fn after_installing(
        &self,
        solution: &Solution,
        layers: &[CondaLayer],
        so_far: &[StepLayer],
    ) -> Result<Option<StepLayer>, EngineError> {
        if self.spec.link_scripts != LinkScripts::Run {
            return Ok(None);
        }
        let moment = Moment::PostLink;
        let has_one = |layer: &&CondaLayer| layer.link_scripts.contains(&moment.script(layer.package.name()));
        let scripts: Vec<Script> =
            layers.iter().filter(has_one).map(|layer| Script::of(&layer.package, moment)).collect();
        for layer in layers {
            let others =
                layer.link_scripts.iter().filter(|path| **path != moment.script(layer.package.name()));
            for other in others {
                let shown = layer.package.shown();
                self.context.report.warn(format!(
                    "`{other}` of `{shown}` is not run: it is for the time before the package is installed"
                ));
            }
        }
        let draft = self.context.draft.with(so_far.iter().map(|made| &made.layer));
        let context = StepContext { draft: &draft, ..self.context };
        self.run_scripts(context, &solution.facts, moment, scripts)
    }

    fn run_scripts(
        &self,
        context: StepContext<'_>,
        facts: &CondaFacts,
        moment: Moment,
        scripts: Vec<Script>,
    ) -> Result<Option<StepLayer>, EngineError> {
        if scripts.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = scripts.iter().map(|script| script.package.as_str()).collect();
        let title = match moment {
            Moment::PostLink => format!("conda post-link scripts of {}", names.join(" ")),
            Moment::PreUnlink => format!("conda pre-unlink scripts of {}", names.join(" ")),
        };
        let (prefix, folder) = (&facts.prefix, facts.folder);
        let mut step = ScriptsStep { context, prefix, folder, moment, scripts };
        let memory = Memory { solve_again: false, run_again: self.again };
        let done = perform(context.site, &mut step, memory, context.report)?;
        let layer = done.result.layers.into_iter().next();
        Ok(layer.map(|made| StepLayer { title: Some(title), ..made }))
    }
}

/// Runs scripts on the image so far.
struct ScriptsStep<'a> {
    context: StepContext<'a>,
    prefix: &'a str,
    /// Whom what they make belongs to.
    folder: Folder,
    moment: Moment,
    scripts: Vec<Script>,
}

impl Step for ScriptsStep<'_> {
    const KIND: &'static str = "conda-scripts";
    type Solution = Vec<Script>;

    fn question(&self) -> Digest {
        // The scripts themselves are part of the image so far.
        let on = (self.context.parent(), environment(self.context), self.context.epoch);
        let compression = self.context.site.compression.to_string();
        step::key(Self::KIND, &(on, self.prefix, self.folder, self.moment, &self.scripts, compression))
    }

    fn identity(&self, _: &Vec<Script>) -> Digest {
        self.question()
    }

    fn solve(&mut self) -> Result<Vec<Script>, EngineError> {
        Ok(self.scripts.clone())
    }

    fn run(&mut self, scripts: &Vec<Script>) -> Result<StepResult, EngineError> {
        let mut bench = self.context.bench()?;
        let messages = format!("{}/{MESSAGES}", self.prefix.trim_start_matches('/'));
        let read = |bench: &Workbench<'_>| bench.view().read_to_string(&messages).unwrap_or_default();
        let mut told = read(&bench);
        for script in scripts {
            // What the books say may have been removed by others.
            if !bench.view().exists(format!("{}/{}", self.prefix, script.path)) {
                continue;
            }
            let finished = self.run_one(&mut bench, script)?;
            let text = read(&bench);
            self.tell(script, text.strip_prefix(&told).unwrap_or(&text));
            told = text;
            self.judge(script, &finished)?;
        }
        hand_over(&bench.upper(), self.prefix, self.folder)?;
        let rules = TidyRules {
            remove: JUNK.into_iter().chain([messages.as_str()]).map(PathPattern::new).collect(),
            drop_timestamped_bytecode: true,
            ..TidyRules::default()
        };
        Ok(StepResult::of(bench.seal(self.context.draft, rules)?))
    }
}

impl ScriptsStep<'_> {
    fn run_one(&self, bench: &mut Workbench<'_>, script: &Script) -> Result<Finished, EngineError> {
        let (report, prefix) = (self.context.report, self.prefix);
        let search_path = format!("{prefix}/bin:{}", bench.search_path());
        let shell = shell(&bench.view(), &search_path)
            .ok_or_else(|| CondaError::NoShell { package: script.shown(), script: script.path.clone() })?;
        report.status(format!("running {} of {}", script.path, script.shown()));
        let command = Command::new([shell.as_str(), "-c", &self.entering(script)])
            .env("PATH", &*search_path)
            .env("PREFIX", prefix)
            .env("ROOT_PREFIX", prefix)
            .env("CONDA_PREFIX", prefix)
            .env("CONDA_DEFAULT_ENV", prefix)
            .env("CONDA_SHLVL", "1")
            .env("PKG_NAME", &*script.package)
            .env("PKG_VERSION", &*script.version)
            .env("PKG_BUILDNUM", script.build_number.to_string());
        bench.run(command, report)
    }

    /// Whether it may go on.
    fn judge(&self, script: &Script, finished: &Finished) -> Result<(), EngineError> {
        if finished.succeeded() {
            return Ok(());
        }
        let (package, path, code) = (script.shown(), script.path.clone(), finished.code);
        match self.moment {
            Moment::PostLink => {
                Err(CondaError::Script { package, script: path, code, tail: finished.tail_text() }.into())
            }
            // conda takes the package away all the same.
            Moment::PreUnlink => {
                self.context.report.warn(format!("`{path}` of `{package}` failed with exit code {code}"));
                Ok(())
            }
        }
    }

    /// What the shell does: it enters the environment as `conda activate` does, then reads the script, as conda has it read.
    fn entering(&self, script: &Script) -> String {
        let (prefix, path) = (quoted(self.prefix), &script.path);
        format!(
            "cd {prefix}/bin || exit\n\
             for activation in {prefix}/etc/conda/activate.d/*.sh; do\n\
             [ ! -r \"$activation\" ] || . \"$activation\"\n\
             done\n\
             . {prefix}/{}\n",
            quoted(path)
        )
    }

    /// Passes on what a script has to say to people, which is not for the image.
    fn tell(&self, script: &Script, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            let text = self.context.site.outside.redacted(text);
            self.context.report.warn(format!("`{}` says: {text}", script.shown()));
        }
    }
}

/// The environment of the image so far.
fn environment(context: StepContext<'_>) -> &[String] {
    context.draft.config.config.as_ref().map(|config| &config.env[..]).unwrap_or_default()
}

fn shell(view: &RootView, search_path: &str) -> Option<String> {
    let shell = view.which(&["bash"], search_path).or_else(|| view.which(&["sh"], search_path))?;
    shell.into_os_string().into_string().ok()
}

/// A word as shells read it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Gives what root made in the environment to whom the environment belongs, as if that user had run conda.
fn hand_over(upper: &Path, prefix: &str, folder: Folder) -> Result<(), EngineError> {
    if (folder.uid, folder.gid) == (0, 0) {
        return Ok(());
    }
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let mut path = upper.to_owned();
    for name in prefix.split('/').filter(|name| !name.is_empty()) {
        path.push(name);
        // A link that a script made leads out of the folder, seen from here.
        if !is_folder(&path) {
            return Ok(());
        }
    }
    let mut open: Vec<PathBuf> = vec![path];
    while let Some(path) = open.pop() {
        let wrong = |source| EngineError::Io { action: "give away", path: path.clone(), source };
        let metadata = path.symlink_metadata().map_err(wrong)?;
        let uid = (metadata.uid() == 0).then_some(folder.uid);
        let gid = (metadata.gid() == 0).then_some(folder.gid);
        lchown(&path, uid, gid).map_err(wrong)?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(wrong)? {
                open.push(entry.map_err(wrong)?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn bash_is_taken_wherever_it_is() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        let found = || shell(&RootView::new(vec![root.path().to_owned()]), "/opt/conda/bin:/usr/bin:/bin");
        assert_eq!(found(), None);
        put("opt/conda/bin/sh");
        assert_eq!(found().as_deref(), Some("/opt/conda/bin/sh"));
        put("bin/bash");
        assert_eq!(found().as_deref(), Some("/bin/bash"));
    }

    #[test]
    fn words_stay_words() {
        for text in ["/opt/conda", "/opt/it's mine/$HOME `x`"] {
            let program = format!("printf %s {}", quoted(text));
            let shown = std::process::Command::new("sh").arg("-c").arg(program).output().unwrap();
            assert_eq!(String::from_utf8(shown.stdout).unwrap(), text);
        }
    }

    #[test]
    fn a_link_in_place_of_the_environment_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (upper, other) = (root.path().join("upper"), root.path().join("other"));
        fs::create_dir_all(other.join("conda")).unwrap();
        fs::create_dir_all(&upper).unwrap();
        symlink(&other, upper.join("opt")).unwrap();
        let before = other.join("conda").metadata().unwrap();
        // Somebody who is nobody here: to give anything away would fail, or show.
        let folder = Folder { mode: 0o755, uid: 4321, gid: 4321 };
        hand_over(&upper, "/opt/conda", folder).unwrap();
        let after = other.join("conda").metadata().unwrap();
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    }
}
