//! The content of frames: what the host under Wine and the installer say to each other.
//!
//! `windows/PROTOCOL.md` has the whole. A frame is a length, a kind and its content; numbers are little endian. What comes
//! from the host is not trusted: every length is checked against what is left before memory is taken.

use reseat_engine::{FunctionAnswer, FunctionCall, Value};

/// The longest content of a frame in bytes.
pub(crate) const LONGEST: usize = 64 << 20;

/// The version of the protocol, said in the hello.
pub(crate) const VERSION: u32 = 1;

/// What the host says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is ready.
    Hello { version: u32, bits: u32, pid: u32 },
    /// The running action calls a documented function.
    Call(FunctionCall),
    /// Another thread wants what the running call does to be cancelled (RmCancelCurrentTask).
    Cancel(FunctionCall),
    /// A line for the log.
    Line(String),
    /// The request was carried out.
    Done(u32),
    /// The answer to a request that asks for bytes.
    Bytes(Vec<u8>),
    /// The request could not be carried out: an error number of Windows, and at what.
    Failed { error: u32, what: String },
    /// An exception ended the action and the host.
    Crashed { exception: u32, place: String },
}

/// What is wrong with a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {length} bytes")]
    Length { length: u64 },
    #[error("a frame of unknown kind {kind:#04x}")]
    Kind { kind: u8 },
    #[error("a value of unknown kind {tag:#04x}")]
    Tag { tag: u8 },
    #[error("a frame '{kind}' that ends too early")]
    Short { kind: char },
}

/// Reads the content of a frame.
pub(crate) fn read(kind: u8, content: &[u8]) -> Result<Said, FrameError> {
    let mut rest = Rest { bytes: content, kind: char::from(kind) };
    Ok(match kind {
        b'H' => Said::Hello { version: rest.number()?, bits: rest.number()?, pid: rest.number()? },
        b'C' | b'c' => {
            let name = rest.text()?;
            let count = rest.byte()?;
            let arguments = (0..count).map(|_| rest.value()).collect::<Result<_, _>>()?;
            let call = FunctionCall { name, arguments };
            if kind == b'C' { Said::Call(call) } else { Said::Cancel(call) }
        }
        b'L' => Said::Line(rest.text()?),
        b'D' => Said::Done(rest.number()?),
        b'B' => Said::Bytes(content.to_vec()),
        b'F' => Said::Failed { error: rest.number()?, what: rest.text()? },
        b'X' => Said::Crashed { exception: rest.number()?, place: rest.text()? },
        kind => return Err(FrameError::Kind { kind }),
    })
}

/// Reads what is left of a content.
pub(crate) struct Rest<'c> {
    bytes: &'c [u8],
    kind: char,
}

