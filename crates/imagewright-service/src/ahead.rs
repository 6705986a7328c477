//! Layers on their way to a registry while the image is still being built.
//!
//! Nothing here decides anything: what was not sent, or not sent well, is sent when the finished image is pushed, and
//! what goes wrong is told then.
//!
//! A layer that is complete is asked for before it is sent. One that is being made has no digest to ask for yet, so it is
//! sent along only to a repository that has nothing at all.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Scope};
use std::time::Duration;

use imagewright_engine::LayerWatch;
use imagewright_model::Stop;
use imagewright_oci::{Descriptor, Digest, Reference};
use imagewright_registry::{GrowingSource, Grown};
use imagewright_store::{GrowingBlob, Growth};

use crate::registries::Registries;

/// Layers that are sent at once.
const CONNECTIONS: usize = 3;
/// A layer that is being made is sent along once it has so many bytes: smaller ones are sent quickly when they are done.
const SENT_ALONG_FROM: u64 = 16 << 20;
/// How often somebody who waits for bytes looks whether that is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `build`, and sends the layers it is given to `target` meanwhile. When it fails, what is under way is given up.
pub(crate) fn sending<T, E>(
    registries: &Registries,
    target: &Reference,
    mount_from: &[Reference],
    build: impl FnOnce(LayerWatch<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let (sender, receiver) = mpsc::channel::<Descriptor>();
    let (queue, stop) = (Mutex::new(receiver), Stop::default());
    let (sent_along, is_new) = (Mutex::default(), OnceLock::new());
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                while let Some(layer) = next(&queue) {
                    if !stop.is_asked() {
                        // See above: pushing the image finds out what is wrong, and says it.
                        drop(registries.push_layer(&layer, target, mount_from, &stop));
                    }
                }
            });
        }
        let ahead = Ahead { sender: Mutex::new(sender), seen: Mutex::default(), sent_along: &sent_along };
        let along = Along { registries, target, stop: &stop, is_new: &is_new, sent_along: &sent_along };
        let watch = LayerWatch {
            done: &|layer| ahead.submit(layer),
            begun: &|blob| along.begin(scope, blob),
            target: Some(target),
        };
        let built = build(watch);
        if built.is_err() {
            stop.ask();
        }
        built
    })
}

/// The next layer; none when no more will come.
fn next(queue: &Mutex<Receiver<Descriptor>>) -> Option<Descriptor> {
    lock(queue).recv().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Layers that are complete.
struct Ahead<'a> {
    sender: Mutex<Sender<Descriptor>>,
    seen: Mutex<HashSet<Digest>>,
    sent_along: &'a Mutex<Vec<GrowingBlob>>,
}

impl Ahead<'_> {
    fn submit(&self, layer: &Descriptor) {
        let is_sent_along = lock(self.sent_along)
            .iter()
            .any(|blob| matches!(blob.wait_for(0, Duration::ZERO), Growth::Complete(digest, _) if digest == layer.digest));
        if !is_sent_along && lock(&self.seen).insert(layer.digest.clone()) {
            // The receivers live until the last sender is gone.
            drop(lock(&self.sender).send(layer.clone()));
        }
    }
}

/// Layers that are being made.
#[derive(Clone, Copy)]
struct Along<'a> {
    registries: &'a Registries,
    target: &'a Reference,
    stop: &'a Stop,
    /// Whether the repository had nothing when that was asked.
    is_new: &'a OnceLock<bool>,
    /// Those that are on their way, or were sent.
    sent_along: &'a Mutex<Vec<GrowingBlob>>,
}

impl<'a> Along<'a> {
    fn begin<'scope>(&self, scope: &'scope Scope<'scope, '_>, blob: GrowingBlob)
    where
        'a: 'scope,
    {
        let along = *self;
        scope.spawn(move || along.send(blob));
    }

    fn send(self, blob: GrowingBlob) {
        let source = Source { blob: blob.clone(), stop: self.stop };
        let is_large =
            matches!(source.wait_for(SENT_ALONG_FROM), Grown::To(length) if length >= SENT_ALONG_FROM);
        let Self { registries, target, stop, .. } = self;
        if !is_large || !*self.is_new.get_or_init(|| registries.is_empty(target, stop)) {
            return;
        }
        {
            let mut sent_along = lock(self.sent_along);
            // One that was completed meanwhile was given to the others, who did not see it here.
            if !matches!(blob.wait_for(0, Duration::ZERO), Growth::To(_)) {
                return;
            }
            sent_along.push(blob);
        }
        // See above.
        drop(registries.push_growing(&source, target, stop));
    }
}

/// A blob of the store as the registry client takes it.
struct Source<'a> {
    blob: GrowingBlob,
    stop: &'a Stop,
}

impl GrowingSource for Source<'_> {
    fn wait_for(&self, length: u64) -> Grown {
        loop {
            match self.blob.wait_for(length, LOOK) {
                Growth::To(written) if written < length && !self.stop.is_asked() => {}
                Growth::To(written) => return Grown::To(written),
                Growth::Complete(digest, size) => return Grown::Whole { digest, size },
                Growth::GivenUp => return Grown::GivenUp,
            }
        }
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(From { blob: &self.blob, offset }))
    }
}

/// Bytes of a growing blob from an offset on.
struct From<'a> {
    blob: &'a GrowingBlob,
    offset: u64,
}

impl Read for From<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.blob.read_at(buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}
