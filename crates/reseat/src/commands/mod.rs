//! The commands, one file each.

pub mod cab;
pub mod check;
pub mod diff;
pub mod dump;
pub mod extract;
pub mod free;
pub mod help;
pub mod info;
pub mod install;
pub mod list;
pub mod package;
pub mod path;
pub mod plan;
pub mod reboot_pending;
pub mod recover;
pub mod rm;
pub mod show;
pub mod signature;
pub mod sql;
pub mod stale;
pub mod streams;
pub mod tables;
pub mod transform;
pub mod validate;
pub mod who;
pub mod why;
