//! Which machine is meant: `--prefix`, else WINEPREFIX, else an existing `~/.wine`, else a prefix of Reseat's own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use reseat_custom_actions::{Hosts, RegistryThroughWine};
use reseat_machine::{Bitness, Machine, MachineError};

use crate::arguments::Global;
use crate::failure::Failure;

/// The folder of the prefix, absolute; it may not exist yet.
///
/// # Errors
/// When neither an option nor the environment leads to a folder.
pub fn folder(global: &Global) -> Result<PathBuf, Failure> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if let Some(prefix) = &global.prefix {
        prefix.clone()
    } else if let Some(prefix) = variable("WINEPREFIX") {
        prefix
    } else {
        let home = variable("HOME").ok_or_else(|| Failure::usage("HOME is not set; give --prefix"))?;
        let wine = home.join(".wine");
        if wine.join("drive_c").is_dir() {
            wine
        } else {
            let data = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
            data.unwrap_or_else(|| home.join(".local/share")).join("reseat/prefix")
        }
    };
    std::path::absolute(&folder).map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))
}

/// The machine, which must be there.
///
/// # Errors
/// When the folder is no prefix, or cannot be read.
pub fn open(global: &Global) -> Result<Machine, Failure> {
    Ok(with_wine(Machine::open(&folder(global)?)?))
}

/// Has the registry of a machine go through Wine while Wine runs there, if that can be.
fn with_wine(machine: Machine) -> Machine {
    match RegistryThroughWine::find(machine.prefix()) {
        Ok(registry) => machine.set_wine_registry(Box::new(registry)),
        Err(missing) => tracing::debug!(%missing, "the registry cannot go through Wine"),
    }
    machine
}

/// Has the registry of a machine go through Wine in the sandbox of these hosts once that runs there.
pub fn share_sandbox(machine: &Machine, hosts: &Hosts<'_>) {
    let registry = RegistryThroughWine::find(machine.prefix());
    if let Ok(registry) = registry.and_then(|it| it.with_container(hosts)) {
        machine.set_wine_registry(Box::new(registry));
    }
}

/// The machine, or nothing when there is none yet: nobody asked for a certain one, and the usual one was never made.
///
/// # Errors
/// As [`open`].
pub fn open_if_made(global: &Global) -> Result<Option<Machine>, Failure> {
    let folder = folder(global)?;
    if global.prefix.is_none() && is_vacant(&folder) {
        return Ok(None);
    }
    Ok(Some(with_wine(Machine::open(&folder)?)))
}

/// The machine, or nothing when its folder is absent or empty, whoever named it.
///
/// # Errors
/// As [`open`].
pub fn open_unless_vacant(global: &Global) -> Result<Option<Machine>, Failure> {
    if is_vacant(&folder(global)?) { Ok(None) } else { open(global).map(Some) }
}

/// A machine for an installation.
pub struct Prepared {
    /// The machine.
    pub machine: Machine,
    /// Whether it was made for this installation.
    is_new: bool,
}

impl Prepared {
    /// Removes the machine if it was made for this installation, which failed.
    pub fn discard(self) {
        let Self { machine, is_new } = self;
        if is_new {
            let folder = machine.prefix().to_owned();
            if machine.wine_server().is_some() {
                // It was started for this installation, and would write into the folder.
                let _ = Command::new("wineserver").arg("-k").env("WINEPREFIX", &folder).status();
            }
            drop(machine);
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                eprintln!("reseat: the new prefix {} cannot be removed: {error}", folder.display());
            }
        }
    }
}

/// The machine, made when the folder is absent or empty.
///
/// # Errors
/// When the folder is something else, or cannot be written.
pub fn open_or_create(global: &Global) -> Result<Prepared, Failure> {
    let folder = folder(global)?;
    if is_vacant(&folder) {
        if !global.quiet {
            eprintln!("making a new prefix in {}", folder.display());
        }
        return Ok(Prepared { machine: with_wine(Machine::create(&folder, Bitness::X64)?), is_new: true });
    }
    Ok(Prepared { machine: with_wine(Machine::open(&folder)?), is_new: false })
}

/// A machine of its own for an administrative image, in a folder that is removed again. It is on the volume of `place`.
///
/// # Errors
/// When the folder cannot be written.
pub fn temporary(place: &Path) -> Result<Prepared, Failure> {
    let folder = tempfile::Builder::new().prefix(".reseat-image-").tempdir_in(place)?.keep();
    // The folder is made anew under its name: a prefix is made beside its place.
    Ok(Prepared { machine: with_wine(Machine::create(&folder, Bitness::X64)?), is_new: true })
}

/// A machine for a plan.
pub struct Pretended {
    /// The machine.
    pub machine: Machine,
    /// The folder that it is in when it was made for the plan.
    folder: Option<tempfile::TempDir>,
}

impl Pretended {
    /// Whether it goes with the value.
    pub fn is_pretended(&self) -> bool {
        self.folder.is_some()
    }
}

/// The machine; where none is yet, one that is like it and goes with the value. It is on the same volume if possible, whose
/// free space counts.
///
/// # Errors
/// As [`open_or_create`].
pub fn open_or_pretend(global: &Global) -> Result<Pretended, Failure> {
    let folder = folder(global)?;
    if !is_vacant(&folder) {
        return Ok(Pretended { machine: with_wine(Machine::open(&folder)?), folder: None });
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".reseat-plan-");
    let nearest = folder.ancestors().skip(1).find(|ancestor| ancestor.is_dir());
    let temporary = match nearest.map(|nearest| builder.tempdir_in(nearest)) {
        Some(Ok(temporary)) => temporary,
        _ => builder.tempdir()?,
    };
    let machine = Machine::create(&temporary.path().join("prefix"), Bitness::X64)?;
    Ok(Pretended { machine, folder: Some(temporary) })
}

fn is_vacant(folder: &Path) -> bool {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// A path that a user wrote: Windows paths lead into the prefix, others are taken as they are.
///
/// # Errors
/// When it is a Windows path and there is no such prefix or drive.
pub fn locate(global: &Global, path: &Path) -> Result<PathBuf, Failure> {
    match path.to_str() {
        Some(text) if is_windows_path(text) => {
            let windows = reseat_machine::WindowsPath::parse(text).map_err(MachineError::from)?;
            Ok(open(global)?.unix_path(&windows)?)
        }
        _ => Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
    }
}

/// Whether a text begins with a drive letter, a colon and a separator.
pub fn is_windows_path(text: &str) -> bool {
    matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}
