//! The installation states of features and components.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a feature or component, installed or asked for, with its documented number (`INSTALLSTATE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)]
pub enum InstallState {
    /// INSTALLSTATE_NOTUSED: the component is disabled.
    NotUsed = -7,
    /// INSTALLSTATE_BADCONFIG: the configuration data is corrupt.
    BadConfiguration = -6,
    /// INSTALLSTATE_INCOMPLETE: an installation is suspended or under way.
    Incomplete = -5,
    /// INSTALLSTATE_SOURCEABSENT: runs from the source, which is unavailable.
    SourceAbsent = -4,
    /// INSTALLSTATE_INVALIDARG: an argument was invalid.
    InvalidArgument = -2,
    /// INSTALLSTATE_UNKNOWN: no action is taken, or nothing is known.
    Unknown = -1,
    /// INSTALLSTATE_BROKEN.
    Broken = 0,
    /// INSTALLSTATE_ADVERTISED: an advertised feature.
    Advertised = 1,
    /// INSTALLSTATE_ABSENT: not present, or to be removed.
    Absent = 2,
    /// INSTALLSTATE_LOCAL: on the local computer.
    Local = 3,
    /// INSTALLSTATE_SOURCE: runs from the source.
    Source = 4,
    /// INSTALLSTATE_DEFAULT: the default location, local or source.
    Default = 5,
}

impl InstallState {
    /// The documented number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The state with this number.
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            -7 => Self::NotUsed,
            -6 => Self::BadConfiguration,
            -5 => Self::Incomplete,
            -4 => Self::SourceAbsent,
            -2 => Self::InvalidArgument,
            -1 => Self::Unknown,
            0 => Self::Broken,
            1 => Self::Advertised,
            2 => Self::Absent,
            3 => Self::Local,
            4 => Self::Source,
            5 => Self::Default,
            _ => return None,
        })
    }

    /// Whether files are present: local or source.
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Local | Self::Source | Self::Default)
    }
}

/// As the verbose log writes it: `Local`, `Absent`, `Null` for an unknown state.
impl fmt::Display for InstallState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotUsed => "NotUsed",
            Self::BadConfiguration => "BadConfig",
            Self::Incomplete => "Incomplete",
            Self::SourceAbsent => "SourceAbsent",
            Self::InvalidArgument => "InvalidArg",
            Self::Unknown => "Null",
            Self::Broken => "Broken",
            Self::Advertised => "Advertise",
            Self::Absent => "Absent",
            Self::Local => "Local",
            Self::Source => "Source",
            Self::Default => "Default",
        })
    }
}
