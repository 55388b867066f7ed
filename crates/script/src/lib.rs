//! Install script and rollback script.
//!
//! Windows Installer changes a machine in one way only: acquisition writes an install script, execution runs it and
//! keeps for each operation what undoes it (`Msi/installation-mechanism.md`, `Msi/rollback-installation.md`). This crate
//! is the second half.
//!
//! | file | holds |
//! |---|---|
//! | `script.rs` | the install script: steps and their operations, as data |
//! | `operation.rs` | all kinds of operation; one file for each: `create_folder.rs`, `remove_folder.rs`, `install_file.rs`, `write_file.rs`, `edit_ini_file.rs` (its text: `ini_text.rs`), `duplicate_file.rs`, `move_file.rs`, `remove_file.rs`, `registry_value.rs`, `registry_key.rs`, `register_font.rs` (the title: `font_title.rs`), `custom_action.rs` |
//! | `change.rs` | the few elementary changes that operations consist of, each with what undoes it: folders in the files of their operations, files in `placing.rs` and `remove_file.rs`; those of the registry are the machine's |
//! | `backup.rs` | where replaced and removed files wait for the commit, and how they come back |
//! | `content.rs` | where the bytes of a file come from; `native_program.rs` makes programs of this machine runnable |
//! | `environment.rs` | what the engine provides: sources, custom actions, progress, cancel |
//! | `journal.rs` | the rollback script on disk |
//! | `group.rs` | operations that share one sync: planning and executing them |
//! | `write_back.rs` | bringing what is written to the disk meanwhile |
//! | `execution.rs` | one transaction; `commit.rs` and `rollback.rs` end it, `recovery.rs` ends one whose process was killed |
//!
//! # Invariants
//! - What undoes a change is in the journal, and the journal is on disk, before the change begins. Operations share
//!   one sync: a group is planned, written, synced, and only then executed.
//! - Undoing a change is an assignment: it brings its path to the state before, whatever the state is now. Backups
//!   stay until the whole rollback is on disk. So a rollback may be interrupted anywhere and begun again.
//! - Nothing is changed in place, and a replaced file is at no moment missing where hard links work.
//! - New content is on disk before the commit mark is, and the commit mark is before the first backup goes.
//! - Nothing here knows tables or sequences, prints, or decides who may install: the caller holds the machine's lock.

mod backup;
mod change;
mod commit;
mod content;
mod create_folder;
mod custom_action;
mod duplicate_file;
mod edit_ini_file;
mod environment;
mod error;
mod execution;
mod font_title;
mod group;
mod ini_text;
mod install_file;
mod journal;
mod move_file;
mod native_program;
mod operation;
mod placing;
mod recovery;
mod register_font;
mod registry_key;
mod registry_value;
mod remove_file;
mod remove_folder;
mod rollback;
mod script;
mod site;
mod write_back;
mod write_file;

#[cfg(test)]
mod fuse;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod transaction_tests;
#[cfg(test)]
mod trial;

pub use change::Change;
pub use commit::{CommitFailure, CommitReport};
pub use create_folder::CreateFolder;
pub use custom_action::{ActionFailure, ActionKind, Phase, ScheduledAction};
pub use duplicate_file::DuplicateFile;
pub use edit_ini_file::{EditIniFile, IniChange, IniEdit};
pub use environment::{Answer, Environment, SourceError};
pub use error::{ExecutionError, Fault};
pub use execution::{Execution, Rollback};
pub use ini_text::ini_value;
pub use install_file::{InstallFile, Source};
pub use journal::JournalError;
pub use move_file::MoveFile;
pub use operation::Operation;
pub use recovery::{Pending, PendingState, Recovery, pending, recover};
pub use register_font::RegisterFont;
pub use registry_key::{CreateRegistryKey, RemoveRegistryKey};
pub use registry_value::{RemoveRegistryValue, SetRegistryValue};
pub use remove_file::RemoveFile;
pub use remove_folder::RemoveFolder;
pub use rollback::{Problem, RollbackReport, Undoing};
pub use script::{InstallScript, Step};
pub use write_file::WriteFile;
