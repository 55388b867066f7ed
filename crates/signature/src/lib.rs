//! Digital signatures of packages: who signed, whether the package is still what was signed, and whether the signer's
//! certificate rests on one that is trusted.
//!
//! See the page `digital-signatures-and-windows-installer.md`. A package has its signature in a stream of its own; what it
//! covers is in `reseat_database::SignedContent`. Everything here works offline: certificates are trusted that the caller
//! gives, and nobody is asked whether one was revoked.
//!
//! | file | holds |
//! |---|---|
//! | `package` | [`PackageSignature`]: a package and its signature together |
//! | `signed_data` | [`SignedData`]: the signature itself (PKCS #7), its signers and certificates |
//! | `timestamp` | when it was signed, as somebody else has signed |
//! | `certificate`, `chain` | certificates; [`Store`] and what rests on it |
//! | `digest`, `key` | the algorithms |
//! | `der`, `name`, `time` | how all of it is encoded |
//!
//! RSA with SHA-1, SHA-256, SHA-384 and SHA-512 is checked, which is what packages are signed with; other algorithms are named
//! and count as unchecked. The crate knows no clock: the caller says at which time a chain has to hold.

mod certificate;
mod chain;
mod der;
mod digest;
mod error;
mod key;
mod name;
mod package;
mod signed_data;
mod time;
mod timestamp;

pub use certificate::Certificate;
pub use chain::{ChainError, Store};
pub use digest::DigestAlgorithm;
pub use error::SignatureError;
pub use package::PackageSignature;
pub use signed_data::SignedData;
pub use timestamp::Timestamp;
