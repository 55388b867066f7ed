//! A small prefix and an engine's side for the tests.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue, WindowsPath};

use crate::*;

/// What is at a path: mode, bytes (of a folder none), time of change (of a folder none).
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    mode: u32,
    bytes: Option<Vec<u8>>,
    modified: Option<(i64, i64)>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        write!(f, "{:o} {bytes:?} {:?}", self.mode, self.modified)
    }
}

pub type Tree = BTreeMap<String, Entry>;

/// A prefix of a few files in a folder of its own.
pub struct Trial {
    folder: tempfile::TempDir,
}

pub fn path(text: &str) -> WindowsPath {
    WindowsPath::parse(text).unwrap()
}

pub fn key(name: &str) -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, format!("Software\\Trial\\{name}"))
}

impl Trial {
    pub fn new() -> Self {
        // In memory, where there is such a place: thousands of prefixes are synced in these tests.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("dosdevices")).unwrap();
        for name in ["drive_c/Old/Sub", "drive_c/Old/Empty", "drive_c/windows", "drive_d"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::fs::set_permissions(at("drive_c/Old/Empty"), std::fs::Permissions::from_mode(0o750)).unwrap();
        symlink("../drive_c", at("dosdevices/c:")).unwrap();
        symlink("../drive_d", at("dosdevices/d:")).unwrap();
        let reg = |root: &str| {
            format!(
                "WINE REGISTRY Version 2\n;; All keys relative to {root}\n\n#arch=win64\n\n\
                 [Software\\\\Trial\\\\Old] 1700000000\n#time=1da17e2b5e2e000\n\"a\"=\"b\"\n"
            )
        };
        std::fs::write(at("system.reg"), reg("REGISTRY\\\\Machine")).unwrap();
        std::fs::write(at("user.reg"), reg("REGISTRY\\\\User\\\\S-1-5-21-0-0-0-1000")).unwrap();
        for (name, mode) in
            [("One.txt", 0o644), ("two.txt", 0o444), ("Sub/three.exe", 0o755), ("Sub/four", 0o600)]
        {
            let file = at("drive_c/Old").join(name);
            std::fs::write(&file, format!("old {name}")).unwrap();
            let long_ago = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5);
            std::fs::File::open(&file).unwrap().set_modified(long_ago).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { folder }
    }

    pub fn machine(&self) -> Machine {
        Machine::open(self.folder.path()).unwrap()
    }

    pub fn prefix(&self) -> &Path {
        self.folder.path()
    }

    /// Everything in the prefix.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                let name =
                    entry.path().strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned();
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
                let is_file = metadata.is_file();
                tree.insert(
                    name,
                    Entry {
                        mode: metadata.mode(),
                        bytes: is_file.then(|| std::fs::read(entry.path()).unwrap_or_default()),
                        modified: is_file.then(|| (metadata.mtime(), metadata.mtime_nsec())),
                    },
                );
            }
        }
        tree
    }

    /// Everything but the times.
    pub fn contents(&self) -> Tree {
        let mut tree = self.tree();
        for (name, entry) in &mut tree {
            entry.modified = None;
            if let Some(bytes) = entry.bytes.as_mut().filter(|_| name.ends_with(".reg")) {
                let text = String::from_utf8(std::mem::take(bytes)).unwrap();
                let lines = text.lines().filter(|line| !line.starts_with("#time="));
                let lines = lines
                    .map(|line| if line.starts_with('[') { line.rsplit_once(' ').unwrap().0 } else { line });
                *bytes = lines.collect::<Vec<_>>().join("\n").into_bytes();
            }
        }
        tree
    }
}

/// Shows what differs.
#[track_caller]
pub fn assert_same(got: &Tree, expected: &Tree, when: &str) {
    let mut differences = String::new();
    let names: std::collections::BTreeSet<&String> = got.keys().chain(expected.keys()).collect();
    for name in names {
        if got.get(name) != expected.get(name) {
            differences += &format!("{name}: got {:?}, expected {:?}\n", got.get(name), expected.get(name));
        }
    }
    assert!(differences.is_empty(), "{when}:\n{differences}");
}

