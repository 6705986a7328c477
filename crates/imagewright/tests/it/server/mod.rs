//! A running server, asked as its users ask it.

mod builds;
mod catalogue;
mod support;
