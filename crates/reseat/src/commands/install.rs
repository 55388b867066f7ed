//! `reseat install`, `uninstall`, `repair` and `patch`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reseat_custom_actions::{Hosts, Sandbox};
use reseat_database::ProductCode;
use reseat_engine::{
    CustomActions, EngineError, Outcome, Platform, Report, Request, Target, TopLevel, UiLevel,
};
use reseat_machine::Machine;
use reseat_package::parse_assignment;
use serde_json::json;

use crate::arguments::{Global, Install, Patch, Presented, Repair, Ui, Uninstall};
use crate::failure::Failure;
use crate::msiexec_line::Advertisement;
use crate::output;
use crate::prefix;
use crate::terminal::{self, Terminal};
use crate::verbose_log::VerboseLog;

/// Exit code for success when something has to be started again.
const RESTART_REQUIRED: u8 = 10;

/// Installs a package, or changes an installed product.
pub fn install(global: &Global, arguments: Install) -> Result<ExitCode, Failure> {
    let Install { package, properties, presented } = arguments;
    let target = target(&package);
    let request = request(global, target, &properties, &presented)?;
    if request.top_level() == TopLevel::Admin {
        return super::admin::administer(global, request, &presented);
    }
    start(global, &request, &presented)
}

/// Makes a product known, to be installed on demand.
pub fn advertise(global: &Global, arguments: Install) -> Result<ExitCode, Failure> {
    let Install { package, properties, presented } = arguments;
    let mut request = request(global, Target::Package(package), &properties, &presented)?;
    request.properties.push(("ACTION".to_owned(), "ADVERTISE".to_owned()));
    start(global, &request, &presented)
}

/// The properties that the options of `msiexec /j` stand for.
pub fn advertisement(package: &Path, options: Advertisement) -> Vec<(String, String)> {
    let Advertisement { for_all, transforms, language, new_instance, .. } = options;
    let mut transforms: Vec<String> = transforms.into_iter().collect();
    // A package in several languages has a transform for each but its own, called by the language's number.
    if let Some(language) = language {
        let database = reseat_database::Database::open(package, reseat_database::Reading::Permissive);
        if database.is_ok_and(|database| database.storage_names().contains(&language)) {
            transforms.push(format!(":{language}"));
        }
    }
    let mut properties = vec![
        ("ACTION".to_owned(), "ADVERTISE".to_owned()),
        ("ALLUSERS".to_owned(), if for_all { "1" } else { "" }.to_owned()),
    ];
    if !transforms.is_empty() {
        properties.push(("TRANSFORMS".to_owned(), transforms.join(";")));
    }
    if new_instance {
        properties.push(("MSINEWINSTANCE".to_owned(), "1".to_owned()));
    }
    properties
}

/// Removes a product.
pub fn uninstall(global: &Global, arguments: Uninstall) -> Result<ExitCode, Failure> {
    let Uninstall { product, properties, presented } = arguments;
    let mut request = request(global, Target::Product(product), &properties, &presented)?;
    request.properties.push(("REMOVE".to_owned(), "ALL".to_owned()));
    start(global, &request, &presented)
}

/// Installs again what is installed of a product.
pub fn repair(global: &Global, arguments: Repair) -> Result<ExitCode, Failure> {
    let Repair { product, properties, flags, presented } = arguments;
    let target = named(&product);
    let mut request = request(global, target, &properties, &presented)?;
    let features = request.properties.iter().any(|(name, _)| name == "REINSTALL");
    if !features {
        request.properties.push(("REINSTALL".to_owned(), "ALL".to_owned()));
    }
    request.properties.push(("REINSTALLMODE".to_owned(), flags));
    start(global, &request, &presented)
}

