//! The domain: image spec, build events, error kinds, secrets. No I/O.
