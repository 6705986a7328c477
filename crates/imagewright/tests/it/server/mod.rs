//! A running server, asked as its users ask it.

mod catalogue;
mod registry;
mod support;