impl<'c> Rest<'c> {
    /// Reads bytes that were the answer to a request.
    pub(crate) fn of_answer(bytes: &'c [u8]) -> Self {
        Self { bytes, kind: 'B' }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], FrameError> {
        let (taken, rest) =
            self.bytes.split_at_checked(length).ok_or(FrameError::Short { kind: self.kind })?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, FrameError> {
        let kind = self.kind;
        self.take(1)?.first().copied().ok_or(FrameError::Short { kind })
    }

    pub(crate) fn number(&mut self) -> Result<u32, FrameError> {
        let kind = self.kind;
        let bytes = self.take(4)?.first_chunk::<4>().ok_or(FrameError::Short { kind })?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn length(&mut self, unit: usize) -> Result<usize, FrameError> {
        let short = FrameError::Short { kind: self.kind };
        let length = usize::try_from(self.number()?).ok().and_then(|count| count.checked_mul(unit));
        length.filter(|length| *length <= self.bytes.len()).ok_or(short)
    }

    pub(crate) fn text(&mut self) -> Result<String, FrameError> {
        let length = self.length(2)?;
        let bytes = self.take(length)?;
        let units = bytes.chunks_exact(2).filter_map(<[u8]>::first_chunk::<2>);
        let units = units.map(|unit| u16::from_le_bytes(*unit));
        Ok(char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    fn value(&mut self) -> Result<Value, FrameError> {
        Ok(match self.byte()? {
            b'i' => Value::Int(self.number()?.cast_signed()),
            b's' => Value::Text(self.text()?),
            b'n' => Value::Null,
            b'b' => {
                let length = self.length(1)?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            tag => return Err(FrameError::Tag { tag }),
        })
    }
}

/// A frame that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8) -> Self {
        Self { bytes: vec![0, 0, 0, 0, kind] }
    }

    #[must_use]
    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    #[must_use]
    pub(crate) fn number(mut self, value: u32) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    #[must_use]
    pub(crate) fn text(mut self, text: &str) -> Self {
        let place = self.bytes.len();
        self = self.number(0);
        let mut count: u32 = 0;
        for unit in text.encode_utf16() {
            self.bytes.extend(unit.to_le_bytes());
            count = count.saturating_add(1);
        }
        if let Some(length) = self.bytes.get_mut(place..place + 4) {
            length.copy_from_slice(&count.to_le_bytes());
        }
        self
    }

    #[must_use]
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// The answer to a call.
    pub(crate) fn answer(answer: &FunctionAnswer) -> Self {
        let count = answer.values.len().min(usize::from(u8::MAX));
        let mut frame = Self::new(b'R').number(answer.code).byte(u8::try_from(count).unwrap_or(u8::MAX));
        for value in answer.values.iter().take(count) {
            frame = match value {
                Value::Int(number) => frame.byte(b'i').number(number.cast_unsigned()),
                Value::Text(text) => frame.byte(b's').text(text),
                Value::Null => frame.byte(b'n'),
                Value::Bytes(bytes) => {
                    frame.byte(b'b').number(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).raw(bytes)
                }
            };
        }
        frame
    }

    /// The whole frame with its length; nothing when it is too long to be sent.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        let length = self.bytes.len() - 4;
        if length > LONGEST {
            return None;
        }
        let length = u32::try_from(length).ok()?.to_le_bytes();
        self.bytes.get_mut(..4)?.copy_from_slice(&length);
        Some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Vec<u8> {
        Frame::new(b'C')
            .text("MsiSetProperty")
            .byte(3)
            .byte(b'i')
            .number(7)
            .byte(b's')
            .text("é日☺😀")
            .byte(b'n')
            .finish()
            .unwrap()
    }

    #[test]
    fn a_call_is_read_as_it_was_written() {
        let bytes = call();
        assert_eq!(u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize, bytes.len() - 4);
        let expected = FunctionCall {
            name: "MsiSetProperty".to_owned(),
            arguments: vec![Value::Int(7), Value::Text("é日☺😀".to_owned()), Value::Null],
        };
        assert_eq!(read(bytes[4], &bytes[5..]), Ok(Said::Call(expected)));
    }

    #[test]
    fn a_call_cut_anywhere_is_refused() {
        let bytes = call();
        for length in 5..bytes.len() - 1 {
            assert_eq!(
                read(b'C', &bytes[5..length]),
                Err(FrameError::Short { kind: 'C' }),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn lengths_beyond_the_frame_take_no_memory() {
        let bytes = Frame::new(b'L').number(u32::MAX).finish().unwrap();
        assert_eq!(read(b'L', &bytes[5..]), Err(FrameError::Short { kind: 'L' }));
        let bytes = Frame::new(b'C').text("").byte(1).byte(b'b').number(1 << 30).finish().unwrap();
        assert_eq!(read(b'C', &bytes[5..]), Err(FrameError::Short { kind: 'C' }));
    }

    #[test]
    fn kinds_and_tags_that_are_unknown_are_named() {
        assert_eq!(read(b'?', &[]), Err(FrameError::Kind { kind: b'?' }));
        let bytes = Frame::new(b'C').text("").byte(1).byte(b'z').finish().unwrap();
        assert_eq!(read(b'C', &bytes[5..]), Err(FrameError::Tag { tag: b'z' }));
    }

    #[test]
    fn half_of_a_pair_of_surrogates_is_replaced() {
        let bytes = Frame::new(b'L').number(2).raw(&[0x3d, 0xd8, b'a', 0]).finish().unwrap();
        assert_eq!(read(b'L', &bytes[5..]), Ok(Said::Line("\u{fffd}a".to_owned())));
    }

    #[test]
    fn an_answer_has_code_count_and_tagged_values() {
        let answer = FunctionAnswer {
            code: 0,
            values: vec![Value::Int(-1), Value::Bytes(vec![1, 2]), Value::Text("a".to_owned()), Value::Null],
        };
        let bytes = Frame::answer(&answer).finish().unwrap();
        let expected = [
            &[27, 0, 0, 0, b'R', 0, 0, 0, 0, 4, b'i', 255, 255, 255, 255][..],
            &[b'b', 2, 0, 0, 0, 1, 2, b's', 1, 0, 0, 0, b'a', 0, b'n'],
        ]
        .concat();
        assert_eq!(bytes[4..], expected[4..]);
        assert_eq!(u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize, bytes.len() - 4);
    }
}
