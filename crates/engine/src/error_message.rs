//! Which documented message says why an installation failed (page `windows-installer-error-messages.md`), and the whole
//! text of a failure: the message with its causes.

use std::error::Error;
use std::io;

use reseat_cabinet::CabinetError;
use reseat_database::TransformError;
use reseat_machine::{MachineError, PathError, RegistryError};
use reseat_package::{FormatContext, Package};
use reseat_script::{ActionFailure, Change, ExecutionError, Fault, JournalError, Problem, SourceError};

use crate::custom_action::service_control::ServiceFailure;
use crate::database_message::{numbered_cause, of_selection, of_transform};
use crate::error::EngineError;
use crate::host::HostError;
use crate::message_text::Language;
use crate::numbered_message::NumberedMessage;
use crate::source::SourceFault;

impl EngineError {
    /// The documented message for this failure, where there is one.
    pub fn numbered(&self) -> Option<NumberedMessage> {
        let message = |number, fields: &[&dyn ToString]| {
            Some(NumberedMessage::new(number, fields.iter().map(|field| field.to_string())))
        };
        match self {
            Self::CustomAction { code, .. } => Some(code.failed()),
            Self::CustomActionHost { source: HostError::Crashed { .. }, code } => {
                message(2735, &[&code.action()])
            }
            Self::CustomActionHost { source: HostError::Source { .. }, code } => {
                message(2721, &[&code.action()])
            }
            Self::CustomActionHost { code, .. } => Some(code.not_run()),
            Self::ConcurrentProduct { product, source, .. } => message(1713, &[product, &source.code()]),
            Self::SourceAbsent { path, source } => of_source(source).or_else(|| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                match name.strip_prefix('#') {
                    Some(stream) => message(2356, &[&stream]),
                    None => message(1311, &[&path.display()]),
                }
            }),
            Self::DiskSpace { volume, needed, available } => {
                message(1601, &[volume, &needed.div_ceil(1024), &(available / 1024)])
            }
            Self::MissingComponent { feature, .. } => message(2771, &[feature]),
            Self::NewFeatureAbove { feature, .. } => message(2772, &[feature]),
            Self::Interrupted { title } => message(1704, &[title]),
            Self::NoSource { product, package, looked } => {
                message(1706, &[&format!("{product} ({package} is not in {looked})")])
            }
            Self::OlderVersion { product, source } => message(1714, &[product, &source.code()]),
            Self::Sequence { action, needed } => match (action.as_str(), *needed) {
                ("InstallFinalize", _) => message(2502, &[]),
                ("RemoveExistingProducts", _) => message(2613, &[]),
                ("InstallExecute" | "InstallExecuteAgain", "InstallInitialize") => message(2763, &[]),
                (_, "InstallInitialize") => message(2762, &[]),
                (_, "CostInitialize") => message(2732, &[]),
                (_, "CostFinalize") => message(2731, &[]),
                _ => None,
            },
            Self::BehindScript { .. } => message(2762, &[]),
            Self::UnknownAction { action } => message(2726, &[action]),
            Self::ExistingFile { path, source } => message(1305, &[path, &system_error(source)]),
            Self::TemporaryPackage { source } => {
                message(1336, &[&system_error(source), &std::env::temp_dir().display()])
            }
            Self::Row { table, row, fault } => Some(fault.message(table, row)),
            Self::Selection(error) => Some(of_selection(error)),
            Self::Permission(fault) => Some(fault.message()),
            Self::PackageOpen { package: path, source } => {
                numbered_cause(source, &path.display().to_string())
            }
            Self::PackageInvalid { package: path, source } | Self::PatchInvalid { patch: path, source } => {
                numbered_cause(source.as_ref(), &path.display().to_string())
            }
            Self::PatchOpen { patch, source } => numbered_cause(source, &patch.display().to_string()),
            Self::Transform { transform, source } => of_listed_transform(transform, source.as_ref()),
            Self::Package(error) => numbered_cause(error, ""),
            Self::Database(error) => numbered_cause(error, ""),
            Self::Journal(error) => of_journal(error),
            Self::Machine(error) => of_machine(error),
            Self::Execution(error) => of_execution(error),
            _ => None,
        }
    }

    /// What is told to the user: the message, by the package's own text if it has one, and the causes.
    pub fn told(
        &self,
        language: Language,
        package: Option<&Package>,
        session: Option<&dyn FormatContext>,
    ) -> String {
        // What an action in the script says is said as if it had run at once.
        if let Self::Execution(ExecutionError::Action { failure: ActionFailure::Failed(error), .. }) = self
            && let Some(error) = error.downcast_ref::<Self>()
        {
            return error.told(language, package, session);
        }
        let text = match self.numbered() {
            Some(message) => {
                let text = message.text(language, package, session);
                match self {
                    // These have facts that the documented message has no fields for.
                    Self::Machine(_)
                    | Self::Package(_)
                    | Self::Database(_)
                    | Self::Journal(_)
                    | Self::Permission(_)
                    | Self::Sequence { .. }
                    | Self::BehindScript { .. } => followed_by(text, &self.to_string()),
                    Self::Row { fault, .. } if message.number() == 2730 => {
                        followed_by(text, &fault.to_string())
                    }
                    Self::CustomAction { how, .. } => followed_by(text, &how.text(language)),
                    Self::Row { .. } | Self::Selection(_) => followed_by(text, &self.to_string()),
                    _ => text,
                }
            }
            None => self.to_string(),
        };
        with_causes(text, self)
    }
}

