//! Scripts: files that an interpreter has read and closed, so that nothing in the kernel tells of the use.
//!
//! The program has to be an interpreter by the file that it runs, and one of its arguments names the script, by
//! that interpreter's own rules (`interpreter`). The path is followed as the process itself would follow it and
//! then compared by device and inode, and a file that is younger than the process cannot be what it has read. A
//! module (`python3 -m`) is looked for where the interpreter looks, without asking it. What has no file (`-c`, `-e`,
//! standard input) is not found, nor is one that has written over its arguments.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp, statx};
use rustix::io::Errno;

use crate::interpreter::{Interpreter, Named, base_name};
use crate::lease::FileId;
use crate::process::{program_path, read_file, ticks_since_boot};

/// Options come first; nobody has more of them.
const ARGUMENTS_LIMIT: usize = 64 << 10;

/// The kernel gives no more to one that is being started, with its arguments.
const ENVIRONMENT_LIMIT: usize = 6 << 20;

/// Nobody has more in a list of folders, but one who wants us to be slow.
const FOLDERS_LIMIT: usize = 64;

/// The steps of both clocks, and the kernel's coarse one that files are stamped with.
const CLOCK_STEP: Duration = Duration::from_millis(100);

/// Whether a file can be a script: by its first line, or by its name.
pub(crate) fn can_be_script(path: &Path, file: BorrowedFd<'_>) -> bool {
    const ENDINGS: [&[u8]; 10] = [b"py", b"pyw", b"pyz", b"pl", b"cgi", b"rb", b"js", b"cjs", b"mjs", b"sh"];
    let by_name = path.extension().is_some_and(|it| ENDINGS.contains(&it.as_bytes()));
    let mut first = [0_u8; 2];
    by_name || (rustix::io::pread(file, &mut first, 0) == Ok(2) && first == *b"#!")
}

/// The script of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// It runs none.
    None,
    /// A file.
    File(ScriptFile),
    /// The file has no such name any more.
    Gone(PathBuf),
    /// We may not look; the name of the file is this.
    Hidden(OsString),
}

/// The file of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptFile {
    pub(crate) file: FileId,
    /// As the process names it; relative to its working directory if it does.
    pub(crate) path: PathBuf,
    pub(crate) modified: SystemTime,
    /// Where the file system knows it.
    pub(crate) born: Option<SystemTime>,
}

impl ScriptFile {
    /// Whether the file was made after this start of a process, so that it is not what the process has read.
    pub(crate) fn is_younger_than(&self, start_time: u64) -> bool {
        self.born.is_some_and(|born| is_after(born, start_time))
    }

    /// Whether the file was written to since then.
    pub(crate) fn is_changed_since(&self, start_time: u64) -> bool {
        is_after(self.modified, start_time)
    }
}

/// Whether a time is after a start in clock ticks since the system started.
fn is_after(time: SystemTime, start_time: u64) -> bool {
    let ticks = ticks_since_boot().saturating_sub(start_time);
    let age = Duration::from_millis(
        ticks.saturating_mul(1000).checked_div(rustix::param::clock_ticks_per_second()).unwrap_or_default(),
    );
    let started = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    time.duration_since(started).is_ok_and(|later| later > CLOCK_STEP)
}

/// The script that the process with this `/proc/PID` folder runs.
pub(crate) fn script_of(folder: BorrowedFd<'_>) -> Script {
    let program = match program_path(folder) {
        Ok(program) => Some(program),
        // Another user's, of whom only the arguments are known.
        Err(Errno::ACCESS | Errno::PERM) => None,
        Err(_) => return Script::None,
    };
    let by_program =
        program.as_deref().and_then(Path::file_name).map(|name| Interpreter::of(name.as_bytes()));
    if by_program == Some(None) {
        return Script::None;
    }
    let Ok(text) = read_file(folder, "cmdline", ARGUMENTS_LIMIT) else { return Script::None };
    let mut arguments: Vec<&[u8]> = text.split(|&byte| byte == 0).collect();
    // Each ends with a zero; without one the arguments are a title that was written over them, or cut.
    if arguments.pop() != Some(&b""[..]) && text.len() < ARGUMENTS_LIMIT {
        return Script::None;
    }
    let called = arguments.first().map(|it| base_name(it)).unwrap_or_default();
    let Some(interpreter) = by_program.flatten().or_else(|| Interpreter::of(called)) else {
        return Script::None;
    };
    let Some(named) = interpreter.script(&arguments) else { return Script::None };
    let Some(program) = program else {
        return match named {
            Named::File(name) | Named::InPath(name) => {
                Script::Hidden(OsString::from_vec(base_name(name).to_vec()))
            }
            Named::Module { name, .. } => {
                let last = name.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
                Script::Hidden(OsString::from_vec([last, b".py"].concat()))
            }
        };
    };
    match named {
        Named::File(argument) => find(folder, interpreter, argument),
        Named::InPath(name) => {
            let environment = Environment::read(folder);
            first_of(folder, &environment.folders("PATH"), &[name.to_vec()])
        }
        Named::Module { name, isolated } => {
            let called = arguments.first().copied().unwrap_or_default();
            let folders = module_folders(folder, &program, called, isolated);
            module_files(name).map_or(Script::None, |files| first_of(folder, &folders, &files))
        }
    }
}

/// The first of these files, beneath each of these folders in turn.
fn first_of(folder: BorrowedFd<'_>, bases: &[Vec<u8>], names: &[Vec<u8>]) -> Script {
    for path in bases.iter().flat_map(|base| names.iter().map(move |name| join(base, name))) {
        if let Ok((file, FileType::RegularFile)) = inspect(folder, &path) {
            return Script::File(file);
        }
    }
    Script::None
}

