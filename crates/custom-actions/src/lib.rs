//! Hosts that run the code of custom actions.
//!
//! So far there is one: [`NativeHost`] runs programs of this machine, ELF files and scripts that begin with `#!`, for the
//! custom action types 2, 18, 34 and 50. Windows code is recognised and refused by name.

mod native;
mod words;

pub use native::NativeHost;
pub use words::{SplitError, split};
