//! An installation from its beginning to its end: finding the product, the sessions, and every way out.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use reseat_machine::products::InstalledProduct;
use reseat_machine::{Bitness, Machine, MachineLock, PendingOperation};
use reseat_package::{Platform as PackagePlatform, Properties};
use reseat_restart_manager::Restarted;
use reseat_script::InstallScript;

use crate::actions::{execute, services};
use crate::client::Client;
use crate::custom_action::{self, asynchronous};
use crate::error::{EngineError, Outcome};
use crate::host::CustomActionHost;
use crate::interface::{Message, UserInterface};
use crate::log::{plain, service};
use crate::message_text::{Language, own_text};
use crate::notice::Notice;
use crate::pending_files::PendingFiles;
use crate::recovery;
use crate::request::{Request, Target, TopLevel};
use crate::restart::{self, Control, Conversation, SESSION_KEY_PROPERTY};
use crate::session::{Installation, Purpose, Session};
use crate::subject::{self, Subject};
use crate::support;

/// How many installations may be within each other.
const MOST_CONCURRENT: usize = 8;

/// What an installation has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductChange {
    /// The product was not there before.
    Installed,
    /// The product was there before and is still.
    Configured,
    /// The product is gone.
    Removed,
    /// The product is known, and is installed when somebody asks for it.
    Advertised,
    /// None: the package and its files were copied (administrative installation).
    Copied,
    /// Nothing: a custom action has ended the installation early, without an error.
    Unchanged,
}

impl fmt::Display for ProductChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Installed => "installed",
            Self::Configured => "configured",
            Self::Removed => "removed",
            Self::Advertised => "advertised",
            Self::Copied => "copied to be installed from there",
            Self::Unchanged => "left as it was",
        })
    }
}

/// An application that was closed and started again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RestartedApplication {
    /// Its name.
    pub name: String,
    /// The process that was closed.
    pub old: u32,
    /// The process that runs now.
    pub new: u32,
}

/// How an installation that succeeded ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether something is left to do.
    pub outcome: Outcome,
    /// The product's code.
    pub product: String,
    /// The product's name.
    pub name: String,
    /// The product's version.
    pub version: String,
    /// What was done.
    pub change: ProductChange,
    /// The applications that were closed and started again.
    pub restarted: Vec<RestartedApplication>,
    /// What waits for the next start of Windows.
    pub pending: Vec<PendingOperation>,
}

/// Opens the package of a request, to find out whether that works.
///
/// # Errors
/// [`EngineError::PackageOpen`] (1619) or [`EngineError::PackageInvalid`] (1620).
pub fn open_package(request: &Request) -> Result<(), EngineError> {
    match &request.target {
        Target::Package(path) => subject::open(path).map(drop),
        Target::Product(_) => Ok(()),
    }
}

/// Carries out a request on a machine.
///
/// # Errors
/// Why it failed; the machine is then as it was before, and applications that were closed run again.
pub fn install(
    machine: &Machine,
    request: &Request,
    interface: &mut dyn UserInterface,
    host: &dyn CustomActionHost,
) -> Result<Report, EngineError> {
    let (mut installation, subject, _lock) = prepare(machine, request, interface, host)?;
    recovery::tidy(machine, host)?;
    let mut session = begin_requested(&mut installation, subject)?;
    log_begin(&session);
    let result = run(&mut session);
    asynchronous::end(&mut session, result.is_ok());
    let change = session.change();
    if result.is_err() {
        execute::roll_back(&mut session);
    }
    let restart = session.property("MSIDISABLERMRESTART") != Some("1");
    let name = session.package.name().to_owned();
    let version = session.property("ProductVersion").unwrap_or_default().to_owned();
    let product = session.package.product_code().to_string();
    let of_client = result.is_ok() && !matches!(session.client, Client::Absent);
    log_properties(&session, if of_client { "C" } else { "S" });
    // Before anything is started again: Wine may have been kept from the prefix.
    session.installation.host.finish();
    let mut restarted = Vec::new();
    if let Some(conversation) = session.installation.restart.take() {
        if result.is_ok() {
            leave_deleted_services(&session, &conversation);
        }
        let end = conversation.end(restart);
        for failure in end.failures {
            session.warn_of_notice(Notice::NotRestarted { cause: &failure });
        }
        restarted = end.restarted.into_iter().map(application).collect();
    }
    let pending = session.installation.pending.waiting().to_vec();
    // Page `reboot.md`: only the first letter counts. Nothing here restarts a computer.
    let asked = session.property("REBOOT").is_some_and(|value| value.starts_with(['F', 'f']));
    let restart_required = session.installation.restart_required || asked;
    // The reasons of the page `event-logging.md`: files in use, the package, or none in particular.
    let reason = match session.property("ReplacedInUseFiles") {
        Some(_) => 1,
        None if session.installation.restart_required => 2,
        None => 0,
    };
    if session.installation.suspended {
        service!("MainEngineThread is returning {}", Outcome::Suspended.code());
        let outcome = Outcome::Suspended;
        return Ok(Report { outcome, product, name, version, change, restarted, pending });
    }
    if let Err(error) = result {
        tell_failure(&mut session, &error);
        log_end(&session, change, Err(error.code()));
        service!("MainEngineThread is returning {}", error.code());
        return Err(error);
    }
    let outcome = if restart_required { Outcome::RestartRequired } else { Outcome::Success };
    if restart_required {
        service!(
            "Windows Installer requires a system restart. Product Name: {name}. Product Version: {version}. Type of System Restart: 2. Reason for Restart: {reason}."
        );
    }
    log_end(&session, change, Ok(outcome.code()));
    service!("MainEngineThread is returning {}", outcome.code());
    Ok(Report { outcome, product, name, version, change, restarted, pending })
}

