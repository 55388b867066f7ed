//! SelfRegModules and SelfUnregModules (pages `selfregmodules-action.md`, `selfunregmodules-action.md`, `selfreg-table.md`): libraries
//! that register themselves, by the program of Windows that asks them to.
//!
//! They do so while the script runs, after their files were installed or before they are removed. What they do is known to
//! them alone: undoing it is asking them to take it back.

use reseat_machine::{KnownFolder, MachineError, WindowsPath};
use reseat_package::{CustomAction, SelfReg};

use crate::custom_action;
use crate::error::EngineError;
use crate::host::Program;
use crate::interface::Message;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// A program that is deferred, or runs when what follows is undone (page `custom-action-in-script-execution-options.md`).
const DEFERRED: i32 = 0x400;
const ROLLBACK: i32 = 0x100;
/// A failure is passed over.
const CONTINUE: i32 = 0x40;
/// What asks a library to register itself.
const PROGRAM_NAME: &str = "regsvr32.exe";
/// A program in a folder, with its command line.
const PROGRAM: i32 = 34;

/// Has the libraries of components that are installed register themselves.
pub fn self_reg_modules(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for (module, program, path) in modules(session, Doing::Install)? {
        session.tell(&Message::ActionData(module));
        // Asking a library to take back what it may not have done is no failure.
        run(session, DEFERRED | ROLLBACK | CONTINUE, &program, &format!("/s /u \"{path}\""))?;
        run(session, DEFERRED, &program, &format!("/s \"{path}\""))?;
    }
    Ok(())
}

/// Has the libraries of components that are removed take back what they have registered.
pub fn self_unreg_modules(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for (module, program, path) in modules(session, Doing::Remove)? {
        session.tell(&Message::ActionData(module));
        run(session, DEFERRED | ROLLBACK | CONTINUE, &program, &format!("/s \"{path}\""))?;
        // A library that does not work any more does not keep its product.
        run(session, DEFERRED | CONTINUE, &program, &format!("/s /u \"{path}\""))?;
    }
    Ok(())
}

/// Why libraries that are in question cannot register themselves here.
///
/// # Errors
/// When a table cannot be read.
pub fn obstacles(session: &Session<'_, '_>) -> Result<Vec<String>, EngineError> {
    let mut obstacles = Vec::new();
    for row in session.package.rows::<SelfReg>()?.iter() {
        let machine = session.machine();
        let program = WindowsPath::parse(&registrar(session, &row.file)?).map_err(MachineError::from)?;
        let usual = machine.folder(KnownFolder::System64).join(PROGRAM_NAME).map_err(MachineError::from)?;
        if machine.metadata(&usual)?.is_some() && machine.metadata(&program)?.is_none() {
            obstacles.push("a library of 32 bit, for which there is no Wine".to_owned());
            continue;
        }
        let path = machine.unix_path(&program)?;
        obstacles.extend(session.installation.host.program_refusal(&Program::File(path)));
    }
    obstacles.sort();
    obstacles.dedup();
    Ok(obstacles)
}

/// The libraries to which this is done: key, the program that asks them, and path.
fn modules(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<(String, String, String)>, EngineError> {
    let mut modules = Vec::new();
    for row in session.package.rows::<SelfReg>()?.iter() {
        let selection = session.selection()?;
        let file = selection.file(&row.file).ok_or_else(|| {
            EngineError::row("SelfReg", &row.file, RowFault::NoFile { file: row.file.to_string() })
        })?;
        let is_program = file.row.name.long().to_ascii_lowercase().ends_with(".exe");
        let component = &file.row.component;
        if is_program || selection.is_side_by_side(component) || !selection.does(component, doing) {
            continue;
        }
        let path = session.file_path(file)?.to_string();
        modules.push((row.file.to_string(), registrar(session, &row.file)?, path));
    }
    Ok(modules)
}

/// The program that asks a library to register itself: as wide as the library's component.
fn registrar(session: &Session<'_, '_>, file: &str) -> Result<String, EngineError> {
    let row = session.package.find::<reseat_package::FileRow>(file)?;
    let component = row.map(|row| row.component.clone()).unwrap_or_default();
    let component = session.package.find::<reseat_package::Component>(&component)?;
    let folder = match component.is_some_and(|component| component.is_64_bit()) {
        true => KnownFolder::System64,
        false => KnownFolder::System32,
    };
    Ok(format!("{}\\{PROGRAM_NAME}", session.machine().folder(folder)))
}

fn run(session: &mut Session<'_, '_>, options: i32, program: &str, words: &str) -> Result<(), EngineError> {
    let row = CustomAction {
        action: session.action.as_str().into(),
        kind: PROGRAM | options,
        source: None,
        // The text is Formatted: a bracket in a path is itself.
        target: Some(format!("\"{program}\" {words}").replace('[', "[\\[]").into()),
        extended_type: None,
    };
    custom_action::run(session, &row).map(drop)
}
