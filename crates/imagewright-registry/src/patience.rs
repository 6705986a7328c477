//! Waiting before something is tried again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::settings::Patience;
use crate::{Cancel, RegistryError};

/// The tries of one piece of work.
pub(crate) struct Tries {
    patience: Patience,
    failed: u32,
}

impl Tries {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, failed: 0 }
    }

    /// Something went well: what fails next fails for the first time.
    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next try, or gives the error back when another try cannot help.
    pub(crate) fn wait(&mut self, error: RegistryError, cancel: &Cancel) -> Result<(), RegistryError> {
        self.failed += 1;
        let asked = match &error {
            RegistryError::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        };
        let too_long = asked.is_some_and(|pause| pause > self.patience.longest_pause);
        if !error.is_transient() || self.failed >= self.patience.tries || too_long {
            return Err(error);
        }
        let own = self.patience.first_pause * 2_u32.saturating_pow(self.failed - 1).min(64);
        cancel.sleep(varied(own).max(asked.unwrap_or_default()))
    }
}

/// Between half of `pause` and all of it.
fn varied(pause: Duration) -> Duration {
    // Every `RandomState` is seeded anew.
    let random = RandomState::new().hash_one(0) % 1000;
    pause / 2 + pause.mul_f64(random as f64 / 2000.0)
}

/// Tries until it works or trying cannot help.
pub(crate) fn patiently<T>(
    patience: Patience,
    cancel: &Cancel,
    mut attempt: impl FnMut() -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let mut tries = Tries::new(patience);
    loop {
        cancel.check()?;
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) => tries.wait(error, cancel)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use imagewright_model::Stop;

    use super::*;
    use crate::Answer;

    fn busy(retry_after: Option<Duration>) -> RegistryError {
        let answer = Answer { status: 503, code: None, message: None };
        RegistryError::Unavailable { registry: "r".into(), what: "w".into(), answer, retry_after }
    }

    fn quick() -> Patience {
        Patience { tries: 3, first_pause: Duration::from_millis(1), longest_pause: Duration::from_secs(5) }
    }

    fn attempts(error: impl Fn() -> RegistryError) -> u32 {
        let mut count = 0;
        let result: Result<(), _> = patiently(quick(), &Cancel::default(), || {
            count += 1;
            Err(error())
        });
        assert!(result.is_err());
        count
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(attempts(|| busy(None)), 3);
        assert_eq!(attempts(|| busy(Some(Duration::from_secs(6)))), 1);
        assert_eq!(attempts(|| RegistryError::UnknownHost { registry: "r".into() }), 1);
        assert_eq!(attempts(|| RegistryError::Cancelled), 1);
    }

    #[test]
    fn a_pause_ends_when_cancelled() {
        let stop = Stop::default();
        stop.ask();
        let cancel = Cancel::watching(&stop);
        let result: Result<(), _> = patiently(quick(), &cancel, || Err(busy(Some(Duration::from_secs(5)))));
        assert!(matches!(result, Err(RegistryError::Cancelled)));
    }

    #[test]
    fn pauses_vary_within_bounds() {
        let pause = Duration::from_secs(1);
        for _ in 0..100 {
            let varied = varied(pause);
            assert!(varied >= pause / 2 && varied <= pause, "{varied:?}");
        }
    }
}
