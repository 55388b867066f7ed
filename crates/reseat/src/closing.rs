//! What the commands that close and restart applications share: resources from arguments, progress, tables.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reseat_machine::Account;
use reseat_restart_manager::who::FileState;
use reseat_restart_manager::who::How;
use reseat_restart_manager::{
    Application, ApplicationList, ApplicationType, Resources, ShutdownOptions, is_wine_service, service_name,
};
use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::prefix;
use crate::restart_arguments::Closing;

impl Closing {
    /// The options as the library takes them.
    pub fn options(&self) -> Result<ShutdownOptions, Failure> {
        let mut options = ShutdownOptions {
            force: self.force,
            only_registered: self.only_registered,
            ..ShutdownOptions::default()
        };
        if let Some(seconds) = self.timeout {
            let timeout = Duration::try_from_secs_f64(seconds)
                .map_err(|error| Failure::usage(format!("--timeout {seconds}: {error}")))?;
            (options.timeout, options.service_timeout) = (timeout, timeout);
        }
        Ok(options)
    }
}

/// The files, folders and services that a user named. What is no file and is the name of a service is a service.
pub fn resources(global: &Global, names: &[PathBuf]) -> Result<Resources, Failure> {
    let mut resources = Resources::default();
    for name in names {
        match service(global, name) {
            Some(service) => add_service(global, &mut resources, service),
            None => resources.files.push(prefix::locate(global, name)?),
        }
    }
    Ok(resources)
}

/// Adds a service by its name, which may also be known to the Wine on the prefix.
pub fn add_service(global: &Global, resources: &mut Resources, name: String) {
    // Without a folder there is no Wine either.
    resources.prefixes = prefix::folder(global).into_iter().filter(|it| it.is_dir()).collect();
    resources.services.push(name);
}

/// Says what a list leaves open, unless the user wants no words.
pub fn warn_of_unknown(global: &Global, list: &ApplicationList) {
    if global.quiet {
        return;
    }
    for file in &list.unattributed {
        eprintln!(
            "reseat: {} is in use, by the kernel or by a process that could not be inspected",
            file.display()
        );
    }
    for (file, state) in &list.files {
        match state {
            FileState::Missing => eprintln!("reseat: {} does not exist", file.display()),
            FileState::Unknown(reason) => {
                eprintln!("reseat: whether {} is in use is not known: {reason}", file.display());
            }
            _ => {}
        }
    }
    for service in &list.services_not_inspected {
        eprintln!("reseat: {service} is known to no service manager that could be asked");
    }
}

fn service(global: &Global, name: &Path) -> Option<String> {
    let text = name.to_str()?;
    if text.contains(['/', '\\']) || name.symlink_metadata().is_ok() {
        return None;
    }
    let of_wine = || prefix::folder(global).is_ok_and(|prefix| is_wine_service(&prefix, text));
    service_name(text).or_else(|| of_wine().then(|| text.to_owned()))
}

/// A bar on a terminal.
pub fn progress_bar(global: &Global, message: &'static str) -> ProgressBar {
    let shows = std::io::stderr().is_terminal() && !global.quiet;
    let target = if shows { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(100), target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:24} {wide_bar} {percent:>3}%") {
        bar.set_style(style);
    }
    if shows {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar.set_message(message);
    bar
}

/// One application in a table or in JSON.
#[derive(Debug, Serialize)]
pub struct Row {
    application: String,
    /// The title of its main window.
    window: Option<String>,
    pid: u32,
    user: String,
    service: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further_services: Vec<String>,
    /// Services that are stopped and started with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependents: Vec<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    critical: Option<String>,
    restartable: bool,
    status: String,
    restarted_as: Option<u32>,
    files: Vec<PathBuf>,
}

impl Row {
    /// Describes an application.
    pub fn of(application: &Application) -> Self {
        Self {
            application: application.name.clone(),
            window: application.window.clone(),
            pid: application.process.pid,
            user: application.user_id.map(user_name).unwrap_or_default(),
            service: application.service.clone(),
            further_services: application.further_services().to_vec(),
            dependents: application.dependents().to_vec(),
            kind: kind_words(application.kind),
            critical: application.critical.as_ref().map(ToString::to_string),
            restartable: application.restartable,
            status: application.status.to_string(),
            restarted_as: application.restarted_as.map(|it| it.pid),
            files: application.files.clone(),
        }
    }
}

/// Prints applications with their history.
pub fn print(global: &Global, applications: &[Application]) {
    let rows: Vec<Row> = applications.iter().map(Row::of).collect();
    let headings = ["application", "pid", "user", "service", "type", "restart", "status"];
    output::list(global, &headings, &rows, |row| {
        vec![
            with_window(&row.application, &row.window),
            row.pid.to_string(),
            row.user.clone(),
            services(row.service.iter().chain(&row.further_services), &row.dependents),
            row.critical.as_ref().map_or(row.kind.to_owned(), |reason| format!("{}: {reason}", row.kind)),
            restart_words(row.restartable).to_owned(),
            row.status.clone(),
        ]
    });
}

/// Services in words: those of a process, and those that stop and start with them.
pub fn services<'a>(own: impl Iterator<Item = &'a String>, dependents: &[String]) -> String {
    let own = own.map(String::as_str).collect::<Vec<_>>().join(", ");
    match dependents {
        [] => own,
        dependents => format!("{own} with {}", dependents.join(", ")),
    }
}

/// An application's name, with the title of its main window if it has one.
pub fn with_window(name: &str, window: &Option<String>) -> String {
    window.as_ref().map_or_else(|| name.to_owned(), |title| format!("{name} {title:?}"))
}

/// Whether it can be started again, in a word.
pub fn restart_words(restartable: bool) -> &'static str {
    if restartable { "yes" } else { "no" }
}

/// What sort of application it is, in a word.
pub fn kind_words(kind: ApplicationType) -> &'static str {
    match kind {
        ApplicationType::Unknown => "unknown",
        ApplicationType::MainWindow => "window",
        ApplicationType::OtherWindow => "other window",
        ApplicationType::Service => "service",
        ApplicationType::Explorer => "shell",
        ApplicationType::Console => "console",
        ApplicationType::Critical => "critical",
    }
}

/// How a file is used, in a word or two.
pub fn how_words(how: How) -> &'static str {
    match how {
        How::Open => "open",
        How::Mapped => "mapped",
        How::Executable => "runs it",
        How::WorkingDirectory => "working folder",
        How::RootDirectory => "root folder",
        How::Script => "script",
    }
}

/// A user's name, or number.
pub fn user_name(user: u32) -> String {
    Account::of(user).map_or_else(|| user.to_string(), |account| account.name)
}
