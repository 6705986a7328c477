//! Where this process may make control groups: in the first version's hierarchies, one or more controllers
//! each, or in the second version's only one, at the place nearest to this process's own group that hands the
//! controllers on to its children.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::AccessFlags;

/// What the kernel controls in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    Memory,
    Processes,
    Cpu,
}

impl Controller {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Processes, Self::Cpu];

    /// The kernel's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "pids",
            Self::Cpu => "cpu",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Memory => "memory",
            Self::Processes => "process",
            Self::Cpu => "processor",
        })
    }
}

/// Version of the kernel's interface: files have other names and meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A group in which others can be made, and what those can control.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) version: Version,
    pub(crate) controllers: Vec<Controller>,
}

/// The mounted hierarchies, and this process's group in each.
#[derive(Debug)]
pub(crate) struct Hierarchies(Vec<Hierarchy>);

#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// What the first version says is here.
    controllers: Vec<String>,
    mount_point: PathBuf,
    own_group: PathBuf,
}

impl Hierarchies {
    /// Finds the hierarchies this process sees.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(Self::parse(&groups, &mounts))
    }

    fn parse(groups: &str, mounts: &str) -> Self {
        let mounts: Vec<MountPoint> = mounts.lines().filter_map(MountPoint::parse).collect();
        Self(groups.lines().filter_map(|line| Hierarchy::parse(line, &mounts)).collect())
    }

    /// Places for groups that control all of `wanted`, or as much of it as this process may.
    pub(crate) fn places(&self, wanted: &[Controller]) -> Vec<Place> {
        let mut places = Vec::new();
        let mut left = wanted.to_vec();
        for hierarchy in self.0.iter().filter(|hierarchy| hierarchy.version == Version::One) {
            let here =
                |controller: &Controller| hierarchy.controllers.iter().any(|name| name == controller.name());
            let controllers: Vec<_> = left.iter().copied().filter(here).collect();
            left.retain(|controller| !here(controller));
            if !controllers.is_empty() && may_make_groups(&hierarchy.own_group) {
                let directory = hierarchy.own_group.clone();
                places.push(Place { directory, version: Version::One, controllers });
            }
        }
        if !left.is_empty() {
            let second = self.0.iter().find(|hierarchy| hierarchy.version == Version::Two);
            places.extend(second.and_then(|hierarchy| hierarchy.delegated(&left)));
        }
        places
    }
}

impl Hierarchy {
    fn parse(line: &str, mounts: &[MountPoint]) -> Option<Self> {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let version = if controllers.is_empty() { Version::Two } else { Version::One };
        let controllers: Vec<_> = controllers.split(',').map(str::to_owned).collect();
        mounts.iter().filter(|mount| mount.shows(version, &controllers)).find_map(|mount| {
            let below = Path::new(path).strip_prefix(&mount.root).ok()?;
            // Of a process outside the group namespace's root the kernel says `/..`.
            let is_inside = !below.starts_with("..");
            is_inside.then(|| Self {
                version,
                controllers: controllers.clone(),
                mount_point: mount.directory.clone(),
                own_group: mount.directory.join(below),
            })
        })
    }

    /// The nearest place above this process that offers the most of `wanted`.
    fn delegated(&self, wanted: &[Controller]) -> Option<Place> {
        let mut best: Option<Place> = None;
        for directory in self.own_group.ancestors().take_while(|group| group.starts_with(&self.mount_point)) {
            let controllers = offered(directory, wanted);
            if controllers.len() > best.as_ref().map_or(0, |best| best.controllers.len()) {
                let directory = directory.to_owned();
                best = Some(Place { directory, version: Version::Two, controllers });
            }
            if best.as_ref().is_some_and(|best| best.controllers.len() == wanted.len()) {
                break;
            }
        }
        best
    }
}

/// What groups made in `directory` can control. What it does not hand on yet, it is made to, if possible.
fn offered(directory: &Path, wanted: &[Controller]) -> Vec<Controller> {
    // A process may move only to where it may write to the group above both.
    let is_ours = may_make_groups(directory) && is_writable(&directory.join("cgroup.procs"));
    if !is_ours {
        return Vec::new();
    }
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    let has =
        |names: &str, wanted: Controller| names.split_ascii_whitespace().any(|name| name == wanted.name());
    let (present, available) = (read("cgroup.subtree_control"), read("cgroup.controllers"));
    for controller in wanted {
        if !has(&present, *controller) && has(&available, *controller) && may_hand_on(directory) {
            // Refusal shows below.
            let _ = fs::write(directory.join("cgroup.subtree_control"), format!("+{}", controller.name()));
        }
    }
    let now = read("cgroup.subtree_control");
    wanted.iter().copied().filter(|controller| has(&now, *controller)).collect()
}

