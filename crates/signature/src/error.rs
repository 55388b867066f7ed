//! What can be wrong with a signature, one variant per cause.

/// Why a signature does not hold, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The encoding breaks off or is of another kind than its place demands.
    #[error("the signature is damaged: {what} expected {left} bytes before its end")]
    Encoding {
        /// What should be there.
        what: &'static str,
        /// Bytes that were left.
        left: usize,
    },
    /// It is none of a package.
    #[error("the signature is about '{found}', not about a package's content")]
    ContentType {
        /// The object identifier found.
        found: String,
    },
    /// An algorithm that is not checked here.
    #[error("the {what} algorithm '{found}' is not supported")]
    Algorithm {
        /// What it is used for.
        what: &'static str,
        /// Its object identifier.
        found: String,
    },
    /// Nobody has signed.
    #[error("the signature has no signer")]
    NoSigner,
    /// The signer's certificate is not included.
    #[error("the certificate of the signer is not in the signature")]
    NoCertificate,
    /// The digest that the signer signed is not that of the signed statement.
    #[error("what is signed was changed: the signed digest is another one")]
    Digest,
    /// The signature does not belong to its content and key.
    #[error("the signature does not belong to the key of '{signer}'")]
    Signature {
        /// The subject of the certificate.
        signer: String,
    },
    /// The timestamp is about another signature.
    #[error("the timestamp belongs to another signature")]
    Timestamp,
    /// A text with certificates cannot be read.
    #[error("line {line}: {reason}")]
    Pem {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
