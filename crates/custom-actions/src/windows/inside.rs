//! Programs of a Wine that runs, told of and spoken to by a host of ours among them.
//!
//! The host is started for one look or one shutdown, and only where a wineserver of the caller's own runs already.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reseat_engine::{ServiceOrder, ServiceState};
use reseat_restart_manager::{
    InsideWine, RestartFlags, UniqueProcess, WineAnswer, WineConnection, WineMessage, WineProgram,
    WineRestart, WineService, WineServiceOrder, WineWindows,
};

use super::command_line::arguments;
use super::files::{Bits, WindowsFiles};
use super::frame::{Frame, FrameError, Rest};
use super::mappings::{Mapped, bytes, look};
use super::process::{HostProcess, ProcessError};
use super::running_services::{dependents, start_order, stop_order};
use super::service;
use super::site::Site;

/// How long the host may take for an answer that it has not to wait for.
const LIMIT: Duration = Duration::from_secs(20);

/// How often is looked whether the process of a service that has stopped has ended.
const STOP_INTERVAL: Duration = Duration::from_millis(10);

/// What of a process's environment is read at most, in bytes.
const MOST_ENVIRONMENT: u64 = 8 << 20;

/// What of a program or library is looked through for a name at most, in bytes.
const MOST_IMAGE: u64 = 256 << 20;

/// Who calls this function wants to be started again. Without the keeper nothing is kept of what it is told.
const REGISTERS: &[u8] = b"RegisterApplicationRestart";

/// Looks into the Wines of the calling user with the Windows side that the running program finds when it is needed.
#[derive(Debug)]
pub struct WineInsight;

impl InsideWine for WineInsight {
    fn connect(&self, one: UniqueProcess) -> Option<Box<dyn WineConnection>> {
        connected(&prefix_of(one)?)
    }

    fn connect_to(&self, prefix: &Path) -> Option<Box<dyn WineConnection>> {
        connected(&own_running(prefix.to_owned())?)
    }

    fn control_services(
        &self,
        prefix: &Path,
        names: &[String],
        order: WineServiceOrder,
        patience: Duration,
    ) -> Result<Option<UniqueProcess>, String> {
        if order != WineServiceOrder::Start && reseat_machine::wine_server(prefix).is_none() {
            return Ok(None);
        }
        let lost = |error: ProcessError| format!("the host {error}");
        let mut connection = Connection::open(site(prefix)?, prefix).map_err(lost)?;
        match order {
            WineServiceOrder::Look => {}
            WineServiceOrder::Start => {
                let started = connection.start(names, patience);
                connection.look(prefix).map_err(lost)?;
                started?;
            }
            WineServiceOrder::Stop => {
                connection.stop(names, patience)?;
                return Ok(None);
            }
        }
        let is_it = |it: &&WineService| names.first().is_some_and(|name| it.name.eq_ignore_ascii_case(name));
        Ok(connection.services.iter().find(is_it).and_then(|it| it.process))
    }
}

fn site(prefix: &Path) -> Result<Site, String> {
    let files = WindowsFiles::find().ok_or_else(|| super::Missing::WindowsSide.to_string())?;
    Site::new(prefix, files).map_err(|missing| missing.to_string())
}

/// Gets in touch with the Wine that runs on this prefix.
fn connected(prefix: &Path) -> Option<Box<dyn WineConnection>> {
    let connected = site(prefix)
        .and_then(|site| Connection::open(site, prefix).map_err(|error| format!("the host {error}")));
    match connected {
        Ok(connection) => Some(Box::new(connection)),
        Err(reason) => {
            tracing::warn!(prefix = %prefix.display(), reason, "programs of Wine cannot be asked");
            None
        }
    }
}

/// The prefix of a wineserver or of a program of Wine, if that is the caller's own and its wineserver runs.
fn prefix_of(one: UniqueProcess) -> Option<PathBuf> {
    let folder = PathBuf::from(format!("/proc/{}", one.pid));
    let own = rustix::process::geteuid().as_raw();
    if fs::metadata(&folder).ok()?.uid() != own {
        return None;
    }
    let mut environment = Vec::new();
    fs::File::open(folder.join("environ")).ok()?.take(MOST_ENVIRONMENT).read_to_end(&mut environment).ok()?;
    let value = |name: &[u8]| {
        let entry = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name));
        entry.filter(|value| !value.is_empty()).map(|value| std::ffi::OsString::from_vec(value.to_vec()))
    };
    let prefix = match value(b"WINEPREFIX=") {
        Some(prefix) => PathBuf::from(prefix),
        None => PathBuf::from(value(b"HOME=")?).join(".wine"),
    };
    one.is_running().then(|| own_running(prefix)).flatten()
}

