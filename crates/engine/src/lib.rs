//! An installation session: acquisition, standard actions, execution, Restart Manager conversation.
//!
//! ```text
//! Request ──> installation ──> session: sequence ──> standard actions ──> install script ──> execution
//!                  │              │                  custom actions ──> host
//!                  │              └── properties, conditions, Formatted text, selection
//!                  └── Restart Manager conversation, from initialization to the very end
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `request`, `platform` | what the user asks for, and what the package is told about the computer |
//! | `installation` | one installation from its beginning to its end, and every way out |
//! | `plan` | the same without changing anything: what an installation would do |
//! | `subject`, `origin`, `transform_list`, `patching` | which package it works on: source, transforms, patches, instance |
//! | `session`, `context` | one package with its properties; what conditions and Formatted texts see |
//! | `client` | the user interface sequence, and what it hands over to the execution |
//! | `sequence`, `standard_action`, `actions/` | walking the sequence; all standard actions; one file for each or its family |
//! | `support` | what of a package is not supported, found out before anything happens |
//! | `inventory`, `installed_folders` | what an installed product consists of, and where it lies |
//! | `selection`, `decision` | states of features, components and files; which files are replaced |
//! | `side_by_side`, `net_assembly` | where assemblies lie that all applications share |
//! | `source`, `read_ahead`, `beside` | where files come from; cabinets read by a thread of their own; what lies beside a package |
//! | `policy` | what administrators have set for the installer |
//! | `upgrade_rules` | what updates of an installed product may not change |
//! | `suspension` | stopping for a restart of Windows, and going on after it |
//! | `custom_action`, `host` | when custom actions run and what their results mean; who runs them |
//! | `functions` | the documented functions that the code of custom actions calls |
//! | `restart`, `pending_files` | the conversation with the Restart Manager; files that wait for the next start |
//! | `builtin_properties`, `net_runtime`, `variable` | the properties and environment variables that packages see |
//! | `replaced_folders` | folders of the user outside the prefix, for which those of all users stand in |
//! | `interface`, `log`, `error`, `secrets` | what is said to whom, and what is not |
//! | `numbered_message`, `message_text` | messages with documented numbers, and our own texts of them |
//! | `error_message`, `database_message`, `row_fault` | which failure has which of them |
//! | `action_text` | what standard actions do, in our own words |
//!
//! The engine knows neither terminals nor Wine, and prints nothing.

mod action_text;
mod actions;
mod beside;
mod builtin_properties;
mod client;
mod context;
mod custom_action;
mod database_message;
mod decision;
mod error;
mod error_message;
mod functions;
mod host;
mod installation;
mod installed_folders;
mod interface;
mod inventory;
pub mod log;
mod message_text;
mod net_assembly;
mod net_runtime;
mod notice;
mod numbered_message;
mod origin;
mod patching;
mod pending_files;
mod plan;
mod platform;
mod policy;
mod read_ahead;
mod recovery;
mod replaced_folders;
mod request;
mod restart;
mod row_fault;
mod script_end;
mod secrets;
mod selection;
mod sequence;
mod session;
mod side_by_side;
mod source;
mod standard_action;
mod subject;
mod support;
mod suspension;
mod transform_list;
mod upgrade_rules;
mod variable;

pub use beside::Beside;
pub use database_message::{numbered_cause, of_query};
pub use error::{EngineError, Outcome};
pub use error_message::with_causes;
pub use functions::{FunctionAnswer, FunctionCall, Functions, NoFunctions, Value};
pub use host::{
    CallResult, CustomActionHost, HostError, NotWaitedFor, Program, ProgramCall, RunningCode, ScriptLanguage,
    ScriptSource, ServiceOrder, ServiceState, WindowsCall, WindowsCode,
};
pub use installation::{ProductChange, Report, RestartedApplication, install, open_package};
pub use interface::{Answer, Buttons, FilesInUseAnswer, Message, Question, Silent, UserInterface};
pub use inventory::{Inventory, InventoryComponent, Item, ItemKind, ItemPlace, ItemState, inventory};
pub use message_text::Language;
pub use numbered_message::NumberedMessage;
pub use patching::{check_patches, patch_targets};
pub use plan::{
    ActionOutcome, ActionPlan, ApplicationPlan, ComponentPlan, FeaturePlan, FilePlan, ImmediateActions, Plan,
    PlannedStep, ReplacedProduct, VolumePlan, plan,
};
pub use platform::{InstallerVersion, Platform, VersionError, WindowsVersion};
pub use recovery::{Recovered, RecoveredInstallation, recover, recover_applications};
pub use request::{CustomActions, Request, Target, TopLevel, UiLevel};
pub use restart::SESSION_KEY_PROPERTY;
pub use secrets::masked;
pub use source::local_time;
pub use standard_action::{STANDARD_ACTIONS, Service, StandardAction};
pub use subject::find_product;
pub use suspension::{SuspendedInstallation, suspended_installations};