/// A text about an error with the causes of that error behind it, unless it ends with them.
pub fn with_causes(mut text: String, error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = followed_by(text, &more);
        }
        cause = error.source();
    }
    text
}

/// A sentence with the facts behind it.
pub(crate) fn followed_by(mut text: String, more: &str) -> String {
    text.truncate(text.trim_end_matches('.').len());
    text.push_str(": ");
    text.push_str(more);
    text
}

fn of_execution(error: &ExecutionError) -> Option<NumberedMessage> {
    let message = |number, fields: &[&str]| Some(text_message(number, fields));
    match error {
        ExecutionError::Operation { fault, .. } => of_fault(fault),
        ExecutionError::Action { action, failure: ActionFailure::Failed(error) } => {
            let numbered = error.downcast_ref::<EngineError>().and_then(EngineError::numbered);
            match (numbered, error.downcast_ref::<ServiceFailure>()) {
                (Some(message), _) => Some(message),
                (None, Some(failure)) => message(failure.number(), &[failure.name(), failure.name()]),
                (None, None) => message(1721, &[action]),
            }
        }
        ExecutionError::Pending { title, .. } => message(1704, &[title]),
        ExecutionError::Registry(_)
        | ExecutionError::Journal(_)
        | ExecutionError::Machine(_)
        | ExecutionError::Sync(_) => message(1711, &[]),
        _ => None,
    }
}

/// The message for what went wrong at the end of a transaction.
pub(crate) fn of_problem(problem: &Problem) -> Option<NumberedMessage> {
    match problem {
        Problem::Change { fault: Fault::Machine(MachineError::NotFound { .. }), .. } => {
            Some(text_message(1712, &[]))
        }
        Problem::Change { change: Change::SaveRegistry(_), .. } => Some(text_message(1711, &[])),
        Problem::Change { fault, .. } | Problem::Backup { fault, .. } => of_fault(fault),
        Problem::Sync(_) | Problem::Journal(_) | Problem::Remove(_) => Some(text_message(1711, &[])),
        Problem::Action { .. } => None,
    }
}