/// This prefix if it is the caller's own and its wineserver runs.
fn own_running(prefix: PathBuf) -> Option<PathBuf> {
    let own = rustix::process::geteuid().as_raw();
    let is_own = fs::metadata(&prefix).is_ok_and(|it| it.is_dir() && it.uid() == own);
    (prefix.is_absolute() && is_own && reseat_machine::wine_server(&prefix).is_some()).then_some(prefix)
}

/// A host in a Wine, and what it told of the programs there.
struct Connection {
    /// Ended before its files go.
    host: Option<HostProcess>,
    site: Site,
    programs: Vec<WineProgram>,
    services: Vec<WineService>,
    windows_pids: HashMap<UniqueProcess, u32>,
}

/// What the host tells of one program.
struct Told {
    windows_pid: u32,
    path: String,
    command_line: String,
    registration: Registration,
}

/// What a program has registered by RegisterApplicationRestart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Registration {
    /// Wine keeps nothing of it, and the keeper is not in the program.
    Unknown,
    Nothing,
    Kept {
        flags: u32,
        arguments: String,
    },
}

impl Told {
    /// How the program is started again; nothing when it did not register for that.
    fn restart(&self, images: &[PathBuf], prefix: &Path) -> Option<WineRestart> {
        let (words, flags) = match &self.registration {
            // The first word of a command line is the program.
            Registration::Kept { flags, arguments: text } => (arguments(&format!("program {text}")), *flags),
            Registration::Unknown if registers(images, prefix) => (arguments(&self.command_line), 0),
            _ => return None,
        };
        let command = std::iter::once(self.path.clone()).chain(words.into_iter().skip(1)).collect();
        Some(WineRestart { command, flags: RestartFlags::from_bits(flags & 0xF).unwrap_or_default() })
    }
}

/// What the host tells of all of them.
struct Answer {
    programs: Vec<Told>,
    /// Process ids of Windows, with inodes.
    files: Vec<(u32, u64)>,
    /// Process ids of Windows, whether it is a main window, and titles.
    windows: Vec<(u32, bool, String)>,
    /// Process ids of Windows, 0 while they do not run, names of services, and what these need.
    services: Vec<(u32, String, Vec<String>)>,
}

impl Connection {
    fn open(site: Site, prefix: &Path) -> Result<Self, ProcessError> {
        let host = Some(site.start(Bits::B64)?);
        let (programs, services, windows_pids) = (Vec::new(), Vec::new(), HashMap::new());
        let mut connection = Self { host, site, programs, services, windows_pids };
        connection.look(prefix)?;
        tracing::debug!(programs = connection.programs.len(), "looked into Wine");
        Ok(connection)
    }

    /// Asks what there is now.
    fn look(&mut self, prefix: &Path) -> Result<(), ProcessError> {
        let Some(host) = &mut self.host else { return Ok(()) };
        let (told, mapped) = look(host, &self.site, b'E', Instant::now() + LIMIT)?;
        let answer = answer(&told)?;
        self.programs.clear();
        self.windows_pids.clear();
        self.take(&answer, &mapped, prefix);
        Ok(())
    }

    /// Stops services, and before them those that cannot run without them.
    fn stop(&mut self, names: &[String], patience: Duration) -> Result<(), String> {
        let deadline = Instant::now() + patience;
        let mut stopped: Vec<WineService> = Vec::new();
        for name in stop_order(&self.services, names) {
            let is_it = |it: &&WineService| it.process.is_some() && it.name.eq_ignore_ascii_case(&name);
            let Some(service) = self.services.iter().find(is_it).cloned() else { continue };
            self.order(&name, &ServiceOrder::Stop { waits: true }, ServiceState::STOPPED, patience)?;
            stopped.push(service);
        }
        // They say that they have stopped, and have their files until their processes have ended.
        let left: Vec<UniqueProcess> =
            self.services.iter().filter(|it| !stopped.contains(it)).filter_map(|it| it.process).collect();
        let ending = stopped.iter().filter_map(|it| it.process).filter(|process| !left.contains(process));
        for process in ending {
            while process.is_running() {
                if Instant::now() >= deadline {
                    return Err(format!("its process has not ended after {} s", patience.as_secs_f32()));
                }
                std::thread::sleep(STOP_INTERVAL);
            }
        }
        Ok(())
    }