/// A name beneath a folder; the empty one is the working folder.
fn join(base: &[u8], name: &[u8]) -> Vec<u8> {
    if base.is_empty() { name.to_vec() } else { [base, b"/", name].concat() }
}

/// The variables that a process was started with. They are only names of folders to look into for a file that is
/// asked about: nothing that they name is opened or run.
pub(crate) struct Environment(Vec<u8>);

impl Environment {
    pub(crate) fn read(folder: BorrowedFd<'_>) -> Environment {
        Environment(read_file(folder, "environ", ENVIRONMENT_LIMIT).unwrap_or_default())
    }

    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let value = |it: &[u8]| it.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::len);
        let line = self.0.split(|&byte| byte == 0).find(|line| value(line).is_some())?;
        line.get(name.len() + 1..)
    }

    /// The folders in a list with colons between them.
    fn folders(&self, name: &str) -> Vec<Vec<u8>> {
        let list = self.value(name).unwrap_or_default();
        list.split(|&byte| byte == b':')
            .filter(|it| !it.is_empty())
            .take(FOLDERS_LIMIT)
            .map(<[u8]>::to_vec)
            .collect()
    }
}

/// The files that a Python module of this name can be run from; a package is run by a file of its own.
fn module_files(name: &[u8]) -> Option<[Vec<u8>; 2]> {
    let is_name = |part: &[u8]| {
        !part.is_empty()
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())
    };
    if !name.split(|&byte| byte == b'.').all(is_name) {
        return None;
    }
    let path: Vec<u8> = name.iter().map(|&byte| if byte == b'.' { b'/' } else { byte }).collect();
    Some([[&path[..], b"/__main__.py"].concat(), [&path[..], b".py"].concat()])
}

/// Where Python looks for modules, first the folders that come first for it; what `.pth` files add is not known.
fn module_folders(folder: BorrowedFd<'_>, program: &Path, called: &[u8], isolated: bool) -> Vec<Vec<u8>> {
    let environment = Environment::read(folder);
    let mut folders = Vec::new();
    if !isolated {
        folders.push(Vec::new());
        folders.extend(environment.folders("PYTHONPATH"));
    }
    // In a virtual environment the program is a link, and the place of the link counts.
    let called = match called.contains(&b'/') {
        true => Some(called.to_vec()),
        false => {
            let candidates = environment.folders("PATH").into_iter().map(|base| join(&base, called));
            candidates.into_iter().find(|path| inspect(folder, path).is_ok())
        }
    };
    let mut prefixes: Vec<PathBuf> = Vec::new();
    for path in called.map(|it| path_of(&it)).into_iter().chain([program.to_owned()]) {
        if let Some(prefix) = path.parent().and_then(Path::parent)
            && !prefixes.iter().any(|it| it == prefix)
        {
            prefixes.push(prefix.to_owned());
        }
    }
    let version = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(home) = environment.value("HOME").filter(|_| !isolated) {
        prefixes.push(path_of(home).join(".local"));
    }
    for prefix in prefixes {
        let beneath = ["lib/V", "lib/V/site-packages", "lib/python3/dist-packages", "lib/V/dist-packages"];
        let local = ["local/lib/V/dist-packages", "local/lib/V/site-packages"];
        for place in beneath.into_iter().chain(local) {
            folders.push(prefix.join(place.replace('V', &version)).into_os_string().into_vec());
        }
    }
    folders
}

/// Follows a script's name as its process would.
fn find(folder: BorrowedFd<'_>, interpreter: Interpreter, argument: &[u8]) -> Script {
    let mut path = argument.to_vec();
    let mut found = inspect(folder, &path);
    let more: &[u8] = match (interpreter, &found) {
        // A folder or an archive is run by this file in it; of an archive the archive itself is the script.
        (Interpreter::Python, Ok((_, FileType::Directory))) => b"/__main__.py",
        (Interpreter::Node, Ok((_, FileType::Directory))) => b"/index.js",
        (Interpreter::Node, Err(Errno::NOENT)) => b".js",
        _ => b"",
    };
    if !more.is_empty() {
        path.extend(more);
        found = inspect(folder, &path);
    }
    match found {
        Ok((file, FileType::RegularFile)) => Script::File(file),
        // A relative name may mean another folder by now.
        Err(Errno::NOENT) if argument.starts_with(b"/") => Script::Gone(path_of(argument)),
        Err(Errno::ACCESS | Errno::PERM) => Script::Hidden(OsString::from_vec(base_name(argument).to_vec())),
        _ => Script::None,
    }
}

fn inspect(folder: BorrowedFd<'_>, path: &[u8]) -> Result<(ScriptFile, FileType), Errno> {
    let beneath: &[u8] = if path.starts_with(b"/") { b"root" } else { b"cwd/" };
    // A dead network file system would hold up a plain stat for minutes.
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MTIME | StatxFlags::BTIME;
    let stat = statx(folder, [beneath, path].concat(), flags, wanted)?;
    let has_birth = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    let file = ScriptFile {
        file: FileId { major: stat.stx_dev_major, minor: stat.stx_dev_minor, inode: stat.stx_ino },
        path: path_of(path),
        modified: time(&stat.stx_mtime),
        born: has_birth.then(|| time(&stat.stx_btime)),
    };
    Ok((file, FileType::from_raw_mode(u32::from(stat.stx_mode))))
}

fn time(stamp: &StatxTimestamp) -> SystemTime {
    let since = Duration::new(u64::try_from(stamp.tv_sec).unwrap_or_default(), stamp.tv_nsec);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}
