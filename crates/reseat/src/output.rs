//! Results as tables and as JSON.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;

/// Prints to standard output. It takes the place of the standard library's macro, which panics when nobody reads any
/// more; an installation must not end because of that.
macro_rules! print {
    ($($text:tt)*) => { $crate::output::print_to(&mut ::std::io::stdout().lock(), format_args!($($text)*)) };
}

/// Prints a line to standard output, see [`print!`].
macro_rules! println {
    ($($text:tt)*) => { print!("{}\n", format_args!($($text)*)) };
}

/// Prints a line to standard error, see [`print!`].
macro_rules! eprintln {
    ($($text:tt)*) => {
        $crate::output::print_to(&mut ::std::io::stderr().lock(), format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints as far as somebody reads it.
pub fn print_to(out: &mut impl Write, text: fmt::Arguments<'_>) {
    // There is nobody left to be told that this failed.
    let _ = out.write_fmt(text);
}

/// Writes results to standard output. Whoever reads them may stop early, as `head` does: that is no failure.
pub fn write(
    code: ExitCode,
    content: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>,
) -> Result<ExitCode, Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match content(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::message(format!("standard output: {error}")))
        }
        Ok(()) => Ok(code),
        Err(_) => {
            // What is still in the buffer has no reader.
            drop(out.into_parts());
            Ok(code)
        }
    }
}

/// Writes a value as JSON.
pub fn write_json<T: Serialize>(value: &T, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// What was made, for a command that has nothing else to say: as JSON when that is asked for.
pub fn made(global: &Global, value: &serde_json::Value) -> Result<ExitCode, Failure> {
    match global.json {
        true => write(ExitCode::SUCCESS, |out| write_json(value, out)),
        false => Ok(ExitCode::SUCCESS),
    }
}

/// A text of a package in one line: control characters are escaped, so that no cell breaks a row and none reaches the
/// terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\\' => line.push_str("\\\\"),
            // Besides control characters those that turn the direction of what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => line.extend(character.escape_unicode()),
            _ if character.is_control() => line.extend(character.escape_unicode()),
            _ => line.push(character),
        }
    }
    line
}

/// A text of anybody's, such as the name of a process: what would break a row, or tell the terminal something, is
/// escaped, and all else stays as it is.
fn harmless(text: String) -> String {
    let is_harmful =
        |it: char| it.is_control() || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_harmful) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_harmful(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

/// Prints rows under their headings; as JSON when the user wants that.
pub fn list<T: Serialize>(
    global: &Global,
    headings: &[&str],
    items: &[T],
    cells: impl Fn(&T) -> Vec<String>,
) {
    if global.json {
        json(&items);
        return;
    }
    let cells = |item: &T| cells(item).into_iter().map(harmless).collect();
    print!("{}", fitted(headings, items.iter().map(cells)));
}

/// Rows under their headings in capitals, fitted to the terminal if standard output is one.
pub fn fitted(headings: &[&str], rows: impl Iterator<Item = Vec<String>> + Clone) -> String {
    let headings: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    // Fitting is for people; a program that reads lines wants them whole.
    if io::stdout().is_terminal() { fitted_as_is(&headings, rows) } else { aligned(&headings, rows) }
}

/// The width of a terminal that does not say how wide it is, as those in containers and on serial lines, in characters.
const WIDTH_UNKNOWN: u16 = 80;

/// Rows under their headings, fitted to the terminal; nothing when there are no rows.
pub fn fitted_as_is(headings: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(headings).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width() == Some(0) {
        table.set_width(WIDTH_UNKNOWN);
    }
    for row in rows {
        table.add_row(row);
    }
    if table.is_empty() {
        return String::new();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

/// Lines of a label and a text.
pub fn labelled(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    lines.iter().map(|(label, text)| format!("{label:width$}  {text}\n")).collect()
}

/// Lines with their cells beneath each other, two blanks apart at least. The rows are made twice, which takes less memory
/// than keeping them.
fn aligned(headings: &[String], rows: impl Iterator<Item = Vec<String>> + Clone) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    let mut is_empty = true;
    for row in rows.clone() {
        is_empty = false;
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    if is_empty {
        return text;
    }
    for line in std::iter::once(headings.to_vec()).chain(rows) {
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// Prints a value as JSON.
pub fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{}", reseat_engine::masked(&text)),
        // The values are our own: texts, numbers and lists of them.
        Err(error) => eprintln!("reseat: cannot write JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{aligned, one_line};

    #[test]
    fn cells_stand_beneath_each_other() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let rows = [row(["1", "ä b"]), row(["1234567", ""])];
        assert_eq!(aligned(&row(["SIZE", "N"]), rows.iter().cloned()), "SIZE     N\n1        ä b\n1234567\n");
        assert_eq!(aligned(&row(["SIZE", "N"]), std::iter::empty()), "");
    }

    #[test]
    fn control_characters_become_visible() {
        for (text, line) in [
            ("plain äöü", "plain äöü"),
            ("a\tb\r\nc", "a\\tb\\r\\nc"),
            ("C:\\new", "C:\\\\new"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{202e}cod.exe", "\\u{202e}cod.exe"),
        ] {
            assert_eq!(one_line(text), line);
        }
    }
}
