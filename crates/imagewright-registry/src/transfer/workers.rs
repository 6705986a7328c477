//! A few threads that work through a list together and stop together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Cancel, RegistryError};

/// Does `work` for each item on up to `threads` threads. The first error stops all of them and is given back.
pub(super) fn in_parallel<T: Sync>(
    threads: usize,
    cancel: &Cancel,
    items: &[T],
    work: impl Fn(&T, &Cancel) -> Result<(), RegistryError> + Sync,
) -> Result<(), RegistryError> {
    let (next, first_error) = (AtomicUsize::new(0), Mutex::new(None));
    let together = cancel.inner();
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = together.check().and_then(|()| work(item, &together));
            if let Err(error) = result {
                // Before the others are stopped, so that theirs come later.
                first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                together.cancel();
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
    });
    cancel.check()?;
    first_error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use imagewright_model::Stop;

    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        let done = Mutex::new(Vec::new());
        let items: Vec<u32> = (0..100).collect();
        in_parallel(4, &Cancel::default(), &items, |item, _| {
            done.lock().unwrap().push(*item);
            Ok(())
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, items);
        in_parallel(4, &Cancel::default(), &[] as &[u32], |_, _| Err(RegistryError::Cancelled)).unwrap();
    }

    #[test]
    fn the_first_error_stops_all_and_is_the_one_given_back() {
        let cancel = Cancel::default();
        let result = in_parallel(4, &cancel, &[0, 1, 2, 3, 4, 5], |item, together| {
            if *item == 2 {
                return Err(RegistryError::UnknownHost { registry: "r.example".into() });
            }
            while !together.is_cancelled() {
                thread::yield_now();
            }
            together.check()
        });
        assert!(matches!(result, Err(RegistryError::UnknownHost { .. })));
        assert!(!cancel.is_cancelled());
    }

    #[test]
    fn whoever_may_stop_it_stops_it() {
        let stop = Stop::default();
        let cancel = Cancel::watching(&stop);
        let result = in_parallel(2, &cancel, &[1, 2, 3], |_, together| {
            stop.ask();
            together.check()
        });
        assert!(matches!(result, Err(RegistryError::Cancelled)));
    }
}
