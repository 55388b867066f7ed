//! The registry while Wine's server begins, saves and ends at every moment: a stand-in for the server, that does what the
//! real one was seen to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use reseat_machine::{
    Bitness, Hive, Machine, RegistryChange, RegistryKey, RegistryPart, RegistryValue, WineRegistry,
};
use tempfile::TempDir;

/// A process that can hold the lock of a wineserver.
struct Locker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Locker {
    /// Works in the server folder, as a wineserver does.
    fn start(folder: &Path) -> Option<Self> {
        let script = "import fcntl,sys\nf=open('lock','w')\nprint(flush=True)\nfor l in sys.stdin:\n \
                      fcntl.lockf(f,fcntl.LOCK_EX if l[0]=='l' else fcntl.LOCK_UN,1)\n print(flush=True)\n";
        let started = Command::new("python3")
            .args(["-c", script])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "python3 is not installed");
            println!("SKIPPED: python3 is not installed");
            return None;
        };
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut locker = Self { child, to, from: BufReader::new(from) };
        locker.hear();
        Some(locker)
    }

    fn hear(&mut self) {
        assert_eq!(self.from.read_line(&mut String::new()).unwrap(), 1);
    }

    fn hold(&mut self, holds: bool) {
        self.to.write_all(if holds { b"l\n" } else { b"u\n" }).unwrap();
        self.hear();
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What happens between two steps of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// A program of Wine sets a value.
    Program,
    /// The same, and then the server saves, as it does every 30 seconds.
    ProgramAndSave,
    /// The same, and then the server ends in order.
    ProgramAndEnd,
    /// And another starts for the next program.
    ProgramAndAnother,
    /// The server is killed, and another one starts for the next program.
    KillAndAnother,
}

const EVENTS: [Event; 5] = [
    Event::Program,
    Event::ProgramAndSave,
    Event::ProgramAndEnd,
    Event::ProgramAndAnother,
    Event::KillAndAnother,
];

type Values = BTreeMap<(String, String), String>;

/// The server: what it has in memory, and whether it has to be saved. Only values of `Software` keys of the machine.
struct Server {
    prefix: PathBuf,
    lockers: [Locker; 2],
    current: usize,
    runs: bool,
    values: Values,
    is_dirty: bool,
    /// Calls that were made, and the event that comes at one of them.
    calls: u32,
    event: Option<(u32, Event)>,
    /// What programs of Wine were told that it is set.
    promised: Vec<(String, String)>,
}

impl Server {
    fn file(&self) -> PathBuf {
        self.prefix.join("system.reg")
    }

    fn start(&mut self) {
        if self.runs {
            return;
        }
        self.current = 1 - self.current;
        self.lockers[self.current].hold(true);
        self.runs = true;
        self.is_dirty = false;
        self.values.clear();
        let mut key = String::new();
        for line in fs::read_to_string(self.file()).unwrap().lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
                key = name.0.replace(r"\\", r"\");
            } else if let Some((name, value)) = line.split_once("\"=\"") {
                let at = (key.clone(), name.trim_matches('"').to_owned());
                self.values.insert(at, value.trim_matches('"').to_owned());
            }
        }
    }

    fn text(&self) -> String {
        let mut text =
            "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n"
                .to_owned();
        for ((key, name), value) in &self.values {
            let key = key.replace('\\', r"\\");
            text += &format!("\n[{key}] 1700000000\n\"{name}\"=\"{value}\"\n");
        }
        text
    }

    fn save(&mut self) {
        if !std::mem::take(&mut self.is_dirty) {
            return;
        }
        let file = self.file();
        if fs::metadata(&file).unwrap().nlink() > 1 {
            fs::write(&file, self.text()).unwrap();
        } else {
            let beside = self.prefix.join("reg0001.tmp");
            fs::write(&beside, self.text()).unwrap();
            fs::rename(&beside, &file).unwrap();
        }
    }

    fn end(&mut self) {
        if self.runs {
            self.save();
            self.kill();
        }
    }

    fn kill(&mut self) {
        self.runs = false;
        self.lockers[self.current].hold(false);
    }

    fn program(&mut self) {
        self.start();
        let name = format!("v{}", self.promised.len());
        self.values.insert((r"Software\Theirs".to_owned(), name.clone()), "wine".to_owned());
        self.promised.push((r"Software\Theirs".to_owned(), name));
        self.is_dirty = true;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Program => self.program(),
            Event::ProgramAndSave => {
                self.program();
                self.save();
            }
            Event::ProgramAndEnd => {
                self.program();
                self.end();
            }
            Event::ProgramAndAnother => {
                self.program();
                self.end();
                self.start();
            }
            Event::KillAndAnother => {
                if self.runs {
                    self.kill();
                }
                self.start();
            }
        }
    }

    /// Called before and after what we do in Wine.
    fn moment(&mut self) {
        self.calls += 1;
        if let Some((_, event)) = self.event.filter(|(at, _)| *at == self.calls) {
            self.happen(event);
        }
    }
}

