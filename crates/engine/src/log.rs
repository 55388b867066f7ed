//! The lines of the verbose log, as `tracing` events.
//!
//! Windows Installer writes two kinds of lines: most begin with who speaks and when (`MSI (s) (F4:A0) [11:45:51:314]:`),
//! a few stand alone (`Action start 12:03:00: InstallValidate.`). The engine only says what happened; whoever subscribes
//! to these events writes the beginning. See `docs/installing.md`.

/// Target of events that are written with the beginning `MSI (s) (pid:tid) [time]:`.
pub const SERVICE: &str = "msi::service";

/// Target of events that are written as they are.
pub const PLAIN: &str = "msi::plain";

/// Says a line that begins with who speaks and when.
macro_rules! service {
    ($($argument:tt)*) => { tracing::info!(target: $crate::log::SERVICE, $($argument)*) };
}

/// Says a line that stands alone.
macro_rules! plain {
    ($($argument:tt)*) => { tracing::info!(target: $crate::log::PLAIN, $($argument)*) };
}

pub(crate) use {plain, service};