/// Applies patches to a product, or to all that they are for; or takes them away.
pub fn patch(global: &Global, arguments: Patch) -> Result<ExitCode, Failure> {
    let Patch { patches, product, remove, properties, presented } = arguments;
    // Properties may follow without a product before them.
    let (product, properties) = match product {
        Some(text) if parse_assignment(&text).is_ok() => (None, [vec![text], properties].concat()),
        product => (product, properties),
    };
    let property = if remove { "MSIPATCHREMOVE" } else { "PATCH" };
    let properties = request(global, named(Path::new("")), &properties, &presented)?.properties;
    patch_products(global, property, &patches, product, &properties, &presented)
}

/// Sets a property to patches for a product, or for each one that they are for.
///
/// # Errors
/// When a patch is none, when there is no such product, or the first that fails.
pub fn patch_products(
    global: &Global,
    property: &str,
    patches: &str,
    product: Option<String>,
    properties: &[(String, String)],
    presented: &Presented,
) -> Result<ExitCode, Failure> {
    // What is no patch is said before anything that the machine may lack.
    reseat_engine::check_patches(patches)?;
    let machine = prefix::open_if_made(global)?.ok_or_else(|| match &product {
        Some(name) => EngineError::UnknownProduct { name: name.clone(), similar: None },
        None => EngineError::NoPatchTarget { patch: PathBuf::from(patches) },
    })?;
    let products = match product {
        Some(product) => vec![product],
        None => reseat_engine::patch_targets(&machine, patches)?,
    };
    let mut code = ExitCode::SUCCESS;
    for product in products {
        let mut request = request(global, named(Path::new(&product)), &[], presented)?;
        request.properties = properties.to_vec();
        request.properties.push((property.to_owned(), patches.to_owned()));
        let ended = run(global, &machine, &request, presented)?;
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
    }
    Ok(code)
}

/// What the user means: a product code or an installed product's name where there is no such file.
fn target(text: &Path) -> Target {
    match text.to_str() {
        Some(name) if !text.exists() && name.parse::<ProductCode>().is_ok() => {
            Target::Product(name.to_owned())
        }
        _ => Target::Package(text.to_owned()),
    }
}

/// The package file of this name, else the installed product.
fn named(text: &Path) -> Target {
    match text.to_str() {
        Some(name) if !text.is_file() => Target::Product(name.to_owned()),
        _ => Target::Package(text.to_owned()),
    }
}

/// Carries a request out; the prefix is made when a package is installed into none.
pub fn start(global: &Global, request: &Request, presented: &Presented) -> Result<ExitCode, Failure> {
    // Whether the package can be opened is found out before a prefix is made for it.
    reseat_engine::open_package(request)?;
    match &request.target {
        Target::Package(_) => {
            let prepared = prefix::open_or_create(global)?;
            let result = run(global, &prepared.machine, request, presented);
            if result.is_err() {
                prepared.discard();
            }
            result
        }
        Target::Product(name) => {
            let unknown = || EngineError::UnknownProduct { name: name.clone(), similar: None };
            let machine = prefix::open_if_made(global)?.ok_or_else(unknown)?;
            run(global, &machine, request, presented)
        }
    }
}

/// A request as the options ask for it.
///
/// # Errors
/// When an argument is no property with its value.
pub fn request(
    global: &Global,
    target: Target,
    properties: &[String],
    presented: &Presented,
) -> Result<Request, Failure> {
    let mut request = Request::new(target);
    for argument in properties {
        let assignment = parse_assignment(argument)
            .map_err(|error| EngineError::CommandLine { reason: error.to_string() })?;
        request.properties.push(assignment);
    }
    request.ui_level = match presented.ui {
        Some(Ui::Full) => UiLevel::Full,
        Some(Ui::Reduced) => UiLevel::Reduced,
        None if global.quiet => UiLevel::Silent,
        None => UiLevel::Basic,
    };
    request.hides_cancel = presented.manner.no_cancel;
    request.progress_only = presented.manner.no_questions;
    request.platform = Platform {
        windows: presented.windows.unwrap_or_default(),
        installer: presented.installer.unwrap_or_default(),
    };
    request.skip_unsupported = presented.skip_unsupported;
    request.custom_actions = if presented.no_custom_actions {
        CustomActions::None
    } else if !presented.allow.is_empty() {
        CustomActions::Only(presented.allow.clone())
    } else if presented.skip_custom_action.is_empty() {
        CustomActions::Run
    } else {
        CustomActions::Skip(presented.skip_custom_action.clone())
    };
    request.log_file = presented.log.clone();
    Ok(request)
}