struct Asked(Arc<Mutex<Server>>);

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

impl WineRegistry for Asked {
    fn text(&self, part: RegistryPart) -> io::Result<Vec<u8>> {
        let mut server = self.0.lock().unwrap();
        if part != RegistryPart::Machine {
            let name = if part == RegistryPart::User { "user.reg" } else { "userdef.reg" };
            return fs::read(server.prefix.join(name)).or_else(|_| {
                Ok(b"WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\User\\\\.Default\n\n#arch=win64\n".to_vec())
            });
        }
        server.moment();
        server.start();
        let text = server.text().into_bytes();
        server.moment();
        Ok(text)
    }

    fn change(&self, part: RegistryPart, changes: &[RegistryChange]) -> io::Result<()> {
        assert_eq!(part, RegistryPart::Machine);
        let mut server = self.0.lock().unwrap();
        server.moment();
        server.start();
        for change in changes {
            match change {
                RegistryChange::SetValue { path, name, value: RegistryValue::String(value) } => {
                    server.values.insert((path.clone(), name.clone()), value.clone());
                }
                RegistryChange::RemoveKey { path } => {
                    server.values.retain(|(key, _), _| !key.starts_with(path))
                }
                RegistryChange::RemoveValue { path, name } => {
                    server.values.remove(&(path.clone(), name.clone()));
                }
                // A key is there as long as it has a value.
                RegistryChange::CreateKey { .. } | RegistryChange::RemoveEmptyKey { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        server.is_dirty = true;
        server.moment();
        Ok(())
    }
}

struct Scene {
    place: TempDir,
    server: Arc<Mutex<Server>>,
}

impl Scene {
    fn new() -> Option<Self> {
        // In memory, where there is such a place: much is synced.
        let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let prefix = place.path().join("prefix");
        drop(Machine::create_for(&prefix, Bitness::X64, "me").unwrap());
        fs::write(prefix.join("wineserver"), "wine-Abcdef").unwrap();
        let stat = fs::metadata(&prefix).unwrap();
        let folder = format!("wine-Abcdef/server-{:x}-{:x}", stat.dev(), stat.ino());
        let folder = place.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let server = Arc::new(Mutex::new(Server {
            prefix,
            lockers: [Locker::start(&folder)?, Locker::start(&folder)?],
            current: 0,
            runs: false,
            values: Values::new(),
            is_dirty: false,
            calls: 0,
            event: None,
            promised: Vec::new(),
        }));
        Some(Self { place, server })
    }

    /// A server runs on the prefix as it was in the beginning.
    fn begin(&self, event: Option<(u32, Event)>) -> Machine {
        let prefix = self.place.path().join("prefix");
        let mut server = self.server.lock().unwrap();
        server.end();
        let text = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n\
                    [Software\\\\Before] 1700000000\n\"a\"=\"b\"\n";
        fs::write(prefix.join("system.reg"), text).unwrap();
        (server.calls, server.event) = (0, event);
        server.promised.clear();
        server.start();
        let machine = Machine::open(&prefix).unwrap();
        machine.set_wine_registry(Box::new(Asked(self.server.clone())));
        machine
    }
}

fn key(name: &str) -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, format!("Software\\{name}"))
}

/// Runs some work with each event at each moment, and checks what is in the file after the last server has ended.
fn at_each_moment(work: impl Fn(&Machine), ours: &[(&str, &str, Option<&str>)]) {
    let Some(scene) = Scene::new() else { return };
    let mut runs = 0;
    for event in EVENTS {
        for at in 1.. {
            let machine = scene.begin(Some((at, event)));
            work(&machine);
            let mut server = scene.server.lock().unwrap();
            server.end();
            let reached = server.calls >= at;
            let file = Machine::open(machine.prefix()).unwrap();
            let registry = file.registry().unwrap();
            for (path, name, value) in ours {
                let value = value.map(|value| RegistryValue::String(value.to_owned()));
                assert_eq!(registry.value(&key(path), name), value, "{path} {name}, {event:?} at {at}");
            }
            for (path, name) in &server.promised {
                let path = RegistryKey::new(Hive::LocalMachine, path.as_str());
                assert!(registry.value(&path, name).is_some(), "{name} is lost, {event:?} at {at}");
            }
            let left: Vec<_> = fs::read_dir(machine.prefix()).unwrap().flatten().collect();
            let left = left.iter().filter(|it| it.file_name().to_string_lossy().contains("reseat-new"));
            assert_eq!(left.count(), 0, "{event:?} at {at}");
            runs += 1;
            if !reached {
                break;
            }
        }
    }
    println!("{runs} moments");
}

#[test]
fn nothing_is_lost_whenever_a_server_saves_ends_or_begins_while_the_registry_is_saved() {
    at_each_moment(
        |machine| {
            let registry = machine.registry().unwrap();
            registry.set_value(&key("Ours"), "a", "1".into()).unwrap();
            machine.save_registry().unwrap();
            registry.set_value(&key("Ours"), "b", "2".into()).unwrap();
            machine.save_registry().unwrap();
            machine.forget_registry();
            machine.sync_registry().unwrap();
            machine.registry().unwrap();
        },
        &[("Before", "a", Some("b")), ("Ours", "a", Some("1")), ("Ours", "b", Some("2"))],
    );
}

#[test]
fn only_our_own_changes_are_undone_whenever_a_server_saves_ends_or_begins_meanwhile() {
    at_each_moment(
        |machine| {
            let registry = machine.registry().unwrap();
            registry.set_value(&key("Ours"), "a", "1".into()).unwrap();
            registry.set_value(&key("Before"), "a", "ours".into()).unwrap();
            registry.set_value(&key("Before"), "b", "ours".into()).unwrap();
            registry.set_value(&key("Theirs"), "ours", "ours".into()).unwrap();
            let mut saving = machine.begin_saving_registry().unwrap().unwrap();
            let undo = saving.undo("t");
            saving.finish().unwrap();
            assert_eq!(undo.len(), 1);
            for _ in 0..2 {
                machine.undo_registry(&undo[0]).unwrap();
            }
        },
        &[("Before", "a", Some("b")), ("Before", "b", None), ("Ours", "a", None), ("Theirs", "ours", None)],
    );
}

#[test]
fn whoever_only_reads_writes_nothing() {
    let Some(scene) = Scene::new() else { return };
    let machine = scene.begin(None);
    let file = machine.prefix().join("system.reg");
    let before = fs::metadata(&file).unwrap();
    scene.server.lock().unwrap().program();
    let registry = machine.registry().unwrap();
    assert!(registry.value(&key("Theirs"), "v0").is_some());
    machine.discard_registry_changes();
    machine.registry().unwrap();
    let after = fs::metadata(&file).unwrap();
    assert_eq!((after.ino(), after.modified().unwrap()), (before.ino(), before.modified().unwrap()));
    assert!(machine.wine_server().is_some());
}