/// What was closed because it held a file and has been removed since cannot be started again.
fn leave_deleted_services(session: &Session<'_, '_>, conversation: &Conversation) {
    for name in &session.installation.deleted_services {
        let registry = session.machine().registry();
        // One that the new version brings again is started again.
        if registry.is_ok_and(|registry| registry.exists(&services::key(name))) {
            continue;
        }
        if let Err(error) = conversation.leave_stopped(name) {
            tracing::warn!(service = name, %error, "a removed service may be started again");
        }
    }
}

/// What the log begins with.
fn log_begin(session: &Session<'_, '_>) {
    let file = session.shown_path(&session.basis.file);
    service!("******* RunEngine:");
    plain!("           ******* Product: {file}");
    plain!("           ******* Action: {}", session.top_level.name());
    let properties = &session.installation.request.properties;
    let properties: Vec<String> = properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    plain!("           ******* CommandLine: {}", properties.join(" "));
    service!("Original package ==> {file}");
    service!("Package we're running from ==> {}", session.shown_path(&session.package_path));
}

/// What the log says of the whole installation (messages 1707, 1708, 1724, 1725, 1728 and 1729; page `event-logging.md`).
fn log_end(session: &Session<'_, '_>, change: ProductChange, code: Result<u32, u32>) {
    let property = |name| session.property(name).unwrap_or_default();
    let (succeeded, done, noun) = match change {
        ProductChange::Removed => (1724, "removed", "Removal"),
        ProductChange::Configured => (1728, "reconfigured", "Reconfiguration"),
        ProductChange::Advertised => (1726, "advertised", "Advertisement"),
        ProductChange::Installed | ProductChange::Copied | ProductChange::Unchanged => {
            (1707, "installed", "Installation")
        }
    };
    let (number, status) = match code {
        Ok(status) => (succeeded, status),
        Err(status) => (succeeded + 1, status),
    };
    let text = own_text(number, Language::English).unwrap_or_default();
    service!("Product: {} -- {text}", session.package.name());
    service!(
        "Windows Installer {done} the product. Product Name: {}. Product Version: {}. Product Language: {}. Manufacturer: {}. {noun} success or error status: {status}.",
        session.package.name(),
        property("ProductVersion"),
        property("ProductLanguage"),
        property("Manufacturer")
    );
}

/// Says why the installation ends, unless an action has said so.
fn tell_failure(session: &mut Session<'_, '_>, error: &EngineError) {
    if matches!(error, EngineError::Ended { .. }) {
        return;
    }
    let language = session.installation.interface.language();
    let text = error.told(language, Some(&session.package), Some(&session.context()));
    let message = error.numbered();
    if let Some(message) = &message {
        service!("Note: {message}");
    }
    let number = message.map(|message| message.number());
    session.tell(&Message::Error { number, text: text.clone() });
    if let Some(number) = number {
        service!("Product: {} -- Error {number}. {text}", session.package.name());
    }
}

/// Takes the machine and finds the package that a request is about.
///
/// # Errors
/// When the machine is not free, or the package is not for it.
pub(crate) fn prepare<'m>(
    machine: &'m Machine,
    request: &'m Request,
    interface: &'m mut dyn UserInterface,
    host: &'m dyn CustomActionHost,
) -> Result<(Installation<'m>, Subject, MachineLock), EngineError> {
    // First of all: the rollback script of an installation that is at work is not that of an interrupted one.
    let lock = machine.lock()?;
    recovery::check(machine)?;
    if let Some(pid) = machine.wine_server().filter(|_| !machine.has_wine_registry()) {
        return Err(EngineError::WineRuns { prefix: machine.prefix().to_owned(), pid });
    }
    let subject = Subject::find(machine, request)?;
    check_platform(machine, request, &subject)?;
    let pending = PendingFiles::of(machine)?;
    Ok((Installation { pending, ..unlocked(machine, request, interface, host) }, subject, lock))
}

