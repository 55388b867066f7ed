//! Programs that Wine runs: what `/proc` does not show of them, and the messages that their windows understand.
//!
//! A file that such a program has opened and not yet touched is open in the wineserver alone; its windows hear
//! WM_QUERYENDSESSION and WM_ENDSESSION, as the page "Guidelines for Applications" describes, only from another program
//! in the same Wine. Whoever can run one there says so once, with [`look_inside_wine`]; without it the wineserver is what
//! holds such a file, and cannot be closed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::critical::open_process;
use crate::proc_scan::{Hit, How, Targets};
use crate::process::{Stat, UniqueProcess, program_path};
use crate::registration::RestartFlags;
use crate::script::Environment;

/// A program that runs in some Wine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WineProgram {
    /// Its process.
    pub process: UniqueProcess,
    /// The name of its program's file.
    pub name: String,
    /// The inodes of the files that it has open. The wineserver has them open too, and says on which devices they are.
    pub inodes: Vec<u64>,
    /// Its windows, if it has any.
    pub windows: Option<WineWindows>,
    /// The services that it runs, if Wine's service manager has started it.
    pub services: Vec<String>,
    /// Services that run in other programs and cannot run without one of these.
    pub dependents: Vec<String>,
    /// How it is started again, if it registered for that.
    pub restart: Option<WineRestart>,
}

/// How a program of Wine is started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WineRestart {
    /// What Wine is to be started with: its path and its arguments.
    pub command: Vec<String>,
    /// When it is not to be started again.
    pub flags: RestartFlags,
}

/// A service that Wine's service manager knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WineService {
    /// Its short name.
    pub name: String,
    /// The process that runs it, if it runs.
    pub process: Option<UniqueProcess>,
    /// The services that it cannot run without.
    pub needs: Vec<String>,
}

/// The top-level windows of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WineWindows {
    /// The title of the first one that its user sees, if there is one.
    pub main: Option<String>,
}

/// What the windows of programs are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WineMessage {
    /// WM_QUERYENDSESSION with ENDSESSION_CLOSEAPP: could you close?
    Query,
    /// WM_ENDSESSION with ENDSESSION_CLOSEAPP and TRUE: close.
    End,
    /// WM_ENDSESSION with FALSE: go on, after all.
    GoOn,
    /// WM_CLOSE to the main windows.
    Close,
    /// Nothing: are there any still?
    Nothing,
}

/// What a program answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WineAnswer {
    /// It has no window.
    NoWindows,
    /// It said yes, or was told.
    Agreed,
    /// It did not answer in time.
    Silent,
    /// It said no.
    Refused,
}

/// A program of ours in one Wine.
pub trait WineConnection {
    /// The programs that run there.
    fn programs(&self) -> &[WineProgram];

    /// The services that are registered there.
    fn services(&self) -> &[WineService];

    /// Tells these programs' windows something; each may take so long to answer. What cannot be asked is not in the
    /// answer.
    fn tell(
        &mut self,
        message: WineMessage,
        programs: &[UniqueProcess],
        patience: Duration,
    ) -> Vec<(UniqueProcess, WineAnswer)>;
}

/// Runs a program in a Wine that runs already.
pub trait InsideWine: fmt::Debug + Send + Sync {
    /// Gets in touch with the Wine that this process, a wineserver or a program, belongs to; `None` when that cannot be.
    fn connect(&self, one: UniqueProcess) -> Option<Box<dyn WineConnection>>;

    /// Gets in touch with the Wine on this prefix; `None` when none runs there, or that cannot be.
    fn connect_to(&self, prefix: &Path) -> Option<Box<dyn WineConnection>>;

    /// Asks something of services of the Wine on this prefix, and gives the process of the first if that runs then. Those
    /// that cannot run without one that is stopped are stopped before it, and what another one needs is started first.
    ///
    /// # Errors
    /// In words, why it could not be done. The others are started all the same.
    fn control_services(
        &self,
        prefix: &Path,
        names: &[String],
        order: WineServiceOrder,
        patience: Duration,
    ) -> Result<Option<UniqueProcess>, String>;
}

/// What is asked of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WineServiceOrder {
    /// Nothing.
    Look,
    /// To run. Wine is started for it.
    Start,
    /// To stop, its process with it if that runs no other.
    Stop,
}

static INSIDE: OnceLock<Box<dyn InsideWine>> = OnceLock::new();

/// Says for the whole process how Wine is looked into. Only the first call counts.
pub fn look_inside_wine(inside: Box<dyn InsideWine>) {
    let _ = INSIDE.set(inside);
}

fn connect(one: UniqueProcess) -> Option<Box<dyn WineConnection>> {
    INSIDE.get()?.connect(one)
}

/// Asks something of services in Wine, and gives the process of the first if that runs then; else why that could not be,
/// in words.
pub(crate) fn control_services(
    prefix: &Path,
    names: &[String],
    order: WineServiceOrder,
    patience: Duration,
) -> Result<Option<UniqueProcess>, String> {
    let inside = INSIDE.get().ok_or("Wine cannot be looked into")?;
    inside.control_services(prefix, names, order, patience)
}