/// Carries a request out on a machine.
///
/// # Errors
/// Why it failed.
pub(super) fn run(
    global: &Global,
    machine: &Machine,
    request: &Request,
    presented: &Presented,
) -> Result<ExitCode, Failure> {
    let mut terminal = Terminal::new(global, presented.progress);
    if presented.manner.no_questions {
        terminal = terminal.without_questions();
    }
    let host = Hosts::find(machine).with_sandbox(sandbox(presented, Sandbox::WritesPrefix)?);
    if presented.sandbox {
        prefix::share_sandbox(machine, &host);
    }
    catch_interrupt(presented.manner.no_cancel)?;
    if presented.recover {
        super::recover::first(global, machine, &host)?;
    }
    let mut work = || reseat_engine::install(machine, request, &mut terminal, &host);
    let result = match &presented.log {
        None => work(),
        Some(path) => {
            let log = VerboseLog::open(path, presented.manner.appends_log)?;
            tracing::subscriber::with_default(Arc::new(log), work)
        }
    };
    terminal.finish();
    let report = result.map_err(|error| Failure::from(error).in_words(terminal.error.take()))?;
    let global = &Global { quiet: global.quiet && !presented.manner.says_end, ..global.clone() };
    print(global, &report, &terminal.warnings);
    Ok(match report.outcome {
        Outcome::Success => ExitCode::SUCCESS,
        Outcome::RestartRequired | Outcome::Suspended => ExitCode::from(RESTART_REQUIRED),
    })
}

fn print(global: &Global, report: &Report, warnings: &[String]) {
    if global.json {
        output::json(&json!({
            "error": report.outcome.code(),
            "product": report.product,
            "name": report.name,
            "version": report.version,
            "change": report.change.to_string(),
            "restarted": report.restarted,
            "pending": report.pending,
            "warnings": warnings,
        }));
        return;
    }
    if global.quiet {
        return;
    }
    for application in &report.restarted {
        eprintln!(
            "{} was closed (process {}) and started again (process {})",
            application.name, application.old, application.new
        );
    }
    eprintln!("{}: {} {}", report.change, report.name, report.version);
    match report.outcome {
        Outcome::Success => {}
        Outcome::Suspended => {
            eprintln!(
                "1604: it goes on after a restart of Windows, which 'reseat reboot-pending --apply' stands for"
            );
        }
        Outcome::RestartRequired if report.pending.is_empty() => {
            eprintln!("3010: a restart is needed before everything works as installed");
        }
        Outcome::RestartRequired => {
            eprintln!(
                "3010: files that are in use are replaced or removed when Windows starts the next time"
            );
            eprintln!("  hint: 'reseat reboot-pending' lists them, --apply replaces and removes them");
        }
    }
}

/// Makes Ctrl-C end the installation after the current operation instead of in the middle of it.
fn catch_interrupt(no_cancel: bool) -> Result<(), Failure> {
    // Several products can be changed by one command.
    static CAUGHT: AtomicBool = AtomicBool::new(false);
    if CAUGHT.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let handler = if no_cancel { || {} } else { terminal::cancel };
    ctrlc::set_handler(handler).map_err(|error| Failure::usage(format!("Ctrl-C cannot be caught: {error}")))
}

/// The sandbox that was asked for, when it can be made here.
pub(super) fn sandbox(presented: &Presented, wanted: Sandbox) -> Result<Sandbox, Failure> {
    let sandbox = if presented.sandbox { wanted } else { Sandbox::None };
    if !sandbox.works() {
        let failure = Failure::documented(1603, "the sandbox cannot be made: bwrap fails or is not there");
        return Err(failure.with_hint("install bubblewrap, or go on without --sandbox"));
    }
    Ok(sandbox)
}
