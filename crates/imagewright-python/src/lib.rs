//! Python packages as values and streams: what a lock names, which wheel fits, and a wheel as entries of a layer.
//!
//! Everything here works on text, `Read` and positions in a file that somebody else opens; it knows no network, no
//! folder and no clock. Solving is uv's, compiling bytecode the image's own interpreter's.

pub mod lock;
pub mod markers;
mod names;
pub mod tags;
pub mod wheel;
pub mod zip;
