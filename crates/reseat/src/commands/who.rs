//! `reseat who`: who uses files, folders, programs and services.

use std::path::PathBuf;
use std::process::ExitCode;

use reseat_restart_manager::who::FileState;
use reseat_restart_manager::{Application, ApplicationType, Store, affected, unit_of, wine_prefix};
use serde::Serialize;

use crate::arguments::Global;
use crate::closing;
use crate::failure::Failure;
use crate::output;
use crate::restart_arguments::Who;

/// One use of one file, or a process of a service that was asked for.
#[derive(Serialize)]
struct Line {
    application: String,
    /// The title of its main window.
    window: Option<String>,
    pid: u32,
    user: String,
    unit: Option<String>,
    /// Other services of Wine in the same process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further_services: Vec<String>,
    /// Services that are stopped and started with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependents: Vec<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The Wine prefix that it runs in, if it is a program of Wine.
    wine_prefix: Option<PathBuf>,
    /// Why it is critical.
    critical: Option<String>,
    restartable: bool,
    uses: String,
    file: Option<PathBuf>,
}

/// Exit code when no file is in use.
const FREE: u8 = 1;
/// Exit code when it is not known.
const UNKNOWN: u8 = 2;

/// Prints who uses the files.
pub fn run(global: &Global, arguments: &Who) -> Result<ExitCode, Failure> {
    let resources = closing::resources(global, &arguments.files)?;
    // Without a store nobody has registered for restart; that is no reason not to answer.
    let store = Store::open().ok();
    let list = affected(store.as_ref(), &resources)?;
    let mut lines = Vec::new();
    // This very command uses the folder that it was started in for a moment, which nobody has asked for.
    let is_other = |it: &&Application| it.process.pid != std::process::id();
    for application in list.applications.iter().filter(is_other) {
        let user = application.user_id.map(closing::user_name).unwrap_or_default();
        let line = |uses: String, file: Option<PathBuf>| Line {
            application: application.name.clone(),
            window: application.window.clone(),
            pid: application.process.pid,
            user: user.clone(),
            unit: match application.is_supervised() {
                true => application.service.clone(),
                false => unit_of(application.process.pid).map(|unit| unit.name),
            },
            further_services: application.further_services().to_vec(),
            dependents: application.dependents().to_vec(),
            wine_prefix: wine_prefix(application.process),
            kind: closing::kind_words(application.kind),
            critical: application.critical.as_ref().map(ToString::to_string),
            restartable: application.restartable,
            uses,
            file,
        };
        for (file, how) in &application.uses {
            let words: Vec<&str> = how.iter().map(|how| closing::how_words(*how)).collect();
            lines.push(line(words.join(", "), Some(file.clone())));
        }
        if application.uses.is_empty() {
            lines.push(line("belongs to the service".to_owned(), None));
        }
    }
    lines.sort_by_key(|line| line.pid);
    print(global, &lines);

    let mut unknown = false;
    for (file, state) in &list.files {
        let file = file.display();
        match state {
            FileState::Free | FileState::InUse => continue,
            FileState::Missing => eprintln!("reseat: {file} does not exist"),
            FileState::InUseByUnknown => {
                eprintln!(
                    "reseat: {file} is in use, by the kernel or by a process that could not be inspected"
                );
            }
            FileState::Unknown(reason) => eprintln!("reseat: {file} could not be looked at: {reason}"),
        }
        unknown = true;
    }
    for service in &list.services_not_inspected {
        unknown = true;
        eprintln!("reseat: {service} is known to no service manager that could be asked");
    }
    if unknown && !global.quiet {
        for process in &list.uninspected {
            eprintln!("reseat: process {} could not be inspected: {}", process.pid, process.reason);
        }
    }
    if lines.is_empty() && !unknown && !global.quiet && !global.json {
        eprintln!("reseat: nobody uses {}", if list.files.len() == 1 { "it" } else { "any of them" });
    }
    Ok(if !lines.is_empty() {
        ExitCode::SUCCESS
    } else if unknown {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::from(FREE)
    })
}

fn print(global: &Global, lines: &[Line]) {
    let critical = closing::kind_words(ApplicationType::Critical);
    let mut headings = vec!["application", "pid", "user", "unit", "type", "restart", "uses", "file"];
    // Where no service manager runs the column would be empty.
    let has_units = lines.iter().any(|line| line.unit.is_some());
    headings.retain(|heading| *heading != "unit" || has_units);
    output::list(global, &headings, lines, |line| {
        let kind =
            line.critical.as_ref().map_or(line.kind.to_owned(), |reason| format!("{critical}: {reason}"));
        let mut cells = vec![
            closing::with_window(&line.application, &line.window),
            line.pid.to_string(),
            line.user.clone(),
        ];
        if has_units {
            cells.push(closing::services(line.unit.iter().chain(&line.further_services), &line.dependents));
        }
        let file = line.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        cells.extend([kind, closing::restart_words(line.restartable).to_owned(), line.uses.clone(), file]);
        cells
    });
}
