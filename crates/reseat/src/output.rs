//! Results as tables and as JSON.

use std::io::IsTerminal;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::arguments::Global;

/// Prints rows under their headings; as JSON when the user wants that.
pub fn list<T: Serialize>(global: &Global, headings: &[&str], items: &[T], cells: impl Fn(&T) -> Vec<String>) {
    if global.json {
        json(&items);
        return;
    }
    if items.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(headings.iter().map(|heading| heading.to_uppercase()));
    // Fitting is for people; a program that reads lines wants them whole.
    let arrangement =
        if std::io::stdout().is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    for item in items {
        table.add_row(cells(item));
    }
    println!("{}", table.trim_fmt());
}

/// Prints a value as JSON.
pub fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{text}"),
        // The values are our own: texts, numbers and lists of them.
        Err(error) => eprintln!("reseat: cannot write JSON: {error}"),
    }
}
