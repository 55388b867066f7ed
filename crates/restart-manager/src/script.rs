//! Scripts: files that an interpreter has read and closed, so that nothing in the kernel tells of the use.
//!
//! The program has to be an interpreter by the file that it runs, and the script is its first argument that is
//! no option, by that interpreter's own rules; a script's arguments are no scripts. The path is followed as the
//! process itself would follow it and then compared by device and inode, and a file that is younger than the
//! process cannot be what it has read. What has no file (`-c`, `-e`, `-m`, standard input) is not found, nor is
//! one that has written over its arguments.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp, statx};
use rustix::io::Errno;

use crate::lease::FileId;
use crate::process::{program_path, read_file, ticks_since_boot};

/// Options come first; nobody has more of them.
const ARGUMENTS_LIMIT: usize = 64 << 10;

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
    let Some(argument) = interpreter.script(&arguments) else { return Script::None };
    if program.is_none() {
        return Script::Hidden(OsString::from_vec(base_name(argument).to_vec()));
    }
    find(folder, interpreter, argument)
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

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// What reads scripts, told apart by their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interpreter {
    Python,
    Perl,
    Ruby,
    Node,
    Shell,
    BusyBox,
}

impl Interpreter {
    /// By the name of its program, which may end with a version.
    fn of(name: &[u8]) -> Option<Interpreter> {
        match name {
            b"node" | b"nodejs" => return Some(Interpreter::Node),
            b"busybox" => return Some(Interpreter::BusyBox),
            b"sh" | b"dash" | b"bash" | b"zsh" | b"ksh" | b"ksh93" | b"mksh" | b"ash" => {
                return Some(Interpreter::Shell);
            }
            _ => {}
        }
        let named = [
            (&b"python"[..], Interpreter::Python),
            (b"pypy", Interpreter::Python),
            (b"perl", Interpreter::Perl),
            (b"ruby", Interpreter::Ruby),
        ];
        let is_version = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_digit);
        named.into_iter().find(|(word, _)| name.strip_prefix(*word).is_some_and(is_version)).map(|it| it.1)
    }

    /// The script among these arguments, the first of which is the interpreter itself.
    fn script<'a>(self, arguments: &[&'a [u8]]) -> Option<&'a [u8]> {
        let mut rest = arguments.get(1..)?.iter();
        if self == Interpreter::BusyBox {
            // It is called as the program that it is to be, or with that as its first argument.
            let is_shell = |name: &[u8]| matches!(name, b"sh" | b"ash");
            if !is_shell(base_name(arguments.first()?)) && !is_shell(rest.next()?) {
                return None;
            }
        }
        while let Some(&argument) = rest.next() {
            let step = match argument {
                b"-" if self == Interpreter::Shell || self == Interpreter::BusyBox => Step::Ends,
                b"-" | b"" => return None,
                b"--" => Step::Ends,
                [b'-', b'-', long @ ..] => self.long(long),
                [b'-', short @ ..] => self.short(short),
                [b'+', short @ ..] if self == Interpreter::Shell => self.short(short),
                b"inspect" if self == Interpreter::Node => Step::Flag,
                script => return Some(script),
            };
            match step {
                Step::Flag => {}
                Step::TakesNext => {
                    rest.next()?;
                }
                Step::Ends => return rest.next().copied().filter(|it| !it.is_empty()),
                Step::NoScript => return None,
            }
        }
        None
    }

    fn long(self, option: &[u8]) -> Step {
        let takes_next: &[&[u8]] = match self {
            Interpreter::Python => &[b"check-hash-based-pycs"],
            Interpreter::Ruby => {
                &[b"encoding", b"external-encoding", b"internal-encoding", b"enable", b"disable"]
            }
            Interpreter::Node => &[
                b"require",
                b"import",
                b"loader",
                b"experimental-loader",
                b"conditions",
                b"env-file",
                b"title",
                b"input-type",
                b"icu-data-dir",
                b"openssl-config",
                b"redirect-warnings",
                b"inspect-port",
                b"diagnostic-dir",
            ],
            Interpreter::Shell => &[b"rcfile", b"init-file"],
            Interpreter::Perl | Interpreter::BusyBox => &[],
        };
        let name = option.split(|&byte| byte == b'=').next().unwrap_or_default();
        match name {
            b"eval" | b"print" | b"interactive" if self == Interpreter::Node => Step::NoScript,
            _ if takes_next.contains(&option) => Step::TakesNext,
            _ => Step::Flag,
        }
    }

    /// One or several options of one letter.
    fn short(self, letters: &[u8]) -> Step {
        if self == Interpreter::Node {
            // They are not joined.
            return match letters {
                b"e" | b"p" | b"pe" | b"i" => Step::NoScript,
                b"r" | b"C" => Step::TakesNext,
                _ => Step::Flag,
            };
        }
        // Without a program; with a value here or in the next argument; with a value here.
        let (no_script, next, here): (&[u8], &[u8], &[u8]) = match self {
            Interpreter::Python => (b"cm", b"WX", b""),
            Interpreter::Perl => (b"eE", b"I", b"MmFixCDVd"),
            // -C changes the folder that the script's name is relative to.
            Interpreter::Ruby => (b"eC", b"IrE", b"xFiKTW"),
            _ => (b"cs", b"oO", b""),
        };
        for (at, letter) in letters.iter().enumerate() {
            if no_script.contains(letter) {
                return Step::NoScript;
            }
            if next.contains(letter) {
                return if at + 1 == letters.len() { Step::TakesNext } else { Step::Flag };
            }
            if here.contains(letter) {
                return Step::Flag;
            }
        }
        Step::Flag
    }
}