/// Whether the group has no processes itself, or is the topmost, which is exempt. Others either refuse to hand
/// on controllers or become groups of threads, whose children take no processes.
fn may_hand_on(directory: &Path) -> bool {
    let is_topmost = !directory.join("cgroup.type").exists();
    is_topmost
        || fs::read_to_string(directory.join("cgroup.procs")).is_ok_and(|processes| processes.is_empty())
}

fn may_make_groups(directory: &Path) -> bool {
    is_writable(directory)
}

fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, AccessFlags::W_OK).is_ok()
}

/// A line of `mountinfo` about control groups.
struct MountPoint {
    version: Version,
    /// The first version's controllers are among them.
    options: Vec<String>,
    /// Which group is mounted.
    root: PathBuf,
    directory: PathBuf,
}

impl MountPoint {
    fn parse(line: &str) -> Option<Self> {
        let (place, file_system) = line.split_once(" - ")?;
        let mut file_system = file_system.split(' ');
        let version = match file_system.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let options = file_system.nth(1)?.split(',').map(str::to_owned).collect();
        let mut place = place.split(' ').skip(3);
        let (root, directory) = (place.next()?.into(), place.next()?.into());
        Some(Self { version, options, root, directory })
    }

    fn shows(&self, version: Version, controllers: &[String]) -> bool {
        let same = || controllers.iter().all(|controller| self.options.contains(controller));
        self.version == version && (version == Version::Two || same())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
";

    #[test]
    fn finds_the_own_group_in_each_hierarchy() {
        let groups = "4:memory:/docker/abc/x:y\n2:cpu,cpuacct:/\n3:pids:/not/mounted\n1:name=systemd:/../other\n0::/slice\n";
        let found = Hierarchies::parse(groups, MOUNTS).0;
        let found: Vec<_> =
            found.iter().map(|found| (found.version, found.own_group.to_str().unwrap())).collect();
        let expected = [
            (Version::One, "/sys/fs/cgroup/memory/x:y"),
            (Version::One, "/sys/fs/cgroup/cpu,cpuacct/"),
            (Version::Two, "/sys/fs/cgroup/unified/slice"),
        ];
        assert_eq!(found, expected);
    }

    /// Directories that look like groups of the second version. The lowest has a process.
    fn second(groups: &[(&str, &str, &str)]) -> TempDir {
        let top = tempfile::tempdir().unwrap();
        for (group, available, handed_on) in groups {
            let directory = top.path().join(group);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("cgroup.type"), "domain\n").unwrap();
            fs::write(directory.join("cgroup.procs"), if *group == "a/b" { "1\n" } else { "" }).unwrap();
            fs::write(directory.join("cgroup.controllers"), available).unwrap();
            fs::write(directory.join("cgroup.subtree_control"), handed_on).unwrap();
        }
        top
    }

    #[test]
    fn takes_the_nearest_group_that_hands_on_the_most() {
        use Controller::{Cpu, Memory, Processes};
        type Group = (&'static str, &'static str, &'static str);
        let cases: [(&[Group], &str, &[Controller]); 4] = [
            (&[("", "", "memory pids cpu"), ("a", "", "memory pids"), ("a/b", "", "")], "", &Controller::ALL),
            (&[("", "", "memory"), ("a", "", "memory pids"), ("a/b", "", "pids")], "a", &[Memory, Processes]),
            (&[("", "", "cpu"), ("a", "", "memory"), ("a/b", "", "")], "a", &[Memory]),
            (&[("", "", "cpuset"), ("a", "", "cpu io"), ("a/b", "", "")], "a", &[Cpu]),
        ];
        for (groups, expected, controllers) in cases {
            let top = second(groups);
            let hierarchy = Hierarchy {
                version: Version::Two,
                controllers: Vec::new(),
                mount_point: top.path().to_owned(),
                own_group: top.path().join("a/b"),
            };
            let places = Hierarchies(vec![hierarchy]).places(&Controller::ALL);
            let directory = top.path().join(expected);
            assert_eq!(places.len(), 1, "{groups:?}");
            assert_eq!((&places[0].directory, places[0].controllers.as_slice()), (&directory, controllers));
        }
        let nothing = second(&[("", "", "cpuset")]);
        let hierarchy = Hierarchy {
            version: Version::Two,
            controllers: Vec::new(),
            mount_point: nothing.path().to_owned(),
            own_group: nothing.path().to_owned(),
        };
        assert_eq!(Hierarchies(vec![hierarchy]).places(&Controller::ALL), []);
    }
}
