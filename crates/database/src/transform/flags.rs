//! The flags of a transform: which conditions are no errors, and what its target has to be.
//!
//! Documented with the functions `MsiDatabaseApplyTransform` and `MsiCreateTransformSummaryInfo`; they are kept in the
//! two halves of the property on page `character-count-summary.md`.

use std::ops::BitOr;

/// Conditions of applying a transform that are not to be errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ErrorConditions(u16);

impl ErrorConditions {
    /// Each condition is an error.
    pub const NONE: Self = Self(0);
    /// A row to be added is there: it gets the transform's values.
    pub const ADD_EXISTING_ROW: Self = Self(0x0001);
    /// A row to be deleted is not there.
    pub const DELETE_MISSING_ROW: Self = Self(0x0002);
    /// A table to be added is there: it gets the columns that it lacks.
    pub const ADD_EXISTING_TABLE: Self = Self(0x0004);
    /// A table to be dropped is not there.
    pub const DELETE_MISSING_TABLE: Self = Self(0x0008);
    /// A row to be changed, or its whole table, is not there.
    pub const UPDATE_MISSING_ROW: Self = Self(0x0010);
    /// The code pages differ and none is neutral: the database gets the transform's.
    pub const CHANGE_CODE_PAGE: Self = Self(0x0020);
    /// No condition is an error.
    pub const ALL: Self = Self(0x003F);

    /// The conditions with these bits, as the functions take them; bits without a meaning are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits as stored.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of the other conditions are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for ErrorConditions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What of the target is compared with the database that the transform was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Validation(u16);

impl Validation {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The language.
    pub const LANGUAGE: Self = Self(0x0001);
    /// The product code.
    pub const PRODUCT: Self = Self(0x0002);
    /// Of the version, the first field.
    pub const MAJOR_VERSION: Self = Self(0x0008);
    /// Of the version, the first two fields.
    pub const MINOR_VERSION: Self = Self(0x0010);
    /// Of the version, the first three fields.
    pub const UPDATE_VERSION: Self = Self(0x0020);
    /// The target's version is less.
    pub const LESS: Self = Self(0x0040);
    /// The target's version is less or the same.
    pub const LESS_OR_EQUAL: Self = Self(0x0080);
    /// The target's version is the same.
    pub const EQUAL: Self = Self(0x0100);
    /// The target's version is greater or the same.
    pub const GREATER_OR_EQUAL: Self = Self(0x0200);
    /// The target's version is greater.
    pub const GREATER: Self = Self(0x0400);
    /// The upgrade code.
    pub const UPGRADE_CODE: Self = Self(0x0800);

    /// The flags with these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits as stored.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of the other flags are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Validation {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
