//! The lines of an archive, and the three that come first.

use super::{ArchiveError, cell};
use crate::code_page;
use crate::table::{Column, ColumnType};

const UTF_8: u16 = 65001;

/// The rest of an archive, split at line ends before it is decoded: no code page uses their bytes for
/// anything else.
pub struct Lines<'b> {
    rest: &'b [u8],
    line: usize,
    /// As the third line says.
    declared: Option<u16>,
    is_ascii: bool,
}

/// The first three lines.
pub struct Header {
    names: Vec<String>,
    definitions: Vec<String>,
    pub table: String,
    keys: Vec<String>,
    pub code_page: Option<u16>,
}

impl<'b> Lines<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        // Some editors put a byte order mark before UTF-8.
        let rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        Self { rest, line: 0, declared: None, is_ascii: rest.is_ascii() }
    }

    /// The number of the line read last, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The code page of the text; 0 when it is ASCII and none was declared.
    pub fn code_page(&self) -> u16 {
        self.declared.unwrap_or(if self.is_ascii { code_page::NEUTRAL } else { UTF_8 })
    }

    /// The values of the next line that is not empty.
    pub fn next_row(&mut self) -> Result<Option<Vec<String>>, ArchiveError> {
        while let Some(bytes) = self.next_bytes() {
            if !bytes.is_empty() {
                return self.cells(bytes).map(Some);
            }
        }
        Ok(None)
    }

    fn next_bytes(&mut self) -> Option<&'b [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, [].as_slice()),
        };
        self.rest = rest;
        self.line += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn cells(&self, bytes: &[u8]) -> Result<Vec<String>, ArchiveError> {
        let decode = |bytes| match code_page::decode(self.code_page(), bytes) {
            (text, true) => Ok(cell::unescape(&text)),
            _ => Err(ArchiveError::Undecodable { line: self.line, code_page: self.code_page() }),
        };
        bytes.split(|&byte| byte == b'\t').map(decode).collect()
    }
}

impl Header {
    pub fn read(lines: &mut Lines<'_>) -> Result<Self, ArchiveError> {
        let mut next = || lines.next_bytes().ok_or(ArchiveError::NoHeader);
        let (names, definitions, third) = (next()?, next()?, next()?);
        let first = String::from_utf8_lossy(third.split(|&byte| byte == b'\t').next().unwrap_or_default());
        // A table's name never starts with a digit, so a number is a code page.
        if first.starts_with(|character: char| character.is_ascii_digit()) {
            let code_page = first.trim().parse().ok().filter(|&code_page| code_page::is_known(code_page));
            lines.declared =
                Some(code_page.ok_or_else(|| ArchiveError::CodePage { text: first.into_owned() })?);
        }
        let mut third = lines.cells(third)?.into_iter().skip(usize::from(lines.declared.is_some()));
        Ok(Self {
            names: lines.cells(names)?,
            definitions: lines.cells(definitions)?,
            table: third.next().unwrap_or_default(),
            keys: third.filter(|key| !key.is_empty()).collect(),
            code_page: lines.declared,
        })
    }

    /// The columns that the three lines describe.
    pub fn columns(&self) -> Result<Vec<Column>, ArchiveError> {
        let (got, expected) = (self.definitions.len(), self.names.len());
        if got != expected {
            return Err(ArchiveError::Definitions { got, expected });
        }
        let mut columns: Vec<Column> = Vec::with_capacity(expected);
        for (name, definition) in self.names.iter().zip(&self.definitions) {
            if name.is_empty() || columns.iter().any(|column| column.name == *name) {
                return Err(ArchiveError::ColumnName { column: name.clone() });
            }
            columns.push(column(name, definition)?);
        }
        if self.keys.is_empty() {
            return Err(ArchiveError::NoKey { table: self.table.clone() });
        }
        for (place, key) in self.keys.iter().enumerate() {
            match columns.get_mut(place) {
                Some(column) if column.name == *key => column.key = true,
                other => {
                    let expected = other.map(|column| column.name.clone()).unwrap_or_default();
                    return Err(ArchiveError::KeyColumn { column: key.clone(), expected });
                }
            }
        }
        Ok(columns)
    }
}

pub(crate) fn column(name: &str, definition: &str) -> Result<Column, ArchiveError> {
    let unknown = || ArchiveError::Definition { column: name.to_owned(), definition: definition.to_owned() };
    let mut characters = definition.trim().chars();
    let letter = characters.next().ok_or_else(unknown)?;
    let width: u8 = characters.as_str().parse().map_err(|_| unknown())?;
    let kind = match (letter.to_ascii_lowercase(), width) {
        ('s' | 'l', width) => ColumnType::Text(width),
        ('v', _) => ColumnType::Stream,
        // A width of 1 occurs and is kept in two bytes.
        ('i', 1 | 2) => ColumnType::Short,
        ('i', 4) => ColumnType::Long,
        _ => return Err(unknown()),
    };
    Ok(Column {
        name: name.to_owned(),
        kind,
        nullable: letter.is_ascii_uppercase(),
        key: false,
        localizable: letter.eq_ignore_ascii_case(&'l'),
    })
}
