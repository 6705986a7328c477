//! The rules, from outside: the guides' own Dockerfiles, well-written ones, and images.

mod guides;
mod images;
mod installs;
mod pages;
mod rules;
mod support;
mod well_written;
