//! The commands, one file each.

pub mod cab;
pub mod free;
pub mod help;
pub mod install;
pub mod list;
pub mod package;
pub mod path;
pub mod recover;
pub mod rm;
pub mod stale;
pub mod transform;
pub mod who;
