//! The keeper: the library in a prefix that keeps what programs tell `RegisterApplicationRestart`, which Wine forgets.
//!
//! It takes the place of `version.dll`, with which Wine's `user32.dll` is linked, by an override in the prefix's registry
//! (`windows/keeper.c`). Wine's own goes on beside it under another name, and takes its place back when the keeper is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reseat_machine::{Bitness, Hive, Machine, MachineError, RegistryError, RegistryKey, RegistryValue};

use super::Missing;
use super::files::{Bits, WindowsFiles};

/// The name whose place the keeper takes, and that of Wine's own meanwhile.
const LIBRARY: &str = "version.dll";
const OWN: &str = "reseat-version.dll";

/// How Wine marks its own libraries, and where.
const MARKS: [&[u8]; 2] = [b"Wine builtin DLL", b"Wine placeholder DLL"];
const MARK_OFFSET: usize = 64;

/// What the keeper exports.
const KEEPER: &[u8] = b"ReseatKeeper";

/// The override that has Wine load it.
const OVERRIDES: &str = r"Software\Wine\DllOverrides";
const OVERRIDE_NAME: &str = "version";
const OVERRIDE: &str = "native,builtin";

/// The largest file that is looked at, in bytes: Wine's is 150 KB.
const LARGEST: u64 = 16 << 20;

/// Why the keeper cannot be put into a prefix or taken from it.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The built Windows side is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// There is nothing to take the place of.
    #[error("{} is not there: Wine has not prepared this prefix, which 'wineboot' does", .0.display())]
    NotPrepared(PathBuf),
    /// Somebody has put a library there.
    #[error("{} is neither Wine's nor the keeper, and is left alone", .0.display())]
    Foreign(PathBuf),
    /// The prefix says something else about that library.
    #[error("the prefix has an override of its own for {LIBRARY}: '{0}'")]
    Overridden(String),
    /// A file could not be read or written.
    #[error("{}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The registry could not be read or written.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The registry could not be changed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The keeper of one prefix.
#[derive(Debug)]
pub struct Keeper<'a> {
    machine: &'a Machine,
}

impl<'a> Keeper<'a> {
    /// That of this machine's prefix.
    pub fn of(machine: &'a Machine) -> Self {
        Self { machine }
    }

    /// Whether programs that start now have it.
    ///
    /// # Errors
    /// When the registry or a library cannot be read.
    pub fn is_there(&self) -> Result<bool, KeeperError> {
        let is_named = self.named()?.is_some_and(|it| it == OVERRIDE);
        let (_, folder) = self.folders().next().unwrap_or((Bits::B64, PathBuf::new()));
        Ok(is_named && matches!(Found::at(&folder.join(LIBRARY))?, Found::Keeper))
    }

    /// Puts it into the prefix, or the newer one.
    ///
    /// # Errors
    /// When the built Windows side is missing, or the place is taken; nothing is changed then.
    pub fn put(&self) -> Result<(), KeeperError> {
        self.put_from(&WindowsFiles::find().ok_or(Missing::WindowsSide)?)
    }

    fn put_from(&self, files: &WindowsFiles) -> Result<(), KeeperError> {
        if let Some(other) = self.named()?.filter(|it| it != OVERRIDE) {
            return Err(KeeperError::Overridden(other));
        }
        let there = |(bits, folder): (Bits, PathBuf)| {
            let source = files.keeper(bits);
            // What is built without 32 bit leaves programs of 32 bit as they are.
            (source.is_file() || bits == Bits::B64).then_some((source, folder))
        };
        let places: Vec<(PathBuf, PathBuf)> = self.folders().filter_map(there).collect();
        for (source, folder) in &places {
            let path = folder.join(LIBRARY);
            match Found::at(&path)? {
                Found::Nothing => return Err(KeeperError::NotPrepared(path)),
                Found::Foreign => return Err(KeeperError::Foreign(path)),
                Found::Keeper | Found::Wines if !source.is_file() => return Err(Missing::WindowsSide.into()),
                Found::Keeper | Found::Wines => {}
            }
        }
        for (source, folder) in &places {
            let path = folder.join(LIBRARY);
            if matches!(Found::at(&path)?, Found::Wines) {
                copy(&path, &folder.join(OWN))?;
            }
            copy(source, &path)?;
        }
        // Last: without the library the override would mean nothing, and the library nothing without it.
        let value = RegistryValue::String(OVERRIDE.to_owned());
        self.machine.registry()?.set_value(&overrides(), OVERRIDE_NAME, value)?;
        Ok(self.machine.save_registry()?)
    }

    /// Takes it away again; programs that run keep it.
    ///
    /// # Errors
    /// When the registry or a file cannot be written.
    pub fn remove(&self) -> Result<(), KeeperError> {
        if self.named()?.is_some_and(|it| it == OVERRIDE) {
            self.machine.registry()?.remove_value(&overrides(), OVERRIDE_NAME);
            self.machine.save_registry()?;
        }
        for (_, folder) in self.folders() {
            let (path, own) = (folder.join(LIBRARY), folder.join(OWN));
            let failed = |cause| KeeperError::File { path: path.clone(), cause };
            let is_keeper = matches!(Found::at(&path)?, Found::Keeper);
            let has_own = !matches!(Found::at(&own)?, Found::Nothing);
            match (is_keeper, has_own) {
                (true, true) => fs::rename(&own, &path).map_err(failed)?,
                (true, false) => fs::remove_file(&path).map_err(failed)?,
                // An update of Wine has put its own there.
                (false, true) => fs::remove_file(&own).map_err(failed)?,
                (false, false) => {}
            }
        }
        Ok(())
    }

