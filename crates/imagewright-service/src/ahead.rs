//! Layers on their way to a registry while the image is still being built.
//!
//! Nothing here decides anything: what was not sent, or not sent well, is sent when the finished image is pushed, and
//! what goes wrong is told then.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use imagewright_model::Stop;
use imagewright_oci::{Descriptor, Digest, Reference};

use crate::registries::Registries;

/// Layers that are sent at once.
const CONNECTIONS: usize = 3;

/// Runs `build`, and sends the layers it is given to `target` meanwhile. When it fails, what is under way is given up.
pub(crate) fn sending<T, E>(
    registries: &Registries,
    target: &Reference,
    mount_from: &[Reference],
    build: impl FnOnce(&(dyn Fn(&Descriptor) + Sync)) -> Result<T, E>,
) -> Result<T, E> {
    let (sender, receiver) = mpsc::channel::<Descriptor>();
    let (queue, stop) = (Mutex::new(receiver), Stop::default());
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
        let ahead = Ahead { sender: Mutex::new(sender), seen: Mutex::default() };
        let built = build(&|layer| ahead.submit(layer));
        if built.is_err() {
            stop.ask();
        }
        built
    })
}

/// The next layer; none when no more will come.
fn next(queue: &Mutex<Receiver<Descriptor>>) -> Option<Descriptor> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

struct Ahead {
    sender: Mutex<Sender<Descriptor>>,
    seen: Mutex<HashSet<Digest>>,
}

impl Ahead {
    fn submit(&self, layer: &Descriptor) {
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(layer.digest.clone()) {
            let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            // The receivers live until the last sender is gone.
            drop(sender.send(layer.clone()));
        }
    }
}
