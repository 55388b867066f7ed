//! The computer being installed to: files, registry, shortcuts, installed products.
//!
//! A [`Machine`] is a Wine prefix, used without Wine. The map:
//!
//! | what | where |
//! |---|---|
//! | paths as packages name them | [`WindowsPath`] (`windows_path.rs`) |
//! | the prefix: opening, making, locking | `machine.rs`, `prefix.rs`, `lock.rs`, `wine_server.rs`, `wine_registry.rs` |
//! | files: handles beneath a drive's folder, names in any letter case | `drive.rs`, `place.rs`, `open_folders.rs`, `folder_names.rs`, `files.rs`, `metadata.rs`, `copies.rs`, `locations.rs` |
//! | users of this computer | [`Account`] (`account.rs`) |
//! | what waits for the next start of Windows | `pending_operations.rs` |
//! | known folders, environment | [`KnownFolder`] (`folders.rs`), [`environment`] |
//! | the registry: keys, hives and views, Wine's files | `registry_key.rs`, [`Registry`] (`registry.rs`), `registry_view.rs`, `registry_value.rs`; `registry_file.rs`, `registry_section.rs`, `registry_path.rs`, `registry_text.rs`, `registry_store.rs`; saving and undoing: `registry_saving.rs`, `registry_file/undo.rs` |
//! | shortcuts | [`ShellLink`] (`shell_link.rs`) |
//! | what is installed, and what an installation writes about itself | [`products`] |
//! | versions, hashes and checksums of files; what a program file of .NET was made for | [`file_version`], [`image_checksum_holds`]; [`ClrHeader`] (`clr_header.rs`); [`is_modified`] (`modification.rs`); `program_file.rs` |
//!
//! What holds throughout: nothing outside a drive in the prefix is written, nothing is reached through a link that leads
//! out; a registry file is replaced whole or not at all, and never while a wineserver has it. Packages are not known here.

mod account;
mod clr_header;
mod copies;
mod drive;
pub mod environment;
mod error;
pub mod file_version;
mod files;
mod folder_names;
mod folders;
mod image_checksum;
mod locations;
mod lock;
mod machine;
mod metadata;
mod modification;
mod open_folders;
mod outward_link;
mod pending_operations;
mod place;
mod prefix;
pub mod products;
mod program_file;
mod registry;
mod registry_file;
mod registry_key;
mod registry_path;
mod registry_saving;
mod registry_section;
mod registry_store;
mod registry_text;
mod registry_value;
mod registry_view;
mod shell_link;
mod windows_path;
mod wine_registry;
mod wine_server;

pub use account::Account;
pub use clr_header::{ClrHeader, ClrProcessor};
pub use error::MachineError;
pub use files::FolderEntry;
pub use folders::KnownFolder;
pub use image_checksum::{image_checksum_fails, image_checksum_holds};
pub use locations::{FileSystems, VolumeSpace};
pub use lock::MachineLock;
pub use machine::{Bitness, Machine};
pub use metadata::{Attributes, FileKind, Metadata};
pub use modification::is_modified;
pub use outward_link::OutwardLink;
pub use pending_operations::{FailedOperation, PendingOperation};
pub use registry::{Part as RegistryPart, Registry};
pub use registry_file::RegistryFileError;
pub use registry_key::{ClassesOf, Hive, RegistryError, RegistryKey, View};
pub use registry_saving::{RegistrySaving, RegistryUndo};
pub use registry_value::RegistryValue;
pub use shell_link::{LinkProperty, ShellLink, ShellLinkError, ShowCommand, TargetFacts};
pub use windows_path::{PathError, WindowsPath, check_name, fold};
pub use wine_registry::{RegistryChange, WineRegistry};
pub use wine_server::{
    RunningWineServer, WineServerKeptOut, WineServerLockedOut, running_wine_server, wine_server,
};
