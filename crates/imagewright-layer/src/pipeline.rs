//! Chunks worked on by several threads and written in order.
//!
//! The encoder fills chunks, workers transform them, one writer thread hashes the results and writes them in the
//! order in which the chunks came. All channels are bounded, so memory is; whoever fails drops its ends of them,
//! which stops the others without a flag to forget.

use std::io::{self, Write};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use imagewright_oci::{Digest, Hasher};

/// What workers do to a chunk.
pub(crate) type Transform<C> = Box<dyn FnMut(C) -> io::Result<Vec<u8>> + Send>;

/// A chunk on its way to a worker, and where the result goes.
struct Job<C> {
    chunk: C,
    reply: Sender<io::Result<Vec<u8>>>,
}

/// What the writer is to do next.
enum Task {
    /// Write the result to come.
    Write(Receiver<io::Result<Vec<u8>>>),
    /// Tell how much was written.
    Tell,
}

/// What was written, once all of it was.
pub(crate) struct Written<W> {
    pub(crate) out: W,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The running threads. Dropped, it waits for them.
pub(crate) struct Pipeline<C, W> {
    queues: Option<Queues<C>>,
    workers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<io::Result<Written<W>>>>,
    /// What the writer tells; closed when it ends.
    told: Receiver<u64>,
}

struct Queues<C> {
    jobs: Sender<Job<C>>,
    /// The results to come, in the order of their chunks.
    order: Sender<Task>,
}

impl<C: Send + 'static, W: Write + Send + 'static> Pipeline<C, W> {
    /// Starts a worker for each transform, and the writer.
    pub(crate) fn start(out: W, transforms: Vec<Transform<C>>) -> Self {
        let depth = transforms.len();
        let (jobs, todo) = bounded(depth);
        // The writer waits on one result while every worker holds one and as many are queued.
        let (order, tasks) = bounded(2 * depth);
        let (tell, told) = bounded(1);
        let workers = transforms.into_iter().map(|transform| {
            let todo = todo.clone();
            thread::spawn(move || work(&todo, transform))
        });
        Self {
            workers: workers.collect(),
            writer: Some(thread::spawn(move || write_in_order(&tasks, &tell, out))),
            queues: Some(Queues { jobs, order }),
            told,
        }
    }

    /// Hands a chunk over; waits while as much is under way as memory is meant to hold.
    pub(crate) fn submit(&mut self, chunk: C) -> io::Result<()> {
        let Some(queues) = &self.queues else { return Err(stopped()) };
        let (reply, result) = bounded(1);
        let accepted =
            queues.order.send(Task::Write(result)).is_ok() && queues.jobs.send(Job { chunk, reply }).is_ok();
        if accepted { Ok(()) } else { Err(self.join().err().unwrap_or_else(stopped)) }
    }

    /// Waits until everything submitted is written, and says how much that was.
    pub(crate) fn written(&mut self) -> io::Result<u64> {
        let Some(queues) = &self.queues else { return Err(stopped()) };
        let told = queues.order.send(Task::Tell).ok().and_then(|()| self.told.recv().ok());
        told.ok_or_else(|| self.join().err().unwrap_or_else(stopped))
    }

    /// Waits until everything submitted is written.
    pub(crate) fn finish(mut self) -> io::Result<Written<W>> {
        self.join()
    }
}

impl<C, W> Pipeline<C, W> {
    /// Closes the queues and waits for the threads; what the writer made of it is the result.
    fn join(&mut self) -> io::Result<Written<W>> {
        drop(self.queues.take());
        // A worker that panicked dropped its reply, so the writer knows.
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(io::Error::other("the thread that writes the layer panicked")),
            None => Err(stopped()),
        }
    }
}

impl<C, W> Drop for Pipeline<C, W> {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

fn work<C>(todo: &Receiver<Job<C>>, mut transform: Transform<C>) {
    for Job { chunk, reply } in todo {
        // Nobody waits for it where the writer failed; the queues close soon.
        let _ = reply.send(transform(chunk));
    }
}

fn write_in_order<W: Write>(
    tasks: &Receiver<Task>,
    tell: &Sender<u64>,
    mut out: W,
) -> io::Result<Written<W>> {
    let mut hasher = Hasher::default();
    let mut size = 0;
    for task in tasks {
        let result = match task {
            Task::Write(result) => result,
            Task::Tell => {
                // Who asked waits for it, or is no more.
                let _ = tell.send(size);
                continue;
            }
        };
        let bytes =
            result.recv().unwrap_or_else(|_| Err(io::Error::other("a thread that compresses panicked")))?;
        hasher.update(&bytes);
        size += bytes.len() as u64;
        out.write_all(&bytes)?;
    }
    out.flush()?;
    Ok(Written { out, digest: hasher.finish(), size })
}

fn stopped() -> io::Error {
    io::Error::other("the layer was given up after an earlier error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(transform: fn(Vec<u8>) -> io::Result<Vec<u8>>, threads: usize) -> io::Result<Vec<u8>> {
        let transforms = (0..threads).map(|_| Box::new(transform) as Transform<Vec<u8>>).collect();
        let mut pipeline = Pipeline::start(Vec::new(), transforms);
        for number in 0..100 {
            pipeline.submit(vec![number])?;
            if number == 70 {
                assert_eq!(pipeline.written()?, 71);
            }
        }
        Ok(pipeline.finish()?.out)
    }

    #[test]
    fn results_keep_the_order_of_their_chunks() {
        let slow_when_even = |chunk: Vec<u8>| {
            if chunk[0].is_multiple_of(2) {
                thread::sleep(std::time::Duration::from_micros(300));
            }
            Ok(chunk)
        };
        for threads in [1, 2, 5] {
            assert_eq!(run(slow_when_even, threads).unwrap(), (0..100).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn an_error_of_a_worker_surfaces() {
        let fail = |chunk: Vec<u8>| match chunk[0] {
            50 => Err(io::Error::from(io::ErrorKind::OutOfMemory)),
            _ => Ok(chunk),
        };
        for threads in [1, 2, 5] {
            assert_eq!(run(fail, threads).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        }
    }

    #[test]
    fn a_panic_of_a_worker_surfaces() {
        let panic = |chunk: Vec<u8>| match chunk[0] {
            20.. => panic!("on purpose"),
            _ => Ok(chunk),
        };
        for threads in [1, 2, 5] {
            let error = run(panic, threads).unwrap_err();
            assert!(error.to_string().contains("panicked"), "{error}");
        }
    }
}
