//! What a Wine that runs is asked for: the session that an action joins, the registry, the service manager.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reseat_custom_actions::{RegistryThroughWine, WineHost};
use reseat_engine::{CallResult, CustomActionHost, ServiceOrder, ServiceState};
use reseat_machine::{Hive, RegistryKey, RegistryValue};
use reseat_restart_manager::{Primary, Store};

use crate::{Scene, Served, program_in, run, run_with, scene};

/// A program of Wine that runs until it is killed, with its id for Windows.
struct Sleeper(std::process::Child, u32);

impl Sleeper {
    fn start(scene: &Scene) -> Self {
        let said = scene.prefix.join("drive_c/sleeper.txt");
        let _ = fs::remove_file(&said);
        let program = scene.prefix.join("drive_c/sleeper.exe");
        let compiled = Command::new("x86_64-w64-mingw32-gcc")
            .args(["-Os", "-s", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows/sleeper.c"))
            .status();
        assert!(compiled.unwrap().success());
        let child = Command::new("wine")
            .arg(program)
            .env("WINEPREFIX", &scene.prefix)
            .env("WINEDEBUG", "-all")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        // Ended with this value, whatever happens until it has said who it is.
        let mut sleeper = Self(child.unwrap(), 0);
        let deadline = Instant::now() + Duration::from_secs(60);
        while sleeper.1 == 0 {
            assert!(Instant::now() < deadline, "the program does not begin");
            std::thread::yield_now();
            let text = fs::read_to_string(&said).unwrap_or_default();
            sleeper.1 = text.trim().parse().unwrap_or_default();
        }
        sleeper
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_action_joins_the_session_of_this_machine_and_registers_files_processes_and_services() {
    if run("Nothing").is_none() {
        return;
    }
    let (scene, turn) = scene().unwrap();
    let held = scene.prefix.join("drive_c/held ☺.txt");
    fs::write(&held, "text").unwrap();
    let sleeper = Sleeper::start(scene);
    drop(turn);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(&folder.path().join("store")).unwrap();
    let session = Primary::start_in(&store).unwrap();
    let mut served = Served::new();
    served.properties.insert("MsiRestartManagerSessionKey".to_owned(), session.key().to_string());
    served.properties.insert("PROCESS".to_owned(), sleeper.1.to_string());
    let ran = run_with("Registers", 240, served, |host| host.with_store(store)).unwrap();
    let resources = session.resources().unwrap();
    session.end().unwrap();
    ran.expect_code(0);
    assert!(resources.files.contains(&held.canonicalize().unwrap()), "{resources:?}");
    assert!(resources.files.iter().any(|file| file.ends_with("nowhere/absent.dll")), "{resources:?}");
    assert_eq!(resources.services, ["Spooler"]);
    let pids: Vec<u32> = resources.processes.iter().map(|process| process.pid).collect();
    // The action's own host has ended by now.
    assert_eq!(pids.len(), 2, "{pids:?}");
    assert!(pids.contains(&sleeper.0.id()), "{} is not among {pids:?}", sleeper.0.id());
}

#[test]
fn the_registry_is_read_and_changed_through_the_wine_that_runs() {
    if run("Nothing").is_none() {
        return;
    }
    // The whole time: what reads the registry has a folder in the prefix too.
    let (scene, _turn) = scene().unwrap();
    let sleeper = Sleeper::start(scene);
    let machine = scene.machine();
    assert!(machine.wine_server().is_some(), "no wineserver runs");
    let through_wine = RegistryThroughWine::new(machine.prefix(), scene.files.clone()).unwrap();
    machine.set_wine_registry(Box::new(through_wine));
    let key = |name: &str| RegistryKey::new(Hive::LocalMachine, format!(r"Software\Reseat Test\{name}"));
    let user = RegistryKey::new(Hive::CurrentUser, r"Software\Reseat Test");
    let registry = machine.registry().unwrap();
    registry.remove_key(&RegistryKey::new(Hive::LocalMachine, r"Software\Reseat Test"));
    let values = [
        ("text", RegistryValue::String("grüße ☺".to_owned())),
        ("number", RegistryValue::Dword(42)),
        ("list", RegistryValue::MultiString(vec!["one".to_owned(), "two".to_owned()])),
        ("bytes", RegistryValue::Binary(vec![0, 1, 255])),
        ("", RegistryValue::ExpandString("%PATH%".to_owned())),
    ];
    for (name, value) in &values {
        registry.set_value(&key("a"), name, value.clone()).unwrap();
    }
    registry.set_value(&key(r"b\deep"), "x", RegistryValue::Dword(1)).unwrap();
    registry.set_value(&user, "user", RegistryValue::String("yes".to_owned())).unwrap();
    machine.save_registry().unwrap();

    // Programs of Wine see it, and what they change is seen here.
    let (result, lines) = program_in(scene, r#"reg.exe query "HKLM\Software\Reseat Test\a" /v number"#, true);
    assert_eq!(result.unwrap(), CallResult::Exited(0), "{lines:?}");
    let (result, lines) =
        program_in(scene, r#"reg.exe add "HKLM\Software\Reseat Test\c" /v new /d there"#, true);
    assert_eq!(result.unwrap(), CallResult::Exited(0), "{lines:?}");
    machine.forget_registry();
    assert_eq!(
        machine.registry().unwrap().value(&key("c"), "new"),
        Some(RegistryValue::String("there".to_owned()))
    );
    let other = scene.machine();
    for (name, value) in &values {
        assert_eq!(other.registry().unwrap().value(&key("a"), name).as_ref(), Some(value), "{name}");
    }

    registry.remove_value(&key("a"), "number");
    registry.remove_key(&key("b"));
    registry.set_value(&key(r"d\new"), "x", RegistryValue::Dword(1)).unwrap();
    let mut saving = machine.begin_saving_registry().unwrap().unwrap();
    let undo = saving.undo("t");
    saving.finish().unwrap();
    let other = scene.machine();
    assert_eq!(other.registry().unwrap().value(&key("a"), "number"), None);
    assert!(!other.registry().unwrap().exists(&key("b")));

    // As a rollback does it; what a program of Wine wrote meanwhile stays.
    let (result, lines) =
        program_in(scene, r#"reg.exe add "HKLM\Software\Reseat Test\a" /v theirs /d stays"#, true);
    assert_eq!(result.unwrap(), CallResult::Exited(0), "{lines:?}");
    for undo in undo.iter().rev() {
        machine.undo_registry(undo).unwrap();
    }
    let registry = machine.registry().unwrap();
    assert_eq!(registry.value(&key("a"), "number"), Some(RegistryValue::Dword(42)));
    assert_eq!(registry.value(&key("a"), "theirs"), Some(RegistryValue::String("stays".to_owned())));
    assert_eq!(registry.value(&key(r"b\deep"), "x"), Some(RegistryValue::Dword(1)));
    assert!(!registry.exists(&key("d")));
    registry.remove_key(&RegistryKey::new(Hive::LocalMachine, r"Software\Reseat Test"));
    registry.remove_key(&user);
    machine.save_registry().unwrap();
    drop(sleeper);
}

#[test]
fn services_are_created_started_stopped_and_deleted_by_the_service_manager_that_runs() {
    if run("Nothing").is_none() {
        return;
    }
    let (scene, _turn) = scene().unwrap();
    let sleeper = Sleeper::start(scene);
    let machine = scene.machine();
    let through_wine = RegistryThroughWine::new(machine.prefix(), scene.files.clone()).unwrap();
    machine.set_wine_registry(Box::new(through_wine));
    let host = WineHost::new(&machine, scene.files.clone()).unwrap();
    let look = |name: &str| host.service(name, &ServiceOrder::Look).unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, r"System\CurrentControlSet\Services\ReseatTest");
    let registry = machine.registry().unwrap();
    registry.remove_key(&key);
    machine.save_registry().unwrap();
    assert_eq!(look("ReseatTest"), None);
    let program = RegistryValue::ExpandString(r"C:\absent.exe".to_owned());
    for (name, value) in [("Type", 16), ("Start", 3), ("ErrorControl", 1)] {
        registry.set_value(&key, name, RegistryValue::Dword(value)).unwrap();
    }
    registry.set_value(&key, "ImagePath", program).unwrap();
    machine.save_registry().unwrap();
    assert_eq!(look("ReseatTest"), Some(ServiceState::STOPPED));
    let start = ServiceOrder::Start { arguments: Vec::new(), waits: true };
    let error = host.service("ReseatTest", &start).unwrap_err();
    assert_eq!(error.to_string(), "the service manager says error 2");
    registry.remove_key(&key);
    machine.save_registry().unwrap();
    assert_eq!(look("ReseatTest"), None);
    // One that Wine has itself, and no other test uses.
    assert_eq!(host.service("Spooler", &start).unwrap(), Some(ServiceState::RUNNING));
    assert_eq!(look("Spooler"), Some(ServiceState::RUNNING));
    let stop = ServiceOrder::Stop { waits: true };
    assert_eq!(host.service("Spooler", &stop).unwrap(), Some(ServiceState::STOPPED));
    host.finish();
    drop(sleeper);
}