/// Whether the service manager of the Wine that runs on this prefix knows a service of this name.
pub fn is_wine_service(prefix: &Path, name: &str) -> bool {
    let connection = INSIDE.get().and_then(|inside| inside.connect_to(prefix));
    connection.is_some_and(|it| it.services().iter().any(|it| it.name.eq_ignore_ascii_case(name)))
}

/// Whether a process is a wineserver, by its name.
pub(crate) fn is_wine_server(name: &str) -> bool {
    name.starts_with("wineserver")
}

/// The prefix that a program of Wine, or a wineserver, runs in, as its environment says; `None` for other programs,
/// and where that may not be read.
pub fn wine_prefix(process: UniqueProcess) -> Option<PathBuf> {
    let folder = open_process(process.pid).ok()?;
    let program = program_path(folder.as_fd()).ok()?;
    let is_server = program.file_name().is_some_and(|it| it.to_string_lossy().starts_with("wineserver"));
    if !is_server && !runs_under_wine(process) {
        return None;
    }
    let environment = Environment::read(folder.as_fd());
    let path = |name: &str| environment.value(name).map(|it| PathBuf::from(OsStr::from_bytes(it)));
    path("WINEPREFIX").or_else(|| Some(path("HOME")?.join(".wine")))
}

/// Whether Wine runs the program of this process.
pub(crate) fn runs_under_wine(process: UniqueProcess) -> bool {
    loader(process).is_some()
}

/// The program of this machine that runs a Windows program.
pub(crate) fn loader(process: UniqueProcess) -> Option<PathBuf> {
    let folder = open_process(process.pid).ok()?;
    let program = program_path(folder.as_fd()).ok()?;
    let name = program.file_name()?.to_string_lossy();
    let loaders = ["wine", "wine64", "wine-preloader", "wine64-preloader"];
    loaders.contains(&name.as_ref()).then_some(program)
}

/// What was seen inside of the Wines that were looked into.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    programs: HashMap<UniqueProcess, WineProgram>,
    asked: Vec<UniqueProcess>,
}

impl Seen {
    /// Looks into the Wine of this process, unless that was done.
    fn look(&mut self, one: UniqueProcess) -> Vec<UniqueProcess> {
        if self.programs.contains_key(&one) || self.asked.contains(&one) {
            return Vec::new();
        }
        self.asked.push(one);
        let Some(connection) = connect(one) else { return Vec::new() };
        self.take(connection.programs())
    }

    fn take(&mut self, programs: &[WineProgram]) -> Vec<UniqueProcess> {
        self.programs.extend(programs.iter().map(|it| (it.process, it.clone())));
        programs.iter().map(|it| it.process).collect()
    }

    /// Finds services by their names in the Wines that run on these prefixes: for each name the processes, none while the
    /// service is stopped; `None` where no Wine knows it.
    pub(crate) fn services(
        &mut self,
        prefixes: &[PathBuf],
        names: &[String],
    ) -> Vec<Option<Vec<UniqueProcess>>> {
        let mut found = vec![None; names.len()];
        let prefixes = prefixes.iter().filter(|_| !names.is_empty());
        for connection in prefixes.filter_map(|prefix| INSIDE.get()?.connect_to(prefix)) {
            self.take(connection.programs());
            for (name, place) in names.iter().zip(&mut found) {
                let known = connection.services().iter().filter(|it| it.name.eq_ignore_ascii_case(name));
                known.for_each(|service| place.get_or_insert_with(Vec::new).extend(service.process));
            }
        }
        found
    }

    /// What is known of the program of this process, after a look.
    pub(crate) fn program(&mut self, process: UniqueProcess) -> Option<&WineProgram> {
        if !self.programs.contains_key(&process) && runs_under_wine(process) {
            self.look(process);
        }
        self.programs.get(&process)
    }

    /// Adds to what uses files those programs for which a wineserver holds them. It then no longer counts itself.
    pub(crate) fn add_holders(&mut self, targets: &Targets, hits: &mut Vec<Hit>) {
        let servers: Vec<Hit> = hits.iter().filter(|it| is_wine_server(&it.name)).cloned().collect();
        for server in servers {
            let programs = self.look(server.process);
            for &process in &programs {
                let Some(program) = self.programs.get(&process) else { continue };
                let held = program.inodes.iter().flat_map(|inode| targets.with_inode(*inode));
                // Of another file with this number, on another device, the server has said nothing.
                let held = held.filter(|index| server.uses.contains(&(*index, How::Open)));
                let uses: Vec<(usize, How)> = held.map(|index| (index, How::Open)).collect();
                if !uses.is_empty() {
                    add(hits, process, uses);
                }
            }
            let theirs = hits.iter().filter(|it| programs.contains(&it.process));
            let explained: Vec<usize> = theirs.flat_map(|it| &it.uses).map(|(index, _)| *index).collect();
            for hit in hits.iter_mut().filter(|it| it.process == server.process) {
                hit.uses.retain(|(index, how)| *how != How::Open || !explained.contains(index));
            }
            hits.retain(|it| !it.uses.is_empty());
        }
    }
}

