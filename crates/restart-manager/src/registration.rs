//! Applications that ask to be started again: RegisterApplicationRestart, UnregisterApplicationRestart and
//! GetApplicationRestartSettings.
//!
//! A registration belongs to a process and ends with it. It is kept in the user's store, and only the same
//! user's installer uses it. The program is the path that the process was started from, so that a replaced
//! file is the one to start. The documented minimum of 60 seconds before an automatic restart concerns
//! programs that crash; it is not applied to applications that the Restart Manager itself stopped.

use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::critical::open_process;
use crate::error::Error;
use crate::process::{Credentials, UniqueProcess, boot_id, program_path, read_file};
use crate::store::{Store, names};

/// The longest command line in characters (RESTART_MAX_CMD_LINE).
pub const COMMAND_LINE_LIMIT: usize = 1024;

/// When not to start an application again: a set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestartFlags(u32);

impl RestartFlags {
    /// Always start it again.
    pub const NONE: RestartFlags = RestartFlags(0);
    /// Not after it crashed (RESTART_NO_CRASH).
    pub const NO_CRASH: RestartFlags = RestartFlags(1);
    /// Not after it did not respond (RESTART_NO_HANG).
    pub const NO_HANG: RestartFlags = RestartFlags(2);
    /// Not after an update was installed (RESTART_NO_PATCH).
    pub const NO_PATCH: RestartFlags = RestartFlags(4);
    /// Not after the system was restarted for an update (RESTART_NO_REBOOT).
    pub const NO_REBOOT: RestartFlags = RestartFlags(8);

    /// The set with these documented bits.
    ///
    /// # Errors
    /// [`Error::BadArguments`] for bits that mean nothing.
    pub fn from_bits(bits: u32) -> Result<RestartFlags, Error> {
        if bits & !0xF != 0 {
            return Err(Error::BadArguments { what: format!("{bits:#x} has bits that are no restart flag") });
        }
        Ok(RestartFlags(bits))
    }

    /// The documented bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: RestartFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for RestartFlags {
    type Output = RestartFlags;

    fn bitor(self, other: RestartFlags) -> RestartFlags {
        RestartFlags(self.0 | other.0)
    }
}

/// How a process wants to be started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The process that registered.
    pub process: UniqueProcess,
    /// The program that it runs.
    #[serde(with = "crate::path_text")]
    pub program: PathBuf,
    /// The arguments to start it with, without the program's name.
    pub arguments: Vec<String>,
    /// When not to.
    pub flags: RestartFlags,
    /// The boot that the process belongs to.
    boot: String,
}

impl Registration {
    /// The arguments as one command line. Blanks and quotation marks that mean nothing are gone from what was
    /// registered as such a line.
    pub fn command_line(&self) -> String {
        command_line(&self.arguments)
    }

    /// One that is not kept.
    pub(crate) fn of_now(
        process: UniqueProcess,
        program: PathBuf,
        arguments: Vec<String>,
        flags: RestartFlags,
    ) -> Registration {
        Registration { process, program, arguments, flags, boot: boot_id() }
    }
}

/// Registers the calling process for restart with these arguments (RegisterApplicationRestart).
///
/// # Errors
/// [`Error::CommandLineTooLong`]; and what [`Store::open`] gives.
pub fn register_application_restart(arguments: &[String], flags: RestartFlags) -> Result<(), Error> {
    Store::open()?.register_for(std::process::id(), arguments, flags)
}

/// Withdraws the calling process's registration (UnregisterApplicationRestart).
///
/// # Errors
/// What [`Store::open`] gives.
pub fn unregister_application_restart() -> Result<(), Error> {
    Store::open()?.unregister_for(std::process::id())
}