/// The message for a transform of a list that cannot be applied.
fn of_listed_transform(
    transform: &str,
    source: &(dyn Error + Send + Sync + 'static),
) -> Option<NumberedMessage> {
    match source.downcast_ref::<TransformError>() {
        Some(error) => of_transform(error, transform, transform),
        None if transform.starts_with(':') => Some(text_message(2752, &[transform])),
        None => Some(text_message(2936, &[transform])),
    }
}

/// The message for the rollback script of an earlier installation that cannot be read.
fn of_journal(error: &JournalError) -> Option<NumberedMessage> {
    match error {
        JournalError::Machine(error) => of_machine(error),
        JournalError::Io { path, .. } | JournalError::Line { path, .. } => {
            Some(text_message(2905, &[path.as_str()]))
        }
        JournalError::Version { path, version } => {
            Some(text_message(2924, &[path.as_str(), &version.to_string()]))
        }
        JournalError::Encode { .. } => Some(text_message(1711, &[])),
        JournalError::Owner { .. } => None,
    }
}

fn of_fault(fault: &Fault) -> Option<NumberedMessage> {
    let message = |number, path: &dyn ToString| Some(text_message(number, &[&path.to_string()]));
    match fault {
        Fault::Machine(error) => of_machine(error),
        Fault::Registry(RegistryError::ValueName { key, name, .. }) => {
            Some(text_message(1406, &[name, &key.to_string()]))
        }
        Fault::Registry(RegistryError::KeyName { key, .. } | RegistryError::UnknownUser { key }) => {
            message(1401, key)
        }
        Fault::Write { path, source } => message(write_failure(source), path),
        Fault::Read { path, source } => Some(text_message(1305, &[path.as_str(), &system_error(source)])),
        Fault::Source { path, source } => of_source(source).or_else(|| match written(source) {
            Some(error) => message(write_failure(error), path),
            None => message(1305, path),
        }),
        Fault::SourceTooLong { path, .. } | Fault::SourceTooShort { path, .. } | Fault::Checksum { path } => {
            message(1331, path)
        }
        Fault::FileMissing { path } => message(1308, path),
        Fault::IsFolder { path } => message(1301, path),
        Fault::NotAFolder { path } => message(1312, path),
        Fault::LastCopy { path } | Fault::Stale { path } => message(1306, path),
    }
}

fn of_machine(error: &MachineError) -> Option<NumberedMessage> {
    let message = |number, path: &dyn ToString| Some(text_message(number, &[&path.to_string()]));
    match error {
        MachineError::Path(error) => Some(of_path(error)),
        MachineError::NoDrive { path, .. } => message(1327, path),
        MachineError::ReadOnlyDrive { path, .. } | MachineError::LeadsOut { path, .. } => message(1315, path),
        MachineError::NotFound { path, .. } | MachineError::FolderMissing { path, .. } => message(1314, path),
        MachineError::IsFolder { path, .. } => message(1301, path),
        MachineError::NotAFolder { path, .. } => message(1312, path),
        MachineError::Permission { path, .. } => message(1321, path),
        MachineError::NoSpace { path, .. } => message(1307, path),
        MachineError::File { path, source, .. } => {
            Some(text_message(1310, &[&system_error(source), &path.to_string()]))
        }
        MachineError::Locked { .. } => Some(text_message(1500, &[])),
        _ => None,
    }
}

pub(crate) fn of_path(error: &PathError) -> NumberedMessage {
    let (number, path) = match error {
        PathError::Empty => (1322, ""),
        PathError::Character { path, .. } => (1324, path.as_str()),
        PathError::DeviceName { path, .. } | PathError::Climbs { path, .. } => (1323, path.as_str()),
        PathError::TooLong { start, .. } => (1320, start.as_str()),
        PathError::Network { path }
        | PathError::Device { path }
        | PathError::Relative { path }
        | PathError::TrailingDotOrSpace { path, .. } => (1801, path.as_str()),
    };
    text_message(number, &[path])
}

fn of_source(error: &SourceError) -> Option<NumberedMessage> {
    let fault = error.downcast_ref::<SourceFault>()?;
    Some(match fault {
        SourceFault::Lacks { cabinet, file } => text_message(1334, &[file, &cabinet.display().to_string()]),
        SourceFault::Damaged { cabinet, .. } => text_message(1335, &[&cabinet.display().to_string()]),
        SourceFault::Open { path, source } => {
            text_message(1309, &[&system_error(source), &path.display().to_string()])
        }
    })
}

/// The failure of the receiver, when it was the receiver that failed.
fn written(error: &SourceError) -> Option<&io::Error> {
    match error.downcast_ref::<CabinetError>() {
        Some(CabinetError::Write { source, .. }) => Some(source),
        Some(_) => None,
        None => error.downcast_ref::<io::Error>().filter(|it| it.kind() == io::ErrorKind::StorageFull),
    }
}

/// The message for a file that cannot be written.
fn write_failure(error: &io::Error) -> u32 {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => 1307,
        io::ErrorKind::PermissionDenied => 1321,
        _ => 1304,
    }
}

pub(crate) fn system_error(error: &io::Error) -> String {
    error.raw_os_error().map(|number| number.to_string()).unwrap_or_default()
}