/// The engine's side: sources are named by their content.
#[derive(Default)]
pub struct Host {
    /// Actions that ran.
    pub ran: Vec<(String, Phase)>,
    /// Actions that fail.
    pub failing: HashSet<String>,
    /// What is said to failures.
    pub answers: HashMap<String, Answer>,
    pub failures: Vec<String>,
    pub done: Vec<String>,
    pub cancel_after: Option<usize>,
    pub undone: usize,
    /// Where actions make files.
    pub place: Option<std::path::PathBuf>,
}

impl Environment for Host {
    fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
        let Source::Stream { name } = source else { return Err("no such source".into()) };
        for part in name.as_bytes().chunks(7) {
            out.write_all(part)?;
        }
        Ok(name.len() as u64)
    }

    fn run_action(&mut self, action: &ScheduledAction, phase: Phase) -> Result<(), ActionFailure> {
        self.ran.push((action.action.clone(), phase));
        if let Some(place) = &self.place {
            match phase {
                Phase::Execution => std::fs::write(place.join(&action.action), "made").unwrap(),
                Phase::Rollback => drop(std::fs::remove_file(place.join(&action.custom_action_data))),
                Phase::Commit => {}
            }
        }
        if self.failing.contains(&action.action) {
            return Err(ActionFailure::Failed("it returned 1603".into()));
        }
        Ok(())
    }

    fn progress(&mut self, step: &Step, _units: u64) {
        self.done.push(step.operation.describe());
    }

    fn failed(&mut self, step: &Step, fault: &Fault) -> Answer {
        self.failures.push(fault.to_string());
        self.answers.remove(&step.action).unwrap_or(Answer::Fail)
    }

    fn undoing(&mut self, _undoing: Undoing<'_>) {
        self.undone += 1;
    }

    fn cancelled(&self) -> bool {
        self.cancel_after.is_some_and(|after| self.done.len() >= after)
    }
}

pub fn install(to: &str, content: &str) -> Operation {
    let source = Source::Stream { name: content.to_owned() };
    let modified = Some(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000));
    let size = content.len() as u64;
    InstallFile { source, path: path(to), size, attributes: Default::default(), modified, verified: false }
        .into()
}

pub fn action(name: &str, kind: ActionKind, data: &str) -> Operation {
    let call = serde_json::json!({"type": 3073});
    let (action, custom_action_data) = (name.to_owned(), data.to_owned());
    ScheduledAction { action, kind, ignore_result: false, custom_action_data, call }.into()
}

pub fn set(name: &str, value: &str) -> Operation {
    SetRegistryValue { key: key(name), name: "v".to_owned(), value: RegistryValue::from(value) }.into()
}

pub fn script(operations: impl IntoIterator<Item = Operation>) -> InstallScript {
    let mut script = InstallScript::default();
    for operation in operations {
        script.push("Trial", operation);
    }
    script
}

/// Runs a script and rolls it back: nothing may differ. Then runs it and commits; hands out the prefix.
#[track_caller]
pub fn there_and_back(operations: impl IntoIterator<Item = Operation>) -> Trial {
    let script = script(operations);
    let trial = Trial::new();
    let before = trial.tree();
    for no_links in [false, true] {
        let machine = trial.machine();
        let mut host = Host::default();
        let mut execution = Execution::begin(&machine, "t-1", "trial", Rollback::Enabled).unwrap();
        execution.site.fuse.no_links = no_links;
        execution.run(&script, &mut host).unwrap();
        let report = execution.roll_back(&mut host);
        assert!(report.complete && report.problems.is_empty(), "{report:?}");
        assert_same(&trial.tree(), &before, "after the rollback");
    }
    let machine = trial.machine();
    let mut execution = Execution::begin(&machine, "t-1", "trial", Rollback::Enabled).unwrap();
    execution.run(&script, &mut Host::default()).unwrap();
    let report = execution.commit(&mut Host::default()).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
    let left: Vec<String> = trial
        .tree()
        .into_keys()
        .filter(|name| name.contains("Config.Msi") || name.contains(".rbf"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    trial
}