    /// Starts services, what they need among them first. One that does not start keeps none of the others from it.
    fn start(&mut self, names: &[String], patience: Duration) -> Result<(), String> {
        let order = ServiceOrder::Start { arguments: Vec::new(), waits: true };
        let started = start_order(&self.services, names)
            .iter()
            .filter_map(|name| self.order(name, &order, ServiceState::RUNNING, patience).err())
            .collect::<Vec<String>>();
        if started.is_empty() { Ok(()) } else { Err(started.join("; ")) }
    }

    /// Asks something of a service, which has to be in this state then.
    fn order(
        &mut self,
        name: &str,
        order: &ServiceOrder,
        wanted: ServiceState,
        patience: Duration,
    ) -> Result<(), String> {
        let host = self.host.as_mut().ok_or("the host is lost")?;
        match service::order_of(host, name, order, patience).map_err(|error| error.to_string())? {
            None => Err(format!("{name}: there is no such service")),
            Some(state) if state != wanted => {
                Err(format!("{name}: its state is {} after {} s", state.0, patience.as_secs_f32()))
            }
            Some(_) => Ok(()),
        }
    }

    fn take(&mut self, answer: &Answer, mapped: &[Mapped], prefix: &Path) {
        let own = self.host.as_ref().map(HostProcess::pid);
        let processes: HashMap<u32, UniqueProcess> = (0_u64..)
            .zip(&answer.programs)
            .filter_map(|(index, told)| {
                let found = mapped.iter().find(|it| it.index() == index)?;
                Some((told.windows_pid, UniqueProcess::of(found.pid)?))
            })
            .collect();
        self.services = answer
            .services
            .iter()
            .map(|(pid, name, needs)| WineService {
                name: name.clone(),
                process: processes.get(pid).copied(),
                needs: needs.clone(),
            })
            .collect();
        for (index, told) in (0_u64..).zip(&answer.programs) {
            let Some(found) = mapped.iter().find(|it| it.index() == index) else { continue };
            let Some(process) = UniqueProcess::of(found.pid).filter(|it| Some(it.pid) != own) else {
                continue;
            };
            let theirs = |pid: u32| pid == told.windows_pid;
            let mut windows = answer.windows.iter().filter(|it| theirs(it.0)).peekable();
            let windows = windows.peek().is_some().then(|| WineWindows {
                main: windows.find(|(_, is_main, _)| *is_main).map(|(_, _, title)| title.clone()),
            });
            let has_main = windows.as_ref().is_some_and(|it| it.main.is_some());
            let restart = has_main.then(|| told.restart(&found.images, prefix)).flatten();
            self.windows_pids.insert(process, told.windows_pid);
            let inodes = answer.files.iter().filter(|it| theirs(it.0)).map(|it| it.1).collect();
            let name = told.path.rsplit('\\').next().unwrap_or_default().to_owned();
            let services: Vec<String> =
                answer.services.iter().filter(|it| theirs(it.0)).map(|it| it.1.clone()).collect();
            let dependents = dependents(&self.services, &services);
            self.programs.push(WineProgram { process, name, inodes, windows, services, dependents, restart });
        }
    }

    fn ask(
        &mut self,
        message: WineMessage,
        windows_pids: &[u32],
        patience: Duration,
    ) -> Result<HashMap<u32, WineAnswer>, ProcessError> {
        let Some(host) = &mut self.host else { return Ok(HashMap::new()) };
        let letter = match message {
            WineMessage::Query => b'q',
            WineMessage::End => b'e',
            WineMessage::GoOn => b'n',
            WineMessage::Close => b'c',
            WineMessage::Nothing => b'o',
        };
        let count = u32::try_from(windows_pids.len()).unwrap_or_default();
        let frame = Frame::new(b'W').byte(letter).number(milliseconds(patience)).number(count);
        let frame = windows_pids.iter().fold(frame, |frame, pid| frame.number(*pid));
        let deadline = Instant::now() + patience + LIMIT;
        host.say(frame, deadline)?;
        let bytes = bytes(host, deadline)?;
        let mut rest = Rest::of_answer(&bytes);
        let mut answers = HashMap::new();
        for _ in 0..rest.number()? {
            let pid = rest.number()?;
            answers.insert(
                pid,
                match rest.byte()? {
                    0 => WineAnswer::NoWindows,
                    1 => WineAnswer::Agreed,
                    3 => WineAnswer::Refused,
                    _ => WineAnswer::Silent,
                },
            );
        }
        Ok(answers)
    }
}

impl WineConnection for Connection {
    fn programs(&self) -> &[WineProgram] {
        &self.programs
    }

    fn services(&self) -> &[WineService] {
        &self.services
    }

