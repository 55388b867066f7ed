//! The meaning of a package's tables, without the machine that it is installed to.
//!
//! - [`Package`] opens a database and hands out typed rows; [`row`] says how rows are read.
//! - Texts: [`Condition`], [`Formatted`], [`Properties`], names of files and folders in [`file_name`].
//! - Tables, one module for each family: [`product`], [`feature`], [`component`], [`directory`], [`mod@file`],
//!   [`file_operation`], [`registry`], [`shortcut`], [`environment`], [`ini_file`], [`service`], [`binary`],
//!   [`launch`], [`search`], [`upgrade`], [`custom_action`], [`sequence`], [`class`], [`odbc`], [`assembly`],
//!   [`permission`] with its [`security_descriptor`]s, [`patch`]; templates of messages in [`message`].
//! - [`Layout`]: where the files of a package, patch or merge module go, for those who unpack it.
//! - [`MisplacedAction`]: actions that stand where they cannot run.
//! - Decisions that are pure functions of what is known: [`feature_state`] and [`file_versioning`].

pub mod assembly;
pub mod binary;
pub mod class;
pub mod component;
pub mod condition;
pub mod custom_action;
pub mod directory;
pub mod environment;
pub mod feature;
pub mod feature_state;
pub mod file;
pub mod file_name;
pub mod file_operation;
pub mod file_versioning;
pub mod formatted;
pub mod ini_file;
pub mod launch;
pub mod layout;
pub mod message;
mod misplaced_action;
pub mod odbc;
mod package;
pub mod patch;
pub mod permission;
pub mod product;
pub mod properties;
pub mod registry;
pub mod reinstall_mode;
pub mod row;
pub mod search;
pub mod security_descriptor;
pub mod sequence;
pub mod service;
pub mod shortcut;
mod source_image;
mod state;
pub mod upgrade;
pub mod version;

pub use assembly::{MsiAssembly, MsiAssemblyName, global_assemblies};
pub use binary::Binary;
pub use class::{AppId, Class, Extension, Mime, ProgId, TypeLib, Verb};
pub use component::{Component, ComponentAttributes, IsolatedComponent, KeyPath, Location, PublishComponent};
pub use condition::{Condition, ConditionContext, ConditionError, Outcome};
pub use custom_action::{
    CodeSource, CustomAction, CustomActionError, CustomActionKind, DecodedAction, Execution, NestedSource,
    ProgramSource, Repetition, ReturnProcessing, ScriptLanguage,
};
pub use directory::{Directory, DirectoryError, DirectoryTree, with_backslash};
pub use environment::{EnvironmentRow, VariableInstall, VariableName, VariableNameError, VariableValue};
pub use feature::{Feature, FeatureAttributes, FeatureComponent, FeatureCondition};
pub use file::{
    BindImage, Cabinet, FileAttributes, FileRow, FileVersionCell, Font, Media, MsiFileHash, SelfReg,
};
pub use file_name::{DefaultDir, FileName, FileNameError, FilePattern, FolderName, NameForm};
pub use file_operation::{CreateFolder, DuplicateFile, MoveFile, RemoveFile, ReserveCost};
pub use formatted::{FormatContext, Formatted, FormattedText, PathForm};
pub use ini_file::{IniAction, IniFile, RemoveIniFile};
pub use launch::LaunchCondition;
pub use layout::{LaidOutFile, Layout, LayoutProblem};
pub use misplaced_action::MisplacedAction;
pub use odbc::{OdbcAttribute, OdbcDataSource, OdbcDriver, OdbcSourceAttribute, OdbcTranslator};
pub use package::{Package, PackageError, Platform, Rows};
pub use patch::{MsiPatchHeader, MsiPatchMetadata, MsiPatchSequence, PatchPackage, PatchRow};
pub use permission::{LockPermissions, MsiLockPermissionsEx};
pub use product::{ActionText, ErrorRow, PropertyRow, UiText};
pub use properties::{AssignmentError, Change, Properties, is_public, parse_assignment};
pub use registry::{
    Placement, RegistryData, RegistryDataError, RegistryRequest, RegistryRoot, RegistryRow, RemoveRegistry,
};
pub use reinstall_mode::{OverwriteMode, ReinstallMode, ReinstallModeError};
pub use row::{RowError, TableRow, Text};
pub use search::{
    AppSearch, CcpSearch, CompLocator, DrLocator, FoundFile, IniLocator, LocatorKind, LocatorType,
    RegLocator, Signature,
};
pub use security_descriptor::{SecurityDescriptor, SecurityDescriptorError};
pub use sequence::{Sequence, SequenceTable, SequencedAction, Termination};
pub use service::{
    MsiServiceConfig, MsiServiceConfigFailureActions, ServiceControl, ServiceEvents, ServiceInstall,
};
pub use shortcut::{Icon, MsiShortcutProperty, Shortcut, ShortcutTarget};
pub use source_image::SourceImage;
pub use state::InstallState;
pub use upgrade::{Upgrade, UpgradeAttributes};
pub use version::{FileVersion, ProductVersion, VersionError};
