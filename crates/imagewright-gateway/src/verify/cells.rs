//! Code in the languages that gateways start kernels for.

use super::Cell;

/// What a long cell prints before it goes to sleep.
pub(super) const BEGUN: &str = "imagewright-begun";

/// What is executed in a language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells {
    /// Computes, and prints 2.
    sum: &'static str,
    /// Says that it has begun, and sleeps for minutes.
    pub(super) sleep: &'static str,
    /// Leaves something behind.
    pub(super) leave: &'static str,
    /// Looks for it.
    pub(super) look: &'static str,
    /// What looking prints where it is there.
    pub(super) there: &'static str,
    /// What looking prints where it is not; none, where looking fails then.
    pub(super) gone: Option<&'static str>,
}

const PYTHON: Cells = Cells {
    sum: "print(1 + 1)",
    sleep: "import time\nprint('imagewright-begun', flush=True)\ntime.sleep(600)",
    leave: "imagewright_before = 5",
    look: "print('imagewright_before' in globals())",
    there: "True",
    gone: Some("False"),
};

const R: Cells = Cells {
    sum: "cat(1 + 1)",
    sleep: "cat('imagewright-begun\\n')\nflush.console()\nSys.sleep(600)",
    leave: "imagewright_before <- 5",
    look: "cat(exists('imagewright_before'))",
    there: "TRUE",
    gone: Some("FALSE"),
};

const SCALA: Cells = Cells {
    sum: "print(1 + 1)",
    sleep: "println(\"imagewright-begun\")\nThread.sleep(600000)",
    leave: "val imagewrightBefore = 5",
    look: "print(imagewrightBefore)",
    there: "5",
    gone: None,
};

impl Cells {
    /// Those of a language, in whatever case it is written.
    pub(super) fn of(language: &str) -> Option<Self> {
        match language.to_lowercase().as_str() {
            "python" => Some(PYTHON),
            "r" => Some(R),
            "scala" => Some(SCALA),
            _ => None,
        }
    }

    pub(super) fn sum(self) -> Cell {
        Cell { code: self.sum.to_owned(), expected: Some("2".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_in_any_case_and_say_that_they_begin() {
        for language in ["python", "Python", "R", "r", "scala"] {
            let cells = Cells::of(language).unwrap();
            assert!(cells.sleep.contains(BEGUN), "{language}");
            assert_ne!(Some(cells.there), cells.gone, "{language}");
        }
        assert!(Cells::of("julia").is_none());
    }
}