    fn tell(
        &mut self,
        message: WineMessage,
        programs: &[UniqueProcess],
        patience: Duration,
    ) -> Vec<(UniqueProcess, WineAnswer)> {
        let known = programs
            .iter()
            .filter(|it| it.is_running())
            .filter_map(|it| Some((*it, *self.windows_pids.get(it)?)));
        let known: Vec<(UniqueProcess, u32)> = known.collect();
        let windows_pids: Vec<u32> = known.iter().map(|(_, pid)| *pid).collect();
        match self.ask(message, &windows_pids, patience) {
            Ok(answers) => {
                known.into_iter().filter_map(|(process, pid)| Some((process, *answers.get(&pid)?))).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "the host among the programs of Wine is lost");
                self.host = None;
                Vec::new()
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            host.quit();
        }
        self.site.clear();
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn answer(bytes: &[u8]) -> Result<Answer, FrameError> {
    let mut rest = Rest::of_answer(bytes);
    let mut answer =
        Answer { programs: Vec::new(), files: Vec::new(), windows: Vec::new(), services: Vec::new() };
    for _ in 0..rest.number()? {
        let windows_pid = rest.number()?;
        let (path, command_line) = (rest.text()?, rest.text()?);
        let registration = match rest.byte()? {
            0 => Registration::Unknown,
            1 => Registration::Nothing,
            _ => Registration::Kept { flags: rest.number()?, arguments: rest.text()? },
        };
        answer.programs.push(Told { windows_pid, path, command_line, registration });
    }
    for _ in 0..rest.number()? {
        let windows_pid = rest.number()?;
        answer.files.push((windows_pid, u64::from(rest.number()?) | u64::from(rest.number()?) << 32));
    }
    for _ in 0..rest.number()? {
        answer.windows.push((rest.number()?, rest.byte()? != 0, rest.text()?));
    }
    for _ in 0..rest.number()? {
        let (windows_pid, name) = (rest.number()?, rest.text()?);
        let needs = (0..rest.number()?).map(|_| rest.text()).collect::<Result<_, _>>()?;
        answer.services.push((windows_pid, name, needs));
    }
    Ok(answer)
}

/// Whether a program that has these files mapped, or a library of its own, calls the function.
fn registers(images: &[PathBuf], prefix: &Path) -> bool {
    let system = prefix.join("drive_c/windows");
    let of_wine = |path: &Path| {
        // Wine's own are in such folders, wherever it is installed.
        path.parent().and_then(Path::file_name).is_some_and(|name| {
            let name = name.as_bytes();
            name.ends_with(b"-windows") || name.ends_with(b"-unix")
        })
    };
    images.iter().filter(|path| !path.starts_with(&system) && !of_wine(path)).any(|path| {
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(MOST_IMAGE).read_to_end(&mut bytes));
        read.is_ok() && bytes.windows(REGISTERS.len()).any(|window| window == REGISTERS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_one_cut_anywhere_is_refused() {
        let frame = Frame::new(b'B')
            .number(1)
            .number(32)
            .text(r"C:\a b.exe")
            .text(r#""C:\a b.exe" x"#)
            .byte(2)
            .number(8)
            .text("/restart \"a b\"")
            .number(1)
            .number(32)
            .number(7)
            .number(1)
            .number(1)
            .number(32)
            .byte(1)
            .text("Title")
            .number(1)
            .number(32)
            .text("Service")
            .number(1)
            .text("Needed");
        let bytes = frame.finish().unwrap().split_off(5);
        let read = answer(&bytes).unwrap();
        assert_eq!(read.programs[0].path, r"C:\a b.exe");
        let restart = read.programs[0].restart(&[], Path::new("/prefix")).unwrap();
        assert_eq!(restart.command, [r"C:\a b.exe", "/restart", "a b"]);
        assert_eq!(restart.flags, RestartFlags::NO_REBOOT);
        assert_eq!(
            (read.files, read.windows),
            (vec![(32, 1 << 32 | 7)], vec![(32, true, "Title".to_owned())])
        );
        assert_eq!(read.services, [(32, "Service".to_owned(), vec!["Needed".to_owned()])]);
        for length in 0..bytes.len() {
            assert!(answer(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn who_calls_the_function_is_found_in_its_own_files_and_not_in_those_of_the_system() {
        let prefix = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = prefix.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path
        };
        let calls = b"..RegisterApplicationRestart\0..";
        let plain = file("drive_c/app/plain.exe", b"RegisterApplication");
        let own = file("drive_c/app/own.dll", calls);
        let system = file("drive_c/windows/system32/kernel32.dll", calls);
        let of_wine = file("lib/wine/x86_64-windows/kernel32.dll", calls);
        assert!(registers(&[plain.clone(), own], prefix.path()));
        assert!(!registers(&[plain, system, of_wine], prefix.path()));
    }
}
