//! Why an installation did not succeed, and how one ended.
//!
//! Every error has the number that Windows Installer documents for it (page `error-codes.md`); where the reference of
//! messages (page `windows-installer-error-messages.md`) has a number for the text, `error_message.rs` has it.

use std::path::PathBuf;

use reseat_database::{ComponentId, DatabaseError, Guid, PatchError, ProductCode};
use reseat_machine::{MachineError, WindowsPath};
use reseat_package::PackageError;
use reseat_package::feature_state::SelectionError;
use reseat_restart_manager::Error as RmError;
use reseat_script::{ActionFailure, ExecutionError, Fault};

use crate::actions::permissions::PermissionFault;
use crate::custom_action::{ActionCode, Ending};
use crate::host::HostError;
use crate::row_fault::RowFault;

/// How an installation that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All done: 0.
    Success,
    /// All done, and something goes on with old files until it is started again: 3010.
    RestartRequired,
    /// It goes on after a restart of Windows: 1604.
    Suspended,
}

impl Outcome {
    /// The documented number.
    pub fn code(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::RestartRequired => 3010,
            Self::Suspended => 1604,
        }
    }
}

/// Why an installation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The package file cannot be opened.
    #[error("{package} cannot be opened")]
    PackageOpen {
        /// The package.
        package: PathBuf,
        /// The cause.
        #[source]
        source: DatabaseError,
    },
    /// The file is no installation package, or a damaged one.
    #[error("{package} is not a valid installation package")]
    PackageInvalid {
        /// The package.
        package: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No installed product is named so.
    #[error("no installed product is named '{name}'")]
    UnknownProduct {
        /// What the user wrote.
        name: String,
        /// The name of the one installed product that has this in its name.
        similar: Option<String>,
    },
    /// Several installed products are named so.
    #[error("'{name}' names several installed products: {codes}")]
    AmbiguousProduct {
        /// What the user wrote.
        name: String,
        /// Their codes.
        codes: String,
    },
    /// The command line is wrong.
    #[error("{reason}")]
    CommandLine {
        /// What is wrong.
        reason: String,
    },
    /// Another version of the product, from another package, is installed under the same code.
    #[error("version {installed} of {product} is already installed from another package")]
    OtherVersion {
        /// The product code.
        product: ProductCode,
        /// The installed version.
        installed: String,
    },
    /// The package needs a newer installer than is presented.
    #[error("{package} needs Windows Installer {needed} and Windows Installer {presented} is presented")]
    InstallerVersion {
        /// The package.
        package: PathBuf,
        /// The version that it needs.
        needed: String,
        /// The presented version.
        presented: String,
    },
    /// The package is for another processor.
    #[error("{package} is for {template} and the prefix is {prefix}")]
    Platform {
        /// The package.
        package: PathBuf,
        /// What its summary information says.
        template: String,
        /// What the prefix is.
        prefix: &'static str,
    },
    /// The package needs parts that are not supported yet.
    #[error("not supported yet: {}", .parts.join("; "))]
    Unsupported {
        /// The parts by name.
        parts: Vec<String>,
    },
    /// A condition of the LaunchCondition table, or an action of type 19, ended the installation with this text.
    #[error("{text}")]
    Ended {
        /// The package's text.
        text: String,
    },
    /// The user ended it.
    #[error("the user ended the installation")]
    UserExit,
    /// A concurrent installation is one of the installations that are around it.
    #[error("{product} cannot be installed within its own installation")]
    ConcurrentItself {
        /// The product.
        product: ProductCode,
    },
    /// A concurrent installation is about a product that another installation has brought.
    #[error("{product} was not installed by this product, which therefore cannot change or remove it")]
    ConcurrentForeign {
        /// The product.
        product: ProductCode,
    },
    /// The code of a custom action ran without success.
    #[error("the custom action {} {how}", code.action())]
    CustomAction {
        /// What it ran.
        code: Box<ActionCode>,
        /// How that ended.
        how: Ending,
    },
    /// A custom action that installs another product failed.
    #[error("the custom action {action} failed to install another product: error {}", source.code())]
    ConcurrentProduct {
        /// The action.
        action: String,
        /// The name of the product that wants the other one.
        product: String,
        /// The cause.
        #[source]
        source: Box<EngineError>,
    },
    /// A custom action wants the installation to be suspended.
    #[error("the custom action {action} suspended the installation")]
    Suspended {
        /// Its name.
        action: String,
    },
    /// A custom action could not be run.
    #[error("the custom action {} cannot be run", code.action())]
    CustomActionHost {
        /// What it should run.
        code: Box<ActionCode>,
        /// The cause.
        #[source]
        source: HostError,
    },
    /// A source file or cabinet is missing.
    #[error("the source is not there: {path}")]
    SourceAbsent {
        /// Where it should be.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row of a table says something impossible.
    #[error("table {table}, row {row}: {fault}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong.
        fault: RowFault,
    },
    /// An action stands before one that it needs.
    #[error("action {action} is sequenced before {needed}, which it needs")]
    Sequence {
        /// The action.
        action: String,
        /// The action that has to come first.
        needed: &'static str,
    },
    /// An action stands behind InstallFinalize and would write into the script.
    #[error("action {action} is sequenced behind InstallFinalize, where the script has ended")]
    BehindScript {
        /// The action.
        action: String,
    },
    /// A sequence names an action that there is not.
    #[error("{action} is no standard action and not in the CustomAction table")]
    UnknownAction {
        /// The action.
        action: String,
    },
    /// The removal of an older version failed.
    #[error("the older version of {product} cannot be removed")]
    OlderVersion {
        /// The product's name.
        product: String,
        /// The cause.
        #[source]
        source: Box<EngineError>,
    },
    /// What the package asks for permissions is wrong.
    #[error(transparent)]
    Permission(#[from] Box<PermissionFault>),
    /// A volume is full.
    #[error("out of disk space: {needed} bytes are needed on {volume} and {available} are free")]
    DiskSpace {
        /// The volume.
        volume: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// An update takes a component from a feature, which is forbidden to it.
    #[error(
        "the update takes component {component} from feature {feature}, and upgrade component rules are enforced"
    )]
    MissingComponent {
        /// The feature.
        feature: String,
        /// The component.
        component: ComponentId,
    },
    /// An update puts a new feature above one that was there, which is forbidden to it.
    #[error(
        "the update puts the new feature {feature} above {child}, and upgrade component rules are enforced"
    )]
    NewFeatureAbove {
        /// The new feature.
        feature: String,
        /// The one that was there.
        child: String,
    },
    /// An installation was cut off and has to be ended or undone first.
    #[error("the installation of {title} was interrupted; it has to be recovered first")]
    Interrupted {
        /// What was being installed.
        title: String,
    },
    /// Wine runs on the prefix and owns its registry.
    #[error("Wine is running on {prefix} (wineserver, process {pid})")]
    WineRuns {
        /// The prefix.
        prefix: PathBuf,
        /// The wineserver.
        pid: u32,
    },
    /// The product that is to be removed has lost its cached package.
    #[error("1612. The package of {product} is not where it was kept: {path}")]
    CachedPackage {
        /// The product.
        product: ProductCode,
        /// Where it was kept.
        path: String,
    },
    /// What an installed product needs of its source is not there.
    #[error("no source was found for {product}: {package} is not in {looked}")]
    NoSource {
        /// The product.
        product: ProductCode,
        /// The name of its package file.
        package: String,
        /// Where it was looked for.
        looked: String,
    },
    /// The package with its transforms and patches cannot be written down.
    #[error("a temporary file cannot be made")]
    TemporaryPackage {
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A transform is missing, wrong, or for another package.
    #[error("the transform {transform} cannot be applied")]
    Transform {
        /// The transform as it is listed.
        transform: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A new instance is asked for, and there is one already.
    #[error("the instance {product} is installed already")]
    InstanceInstalled {
        /// Its product code.
        product: ProductCode,
    },
    /// A patch file cannot be opened.
    #[error("{patch} cannot be opened")]
    PatchOpen {
        /// The patch.
        patch: PathBuf,
        /// The cause.
        #[source]
        source: Box<PatchError>,
    },
    /// The file is no patch, or a damaged one.
    #[error("{patch} is not a valid patch")]
    PatchInvalid {
        /// The patch.
        patch: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The patch is for another product or version.
    #[error("{patch} does not fit what is installed")]
    PatchTarget {
        /// The patch.
        patch: PathBuf,
        /// The cause.
        #[source]
        source: Box<PatchError>,
    },
    /// No product that the patch is for is installed.
    #[error("no product that {patch} is for is installed")]
    NoPatchTarget {
        /// The patch.
        patch: PathBuf,
    },
    /// A patch of the product has lost its cached file.
    #[error("1612. The patch {patch} is not where it was kept: {path}")]
    CachedPatch {
        /// The patch.
        patch: Guid,
        /// Where it was kept.
        path: String,
    },
    /// The product has no such patch.
    #[error("the patch {patch} is not applied to this product")]
    UnknownPatch {
        /// What the user wrote.
        patch: String,
    },
    /// The patch cannot be removed by itself.
    #[error("the patch {patch} cannot be removed without the product")]
    PatchStays {
        /// What the user wrote.
        patch: String,
    },
    /// The policy DisablePatchUninstall is set.
    #[error("the policy DisablePatchUninstall forbids that the patch {patch} is removed")]
    PatchStaysByPolicy {
        /// What the user wrote.
        patch: String,
    },
    /// A file that is to be replaced cannot be looked at.
    #[error("{path} cannot be read")]
    ExistingFile {
        /// The file.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The machine says no.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The rollback script of an earlier installation cannot be read.
    #[error(transparent)]
    Journal(#[from] reseat_script::JournalError),
    /// Features and components cannot be selected as the package and the properties want it.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The package's tables say something wrong.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The package's database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An operation cannot be tried out in memory.
    #[error("{operation}")]
    Rehearsal {
        /// The operation.
        operation: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The script failed and was rolled back.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The Restart Manager failed.
    #[error("the Restart Manager failed")]
    RestartManager(#[from] RmError),
}

impl EngineError {
    /// What is wrong with a row of a table.
    pub(crate) fn row(table: &'static str, row: impl ToString, fault: impl Into<RowFault>) -> Self {
        Self::Row { table, row: row.to_string(), fault: fault.into() }
    }

    /// A component that has to have a file as its key path has none.
    pub(crate) fn no_key_file(table: &'static str, row: impl ToString, component: &str) -> Self {
        let reason = format!("the component {component} has no file as its key path");
        Self::row(table, row, RowFault::Value { column: "Component_", reason })
    }

    /// The number that Windows Installer documents for this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::UserExit => 1602,
            Self::Suspended { .. } => 1604,
            Self::UnknownProduct { .. } => 1605,
            Self::CachedPackage { .. } | Self::CachedPatch { .. } | Self::NoSource { .. } => 1612,
            Self::InstallerVersion { .. } => 1613,
            Self::PackageOpen { .. } => 1619,
            Self::PackageInvalid { .. } => 1620,
            Self::Transform { .. } => 1624,
            Self::Platform { .. } => 1633,
            Self::PatchOpen { .. } => 1635,
            Self::PatchInvalid { .. } => 1636,
            Self::OtherVersion { .. } | Self::InstanceInstalled { .. } => 1638,
            Self::CommandLine { .. } | Self::AmbiguousProduct { .. } => 1639,
            Self::PatchTarget { .. } | Self::NoPatchTarget { .. } => 1642,
            Self::PatchStays { .. } => 1646,
            Self::UnknownPatch { .. } => 1647,
            Self::PatchStaysByPolicy { .. } => 1649,
            Self::Machine(MachineError::Locked { .. }) => 1618,
            Self::OlderVersion { source, .. } => source.code(),
            Self::Execution(ExecutionError::Cancelled) => 1602,
            Self::Execution(ExecutionError::Action { failure, .. }) => match failure {
                ActionFailure::Cancelled => 1602,
                ActionFailure::Failed(error) => error.downcast_ref::<Self>().map_or(1603, Self::code),
            },
            _ => 1603,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unsupported { .. } => {
                "--skip-unsupported installs the package without these parts".to_owned()
            }
            Self::UnknownProduct { similar: Some(name), .. } => format!("did you mean '{name}'?"),
            Self::UnknownProduct { .. } => "'reseat list' shows what is installed".to_owned(),
            Self::Interrupted { .. } => "'reseat recover' undoes it".to_owned(),
            Self::WineRuns { .. } => {
                "close the programs that run in it, or end them with 'wineserver -k'".to_owned()
            }
            Self::AmbiguousProduct { .. } => "give the product code".to_owned(),
            Self::OtherVersion { .. } => {
                "REINSTALL=ALL REINSTALLMODE=vomus updates it; 'reseat uninstall' removes it".to_owned()
            }
            Self::InstallerVersion { .. } => "--installer chooses what is presented".to_owned(),
            Self::CustomAction { code, .. } | Self::CustomActionHost { code, .. } => {
                format!("--skip-custom-action {} installs without it", code.action())
            }
            Self::ConcurrentProduct { action, .. } => {
                format!("--skip-custom-action {action} installs without it")
            }
            Self::NoSource { .. } => "SOURCELIST=FOLDER names where the package is".to_owned(),
            Self::Machine(error) => return of_machine(error),
            Self::Execution(ExecutionError::Operation { fault, .. }) => match &**fault {
                Fault::Machine(error) => return of_machine(error),
                _ => return None,
            },
            _ => return None,
        })
    }
}

fn of_machine(error: &MachineError) -> Option<String> {
    let MachineError::LeadsOut { link: Some(link), .. } = error else { return None };
    Some(format!(
        "nothing is written outside the prefix; \"{}\" puts a folder of the prefix in the place of the link, and what is in '{}' \
         stays there",
        link.remedy(),
        link.target.display()
    ))
}