fn text_message(number: u32, fields: &[&str]) -> NumberedMessage {
    NumberedMessage::new(number, fields.iter().map(|field| (*field).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use reseat_database::DatabaseError;
    use reseat_machine::WindowsPath;
    use reseat_package::PackageError;

    use super::*;
    use crate::row_fault::RowFault;

    fn path() -> WindowsPath {
        WindowsPath::parse(r"C:\a.dll").unwrap()
    }

    fn full() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    #[test]
    fn failures_have_their_documented_numbers_and_texts_in_both_languages() {
        let cabinet = || PathBuf::from("data.cab");
        let operation = |fault| {
            EngineError::Execution(ExecutionError::Operation {
                action: "InstallFiles".to_owned(),
                operation: "install file".to_owned(),
                fault: Box::new(fault),
            })
        };
        let source = |fault: SourceFault| operation(Fault::Source { path: path(), source: fault.into() });
        let sequence = |action: &str, needed| EngineError::Sequence { action: action.to_owned(), needed };
        let row = |fault: RowFault| EngineError::row("Font", "key", fault);
        let transform = |source| EngineError::Transform { transform: "a.mst".to_owned(), source };
        let bad = CabinetError::TooSmall { most: 1 };
        let wrong = |text: &str| EngineError::Machine(WindowsPath::parse(text).unwrap_err().into());
        for (error, number) in [
            (operation(Fault::Write { path: path(), source: full() }), 1307),
            (operation(Fault::Write { path: path(), source: io::ErrorKind::Other.into() }), 1304),
            (operation(Fault::Read { path: path(), source: full() }), 1305),
            (operation(Fault::IsFolder { path: path() }), 1301),
            (operation(Fault::NotAFolder { path: path() }), 1312),
            (operation(Fault::FileMissing { path: path() }), 1308),
            (operation(Fault::SourceTooShort { path: path(), promised: 2, got: 1 }), 1331),
            (source(SourceFault::Lacks { cabinet: cabinet(), file: "a".to_owned() }), 1334),
            (source(SourceFault::Damaged { cabinet: cabinet(), source: bad }), 1335),
            (source(SourceFault::Open { path: cabinet(), source: full() }), 1309),
            (wrong(r"C:\a?b"), 1324),
            (wrong(r"C:\nul"), 1323),
            (wrong("relative"), 1801),
            (EngineError::SourceAbsent { path: cabinet(), source: "gone".into() }, 1311),
            (EngineError::DiskSpace { volume: "C:".to_owned(), needed: 3000, available: 1000 }, 1601),
            (EngineError::Interrupted { title: "Test".to_owned() }, 1704),
            (sequence("RemoveExistingProducts", "InstallInitialize"), 2613),
            (sequence("WriteRegistryValues", "InstallInitialize"), 2762),
            (sequence("InstallFinalize", "InstallInitialize"), 2502),
            (sequence("FileCost", "CostInitialize"), 2732),
            (sequence("InstallFiles", "CostFinalize"), 2731),
            (row(RowFault::NoFile { file: "F".to_owned() }), 2715),
            (row(RowFault::NoDirectory { directory: "D".to_owned() }), 2727),
            (row(RowFault::NoMedium { sequence: 7 }), 2602),
            (row("it is wrong".into()), 2730),
            (row(WindowsPath::parse(r"C:\a?b").unwrap_err().into()), 1324),
            (EngineError::Package(PackageError::MissingProperty { property: "ProductCode" }), 2604),
            (
                EngineError::PackageInvalid {
                    package: cabinet(),
                    source: DatabaseError::MissingStream { name: "_Tables" }.into(),
                },
                2219,
            ),
            (transform(TransformError::Language { expected: 1033, found: 1031 }.into()), 2745),
            (transform("nowhere".into()), 2936),
            (EngineError::SourceAbsent { path: PathBuf::from("#data.cab"), source: "gone".into() }, 2356),
            (EngineError::UnknownAction { action: "A".to_owned() }, 2726),
            (EngineError::ExistingFile { path: path(), source: full() }, 1305),
            (EngineError::TemporaryPackage { source: full() }, 1336),
            (
                EngineError::Execution(ExecutionError::Pending { id: String::new(), title: "T".to_owned() }),
                1704,
            ),
            (EngineError::Machine(MachineError::Locked { pid: None }), 1500),
        ] {
            let message = error.numbered().unwrap();
            assert_eq!(message.number(), number, "{error}");
            let [english, german] =
                [Language::English, Language::German].map(|language| message.text(language, None, None));
            assert!(english != german && !english.contains('['), "{number}: {english} {german}");
        }
    }

    #[test]
    fn what_is_told_has_the_message_and_its_causes_once() {
        let error = EngineError::Execution(ExecutionError::Operation {
            action: "InstallFiles".to_owned(),
            operation: "install file".to_owned(),
            fault: Box::new(Fault::Write { path: path(), source: io::Error::other("no luck") }),
        });
        let german = error.told(Language::German, None, None);
        assert_eq!(
            german,
            r"Die Datei kann nicht geschrieben werden: C:\a.dll: cannot write 'C:\a.dll': no luck"
        );
    }
}