    /// The folders of the system's libraries.
    fn folders(&self) -> impl Iterator<Item = (Bits, PathBuf)> {
        let windows = self.machine.prefix().join("drive_c/windows");
        let folders = match self.machine.bitness() {
            Bitness::X64 => vec![(Bits::B64, "system32"), (Bits::B32, "syswow64")],
            _ => vec![(Bits::B32, "system32")],
        };
        let has_library = |folder: &Path| folder.join(LIBRARY).symlink_metadata().is_ok();
        let places = folders.into_iter().map(move |(bits, name)| (bits, windows.join(name)));
        // Without 32-bit Wine the second has no libraries.
        places.filter(move |(_, folder)| !folder.ends_with("syswow64") || has_library(folder))
    }

    /// The override that the prefix has.
    fn named(&self) -> Result<Option<String>, KeeperError> {
        Ok(match self.machine.registry()?.value(&overrides(), OVERRIDE_NAME) {
            Some(RegistryValue::String(text)) => Some(text),
            _ => None,
        })
    }
}

fn overrides() -> RegistryKey {
    RegistryKey::new(Hive::CurrentUser, OVERRIDES)
}

/// What lies at a place.
#[derive(Debug)]
enum Found {
    Nothing,
    Wines,
    Keeper,
    Foreign,
}

impl Found {
    fn at(path: &Path) -> Result<Self, KeeperError> {
        let failed = |cause| KeeperError::File { path: path.to_owned(), cause };
        let size = match fs::metadata(path) {
            Ok(about) => about.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(failed(error)),
        };
        if size > LARGEST {
            return Ok(Self::Foreign);
        }
        let bytes = fs::read(path).map_err(failed)?;
        let is_marked = |mark: &&[u8]| bytes.get(MARK_OFFSET..).is_some_and(|rest| rest.starts_with(mark));
        if MARKS.iter().any(is_marked) {
            Ok(Self::Wines)
        } else if bytes.windows(KEEPER.len()).any(|window| window == KEEPER) {
            Ok(Self::Keeper)
        } else {
            Ok(Self::Foreign)
        }
    }
}

/// Copies a file into the place of another one, which programs that run keep.
fn copy(from: &Path, to: &Path) -> Result<(), KeeperError> {
    let failed = |cause| KeeperError::File { path: to.to_owned(), cause };
    let folder = to.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut source =
        fs::File::open(from).map_err(|cause| KeeperError::File { path: from.to_owned(), cause })?;
    io::copy(&mut source, &mut file).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        machine: Machine,
        files: WindowsFiles,
        system: PathBuf,
        _folder: tempfile::TempDir,
    }

    /// A library of Wine's, which has its mark behind the first header.
    fn of_wine(text: &str) -> String {
        format!("{:64}Wine builtin DLL{text}", "MZ")
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let built = folder.path().join("built");
            for bits in ["64", "32"] {
                fs::create_dir_all(built.join(bits)).unwrap();
                fs::write(built.join(bits).join(LIBRARY), format!("MZ {bits} ReseatKeeper")).unwrap();
            }
            let machine = Machine::create(&folder.path().join("prefix"), Bitness::X64).unwrap();
            let system = machine.prefix().join("drive_c/windows/system32");
            fs::create_dir_all(&system).unwrap();
            Self { machine, files: WindowsFiles::new(built), system, _folder: folder }
        }

        fn put(&self) -> Result<(), KeeperError> {
            Keeper::of(&self.machine).put_from(&self.files)
        }

        fn library(&self) -> String {
            fs::read_to_string(self.system.join(LIBRARY)).unwrap()
        }
    }

    #[test]
    fn it_takes_the_place_of_wines_own_and_gives_it_back() {
        let scene = Scene::new();
        fs::write(scene.system.join(LIBRARY), of_wine("8")).unwrap();
        let keeper = Keeper::of(&scene.machine);
        assert!(!keeper.is_there().unwrap());
        scene.put().unwrap();
        scene.put().unwrap();
        assert!(keeper.is_there().unwrap());
        assert_eq!(scene.library(), "MZ 64 ReseatKeeper");
        keeper.remove().unwrap();
        keeper.remove().unwrap();
        assert!(!keeper.is_there().unwrap());
        assert_eq!(scene.library(), of_wine("8"));
        assert!(!scene.system.join(OWN).exists());
    }

    #[test]
    fn what_an_update_of_wine_has_put_there_stays() {
        let scene = Scene::new();
        fs::write(scene.system.join(LIBRARY), of_wine("8")).unwrap();
        scene.put().unwrap();
        fs::write(scene.system.join(LIBRARY), of_wine("9")).unwrap();
        let keeper = Keeper::of(&scene.machine);
        assert!(!keeper.is_there().unwrap());
        keeper.remove().unwrap();
        assert_eq!(scene.library(), of_wine("9"));
        assert!(!scene.system.join(OWN).exists());
    }

    #[test]
    fn a_place_that_is_empty_or_taken_and_an_override_of_the_users_own_are_named() {
        let scene = Scene::new();
        assert!(matches!(scene.put(), Err(KeeperError::NotPrepared(_))));
        fs::write(scene.system.join(LIBRARY), "MZ of somebody").unwrap();
        assert!(matches!(scene.put(), Err(KeeperError::Foreign(_))));
        fs::write(scene.system.join(LIBRARY), of_wine("8")).unwrap();
        let own = RegistryValue::String("builtin".to_owned());
        scene.machine.registry().unwrap().set_value(&overrides(), OVERRIDE_NAME, own).unwrap();
        assert!(matches!(scene.put(), Err(KeeperError::Overridden(text)) if text == "builtin"));
        assert_eq!(scene.library(), of_wine("8"));
    }
}
