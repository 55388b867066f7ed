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

    fn source(&self, bits: Bits, name: &str) -> PathBuf {
        self.folder.join(bits.number().to_string()).join(name)
    }
}

/// A folder of this installation's own in the prefix: Wine finds it whatever drives the prefix has. It goes with this value.
#[derive(Debug)]
pub(crate) struct SessionFolder {
    folder: TempDir,
    /// `drive_c/windows/Installer`, when it was made for this.
    made: Option<PathBuf>,
    has: [bool; 2],
    files: u32,
    /// Locked for as long as the folder is in use.
    _lock: fs::File,
}

/// The file whose lock says that a folder is in use.
const LOCK: &str = "in-use";

impl SessionFolder {
    /// Makes the folder, and removes those that killed processes left.
    pub(crate) fn make(prefix: &Path) -> io::Result<Self> {
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
        Ok(Self { folder, made, has: [false; 2], files: 0, _lock: lock })
    }

    fn name(&self) -> String {
        self.folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The path of a file of the folder for Windows programs.
    pub(crate) fn windows_path(&self, name: &str) -> String {
        format!(r"C:\windows\Installer\{}\{}", self.name(), name.replace('/', "\\"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the host of this width there; gives its path.
    pub(crate) fn host(&mut self, files: &WindowsFiles, bits: Bits) -> io::Result<PathBuf> {
        let folder = self.path(&bits.number().to_string());
        let host = folder.join("host.exe");
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

impl Drop for SessionFolder {
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
        assert_eq!(
            session.windows_path(&name),
            format!(r"C:\windows\Installer\{}\MSI0001.tmp", session.name())
        );
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
