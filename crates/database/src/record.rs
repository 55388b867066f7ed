//! Records: rows of fields that are given to queries and come back from them.
//!
//! Documented on the pages `working-with-records.md` and `record-processing-functions.md` and those of the functions
//! `MsiRecord…`. Field 0 is kept apart from the fields of a row: it is for templates of texts.

use std::io::{Read, Seek, SeekFrom};

use crate::sql::Parameter;
use crate::{StorageError, Stream, Value};

/// What the number of a field is that has none (`MSI_NULL_INTEGER`).
pub const NULL_INTEGER: i32 = i32::MIN;

/// A field of a record.
#[derive(Debug, Clone, Default)]
pub enum Field {
    /// Nothing.
    #[default]
    Null,
    /// A number.
    Integer(i32),
    /// A text that is not empty.
    Text(String),
    /// A stream; reading it goes on where it stopped.
    Stream(Stream),
}

/// A field cannot be used so.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The record has no such field.
    #[error("the record has no field {field}")]
    Absent {
        /// The field.
        field: usize,
    },
    /// The field has no stream.
    #[error("field {field} is no stream")]
    NoStream {
        /// The field.
        field: usize,
    },
    /// The stream cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stream cannot be read.
    #[error("field {field} cannot be read")]
    Read {
        /// The field.
        field: usize,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Which rows of which view a record was fetched from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The number of the view.
    pub view: u64,
    /// The primary key of the row in each table of the query.
    pub keys: Vec<Vec<Value>>,
}

/// Fields by number; field 0 is there besides those that are counted.
#[derive(Debug, Clone)]
pub struct Record {
    fields: Vec<Field>,
    pub(crate) origin: Option<Origin>,
}

impl Record {
    /// A record of so many fields, and field 0, all null.
    pub fn new(fields: u16) -> Self {
        Self { fields: vec![Field::Null; usize::from(fields) + 1], origin: None }
    }

