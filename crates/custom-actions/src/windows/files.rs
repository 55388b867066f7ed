//! The files of the Windows side: where they are, and their place in the prefix while an installation runs.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The variable that names the folder with the built Windows side.
pub const WINDOWS_FOLDER_VARIABLE: &str = "RESEAT_WINDOWS_DIR";

/// What an installation's folder in `drive_c/windows/Installer` begins with.
const SESSION_PREFIX: &str = "reseat-";

/// The files that a host needs beside it.
const FILES: [&str; 3] = ["host.exe", "msi.dll", "rstrtmgr.dll"];

/// How wide Windows code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bits {
    B32,
    B64,
}

impl Bits {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::B32 => 32,
            Self::B64 => 64,
        }
    }
}

/// The built Windows side of Reseat: `64/` and `32/` with a host program and the libraries that stand in for the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsFiles {
    folder: PathBuf,
}

impl WindowsFiles {
    /// Takes the files in a folder that `windows/build` wrote.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Looks where they may be for the running program: the folder that `RESEAT_WINDOWS_DIR` names, `windows` beside the
    /// program, `../lib/reseat/windows` from there. Nothing when there are none of 64 bit.
    pub fn find() -> Option<Self> {
        let named = std::env::var_os(WINDOWS_FOLDER_VARIABLE).filter(|value| !value.is_empty());
        let places = match named {
            Some(folder) => vec![PathBuf::from(folder)],
            None => {
                let program = std::env::current_exe().ok()?;
                let folder = program.parent()?;
                vec![folder.join("windows"), folder.join("../lib/reseat/windows")]
            }
        };
        places.into_iter().map(Self::new).find(|files| files.has(Bits::B64))
    }

    /// Whether the files of this width are there.
    pub(crate) fn has(&self, bits: Bits) -> bool {
        FILES.iter().all(|name| self.source(bits, name).is_file())
    }

    /// The library that keeps what programs register for their restart.
    pub(crate) fn keeper(&self, bits: Bits) -> PathBuf {
        self.source(bits, "version.dll")
    }

    fn source(&self, bits: Bits, name: &str) -> PathBuf {
        self.folder.join(bits.number().to_string()).join(name)
    }
}

/// A folder of this installation's own in the prefix: Wine finds it whatever drives the prefix has. It goes with this value.
#[derive(Debug)]
pub(crate) struct SessionFolder {
    folder: PathBuf,
    /// Its path for Windows programs.
    windows: String,
    has: [bool; 2],
    files: u32,
    _own: Option<OwnFolder>,
}

/// What is removed with the value.
#[derive(Debug)]
struct OwnFolder {
    folder: TempDir,
    /// `drive_c/windows/Installer`, when it was made for this.
    made: Option<PathBuf>,
    /// Locked for as long as the folder is in use.
    _lock: fs::File,
}

/// The file whose lock says that a folder is in use.
const LOCK: &str = "in-use";

impl OwnFolder {
    /// Makes it, and removes those that killed processes left.
    fn make(prefix: &Path) -> io::Result<Self> {
        let installer = prefix.join("drive_c/windows/Installer");
        let made = (!installer.exists()).then(|| installer.clone());
        fs::create_dir_all(&installer)?;
        for entry in fs::read_dir(&installer)?.flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(SESSION_PREFIX);
            if is_ours && entry.file_type().is_ok_and(|it| it.is_dir()) && is_left(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = tempfile::Builder::new().prefix(SESSION_PREFIX).tempdir_in(&installer)?;
        let lock = fs::File::create_new(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, made, _lock: lock })
    }
}

/// An empty folder in the prefix in whose place a container shows others; with its path for Windows programs.
#[derive(Debug)]
pub(crate) struct MountPlace {
    own: OwnFolder,
}

impl MountPlace {
    /// Makes it.
    ///
    /// # Errors
    /// Also when the way to it is by a link: what is to be mounted there would be elsewhere.
    pub(crate) fn make(prefix: &Path) -> io::Result<Self> {
        for name in ["drive_c/windows", "drive_c/windows/Installer"] {
            let folder = prefix.join(name);
            if folder.symlink_metadata().is_ok() && folder.canonicalize()? != folder {
                return Err(io::Error::other(format!("{} is reached through a link", folder.display())));
            }
        }
        Ok(Self { own: OwnFolder::make(prefix)? })
    }

    pub(crate) fn path(&self) -> &Path {
        self.own.folder.path()
    }

    pub(crate) fn windows_path(&self) -> String {
        windows_path(self.path())
    }
}

/// The path for Windows programs of a folder in `drive_c/windows/Installer`.
fn windows_path(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    format!(r"C:\windows\Installer\{name}")
}

impl SessionFolder {
    /// Makes the folder, and removes those that killed processes left.
    pub(crate) fn make(prefix: &Path) -> io::Result<Self> {
        let own = OwnFolder::make(prefix)?;
        let folder = own.folder.path().to_owned();
        Ok(Self { windows: windows_path(&folder), folder, has: [false; 2], files: 0, _own: Some(own) })
    }

