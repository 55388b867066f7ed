//! Text archives (`.idt`): a table, the summary information or the code page as lines of text.
//!
//! Documented on the pages `archive-file-format.md`, `ascii-data-in-text-archive-files.md`,
//! `-summaryinformation.md` and `-forcecodepage.md`. The first line names the columns, the second gives their
//! types, the third names the table and its key columns, after the code page if the text is not ASCII; rows
//! follow, with tabs between the values. Files are written with CR LF; both that and LF alone are read, since
//! people write such files by hand.
//!
//! The content of stream columns is not here: an archive only has the names of the files that hold it.

mod cell;
mod error;
mod lines;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::code_page;
use crate::summary::{PropertyValue, SummaryInformation, id};
use crate::table::{Column, ColumnType, Row, Table, Value};
pub use error::ArchiveError;
pub(crate) use lines::column;
use lines::{Header, Lines};

const SUMMARY: &str = "_SummaryInformation";
const CODE_PAGE: &str = "_ForceCodepage";
/// Extension of the files that hold the content of stream columns.
const STREAM_EXTENSION: &str = ".ibd";

/// What an archive holds.
#[derive(Debug, Clone)]
pub enum Archive {
    /// A table.
    Table(Box<TableArchive>),
    /// The summary information.
    Summary(SummaryInformation),
    /// The code page that the database is to have.
    CodePage(u16),
}

/// An archived table.
#[derive(Debug, Clone)]
pub struct TableArchive {
    /// The table.
    pub table: Table,
    /// The code page of the text; 0 when it is ASCII.
    pub code_page: u16,
    /// The streams of its rows.
    pub streams: Vec<ArchivedStream>,
}

/// A stream of an archived table's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedStream {
    /// Its name in the database.
    pub name: String,
    /// The name of the file that holds it, in a folder with the table's name.
    pub file: String,
}

/// Writes a table; `code_page` is that of the database.
///
/// # Errors
/// When a text cannot be written in the code page.
pub fn export(table: &Table, code_page: u16) -> Result<Vec<u8>, ArchiveError> {
    let mut text = TableText::new(table.name(), table.columns(), code_page);
    table.rows().try_for_each(|row| text.add(row))?;
    text.finish(RowOrder::Stored)
}

/// In which order a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// As the rows were added. In a package that is the order of numbers which each program gives the texts anew.
    Stored,
    /// An order that depends on nothing but the texts of the rows.
    ByText,
}

/// A table as text, added row by row.
pub(crate) struct TableText {
    code_page: u16,
    header: [String; 3],
    rows: Vec<u8>,
    /// Where each row ends in `rows`.
    ends: Vec<usize>,
    is_ascii: bool,
    line: usize,
}

impl TableText {
    pub fn new(name: &str, columns: &[Column], code_page: u16) -> Self {
        let keys = columns.iter().filter(|column| column.key).map(|column| column.name.as_str());
        let header = [
            columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join("\t"),
            columns.iter().map(definition).collect::<Vec<_>>().join("\t"),
            std::iter::once(name).chain(keys).collect::<Vec<_>>().join("\t"),
        ];
        let is_ascii = header.iter().all(|line| line.is_ascii());
        Self {
            code_page: written_in(code_page),
            line: header.len(),
            header,
            rows: Vec::new(),
            ends: Vec::new(),
            is_ascii,
        }
    }

    pub fn add(&mut self, row: Row<'_>) -> Result<(), ArchiveError> {
        let cells = row.values().iter().map(|value| match value {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => cell::escape(text),
            Value::Stream => cell::escape(&stream_file(row)),
        });
        let line = cells.collect::<Vec<_>>().join("\t");
        self.is_ascii &= line.is_ascii();
        self.line += 1;
        add_line(&mut self.rows, &line, self.line, self.code_page)?;
        self.ends.push(self.rows.len());
        Ok(())
    }

