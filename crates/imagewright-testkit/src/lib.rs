//! Helpers for tests: contexts, hostile tars, signed package archives, skips. Development only.
