use std::io::Read;

use super::*;

const OLD: &str = "/build/placehold_placehold";
const NEW: &str = "/opt/conda";

fn replaced(source: &[u8], mode: FileMode) -> Vec<u8> {
    let source = source.to_vec();
    let edits = edits(&source, mode, OLD, NEW).unwrap();
    let mut edited = Edited::new(&source, &edits);
    let size = edited.size();
    let mut result = Vec::new();
    edited.read_to_end(&mut result).unwrap();
    assert_eq!(result.len() as u64, size);
    result
}

fn text(source: &str) -> String {
    String::from_utf8(replaced(source.as_bytes(), FileMode::Text)).unwrap()
}

fn binary(source: impl AsRef<[u8]>) -> Vec<u8> {
    let result = replaced(source.as_ref(), FileMode::Binary);
    assert_eq!(result.len(), source.as_ref().len(), "a binary keeps its size");
    result
}

fn zeros(count: usize) -> String {
    "\0".repeat(count)
}

#[test]
fn text_is_replaced_wherever_it_stands() {
    assert_eq!(text("nothing here"), "nothing here");
    assert_eq!(text(OLD), NEW);
    assert_eq!(text(&format!("a={OLD}/lib:{OLD}{OLD}\n")), format!("a={NEW}/lib:{NEW}{NEW}\n"));
    assert_eq!(text(""), "");
}

#[test]
fn wide_text_keeps_its_encoding() {
    for encoding in OffsetEncoding::DEFINED {
        let source = encoding.encode(&format!("path = {OLD}/etc\n"));
        let expected = encoding.encode(&format!("path = {NEW}/etc\n"));
        assert_eq!(replaced(&source, FileMode::Text), expected, "{encoding:?}");
    }
}

#[test]
fn first_lines_stay_what_a_kernel_can_read() {
    assert_eq!(
        text(&format!("#!{OLD}/bin/python3.13 -E\nimport x # {OLD}\n")),
        format!("#!{NEW}/bin/python3.13 -E\nimport x # {NEW}\n")
    );
    let deep = "d/".repeat(60);
    assert_eq!(text(&format!("#!{OLD}/{deep}bin/perl -w\n")), "#!/usr/bin/env perl -w\n",);
    assert_eq!(
        text(&format!("#!{OLD}/{deep}bin/python3 -E\nx\n")),
        format!("#!/bin/sh\n'''exec' \"{NEW}/{deep}bin/python3\" -E \"$0\" \"$@\" #'''\nx\n"),
    );
    assert_eq!(text(&format!("#!{OLD}/bin/sh")), format!("#!{NEW}/bin/sh"));
}

#[test]
fn strings_of_binaries_are_padded_at_their_end() {
    let room = OLD.len() - NEW.len();
    assert_eq!(binary(format!("x{OLD}/lib\0y")), format!("x{NEW}/lib{}\0y", zeros(room)).into_bytes());
    let twice = binary(format!("{OLD}/lib:{OLD}/lib64\0rest"));
    assert_eq!(twice, format!("{NEW}/lib:{NEW}/lib64{}\0rest", zeros(2 * room)).into_bytes());
    // A string that ends with the file has no zero of its own.
    assert_eq!(binary(format!("{OLD}/x")), format!("{NEW}/x{}", zeros(room)).into_bytes());
    let two = binary(format!("{OLD}\0\0{OLD}/a\0"));
    assert_eq!(two, format!("{NEW}{}\0\0{NEW}/a{}\0", zeros(room), zeros(room)).into_bytes());
}

#[test]
fn wide_strings_of_binaries_are_padded_too() {
    for encoding in OffsetEncoding::DEFINED {
        let unit = encoding.code_unit_size();
        let mut source = vec![1; 4 * unit];
        source.extend(encoding.encode(&format!("{OLD}/lib\0")));
        source.extend([7; 9]);
        let mut expected = vec![1; 4 * unit];
        expected.extend(encoding.encode(&format!("{NEW}/lib{}\0", zeros(OLD.len() - NEW.len()))));
        expected.extend([7; 9]);
        assert_eq!(binary(&source), expected, "{encoding:?}");
    }
}

#[test]
fn a_path_that_has_no_room_is_refused() {
    let source = format!("{NEW}\0").into_bytes();
    let error = edits(&source, FileMode::Binary, NEW, OLD).unwrap_err();
    assert!(matches!(error, PrefixError::TooLong { .. }), "{error}");
    let unused = b"nothing of it".to_vec();
    assert_eq!(edits(&unused, FileMode::Binary, NEW, OLD).unwrap(), []);
    assert_eq!(edits(&source, FileMode::Text, NEW, OLD).unwrap().len(), 1);
}

#[test]
fn windows_cut_nothing_in_two() {
    const WINDOW: usize = 1 << 20;
    for before in [WINDOW - OLD.len() - 1, WINDOW - 3, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW - 5] {
        let source = format!("{}{OLD}/a\0{}", "x".repeat(before), "y".repeat(WINDOW));
        let expected =
            format!("{}{NEW}/a{}\0{}", "x".repeat(before), zeros(OLD.len() - NEW.len()), "y".repeat(WINDOW));
        assert!(binary(&source) == expected.into_bytes(), "{before}");
        assert_eq!(text(&source).len(), source.len() - OLD.len() + NEW.len(), "{before}");
    }
}
