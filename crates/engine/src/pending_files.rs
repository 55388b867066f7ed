//! Files that something goes on using: they stay as they are until the next start of Windows.
//!
//! Pages `installvalidate-action.md` and `system-reboots.md`: what is in use behind InstallValidate is replaced or removed
//! when the system is restarted. The new file is written beside the old one, and what is left to do waits in the registry
//! (`reseat reboot-pending`, or Wine's own start). All of that are operations of the script, so that a rollback undoes it.

use std::collections::HashSet;

use reseat_machine::{Machine, MachineError, PendingOperation, WindowsPath};
use reseat_script::{DuplicateFile, Operation, RemoveFile, RemoveRegistryValue, SetRegistryValue};

use crate::log::plain;
use crate::session::Session;

/// The names of new files that wait: this, eight digits, `.tmp`.
const NAME: &str = "RST";

/// What stays as it is, and what waits for the next start.
#[derive(Debug, Default)]
pub struct PendingFiles {
    held: HashSet<WindowsPath>,
    waiting: Vec<PendingOperation>,
    /// Whether the list is another one than that in the registry.
    is_changed: bool,
}

impl PendingFiles {
    /// What earlier installations have left.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn of(machine: &Machine) -> Result<Self, MachineError> {
        Ok(Self { waiting: machine.pending_operations()?, ..Self::default() })
    }

    /// What waits.
    pub fn waiting(&self) -> &[PendingOperation] {
        &self.waiting
    }

    /// Something goes on using this file.
    pub fn hold(&mut self, path: WindowsPath) {
        self.held.insert(path);
    }

    /// Whether the file is there only until the next start.
    pub fn removes(&self, path: &WindowsPath) -> bool {
        self.waiting.iter().any(|operation| operation.to.is_none() && operation.is_from(path))
    }

    /// What waited for this place, or would have removed its folder, does so no longer; gives the files that are not
    /// needed then.
    fn supersede(&mut self, path: &WindowsPath) -> Vec<WindowsPath> {
        let concerns = |operation: &PendingOperation| match operation.to {
            Some(_) => operation.is_to(path),
            None => WindowsPath::parse(&operation.from).is_ok_and(|gone| path.starts_with(&gone)),
        };
        if !self.waiting.iter().any(concerns) {
            return Vec::new();
        }
        let gone: Vec<_> = self.waiting.extract_if(.., |operation| concerns(operation)).collect();
        self.is_changed = true;
        let ours = gone.iter().filter(|operation| operation.to.is_some());
        ours.filter_map(|operation| WindowsPath::parse(&operation.from).ok()).filter(is_ours).collect()
    }

    fn wait(&mut self, operation: PendingOperation) {
        self.waiting.push(operation);
        self.is_changed = true;
    }

    /// The operation that writes down what waits, if that has changed since it was asked for.
    pub fn take_change(&mut self) -> Option<Operation> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let (key, name) = PendingOperation::place();
        let name = name.to_owned();
        Some(if self.waiting.is_empty() {
            RemoveRegistryValue { key, name }.into()
        } else {
            SetRegistryValue { key, name, value: PendingOperation::value(&self.waiting) }.into()
        })
    }
}

/// Whether this is the new file of an installation of ours, beside the old one.
fn is_ours(path: &WindowsPath) -> bool {
    path.file_name().is_some_and(|name| name.starts_with(NAME) && name.ends_with(".tmp"))
}

/// A place for the new file, beside the old one.
fn beside(path: &WindowsPath) -> Option<WindowsPath> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    path.parent()?.join(&format!("{NAME}{}.tmp", id.get(..8)?)).ok()
}

/// The operations to do now in place of this one, which may be about a file that something goes on using.
pub(crate) fn now(session: &mut Session<'_, '_>, operation: Operation) -> Vec<Operation> {
    let pending = &mut session.installation.pending;
    if pending.held.is_empty() && pending.waiting.is_empty() {
        return vec![operation];
    }
    let mut operations = Vec::new();
    let mut scheduled = Vec::new();
    match operation {
        Operation::InstallFile(mut file) => {
            operations.extend(superseded(pending, &file.path));
            scheduled.extend(replace_later(pending, &mut file.path));
            operations.push(file.into());
        }
        Operation::DuplicateFile(mut file) => {
            operations.extend(superseded(pending, &file.to));
            scheduled.extend(replace_later(pending, &mut file.to));
            operations.push(file.into());
        }
        Operation::MoveFile(mut file) => {
            operations.extend(superseded(pending, &file.to));
            scheduled.extend(replace_later(pending, &mut file.to));
            if pending.held.contains(&file.from) {
                scheduled.push(remove_later(pending, &file.from));
                operations.push(DuplicateFile { from: file.from, to: file.to }.into());
            } else {
                operations.push(file.into());
            }
        }
        Operation::RemoveFile(file) => {
            operations.extend(superseded(pending, &file.path));
            if pending.held.contains(&file.path) {
                scheduled.push(remove_later(pending, &file.path));
            } else {
                operations.push(file.into());
            }
        }
        Operation::RemoveFolder(folder) => {
            // It is not empty before the file is gone.
            let held = |operation: &PendingOperation| {
                operation.to.is_none()
                    && WindowsPath::parse(&operation.from).is_ok_and(|path| path.starts_with(&folder.path))
            };
            if pending.waiting.iter().any(held) && !pending.removes(&folder.path) {
                pending.wait(PendingOperation::remove(&folder.path));
            }
            operations.push(folder.into());
        }
        Operation::CreateFolder(folder) => {
            operations.extend(superseded(pending, &folder.path));
            operations.push(folder.into());
        }
        Operation::WriteFile(file) => {
            operations.extend(superseded(pending, &file.path));
            operations.push(file.into());
        }
        other => operations.push(other),
    }
    for scheduled in scheduled {
        say(session, scheduled);
    }
    operations
}

/// What was left for the next start: the number of its message, and the paths that it names.
type Scheduled = (u32, Vec<WindowsPath>);

/// Gives the new file a place beside the one that something goes on using; nothing when that one is not in use.
fn replace_later(pending: &mut PendingFiles, path: &mut WindowsPath) -> Option<Scheduled> {
    let new = beside(path).filter(|_| pending.held.contains(path))?;
    pending.wait(PendingOperation::replace(&new, path));
    let old = std::mem::replace(path, new);
    Some((1902, vec![path.clone(), old]))
}

fn remove_later(pending: &mut PendingFiles, path: &WindowsPath) -> Scheduled {
    pending.wait(PendingOperation::remove(path));
    (1903, vec![path.clone()])
}

fn superseded(pending: &mut PendingFiles, path: &WindowsPath) -> impl Iterator<Item = Operation> + use<> {
    pending.supersede(path).into_iter().map(|path| RemoveFile { path }.into())
}

fn say(session: &mut Session<'_, '_>, (number, paths): Scheduled) {
    let fields: Vec<&str> = paths.iter().map(WindowsPath::as_str).collect();
    plain!("Info {number}.{}", session.logged_text(number, &fields));
    session.installation.restart_required = true;
    session.set_property("ReplacedInUseFiles", "1");
}
