//! Reading the arguments of a call, and writing its answer.

use super::code::Code;
use super::{FunctionAnswer, Value};

/// The arguments of a call, by their places.
#[derive(Clone, Copy)]
pub struct Arguments<'c>(pub &'c [Value]);

impl<'c> Arguments<'c> {
    /// A number.
    pub fn int(&self, place: usize) -> Result<i32, Code> {
        match self.0.get(place) {
            Some(Value::Int(number)) => Ok(*number),
            _ => Err(Code::INVALID_PARAMETER),
        }
    }

    /// A number that counts from 0, such as an index or a field.
    pub fn index(&self, place: usize) -> Result<usize, Code> {
        usize::try_from(self.int(place)?).map_err(|_| Code::INVALID_PARAMETER)
    }

    /// A handle.
    pub fn handle(&self, place: usize) -> Result<u32, Code> {
        match self.0.get(place) {
            Some(Value::Int(number)) => Ok(*number as u32),
            _ => Err(Code::INVALID_HANDLE),
        }
    }

    /// A text, or nothing for a null pointer.
    pub fn text(&self, place: usize) -> Result<Option<&'c str>, Code> {
        match self.0.get(place) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(Code::INVALID_PARAMETER),
        }
    }

    /// A text that has to be there and not empty.
    pub fn name(&self, place: usize) -> Result<&'c str, Code> {
        self.text(place)?.filter(|text| !text.is_empty()).ok_or(Code::INVALID_PARAMETER)
    }

    /// Whether an argument is a null pointer.
    pub fn is_null(&self, place: usize) -> bool {
        matches!(self.0.get(place), Some(Value::Null))
    }
}

/// What a function answers, or why it fails.
pub type Answer = Result<FunctionAnswer, Code>;

/// Success with these outputs.
pub fn values(values: impl IntoIterator<Item = Value>) -> Answer {
    Ok(FunctionAnswer { code: 0, values: values.into_iter().collect() })
}

/// Success without outputs.
pub fn done() -> Answer {
    values([])
}

/// A function that returns a number of its own.
pub fn returns(number: i32) -> Answer {
    Ok(FunctionAnswer { code: number as u32, values: Vec::new() })
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A handle, bit for bit.
impl From<u32> for Value {
    fn from(handle: u32) -> Self {
        Self::Int(handle as i32)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}