fn add(hits: &mut Vec<Hit>, process: UniqueProcess, uses: Vec<(usize, How)>) {
    match hits.iter_mut().find(|it| it.process == process) {
        Some(hit) => {
            hit.uses.extend(uses);
            hit.uses.sort_unstable();
            hit.uses.dedup();
        }
        None => {
            // Only as long as it is that process.
            if let Some(stat) = Stat::of(process.pid).filter(|it| it.start_time == process.start_time) {
                hits.push(Hit { process, name: stat.name, uses });
                hits.sort_by_key(|hit| hit.process);
            }
        }
    }
}

/// The Wines that some programs are spoken to in.
#[derive(Default)]
pub(crate) struct Talk {
    connections: Vec<Box<dyn WineConnection>>,
    /// Those that nothing leads to.
    unreachable: Vec<UniqueProcess>,
}

impl Talk {
    /// Tells these programs something. Those that are no programs of Wine, or cannot be reached, are not in the answer.
    pub(crate) fn tell(
        &mut self,
        message: WineMessage,
        processes: &[UniqueProcess],
        patience: Duration,
    ) -> HashMap<UniqueProcess, WineAnswer> {
        for process in processes {
            let is_known =
                self.connections.iter().any(|it| it.programs().iter().any(|it| it.process == *process));
            if is_known || self.unreachable.contains(process) || !runs_under_wine(*process) {
                continue;
            }
            match connect(*process) {
                Some(connection) if connection.programs().iter().any(|it| it.process == *process) => {
                    self.connections.push(connection);
                }
                _ => self.unreachable.push(*process),
            }
        }
        let mut answers = HashMap::new();
        for connection in &mut self.connections {
            let theirs = |process: &&UniqueProcess| {
                connection.programs().iter().any(|it| it.process == **process && it.windows.is_some())
            };
            let theirs: Vec<UniqueProcess> = processes.iter().filter(theirs).copied().collect();
            if !theirs.is_empty() {
                answers.extend(connection.tell(message, &theirs, patience));
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::FileId;

    /// The process that the fake takes for a wineserver.
    const SERVER: UniqueProcess = UniqueProcess { pid: u32::MAX, start_time: 1 };

    #[derive(Debug)]
    struct Fake;

    struct FakeConnection(Vec<WineProgram>);

    impl InsideWine for Fake {
        fn connect(&self, one: UniqueProcess) -> Option<Box<dyn WineConnection>> {
            let process = UniqueProcess::current().filter(|_| one == SERVER)?;
            let name = "a.exe".to_owned();
            let program = WineProgram {
                process,
                name,
                inodes: vec![10, 30],
                windows: None,
                services: Vec::new(),
                dependents: Vec::new(),
                restart: None,
            };
            Some(Box::new(FakeConnection(vec![program])))
        }

        fn connect_to(&self, _prefix: &Path) -> Option<Box<dyn WineConnection>> {
            None
        }

        fn control_services(
            &self,
            _prefix: &Path,
            _names: &[String],
            _order: WineServiceOrder,
            _patience: Duration,
        ) -> Result<Option<UniqueProcess>, String> {
            Ok(None)
        }
    }

    impl WineConnection for FakeConnection {
        fn programs(&self) -> &[WineProgram] {
            &self.0
        }

        fn services(&self) -> &[WineService] {
            &[]
        }

        fn tell(
            &mut self,
            _message: WineMessage,
            _programs: &[UniqueProcess],
            _patience: Duration,
        ) -> Vec<(UniqueProcess, WineAnswer)> {
            Vec::new()
        }
    }

    #[test]
    fn a_program_stands_in_for_the_wineserver_where_that_has_the_very_file_open() {
        look_inside_wine(Box::new(Fake));
        let mut targets = Targets::default();
        let file = |minor: u32, inode: u64| FileId { major: 8, minor, inode };
        // Held by the program; by nobody known; of the same number as the first, on another device.
        for (index, file) in [file(1, 10), file(1, 20), file(2, 10)].into_iter().enumerate() {
            targets.add(file, index);
        }
        let uses = vec![(0, How::Open), (1, How::Open)];
        let mut hits = vec![Hit { process: SERVER, name: "wineserver64".to_owned(), uses }];
        Seen::default().add_holders(&targets, &mut hits);
        let found: Vec<_> = hits.iter().map(|it| (it.process, it.uses.clone())).collect();
        let me = UniqueProcess::current().unwrap();
        assert_eq!(found, [(me, vec![(0, How::Open)]), (SERVER, vec![(1, How::Open)])]);
    }
}
