//! The documented functions of Windows Installer that the code of a custom action calls while it runs.
//!
//! The Windows side forwards every call by its documented name, without the A or W at its end, and the engine, which
//! owns all state, answers. Arguments and results follow one rule for every function:
//!
//! - Arguments are the inputs in their documented order. Handles and numbers are [`Value::Int`], bit for bit; a null
//!   pointer is [`Value::Null`]. Buffers and the places of their sizes are left out: who asks has the whole value and
//!   copies as much of it as the caller has room for, or says `ERROR_MORE_DATA`.
//! - [`FunctionAnswer::code`] is what the function returns: an error code, a handle, a state, a number or a boolean.
//! - [`FunctionAnswer::values`] are the outputs in their documented order. Where there are none because of an error, the
//!   list is empty.
//!
//! One function reads a part at a time and so has a size among its arguments: MsiRecordReadStream takes the record, the
//! field and the number of bytes wanted, and answers with bytes; for [`Value::Null`] in place of the number it answers
//! with the number of bytes left. MsiSummaryInfoGetProperty answers with type, number, file time (8 bytes) and text.
//!
//! | file | holds |
//! |---|---|
//! | `immediate`, `deferred` | what code may call that runs in the session, and code that runs in the script |
//! | `general` | what both may call: `records`, `views`, `databases`, `summaries`, `products` |
//! | `states`, `paths`, `messages` | features and components; folders and space; texts and what is said to whom |
//! | `handles`, `arguments`, `code` | open handles; arguments and answers; error codes |

mod arguments;
mod code;
mod databases;
mod deferred;
mod general;
mod handles;
mod immediate;
pub(crate) mod messages;
mod paths;
mod products;
mod records;
mod states;
mod summaries;
mod views;

pub(crate) use deferred::{DeferredCaller, DeferredFacts, DeferredFunctions, Surroundings};
pub(crate) use handles::SESSION;
pub(crate) use immediate::{Caller, ImmediateFunctions};

/// One argument or result of a documented function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number or a handle, bit for bit.
    Int(i32),
    /// A text. What is no text in UTF-16 is replaced on its way.
    Text(String),
    /// Nothing: a null pointer.
    Null,
    /// Bytes, as of a stream.
    Bytes(Vec<u8>),
}

/// A call of a documented function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall {
    /// The documented name without A or W, such as `MsiGetProperty`.
    pub name: String,
    /// The inputs in their documented order.
    pub arguments: Vec<Value>,
}

/// What a documented function answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionAnswer {
    /// What it returns.
    pub code: u32,
    /// Its outputs in their documented order.
    pub values: Vec<Value>,
}

/// Serves the functions that the code of a custom action calls while it runs.
pub trait Functions {
    /// Carries out one call. A function that is not known here answers `ERROR_CALL_NOT_IMPLEMENTED` (120).
    fn call(&mut self, call: &FunctionCall) -> FunctionAnswer;

    /// Serves the asynchronous actions that run beside this code; whether there are any. Who waits for the code asks for
    /// it now and then.
    fn serve_others(&mut self) -> bool {
        false
    }
}

/// For programs, which call none.
#[derive(Debug, Clone, Copy)]
pub struct NoFunctions;

impl Functions for NoFunctions {
    fn call(&mut self, _call: &FunctionCall) -> FunctionAnswer {
        FunctionAnswer { code: code::Code::CALL_NOT_IMPLEMENTED.0, values: Vec::new() }
    }
}