    pub fn finish(self, order: RowOrder) -> Result<Vec<u8>, ArchiveError> {
        let [first, second, third] = self.header;
        let third = if self.is_ascii { third } else { format!("{}\t{third}", self.code_page) };
        let mut bytes = Vec::new();
        for (number, line) in (1..).zip([first, second, third]) {
            add_line(&mut bytes, &line, number, self.code_page)?;
        }
        bytes.reserve_exact(self.rows.len());
        match order {
            RowOrder::Stored => bytes.extend_from_slice(&self.rows),
            RowOrder::ByText => {
                let starts = std::iter::once(&0).chain(&self.ends);
                let row = |(start, end): (&usize, &usize)| self.rows.get(*start..*end);
                let mut rows: Vec<&[u8]> = starts.zip(&self.ends).filter_map(row).collect();
                rows.sort_unstable();
                rows.into_iter().for_each(|row| bytes.extend_from_slice(row));
            }
        }
        Ok(bytes)
    }
}

/// A neutral database that is not ASCII after all is written in the code page that it is read in.
fn written_in(code_page: u16) -> u16 {
    if code_page == code_page::NEUTRAL { 1252 } else { code_page }
}

fn add_line(bytes: &mut Vec<u8>, text: &str, line: usize, code_page: u16) -> Result<(), ArchiveError> {
    let encoded = code_page::encode(code_page, text).ok_or(ArchiveError::Unencodable { line, code_page })?;
    bytes.extend_from_slice(&encoded);
    bytes.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes the summary information.
///
/// # Errors
/// When a text cannot be written in the summary information's own code page.
pub fn export_summary(summary: &SummaryInformation) -> Result<Vec<u8>, ArchiveError> {
    let mut lines =
        vec!["PropertyId\tValue".to_owned(), "i2\tl255".to_owned(), format!("{SUMMARY}\tPropertyId")];
    for (id, value) in summary.properties() {
        let text = match value {
            // The code page is a number without sign.
            PropertyValue::Short(number) if *id == id::CODE_PAGE => (*number as u16).to_string(),
            PropertyValue::Short(number) => number.to_string(),
            PropertyValue::Long(number) => number.to_string(),
            PropertyValue::Text(text) => cell::escape(text),
            PropertyValue::Time(time) => time.to_string(),
            PropertyValue::Empty | PropertyValue::Other { .. } => continue,
        };
        lines.push(format!("{id}\t{text}"));
    }
    finish(lines, summary.code_page())
}

/// Writes the code page of a database.
pub fn export_code_page(code_page: u16) -> Vec<u8> {
    format!("\r\n\r\n{code_page}\t{CODE_PAGE}\r\n").into_bytes()
}

/// The name of the file for the stream of a row: its key, with what no file name should have written as
/// `%XX`.
pub fn stream_file(row: Row<'_>) -> String {
    crate::folder::file_name(&row.key()) + STREAM_EXTENSION
}

/// Reads an archive.
///
/// A text without a code page that is not ASCII is read as UTF-8. Rows may leave out null values at their
/// end, and empty lines are passed over.
///
/// # Errors
/// When the text contradicts the format; the error names the line.
pub fn import(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let mut lines = Lines::new(bytes);
    let header = Header::read(&mut lines)?;
    match header.table.as_str() {
        CODE_PAGE => Ok(Archive::CodePage(header.code_page.unwrap_or(code_page::NEUTRAL))),
        SUMMARY => summary(lines).map(Archive::Summary),
        _ => table(header, lines).map(|table| Archive::Table(Box::new(table))),
    }
}

fn table(header: Header, mut lines: Lines<'_>) -> Result<TableArchive, ArchiveError> {
    let columns = header.columns()?;
    let mut table = Table::new(header.table, columns);
    let mut streams = Vec::new();
    // Fingerprints of the keys so far: a table may have very many rows.
    let mut keys = HashSet::new();
    let hasher = RandomState::new();
    while let Some(cells) = lines.next_row()? {
        let line = lines.line();
        if cells.len() > table.columns().len() {
            return Err(ArchiveError::Surplus { line, got: cells.len(), expected: table.columns().len() });
        }
        let mut file = None;
        let mut values = Vec::with_capacity(table.columns().len());
        for (column, text) in table.columns().iter().zip(cells) {
            if column.kind == ColumnType::Stream && !text.is_empty() {
                file = Some(text.clone());
            }
            let value = value(column, &text, line)?;
            // Rows in sequence often have the same text: it is kept once.
            let before = table.rows().next_back().and_then(|row| row.values().get(values.len()));
            values.push(before.filter(|before| **before == value).cloned().unwrap_or(value));
        }
        table.push(values);
        let Some(row) = table.rows().next_back() else { continue };
        let key = row.key_values();
        let is_there = |rows: &Table| rows.rows().rev().skip(1).any(|row| row.key_values() == key);
        if !keys.insert(hasher.hash_one(key)) && is_there(&table) {
            return Err(ArchiveError::DuplicateKey { line, key: row.key() });
        }
        streams.extend(file.map(|file| ArchivedStream { name: row.stream_name(), file }));
    }
    Ok(TableArchive { code_page: lines.code_page(), table, streams })
}

fn value(column: &Column, text: &str, line: usize) -> Result<Value, ArchiveError> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let range = match column.kind {
        ColumnType::Text(_) => return Ok(text.into()),
        ColumnType::Stream => return Ok(Value::Stream),
        ColumnType::Short => -0x7FFF..=0x7FFF,
        ColumnType::Long => -i32::MAX..=i32::MAX,
    };
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    let error = || ArchiveError::Number { line, column: column.name.clone(), text: text.to_owned() };
    Ok(Value::Integer(number.ok_or_else(error)?))
}

