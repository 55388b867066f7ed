//! What can be wrong with a patch, or keep it from being applied.

use crate::{DatabaseError, TransformError};

/// A patch that cannot be read or applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The patch, or the database to be patched, cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file is a package or a transform.
    #[error("the file is no patch")]
    NoPatch,
    /// A transform that the patch lists is not in it.
    #[error("the patch has no transform '{transform}'")]
    MissingTransform {
        /// The transform's storage.
        transform: String,
    },
    /// A transform of the patch cannot be read or applied.
    #[error("transform '{transform}' of the patch")]
    Transform {
        /// The transform's storage.
        transform: String,
        /// What is wrong with it.
        #[source]
        source: TransformError,
    },
    /// The patch is not for this product.
    #[error("the patch is not for product '{product}'")]
    OtherProduct {
        /// The product code of the database.
        product: String,
    },
    /// None of the patch's transforms is for the database.
    #[error("no transform of the patch fits: {}", .reasons.iter().map(|(name, reason)| format!("'{name}': {reason}")).collect::<Vec<_>>().join("; "))]
    NotApplicable {
        /// For each transform, why not.
        reasons: Vec<(String, TransformError)>,
    },
    /// The patch is left out, because another one has all that is in it.
    #[error("the patch is superseded by a later one of its family")]
    Superseded,
}