    /// Uses a folder that a container shows under this path to Windows programs. The hosts are put there now: later, code in the
    /// container may have put links there that lead elsewhere.
    pub(crate) fn make_in_container(
        (folder, windows): (PathBuf, String),
        files: &WindowsFiles,
    ) -> io::Result<Self> {
        let mut session = Self { folder, windows, has: [false; 2], files: 0, _own: None };
        for bits in [Bits::B64, Bits::B32] {
            if files.has(bits) {
                session.host(files, bits)?;
            }
        }
        Ok(session)
    }

    /// The path of a file of the folder for Windows programs.
    pub(crate) fn windows_path(&self, name: &str) -> String {
        format!(r"{}\{}", self.windows, name.replace('/', "\\"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Copies the host of this width there; gives its path for Windows programs.
    pub(crate) fn host(&mut self, files: &WindowsFiles, bits: Bits) -> io::Result<String> {
        let folder = self.path(&bits.number().to_string());
        let host = self.windows_path(&format!("{}/host.exe", bits.number()));
        let [narrow, wide] = &mut self.has;
        let has = if bits == Bits::B32 { narrow } else { wide };
        if !*has {
            fs::create_dir_all(&folder)?;
            for name in FILES {
                fs::copy(files.source(bits, name), folder.join(name))?;
            }
            *has = true;
        }
        Ok(host)
    }

    /// The value of WINEDLLOVERRIDES that has Wine take our libraries instead of its own when they are asked for by their
    /// full path, and nothing else.
    pub(crate) fn overrides(&self) -> String {
        let mut names = Vec::new();
        for bits in [Bits::B64, Bits::B32] {
            for library in ["msi", "rstrtmgr"] {
                names.push(self.windows_path(&format!("{}/{library}", bits.number())));
            }
        }
        format!("{}=n", names.join(","))
    }

    /// A new file for code from the package, named as Windows Installer names such files. Wine looks for a library whose
    /// name has no dot under another name.
    pub(crate) fn new_file(&mut self) -> (String, PathBuf) {
        self.files += 1;
        let name = format!("MSI{:04X}.tmp", self.files);
        let path = self.path(&name);
        (name, path)
    }

    /// Writes code from the package there.
    pub(crate) fn write(&mut self, content: &mut dyn io::Read) -> io::Result<(String, PathBuf)> {
        let (name, path) = self.new_file();
        let mut file = fs::File::create_new(&path)?;
        io::copy(content, &mut file)?;
        file.set_permissions(fs::Permissions::from_mode(0o700))?;
        Ok((name, path))
    }
}

/// Whether nobody uses a folder: the lock goes with the process. One that is just being made has no such file yet.
fn is_left(folder: &Path) -> bool {
    match fs::File::open(folder.join(LOCK)) {
        Ok(file) => file.try_lock().is_ok(),
        Err(_) => fs::metadata(folder)
            .and_then(|it| it.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > std::time::Duration::from_secs(60))),
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.folder.path());
        if let Some(made) = &self.made {
            // Only if nothing else came there meanwhile.
            let _ = fs::remove_dir(made);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_in_the_prefix_and_goes_with_what_was_made_for_it() {
        let prefix = tempfile::tempdir().unwrap();
        fs::create_dir_all(prefix.path().join("drive_c/windows")).unwrap();
        let mut session = SessionFolder::make(prefix.path()).unwrap();
        let (name, path) = session.write(&mut &b"MZ"[..]).unwrap();
        assert_eq!(name, "MSI0001.tmp");
        assert_eq!(session.windows_path(&name), format!(r"{}\MSI0001.tmp", windows_path(&session.folder)));
        assert_eq!(fs::read(path).unwrap(), b"MZ");
        drop(session);
        assert!(!prefix.path().join("drive_c/windows/Installer").exists());
    }

    #[test]
    fn what_a_killed_installation_left_is_removed() {
        let prefix = tempfile::tempdir().unwrap();
        let installer = prefix.path().join("drive_c/windows/Installer");
        fs::create_dir_all(installer.join("reseat-old/64")).unwrap();
        fs::write(installer.join("reseat-old/in-use"), "").unwrap();
        fs::write(installer.join("1a2b.msi"), "kept").unwrap();
        let used = SessionFolder::make(prefix.path()).unwrap();
        drop(SessionFolder::make(prefix.path()).unwrap());
        assert!(used.path(LOCK).exists(), "one that is in use was removed");
        drop(used);
        let left: Vec<_> = fs::read_dir(&installer).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["1a2b.msi"]);
    }

    #[test]
    fn overrides_name_full_paths_without_their_ending() {
        let prefix = tempfile::tempdir().unwrap();
        let session = SessionFolder::make(prefix.path()).unwrap();
        let overrides = session.overrides();
        assert!(overrides.starts_with(r"C:\windows\Installer\reseat-"), "{overrides}");
        assert!(overrides.contains(r"\64\msi,C:\") && overrides.ends_with(r"\32\rstrtmgr=n"), "{overrides}");
    }
}
