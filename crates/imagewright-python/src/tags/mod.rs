//! Which wheels an interpreter takes, and which of several it takes first.
//!
//! The order is that of `packaging.tags.sys_tags()` up to version 25, which pip and uv follow. It is worked out
//! from what is known of an interpreter, not asked of it, so that a lock can be read without running anything.

mod platform;
mod wheel_name;

use std::cmp::Reverse;
use std::collections::HashMap;

pub use platform::Platform;
pub use wheel_name::{BuildTag, WheelName, WheelNameError};

/// What an interpreter loads as an extension module, apart from its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Implementation {
    /// The one most people mean by Python.
    CPython {
        /// Built without the global interpreter lock (PEP 703).
        free_threaded: bool,
        /// Built with `Py_DEBUG`.
        debug: bool,
    },
    /// Any other.
    Other {
        /// What it calls itself: `pypy`, `graalpy`, …
        name: String,
        /// Tag of its binary interface, as `pypy310_pp73`.
        abi: String,
    },
}

impl Implementation {
    /// An implementation other than CPython, whose binary interface stands in the suffix of its extension modules:
    /// `.pypy310-pp73-x86_64-linux-gnu.so`.
    pub fn from_extension_suffix(name: &str, suffix: &str) -> Self {
        let interface = suffix.trim_start_matches('.').split('.').next().unwrap_or_default();
        let parts: Vec<&str> = interface.split('-').collect();
        let own = match name {
            "pypy" => &parts[..parts.len().min(2)],
            "graalpy" => &parts[..parts.len().min(3)],
            _ => &parts[..],
        };
        Self::Other { name: name.to_owned(), abi: own.join("_").replace(' ', "_") }
    }

    /// What the tags of this implementation begin with.
    fn short_name(&self) -> &str {
        match self {
            Self::CPython { .. } => "cp",
            Self::Other { name, .. } => match name.as_str() {
                "pypy" => "pp",
                "ironpython" => "ip",
                "jython" => "jy",
                name => name,
            },
        }
    }

    /// Tags of the binary interfaces that fit exactly, the best first.
    fn exact_interfaces(&self, version: (u32, u32)) -> Vec<String> {
        let (free_threaded, debug) = match self {
            Self::CPython { free_threaded, debug } => (*free_threaded, *debug),
            Self::Other { abi, .. } => return vec![abi.clone()],
        };
        let threads = if free_threaded && version >= (3, 13) { "t" } else { "" };
        let base = format!("cp{}{threads}", digits(version));
        let debug = if debug { "d" } else { "" };
        match version {
            // Before 3.8, `m` says that Python's own allocator is used, as it is by default.
            (3, ..8) => vec![format!("{base}{debug}m")],
            _ if debug.is_empty() => vec![base],
            // From 3.8 on, a debug build loads what was built for the usual one.
            _ => vec![format!("{base}{debug}"), base],
        }
    }

    /// The tag of the interface that is the same in all later versions.
    fn stable_interface(&self) -> Option<&'static str> {
        match self {
            Self::CPython { free_threaded: false, .. } => Some("abi3"),
            Self::CPython { free_threaded: true, .. } => Some("abi3t"),
            Self::Other { .. } => None,
        }
    }
}

/// The compatible tags of an interpreter, the best first.
#[derive(Clone, Debug)]
pub struct Tags {
    ordered: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Tags {
    /// The tags of an interpreter of this implementation and version (major, minor) on a platform.
    pub fn new(implementation: &Implementation, version: (u32, u32), platform: &Platform) -> Self {
        let mut list = List { platforms: platform.tags(), tags: Vec::new() };
        let interpreter = format!("{}{}", implementation.short_name(), digits(version));
        for interface in implementation.exact_interfaces(version) {
            list.on_platforms(&interpreter, &interface);
        }
        let stable = implementation.stable_interface();
        if let Some(stable) = stable {
            list.on_platforms(&interpreter, stable);
        }
        list.on_platforms(&interpreter, "none");
        if let Some(stable) = stable {
            // 3.2 was the first version with a stable interface.
            for minor in (2..version.1).rev() {
                list.on_platforms(&format!("cp{}{minor}", version.0), stable);
            }
        }
        for python in generic_versions(version) {
            list.on_platforms(&python, "none");
        }
        match implementation {
            Implementation::CPython { .. } => list.anywhere(&interpreter),
            Implementation::Other { name, .. } if name == "pypy" => list.anywhere("pp3"),
            Implementation::Other { .. } => {}
        }
        for python in generic_versions(version) {
            list.anywhere(&python);
        }
        Self::from_ordered(list.tags)
    }

    fn from_ordered(ordered: Vec<String>) -> Self {
        let mut positions = HashMap::with_capacity(ordered.len());
        for (position, tag) in ordered.iter().enumerate() {
            positions.entry(tag.clone()).or_insert(position);
        }
        Self { ordered, positions }
    }

    /// The tags as `cp313-cp313-manylinux_2_36_x86_64`, the best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ordered.iter().map(String::as_str)
    }

    /// Position of the best tag of `wheel` in this list: 0 is the best. None where the wheel does not fit.
    pub fn rank(&self, wheel: &WheelName) -> Option<usize> {
        wheel.tags().filter_map(|tag| self.positions.get(&tag).copied()).min()
    }

    /// The wheel that is installed if several files of one version are offered: best tag, then highest build number,
    /// then first in the list.
    pub fn choose<'wheel, W>(
        &self,
        wheels: impl IntoIterator<Item = W>,
        name: impl Fn(&W) -> &'wheel WheelName,
    ) -> Option<W> {
        let ranked = wheels.into_iter().filter_map(|wheel| {
            let name = name(&wheel);
            self.rank(name).map(|rank| ((rank, Reverse(name.build())), wheel))
        });
        ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, wheel)| wheel)
    }
}

/// The list while it grows.
struct List {
    platforms: Vec<String>,
    tags: Vec<String>,
}

impl List {
    fn on_platforms(&mut self, python: &str, interface: &str) {
        self.tags.extend(self.platforms.iter().map(|platform| format!("{python}-{interface}-{platform}")));
    }

    fn anywhere(&mut self, python: &str) {
        self.tags.push(format!("{python}-none-any"));
    }
}

fn digits((major, minor): (u32, u32)) -> String {
    format!("{major}{minor}")
}

/// `py313`, `py3`, then `py312` down to `py30`.
fn generic_versions((major, minor): (u32, u32)) -> impl Iterator<Item = String> {
    let own = [format!("py{major}{minor}"), format!("py{major}")];
    own.into_iter().chain((0..minor).rev().map(move |minor| format!("py{major}{minor}")))
}

#[cfg(test)]
mod tests;