    /// A record with these fields from field 1 on.
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        Self { fields: std::iter::once(Field::Null).chain(fields).collect(), origin: None }
    }

    /// How many fields there are, without field 0.
    pub fn len(&self) -> usize {
        self.fields.len().saturating_sub(1)
    }

    /// Whether there is field 0 only.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A field; nothing when there is none of this number.
    pub fn field(&self, field: usize) -> Option<&Field> {
        self.fields.get(field)
    }

    /// Whether a field is null, or not there.
    pub fn is_null(&self, field: usize) -> bool {
        matches!(self.field(field), None | Some(Field::Null))
    }

    /// The number in a field, or that which its text says; [`NULL_INTEGER`] when there is none.
    pub fn integer(&self, field: usize) -> i32 {
        match self.field(field) {
            Some(Field::Integer(number)) => *number,
            Some(Field::Text(text)) => text.trim().parse().unwrap_or(NULL_INTEGER),
            _ => NULL_INTEGER,
        }
    }

    /// The text in a field, or its number as text; empty for null and streams.
    pub fn text(&self, field: usize) -> String {
        match self.field(field) {
            Some(Field::Integer(number)) => number.to_string(),
            Some(Field::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// The size of a field: 4 for a number, characters of UTF-16 for a text, bytes for a stream, 0 for null.
    pub fn data_size(&self, field: usize) -> u64 {
        match self.field(field) {
            None | Some(Field::Null) => 0,
            Some(Field::Integer(_)) => 4,
            Some(Field::Text(text)) => text.encode_utf16().count() as u64,
            Some(Field::Stream(stream)) => stream.len(),
        }
    }

    /// Sets a field; the empty text is null.
    ///
    /// # Errors
    /// [`FieldError::Absent`].
    pub fn set(&mut self, field: usize, value: Field) -> Result<(), FieldError> {
        let value = match value {
            Field::Text(text) if text.is_empty() => Field::Null,
            value => value,
        };
        *self.fields.get_mut(field).ok_or(FieldError::Absent { field })? = value;
        Ok(())
    }

    /// Makes all fields null.
    pub fn clear(&mut self) {
        self.fields.fill(Field::Null);
    }

    /// The next bytes of a stream, so many at most; none at its end.
    ///
    /// # Errors
    /// When the field is not there or no stream, or the stream cannot be read.
    pub fn read_stream(&mut self, field: usize, length: usize) -> Result<Vec<u8>, FieldError> {
        let stream = match self.fields.get_mut(field) {
            None => return Err(FieldError::Absent { field }),
            Some(Field::Stream(stream)) => stream,
            Some(_) => return Err(FieldError::NoStream { field }),
        };
        let mut bytes = Vec::new();
        // What is not there takes no memory, whatever is asked for.
        let read = stream.by_ref().take(length as u64).read_to_end(&mut bytes);
        read.map_err(|source| FieldError::Read { field, source })?;
        Ok(bytes)
    }

    /// How many bytes of a stream have not been read.
    ///
    /// # Errors
    /// When the field is not there or no stream.
    pub fn stream_left(&mut self, field: usize) -> Result<u64, FieldError> {
        match self.fields.get_mut(field) {
            None => Err(FieldError::Absent { field }),
            Some(Field::Stream(stream)) => {
                let position =
                    stream.stream_position().map_err(|source| FieldError::Read { field, source })?;
                Ok(stream.len().saturating_sub(position))
            }
            Some(_) => Err(FieldError::NoStream { field }),
        }
    }

    /// Lets a stream be read from its beginning again.
    ///
    /// # Errors
    /// When the field is not there or no stream.
    pub fn rewind_stream(&mut self, field: usize) -> Result<(), FieldError> {
        match self.fields.get_mut(field) {
            None => Err(FieldError::Absent { field }),
            Some(Field::Stream(stream)) => {
                stream.seek(SeekFrom::Start(0)).map_err(|source| FieldError::Read { field, source })?;
                Ok(())
            }
            Some(_) => Err(FieldError::NoStream { field }),
        }
    }

    /// The fields from field 1 on as parameters for the markers of a query.
    ///
    /// # Errors
    /// When a stream cannot be read.
    pub fn parameters(&self) -> Result<Vec<Parameter>, FieldError> {
        let parameter = |field: &Field| {
            Ok(match field {
                Field::Null => Parameter::Value(Value::Null),
                Field::Integer(NULL_INTEGER) => Parameter::Value(Value::Null),
                Field::Integer(number) => Parameter::Value(Value::Integer(*number)),
                Field::Text(text) => Parameter::Value(text.as_str().into()),
                Field::Stream(stream) => Parameter::Stream(stream.to_bytes()?.into()),
            })
        };
        self.fields.iter().skip(1).map(parameter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_as_what_it_can_be_read_as() {
        let mut record = Record::new(5);
        record.set(1, Field::Integer(-7)).unwrap();
        record.set(2, Field::Text("12".to_owned())).unwrap();
        record.set(3, Field::Text("é☺\u{1F600}".to_owned())).unwrap();
        record.set(4, Field::Text(String::new())).unwrap();
        let seen = |field| (record.integer(field), record.text(field), record.data_size(field));
        assert_eq!(seen(1), (-7, "-7".to_owned(), 4));
        assert_eq!(seen(2), (12, "12".to_owned(), 2));
        assert_eq!(seen(3), (NULL_INTEGER, "é☺\u{1F600}".to_owned(), 4));
        for null in [0, 4, 5, 6] {
            assert_eq!(seen(null), (NULL_INTEGER, String::new(), 0), "{null}");
            assert!(record.is_null(null), "{null}");
        }
        assert_eq!(record.len(), 5);
        assert!(matches!(record.set(6, Field::Null), Err(FieldError::Absent { field: 6 })));
        record.clear();
        assert!(record.is_null(1));
    }

    #[test]
    fn a_stream_is_read_piece_by_piece() {
        let mut record = Record::of([Field::Stream(Stream::from_bytes(*b"content")), Field::Integer(1)]);
        assert_eq!(record.data_size(1), 7);
        assert_eq!(record.read_stream(1, 3).unwrap(), b"con");
        assert_eq!(record.stream_left(1).unwrap(), 4);
        assert_eq!(record.read_stream(1, usize::MAX).unwrap(), b"tent");
        assert_eq!(record.read_stream(1, 3).unwrap(), b"");
        record.rewind_stream(1).unwrap();
        assert_eq!(record.stream_left(1).unwrap(), 7);
        assert!(matches!(record.read_stream(2, 1), Err(FieldError::NoStream { field: 2 })));
        assert!(matches!(record.read_stream(3, 1), Err(FieldError::Absent { field: 3 })));
    }
}