fn summary(mut lines: Lines<'_>) -> Result<SummaryInformation, ArchiveError> {
    let mut summary = SummaryInformation::default();
    while let Some(cells) = lines.next_row()? {
        let line = lines.line();
        let mut cells = cells.into_iter();
        let (number, text) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let error = |column: &str, text: &str| ArchiveError::Number {
            line,
            column: column.into(),
            text: text.into(),
        };
        let id: u32 = number.trim().parse().map_err(|_| error("PropertyId", &number))?;
        let value = match id {
            id::CODE_PAGE => {
                let code_page: u16 = text.trim().parse().map_err(|_| error("Value", &text))?;
                PropertyValue::Short(code_page as i16)
            }
            id::PAGE_COUNT | id::WORD_COUNT | id::CHARACTER_COUNT | id::SECURITY => {
                PropertyValue::Long(text.trim().parse().map_err(|_| error("Value", &text))?)
            }
            id::LAST_PRINTED | id::CREATED | id::LAST_SAVED => {
                PropertyValue::Time(text.parse().map_err(|source| ArchiveError::Time { line, source })?)
            }
            _ => PropertyValue::Text(text),
        };
        summary.set(id, value);
    }
    Ok(summary)
}

/// The definition of a column, such as `S72`; a capital letter allows null.
fn definition(column: &Column) -> String {
    let (letter, width) = match column.kind {
        ColumnType::Short => ('i', 2),
        ColumnType::Long => ('i', 4),
        ColumnType::Text(width) => (if column.localizable { 'l' } else { 's' }, width),
        ColumnType::Stream => ('v', 0),
    };
    let letter = if column.nullable { letter.to_ascii_uppercase() } else { letter };
    format!("{letter}{width}")
}

/// Joins the lines; the third gets the code page when there is anything but ASCII.
fn finish(mut lines: Vec<String>, code_page: u16) -> Result<Vec<u8>, ArchiveError> {
    let code_page = written_in(code_page);
    if let Some(third) = lines.get(2).filter(|_| !lines.iter().all(|line| line.is_ascii())) {
        let marked = format!("{code_page}\t{third}");
        if let Some(third) = lines.get_mut(2) {
            *third = marked;
        }
    }
    let mut bytes = Vec::new();
    for (line, text) in (1..).zip(&lines) {
        add_line(&mut bytes, text, line, code_page)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
