//! Tables without lines, readable by people and by `awk`.

use comfy_table::{ContentArrangement, Table};

/// Draws headings and rows; columns are three blanks apart.
pub(crate) fn draw(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_end_without_blanks() {
        let rows = vec![vec!["a".into(), "long value".into()], vec!["bbb".into(), "c".into()]];
        assert_eq!(draw(&["X", "Y"], rows), "X     Y\na     long value\nbbb   c\n");
    }
}