/// An installation that has nothing yet, for whoever only looks.
pub(crate) fn unlocked<'m>(
    machine: &'m Machine,
    request: &'m Request,
    interface: &'m mut dyn UserInterface,
    host: &'m dyn CustomActionHost,
) -> Installation<'m> {
    Installation {
        machine,
        request,
        interface,
        host,
        transaction: None,
        restart: None,
        restart_required: false,
        nested_packages: Vec::new(),
        around: Vec::new(),
        suspended: false,
        ignores_files_in_use: false,
        deleted_services: Vec::new(),
        pending: PendingFiles::default(),
        plan: None,
    }
}

/// A session that is asked for nothing.
///
/// # Errors
/// When the Property table cannot be read.
pub(crate) fn begin_idle<'s, 'm>(
    installation: &'s mut Installation<'m>,
    subject: Subject,
) -> Result<Session<'s, 'm>, EngineError> {
    begin(installation, subject, Purpose::Requested, &[])
}

/// The session that the user asked for.
///
/// # Errors
/// When a property cannot be set.
pub(crate) fn begin_requested<'s, 'm>(
    installation: &'s mut Installation<'m>,
    subject: Subject,
) -> Result<Session<'s, 'm>, EngineError> {
    let request = installation.request;
    let mut properties = request.properties.clone();
    let derived = subject.patch_properties(installation.machine, &mut properties)?;
    let mut session = begin(installation, subject, Purpose::Requested, &properties)?;
    for (name, value) in &derived {
        session.set_property(name, value);
    }
    session.derived = derived;
    Ok(session)
}

pub(crate) fn application(restarted: Restarted) -> RestartedApplication {
    RestartedApplication { name: restarted.name, old: restarted.old.pid, new: restarted.new.pid }
}

/// Removes an installed product on behalf of the one that replaces it, in the same installation.
///
/// # Errors
/// Why it could not be removed. What was done by then is rolled back by the session that opened the transaction.
pub fn remove_for_upgrade(
    session: &mut Session<'_, '_>,
    product: &InstalledProduct,
    features: &str,
) -> Result<(), EngineError> {
    let subject = Subject::installed(session.machine(), product.clone())?;
    let properties = [
        ("REMOVE".to_owned(), features.to_owned()),
        ("UPGRADINGPRODUCTCODE".to_owned(), session.package.product_code().to_string()),
    ];
    service!("Removing {} for the upgrade", product.name);
    let mut nested = begin(session.installation, subject, Purpose::Upgrade, &properties)?;
    support::check(&mut nested)?;
    let result = nested.run();
    asynchronous::end(&mut nested, result.is_ok());
    if result.is_err() && nested.owns_transaction {
        execute::roll_back(&mut nested);
    }
    result.map_err(|source| match source {
        EngineError::UserExit => source,
        source => EngineError::OlderVersion { product: product.name.clone(), source: Box::new(source) },
    })
}

/// Installs, changes or removes another product on behalf of a custom action, in the same installation: with its
/// transaction, its Restart Manager session and whoever watches it (page `concurrent-installations.md`).
///
/// # Errors
/// Why it failed. What was done by then is rolled back by the session that opened the transaction.
pub fn install_concurrently(
    session: &mut Session<'_, '_>,
    subject: Subject,
    properties: &[(String, String)],
) -> Result<(), EngineError> {
    let product = subject.package.product_code();
    let parent = session.package.product_code();
    let around = &mut session.installation.around;
    if product == parent || around.contains(&product) || around.len() >= MOST_CONCURRENT {
        return Err(EngineError::ConcurrentItself { product });
    }
    around.push(parent);
    let result = install_within(session, subject, properties, &parent.to_string());
    session.installation.around.pop();
    result
}

fn install_within(
    session: &mut Session<'_, '_>,
    subject: Subject,
    properties: &[(String, String)],
    parent: &str,
) -> Result<(), EngineError> {
    check_platform(session.machine(), session.installation.request, &subject)?;
    let parent_database = session.property("OriginalDatabase").unwrap_or_default().to_owned();
    service!("Installing {} on behalf of {parent}", subject.package.name());
    let mut nested = begin(session.installation, subject, Purpose::Concurrent, properties)?;
    nested.set_property(custom_action::PARENT_PRODUCT, parent);
    nested.set_property(custom_action::PARENT_DATABASE, &parent_database);
    if let Some(key) = nested.installation.restart.as_ref().map(Conversation::key) {
        nested.set_property(SESSION_KEY_PROPERTY, &key);
    }
    let result = run(&mut nested);
    asynchronous::end(&mut nested, result.is_ok());
    if result.is_err() && nested.owns_transaction {
        execute::roll_back(&mut nested);
    }
    log_properties(&nested, "S");
    result
}

