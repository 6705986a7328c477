//! A running server, asked as its users ask it.

mod catalogue;
mod exchange;
mod operation;
mod registry;
mod support;