impl Store {
    /// Registers a process of the same user for restart.
    ///
    /// # Errors
    /// [`Error::CommandLineTooLong`], [`Error::BadArguments`] for an argument with a zero byte,
    /// [`Error::NoSuchProcess`] and [`Error::Storage`].
    pub fn register_for(&self, pid: u32, arguments: &[String], flags: RestartFlags) -> Result<(), Error> {
        let length = command_line(arguments).encode_utf16().count();
        if length > COMMAND_LINE_LIMIT {
            return Err(Error::CommandLineTooLong { length, limit: COMMAND_LINE_LIMIT });
        }
        if arguments.iter().any(|argument| argument.contains('\0')) {
            return Err(Error::BadArguments { what: "an argument holds a zero byte".to_owned() });
        }
        let refused = |reason: String| Error::NoSuchProcess { pid, reason };
        let process = UniqueProcess::of(pid).ok_or_else(|| refused("there is no such process".to_owned()))?;
        let folder = open_process(pid).map_err(|errno| refused(errno.to_string()))?;
        let owner = Credentials::read(folder.as_fd()).map(|it| it.user);
        if owner != Some(geteuid().as_raw()) {
            return Err(refused("it belongs to another user".to_owned()));
        }
        let program = program_path(folder.as_fd()).map_err(|errno| refused(errno.to_string()))?;
        let registration =
            Registration { process, program, arguments: arguments.to_vec(), flags, boot: boot_id() };
        let (folder, path) = self.folder("registrations")?;
        let name = file_name(process);
        let failed = |source| Error::Storage { action: "write", path: path.join(&name), source };
        let text = serde_json::to_vec(&registration).map_err(|error| failed(error.into()))?;
        // Replaced as a whole: an installer may be reading it.
        let draft = format!(".{name}-{}", uuid::Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file =
            openat(&folder, &draft, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?;
        std::io::Write::write_all(&mut std::fs::File::from(file), &text).map_err(failed)?;
        renameat(&folder, &draft, &folder, &name).map_err(|errno| failed(errno.into()))
    }

    /// Withdraws the registration of a process; none is no error.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn unregister_for(&self, pid: u32) -> Result<(), Error> {
        let Some(process) = UniqueProcess::of(pid) else { return Ok(()) };
        let (folder, path) = self.folder("registrations")?;
        match unlinkat(&folder, file_name(process), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::storage("remove", path.join(file_name(process)))(errno)),
        }
    }

    /// How a process registered itself for restart, if it did (GetApplicationRestartSettings).
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn registration(&self, process: UniqueProcess) -> Result<Option<Registration>, Error> {
        for store in self.and_elsewhere() {
            let Ok((folder, path)) = store.folder("registrations") else { continue };
            let name = file_name(process);
            let text = match read_file(folder.as_fd(), &name, 1 << 20) {
                Ok(text) => text,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(Error::storage("read", path.join(name))(errno)),
            };
            match serde_json::from_slice::<Registration>(&text) {
                Ok(found) if found.process == process && found.boot == boot_id() => return Ok(Some(found)),
                Ok(_) => {}
                Err(error) => tracing::warn!(%process, %error, "passed over a damaged restart registration"),
            }
        }
        Ok(None)
    }

    /// The processes that have registered, ended ones among them.
    pub(crate) fn registered(&self) -> Result<Vec<UniqueProcess>, Error> {
        let (folder, path) = self.folder("registrations")?;
        let names = names(folder.as_fd(), &path)?;
        let process = |name: &String| {
            let (pid, start) = name.split_once('-')?;
            Some(UniqueProcess { pid: pid.parse().ok()?, start_time: start.parse().ok()? })
        };
        Ok(names.iter().filter_map(process).collect())
    }

    /// Removes the registrations of processes that have ended.
    pub(crate) fn sweep_registrations(&self) -> Result<(), Error> {
        let (folder, path) = self.folder("registrations")?;
        for name in names(folder.as_fd(), &path)? {
            let alive = match name.split_once('-').map(|(pid, start)| (pid.parse(), start.parse())) {
                Some((Ok(pid), Ok(start_time))) => UniqueProcess { pid, start_time }.is_running(),
                // A draft; its writer may be at work, unless it is gone.
                _ => name
                    .strip_prefix('.')
                    .and_then(|rest| rest.split('-').next()?.parse().ok())
                    .is_some_and(|pid| UniqueProcess::of(pid).is_some()),
            };
            if !alive {
                // Whoever else sweeps may have been faster.
                let _ = unlinkat(&folder, &name, AtFlags::empty());
            }
        }
        Ok(())
    }
}

