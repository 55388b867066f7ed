//! A real process, killed with SIGKILL while it installs: recovery brings back the state before, or finishes.

// All of this is a test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue, WindowsPath};
use reseat_script::{
    ActionFailure, Environment, Execution, InstallFile, InstallScript, Operation, PendingState, Phase,
    Recovery, RemoveFile, Rollback, ScheduledAction, SetRegistryValue, Source, SourceError, Step, pending,
    recover,
};

/// Names the prefix to the process that will be killed.
const VICTIM: &str = "RESEAT_SCRIPT_VICTIM";
const FILES: usize = 120;

/// Says each step aloud, so that the other process knows when to kill.
struct Loud;

impl Environment for Loud {
    fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
        let Source::Stream { name } = source else { return Err("no such source".into()) };
        out.write_all(name.as_bytes())?;
        Ok(name.len() as u64)
    }
    fn run_action(&mut self, _: &ScheduledAction, _: Phase) -> Result<(), ActionFailure> {
        Ok(())
    }
    fn progress(&mut self, _: &Step, _: u64) {
        println!("step");
    }
}

fn path(text: &str) -> WindowsPath {
    WindowsPath::parse(text).unwrap()
}

fn install(number: usize, content: String) -> Operation {
    let size = content.len() as u64;
    let path = path(&format!(r"C:\App\{}\{number}.dll", number % 5));
    InstallFile {
        source: Source::Stream { name: content },
        path,
        size,
        attributes: Default::default(),
        modified: None,
        verified: false,
    }
    .into()
}

/// Every third file is replaced, every fourth removed, the others are new or left alone.
fn upgrade() -> InstallScript {
    let mut script = InstallScript::default();
    for number in 0..FILES {
        if number % 3 == 0 {
            script.push("InstallFiles", install(number, format!("new {number}")));
        } else if number % 4 == 0 {
            let path = path(&format!(r"C:\App\{}\{number}.dll", number % 5));
            script.push("RemoveFiles", RemoveFile { path });
        } else {
            script.push("InstallFiles", install(1000 + number, format!("added {number}")));
        }
        if number % 40 == 39 {
            let key = RegistryKey::new(Hive::LocalMachine, "Software\\App");
            let (name, value) = (format!("v{number}"), RegistryValue::from("1"));
            script.push("WriteRegistryValues", SetRegistryValue { key, name, value });
        }
    }
    script
}

/// Everything in the prefix but times; of a registry file only whether the key of the upgrade is there.
fn tree(prefix: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![prefix.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(prefix).unwrap().to_str().unwrap().to_owned();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            let mut bytes =
                if metadata.is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
            if name.ends_with(".reg") {
                bytes = bytes.windows(6).filter(|part| part == b"\\\\App]").collect::<Vec<_>>().concat();
            }
            tree.insert(name, (metadata.mode(), bytes));
        }
    }
    tree
}

fn base(prefix: &Path) {
    let machine = Machine::create(prefix, reseat_machine::Bitness::X64).unwrap();
    // The file of the lock stays.
    let _lock = machine.lock().unwrap();
    let mut execution = Execution::begin(&machine, "base", "base", Rollback::Enabled).unwrap();
    let mut script = InstallScript::default();
    for number in 0..FILES {
        script.push("InstallFiles", install(number, format!("old {number}")));
    }
    execution.run(&script, &mut Loud).unwrap();
    execution.commit(&mut Loud).map_err(|failure| failure.error).unwrap();
}

/// What the killed process does. Not a test of its own.
#[test]
fn victim() -> Result<(), Box<dyn Error>> {
    let Some(prefix) = std::env::var_os(VICTIM) else { return Ok(()) };
    let machine = Machine::open(Path::new(&prefix))?;
    let _lock = machine.lock()?;
    let mut execution = Execution::begin(&machine, "upgrade", "App 2.0", Rollback::Enabled)?;
    execution.run(&upgrade(), &mut Loud)?;
    println!("ran");
    if std::env::var_os("RESEAT_SCRIPT_ROLL_BACK").is_some() {
        execution.roll_back(&mut Loud);
    } else {
        execution.commit(&mut Loud).map_err(|failure| failure.error)?;
    }
    println!("ended");
    Ok(())
}

#[test]
fn a_killed_installation_is_recovered_to_before_or_after() {
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let prefix = place.path().join("prefix");
    let (mut before_runs, mut after_runs) = (0, 0);
    for round in 0..60_usize {
        let roll_back = round % 3 == 2;
        // Half of them in the middle, half about the end of the run.
        let all = upgrade().steps.len();
        let kill_after = if round % 2 == 0 { round * 37 % all + 1 } else { all + round % 4 / 2 };
        drop(std::fs::remove_dir_all(&prefix));
        base(&prefix);
        let before = tree(&prefix);
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", "victim", "--nocapture"]).env(VICTIM, &prefix).stdout(Stdio::piped());
        if roll_back {
            victim.env("RESEAT_SCRIPT_ROLL_BACK", "1");
        }
        let mut victim = victim.spawn().unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut heard: Vec<String> = Vec::new();
        for line in lines {
            let line = line.unwrap();
            // The harness writes on the same line.
            heard.extend(
                ["step", "ran", "ended"].iter().filter(|word| line.ends_with(**word)).map(|w| w.to_string()),
            );
            if heard.len() == kill_after {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        let machine = Machine::open(&prefix).unwrap();
        let _lock = machine.lock().unwrap();
        let left = pending(&machine).unwrap();
        let committing = left
            .as_ref()
            .is_some_and(|pending| matches!(pending.state, PendingState::Commit | PendingState::Tidy));
        match recover(&machine, &mut Loud).unwrap() {
            Some(Recovery::RolledBack { report, .. }) => assert!(report.complete, "{report:?}"),
            Some(Recovery::Committed { report, .. }) => assert!(report.problems.is_empty(), "{report:?}"),
            None => {}
        }
        assert!(recover(&machine, &mut Loud).unwrap().is_none(), "once is enough");
        let after = tree(&prefix);
        let is_before = after == before;
        let is_after = after.keys().any(|name| name.ends_with("1118.dll"))
            && after.keys().filter(|name| name.ends_with(".dll")).count()
                == FILES - FILES / 4 + FILES / 12 + FILES / 2
            && after.values().filter(|(_, bytes)| bytes.starts_with(b"new ")).count() == FILES / 3;
        assert!(
            is_before || is_after,
            "round {round}: neither before nor after, {left:?}, heard {}, different: {:?}",
            heard.len(),
            before
                .keys()
                .chain(after.keys())
                .filter(|name| before.get(*name) != after.get(*name))
                .take(5)
                .collect::<Vec<_>>()
        );
        assert!(!(roll_back && is_after || committing && is_before), "round {round}");
        before_runs += usize::from(is_before);
        after_runs += usize::from(is_after);
    }
    println!("{before_runs} rounds ended before, {after_runs} after");
    assert!(before_runs > 5);
}