fn check_platform(machine: &Machine, request: &Request, subject: &Subject) -> Result<(), EngineError> {
    let package = &subject.package;
    let wrong_platform = match package.platform() {
        // What is only copied does not have to run here.
        _ if request.top_level() == TopLevel::Admin => false,
        PackagePlatform::Intel => false,
        PackagePlatform::X64 => machine.bitness() != Bitness::X64,
        _ => true,
    };
    if wrong_platform {
        return Err(EngineError::Platform {
            package: subject.path.clone(),
            template: package.platform().name().to_owned(),
            prefix: if machine.bitness() == Bitness::X64 { "64-bit (x64)" } else { "32-bit" },
        });
    }
    let presented = request.platform.installer;
    let needed = package.minimum_installer().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    if needed > presented.schema() {
        return Err(EngineError::InstallerVersion {
            package: subject.path.clone(),
            needed: format!("{}.{}", needed / 100, needed % 100),
            presented: presented.to_string(),
        });
    }
    Ok(())
}

fn begin<'s, 'm>(
    installation: &'s mut Installation<'m>,
    subject: Subject,
    purpose: Purpose,
    properties: &[(String, String)],
) -> Result<Session<'s, 'm>, EngineError> {
    let top_level = match purpose {
        Purpose::Requested => installation.request.top_level(),
        Purpose::Upgrade | Purpose::Concurrent => TopLevel::Install,
    };
    let mut session = Session {
        installation,
        package: Arc::new(subject.package),
        package_file: File::open(&subject.path).ok().map(Arc::new),
        package_path: subject.path,
        image: None,
        installed: subject.installed,
        basis: subject.basis,
        purpose,
        top_level,
        given: properties.to_vec(),
        derived: Vec::new(),
        client: Client::Absent,
        properties: Properties::new(),
        selection: None,
        migrated_features: Vec::new(),
        sources: None,
        script: InstallScript::default(),
        isolates: false,
        in_script: false,
        lacks_room_for_rollback: false,
        owns_transaction: false,
        action: String::new(),
        done: Default::default(),
        feature_requests: Vec::new(),
        component_requests: Default::default(),
        nested: 0,
        asynchronous: Default::default(),
        late_failure: None,
        is_finished: false,
        ended_early: false,
    };
    for lost in std::mem::take(&mut session.basis.patching.lost) {
        let (patch, path) = (lost.code.to_string(), &lost.path);
        session.warn_of_notice(Notice::PatchLost { patch: &patch, path });
    }
    for warning in session.package.database().warnings() {
        let text = format!("{}: {warning}", session.package_path.display());
        session.tell(&Message::warning(text));
    }
    session.begin_properties()?;
    Ok(session)
}

/// Runs the session that the user asked for, between the opening of the Restart Manager session and its end.
fn run(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    support::check(session)?;
    session.run()?;
    if session.in_script {
        // A sequence without InstallFinalize would leave the transaction open, and nothing done.
        return Err(EngineError::Sequence {
            action: "InstallInitialize".to_owned(),
            needed: "InstallFinalize",
        });
    }
    Ok(())
}

/// Opens the Restart Manager session of the session that executes, as its first step.
///
/// # Errors
/// When a policy cannot be read.
pub(crate) fn open_restart_manager(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let has_own = session.purpose == Purpose::Requested && session.installation.plan.is_none();
    if !has_own || !session.installation.request.platform.has_restart_manager() {
        return Ok(());
    }
    let control = restart::control(session.machine(), session.property("MSIRESTARTMANAGERCONTROL"))?;
    if control == Control::Off {
        return Ok(());
    }
    let conversation = match Conversation::open(control) {
        Ok(conversation) => conversation,
        Err(error) => {
            // Without one, files in use are still found, and nobody is closed.
            session.warn_of_notice(Notice::NoRestartManager { cause: &error.to_string() });
            return Ok(());
        }
    };
    session.set_property(SESSION_KEY_PROPERTY, &conversation.key());
    session.installation.restart = Some(conversation);
    service!("RESTART MANAGER: Session opened.");
    Ok(())
}

/// Logs all properties, as those of the service (`S`) or the client (`C`).
pub(crate) fn log_properties(session: &Session<'_, '_>, side: &str) {
    for (name, _) in session.properties.iter() {
        plain!("Property({side}): {name} = {}", session.properties.loggable(name).unwrap_or_default());
    }
}