fn file_name(process: UniqueProcess) -> String {
    format!("{}-{}", process.pid, process.start_time)
}

/// The arguments as one command line, quoted where the documentation asks for quotes: what the page
/// CommandLineToArgvW takes apart into them again.
fn command_line(arguments: &[String]) -> String {
    let mut line = String::new();
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        let quoted = argument.is_empty() || argument.contains([' ', '\t']);
        if quoted {
            line.push('"');
        }
        let mut backslashes = 0;
        for character in argument.chars() {
            match character {
                '\\' => backslashes += 1,
                '"' => {
                    // Those before a quotation mark count twice, and one more keeps it.
                    line.extend(std::iter::repeat_n('\\', backslashes + 1));
                    backslashes = 0;
                }
                _ => backslashes = 0,
            }
            line.push(character);
        }
        if quoted {
            line.extend(std::iter::repeat_n('\\', backslashes));
            line.push('"');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_reads_back_until_it_is_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(&folder.path().join("s")).unwrap();
        let me = UniqueProcess::current().unwrap();
        assert_eq!(store.registration(me).unwrap(), None);
        let arguments = ["--state".to_owned(), "ü b".to_owned(), String::new()];
        store.register_for(me.pid, &arguments, RestartFlags::NO_REBOOT | RestartFlags::NO_HANG).unwrap();
        let read = store.registration(me).unwrap().unwrap();
        assert_eq!((read.arguments.as_slice(), read.flags.bits()), (&arguments[..], 10));
        assert_eq!(read.program, std::env::current_exe().unwrap().canonicalize().unwrap());
        store.sweep_registrations().unwrap();
        assert!(store.registration(me).unwrap().is_some(), "a running process keeps its registration");
        let earlier = UniqueProcess { start_time: me.start_time - 1, ..me };
        assert_eq!(store.registration(earlier).unwrap(), None, "the id alone is not enough");
        store.unregister_for(me.pid).unwrap();
        assert_eq!(store.registration(me).unwrap(), None);
        store.unregister_for(me.pid).unwrap();
    }

    #[test]
    fn a_command_line_is_quoted_where_it_has_to_be() {
        let line = |arguments: &[&str]| {
            command_line(&arguments.iter().map(|&it| it.to_owned()).collect::<Vec<String>>())
        };
        for (arguments, expected) in [
            (&["-f", r".\file.ext"][..], r"-f .\file.ext"),
            (&["a b", "", r"c d\"], r#""a b" "" "c d\\""#),
            (&[r#"a\"b"#, r#"say "x y""#], r#"a\\\"b "say \"x y\"""#),
        ] {
            assert_eq!(line(arguments), expected);
        }
    }

    #[test]
    fn a_command_line_may_have_1024_characters_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(&folder.path().join("s")).unwrap();
        let pid = std::process::id();
        let parts = |last: usize| ["ü".repeat(1000), "x".repeat(last)];
        store.register_for(pid, &parts(23), RestartFlags::NONE).unwrap();
        let error = store.register_for(pid, &parts(24), RestartFlags::NONE).unwrap_err();
        assert_eq!(error.code(), 0x8007_0057);
        assert!(matches!(error, Error::CommandLineTooLong { length: 1025, limit: 1024 }));
        assert!(RestartFlags::from_bits(16).is_err());
    }

    #[test]
    fn registrations_of_ended_processes_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(&folder.path().join("s")).unwrap();
        let path = store.path().join("registrations/4194304-1");
        std::fs::write(&path, b"{}").unwrap();
        store.sweep_registrations().unwrap();
        assert!(!path.exists());
        assert!(matches!(
            store.register_for(4_194_304, &[], RestartFlags::NONE),
            Err(Error::NoSuchProcess { .. })
        ));
    }
}
