//! Builds of real images, on a base that is made once; see [`seed`].

mod bad_input;
mod cache;
mod cancel;
mod example;
mod layers;
mod reproducible;
mod secrets;
mod seed;
mod together;