/// What an option means for those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Flag,
    /// The next argument is its value.
    TakesNext,
    /// The next argument is the script.
    Ends,
    /// There is no script.
    NoScript,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: &str) -> Option<String> {
        let arguments: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let interpreter = Interpreter::of(base_name(arguments[0]))?;
        interpreter.script(&arguments).map(|it| String::from_utf8_lossy(it).into_owned())
    }

    #[test]
    fn the_script_is_the_first_argument_that_is_no_option() {
        for line in [
            "python3 S",
            "/usr/bin/python3.11 -u -Ibs S other.py",
            "python -W ignore -Xdev -X utf8 S -c x",
            "python3 --check-hash-based-pycs never S",
            "python3 -- S",
            "perl -w S arg",
            "perl5.36.0 -I lib -Ilib -MList::Util S",
            "perl -0777 -lp -i.bak S",
            "ruby -rset -r set -I lib -W0 --yjit S",
            "ruby3.1 --encoding utf-8 S",
            "node --max-old-space-size=64 -r ./x.js S y.js",
            "nodejs inspect S",
            "sh S",
            "bash -e -o pipefail +o posix S",
            "bash --rcfile x --norc - S",
            "busybox sh -e S",
            "ash S",
        ] {
            assert_eq!(script(line).as_deref(), Some("S"), "{line}");
        }
    }

    #[test]
    fn what_has_no_file_is_no_script() {
        for line in [
            "python3",
            "python3 -c pass S",
            "python3 -Ic pass S",
            "python3 -m http.server S",
            "python3 - S",
            "perl -ne print S",
            "perl -0777ne print S",
            "perl -E say S",
            "ruby -e p S",
            "ruby -C /tmp S",
            "node -e 1 S",
            "node --eval=1 S",
            "node -p 1",
            "sh -c true S",
            "bash -ec true S",
            "sh -s S",
            "-bash",
            "busybox ls S",
            "pythonista S",
            "perldoc S",
            "tail -f S",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    #[test]
    fn a_cut_line_of_arguments_is_no_panic() {
        for line in ["python3 -W", "perl -I", "bash -o", "ruby --encoding", "busybox", "node -r", "sh --"] {
            assert_eq!(script(line), None, "{line}");
        }
        assert_eq!(Interpreter::Shell.script(&[]), None);
    }
}
