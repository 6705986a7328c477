//! Runs a build: bases, bootstrap, apt and pip steps in the sandbox, layers, step cache.
