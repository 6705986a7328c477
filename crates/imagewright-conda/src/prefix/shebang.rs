//! The first line of a script, which the kernel reads no more than the beginning of.

use std::borrow::Cow;

/// The longest first line, without its end, that every Linux takes.
pub(crate) const LONGEST: usize = 127;

/// A first line, without its end, with `target` in place of `placeholder`.
pub(super) fn replaced(line: &[u8], placeholder: &str, target: &str) -> Vec<u8> {
    let line = String::from_utf8_lossy(line).replace(placeholder, target);
    if line.len() <= LONGEST {
        return line.into_bytes();
    }
    through_env(&line).into_owned().into_bytes()
}

/// A line that looks for the program on the search path, or has the shell start Python, whose scripts may be both.
fn through_env(line: &str) -> Cow<'_, str> {
    let Some((path, rest)) = split(line) else { return line.into() };
    let name = path.rsplit('/').next().unwrap_or(path);
    match is_python(name) {
        true => format!("#!/bin/sh\n'''exec' \"{path}\"{rest} \"$0\" \"$@\" #'''").into(),
        false => format!("#!/usr/bin/env {name}{rest}").into(),
    }
}

/// The path of the interpreter, whose blanks are escaped, and its arguments.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("#!")?.trim_start_matches(' ');
    if !line.starts_with('/') {
        return None;
    }
    let mut end = line.len();
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        if matches!(character, ' ' | '\n' | '\r' | '\t') && !(escaped && character == ' ') {
            end = at;
            break;
        }
        escaped = character == '\\';
    }
    Some(line.split_at(end))
}

/// `python`, `python3`, `python3.13`.
fn is_python(name: &str) -> bool {
    let Some(version) = name.strip_prefix("python") else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match version.split_once('.') {
        None => version.is_empty() || is_number(version),
        Some((major, minor)) => is_number(major) && is_number(minor),
    }
}
