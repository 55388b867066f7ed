//! What can go wrong on the machine, one variant for each cause.

use std::io;
use std::path::PathBuf;

use crate::outward_link::OutwardLink;
use crate::registry_file::RegistryFileError;
use crate::registry_key::RegistryError;
use crate::windows_path::{PathError, WindowsPath};

/// An error of a [`Machine`](crate::Machine).
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A text is no usable path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A registry key or value cannot be written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The folder is not a Wine prefix.
    #[error("'{}' is not a prefix: {missing} is missing", prefix.display())]
    NotAPrefix {
        /// The folder.
        prefix: PathBuf,
        /// What it lacks.
        missing: &'static str,
    },
    /// A new prefix was to be made where something is.
    #[error("'{}' exists already", prefix.display())]
    PrefixExists {
        /// The folder.
        prefix: PathBuf,
    },
    /// A file of this computer (named by its Unix path) could not be used.
    #[error("cannot {action} '{}'", path.display())]
    Unix {
        /// What was to be done.
        action: &'static str,
        /// The Unix path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The prefix has no such drive.
    #[error("drive {drive}: of '{path}' is not in this prefix")]
    NoDrive {
        /// The path.
        path: WindowsPath,
        /// Its drive letter.
        drive: char,
    },
    /// The drive's folder lies outside the prefix: sources may be read there, nothing may be changed.
    #[error("cannot {action} '{path}': drive {drive}: lies outside the prefix and is only read")]
    ReadOnlyDrive {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// Its drive letter.
        drive: char,
    },
    /// A symbolic link on the way leads out of the drive.
    #[error("cannot {action} '{path}': {}", outward(link.as_deref()))]
    LeadsOut {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The link, if it is known which it is.
        link: Option<Box<OutwardLink>>,
    },
    /// There is no such file or folder.
    #[error("cannot {action} '{path}': it does not exist")]
    NotFound {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
    },
    /// A folder on the way does not exist.
    #[error("cannot {action} '{path}': the folder '{folder}' does not exist")]
    FolderMissing {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The first folder that is missing.
        folder: WindowsPath,
    },
    /// There is something with this name.
    #[error("cannot {action} '{path}': it exists already")]
    Exists {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
    },
    /// A folder is where a file is needed.
    #[error("cannot {action} '{path}': it is a folder")]
    IsFolder {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
    },
    /// Something else is where a folder is needed.
    #[error("cannot {action} '{path}': '{folder}' is not a folder")]
    NotAFolder {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// What is not a folder.
        folder: WindowsPath,
    },
    /// A device, a pipe or a socket is where a file is needed.
    #[error("cannot {action} '{path}': it is not an ordinary file")]
    NotAFile {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
    },
    /// The user may not do this.
    #[error("cannot {action} '{path}': permission denied")]
    Permission {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file system or the user's share of it is full.
    #[error("cannot {action} '{path}': no space is left")]
    NoSpace {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of Reseat's own is something that others put there.
    #[error("cannot lock '{}': it is not an ordinary file, or has another name as well", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Two paths lie on different drives or file systems.
    #[error("cannot {action} '{path}' to '{to}': they are on different drives")]
    CrossesDrives {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The other path.
        to: WindowsPath,
    },
    /// Any other refusal of the operating system.
    #[error("cannot {action} '{path}'")]
    File {
        /// What was to be done.
        action: &'static str,
        /// The path.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A registry file could not be understood.
    #[error("the registry file '{}' cannot be read", path.display())]
    RegistryFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: RegistryFileError,
    },
    /// A wineserver owns the registry of this prefix, so its files may not be changed now.
    #[error("the registry cannot be saved while a wineserver (process {pid}) runs on the prefix")]
    WineServerRuns {
        /// The wineserver's process id.
        pid: u32,
    },
    /// Another installation is at work on this prefix (error 1618 of Windows Installer).
    #[error("another installation is at work on this prefix{}", holder(*pid))]
    Locked {
        /// The process that holds the lock, when it says so.
        pid: Option<u32>,
    },
}

fn outward(link: Option<&OutwardLink>) -> String {
    let link = link.map_or_else(|| "a link in it leads".to_owned(), |link| format!("{link}, which leads"));
    format!("{link} out of the prefix")
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl MachineError {
    /// Sorts a refusal of the operating system by its cause.
    pub(crate) fn file(action: &'static str, path: &WindowsPath, source: impl Into<io::Error>) -> Self {
        let source: io::Error = source.into();
        let path = path.clone();
        let errno = rustix::io::Errno::from_io_error(&source);
        use rustix::io::Errno;
        match errno {
            Some(Errno::XDEV) => Self::LeadsOut { action, path, link: None },
            Some(Errno::NOENT) => Self::NotFound { action, path },
            Some(Errno::EXIST) => Self::Exists { action, path },
            Some(Errno::ISDIR) => Self::IsFolder { action, path },
            Some(Errno::NOTDIR) => Self::NotAFolder { action, folder: path.clone(), path },
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::Permission { action, path, source },
            Some(Errno::NOSPC | Errno::DQUOT) => Self::NoSpace { action, path, source },
            _ => Self::File { action, path, source },
        }
    }

    pub(crate) fn unix(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Unix { action, path: path.into(), source: source.into() }
    }
}
