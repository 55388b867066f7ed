//! File operations that wait for the next start of Windows (function MoveFileEx, flag MOVEFILE_DELAY_UNTIL_REBOOT).
//!
//! They are pairs of texts in the value `PendingFileRenameOperations` of the session manager's key: the path that is
//! moved, and where to; nothing there removes it, and an exclamation mark before it lets it replace a file. Paths begin
//! with `\??\`.

use crate::error::MachineError;
use crate::machine::Machine;
use crate::metadata::FileKind;
use crate::registry_key::{Hive, RegistryKey};
use crate::registry_value::RegistryValue;
use crate::windows_path::WindowsPath;

const KEY: &str = r"System\CurrentControlSet\Control\Session Manager";
const NAME: &str = "PendingFileRenameOperations";
const BEGINNING: &str = r"\??\";

/// An operation that waits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PendingOperation {
    /// The path as it is written down, without its beginning.
    pub from: String,
    /// Where it is moved to; nothing when it is removed.
    pub to: Option<String>,
    /// Whether a file that is there is replaced.
    pub replaces: bool,
}

impl PendingOperation {
    /// A file takes the place of another one.
    pub fn replace(from: &WindowsPath, to: &WindowsPath) -> Self {
        Self { from: from.to_string(), to: Some(to.to_string()), replaces: true }
    }

    /// A file, or a folder that is empty then, is removed.
    pub fn remove(path: &WindowsPath) -> Self {
        Self { from: path.to_string(), to: None, replaces: false }
    }

    /// Whether it moves or removes this.
    pub fn is_from(&self, path: &WindowsPath) -> bool {
        is(&self.from, path)
    }

    /// Whether it puts something in this place.
    pub fn is_to(&self, path: &WindowsPath) -> bool {
        self.to.as_deref().is_some_and(|to| is(to, path))
    }

    /// Where the operations that wait are kept: the key and the value's name.
    pub fn place() -> (RegistryKey, &'static str) {
        (key(), NAME)
    }

    /// The value that holds these operations.
    pub fn value(operations: &[Self]) -> RegistryValue {
        let texts = operations.iter().flat_map(|operation| {
            let to = operation.to.as_ref().map_or_else(String::new, |to| {
                format!("{}{BEGINNING}{to}", if operation.replaces { "!" } else { "" })
            });
            [format!("{BEGINNING}{}", operation.from), to]
        });
        RegistryValue::MultiString(texts.collect())
    }
}

fn is(text: &str, path: &WindowsPath) -> bool {
    WindowsPath::parse(text).is_ok_and(|found| found == *path)
}

/// An operation that could not be carried out.
#[derive(Debug)]
pub struct FailedOperation {
    /// The operation.
    pub operation: PendingOperation,
    /// Why.
    pub error: MachineError,
}

impl Machine {
    /// The operations that wait for the next start, in their order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn pending_operations(&self) -> Result<Vec<PendingOperation>, MachineError> {
        let value = self.registry()?.value(&key(), NAME);
        Ok(value.map(|value| read(&value.data())).unwrap_or_default())
    }

    /// Carries out the operations that wait and forgets them, those included that fail. The caller holds the machine's lock.
    ///
    /// # Errors
    /// When the registry cannot be read or written.
    pub fn apply_pending_operations(&self) -> Result<Vec<FailedOperation>, MachineError> {
        let mut failed = Vec::new();
        for operation in self.pending_operations()? {
            if let Err(error) = self.apply(&operation) {
                failed.push(FailedOperation { operation, error });
            }
        }
        self.sync_all()?;
        self.registry()?.remove_value(&key(), NAME);
        self.save_registry()?;
        Ok(failed)
    }

    fn apply(&self, operation: &PendingOperation) -> Result<(), MachineError> {
        let from = WindowsPath::parse(&operation.from)?;
        // It may have gone since, or by an application of this list that was cut off.
        let Some(metadata) = self.metadata(&from)? else { return Ok(()) };
        match &operation.to {
            None if metadata.kind == FileKind::Folder => self.remove_folder(&from).map(drop),
            None => self.remove_file(&from).map(drop),
            Some(to) => {
                let to = WindowsPath::parse(to)?;
                if operation.replaces && self.metadata(&to)?.is_some_and(|found| found.kind == FileKind::File)
                {
                    self.remove_file(&to)?;
                }
                self.rename(&from, &to)
            }
        }
    }
}

fn key() -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, KEY)
}

/// Reads the pairs. The value is looked at as bytes: empty texts, which end other lists, stand for removals here.
fn read(data: &[u8]) -> Vec<PendingOperation> {
    let units = data.as_chunks::<2>().0.iter().copied().map(u16::from_le_bytes);
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let mut texts = text.split('\0');
    let mut operations = Vec::new();
    while let Some(from) = texts.next().filter(|from| !from.is_empty()) {
        let to = texts.next().unwrap_or_default();
        let replaces = to.starts_with('!');
        let to = without_beginning(to.trim_start_matches('!'));
        operations.push(PendingOperation {
            from: without_beginning(from).to_owned(),
            to: (!to.is_empty()).then(|| to.to_owned()),
            replaces,
        });
    }
    operations
}

fn without_beginning(path: &str) -> &str {
    path.strip_prefix(BEGINNING).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Bitness;

    #[test]
    fn pending_operations_are_carried_out_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create(&folder.path().join("prefix"), Bitness::X64).unwrap();
        let c = folder.path().join("prefix/drive_c");
        for name in ["old.dll", "new.tmp", "gone.txt"] {
            std::fs::write(c.join(name), name).unwrap();
        }
        let texts = [
            r"\??\C:\new.tmp",
            r"!\??\C:\old.dll",
            r"\??\C:\gone.txt",
            "",
            r"\??\C:\absent.txt",
            "",
            r"\??\Q:\absent.txt",
            "",
        ]
        .map(str::to_owned);
        machine
            .registry()
            .unwrap()
            .set_value(&key(), NAME, RegistryValue::MultiString(texts.to_vec()))
            .unwrap();
        machine.save_registry().unwrap();
        let pending = machine.pending_operations().unwrap();
        assert_eq!(pending.len(), 4);
        assert_eq!((pending[0].to.as_deref(), pending[0].replaces), (Some(r"C:\old.dll"), true));
        assert_eq!((pending[1].to.as_deref(), pending[1].replaces), (None, false));
        let failed = machine.apply_pending_operations().unwrap();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(std::fs::read_to_string(c.join("old.dll")).unwrap(), "new.tmp");
        assert!(!c.join("new.tmp").exists() && !c.join("gone.txt").exists());
        assert_eq!(machine.pending_operations().unwrap(), []);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let [old, new] = [r"C:\old.dll", r"C:\new.tmp"].map(|path| WindowsPath::parse(path).unwrap());
        let operations = [PendingOperation::replace(&new, &old), PendingOperation::remove(&old)];
        assert_eq!(read(&PendingOperation::value(&operations).data()), operations);
        let upper = WindowsPath::parse(r"C:\OLD.DLL").unwrap();
        assert!(operations[0].is_to(&upper) && operations[1].is_from(&upper));
        assert!(!operations[1].is_to(&upper) && !operations[0].is_from(&upper));
    }
}
