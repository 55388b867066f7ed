//! The contract of MsiRestartManagerSessionKey, from end to end: when there is a session, who can join it, what is closed
//! and started again, and what the log says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use support::product::Product;
use support::{Place, Ran, end_holders, holders, snapshot};

const DEFERRED: i32 = 1024;

/// A program that writes its name and the key that it got behind the file that its second argument names.
const NOTE: &str = "#!/bin/sh\nprintf '%s=%s\\n' \"$1\" \"$3\" >>\"$2\"\n";
/// A program that joins the session from its own process and registers a file.
const REGISTER: &str = "#!/bin/sh\nset -e\n\"$RESEAT\" rm join \"$1\"\n\"$RESEAT\" rm register \"$1\" \"$2\"\n";

/// A place with a prefix, a file `held` that no package knows, and the log of an installation.
struct Scene {
    place: Place,
    held: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let place = Place::with_prefix();
        let held = place.write("held", "somebody reads this");
        Self { place, held }
    }

    fn path(&self, name: &str) -> String {
        self.place.path(name).to_str().unwrap().to_owned()
    }

    /// A product that notes the session key before and after InstallValidate.
    fn noting(&self) -> Product {
        let note = |name: &str| format!("{name} \"{}\" \"[MsiRestartManagerSessionKey]\"", self.path("keys"));
        Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_binary("note", NOTE)
            .with_action("Before", 2, "note", &note("before"), 1390)
            .with_action("After", 2, "note", &note("after"), 1410)
            .with_action("Deferred", 2 + DEFERRED, "note", &note("deferred"), 4100)
            .with_action("End", 2, "note", &note("end"), 6700)
    }

    /// The same, and it registers the held file with the session.
    fn registering(&self) -> Product {
        let line = format!("\"[MsiRestartManagerSessionKey]\" \"{}\"", self.path("held"));
        self.noting().with_binary("register", REGISTER).with_action("Register", 2, "register", &line, 1395)
    }

    fn install(&self, product: &Product, arguments: &[&str]) -> Ran {
        let package = product.save(&self.place, "test.msi");
        let log = self.path("log");
        let ran = self.place.install(&package, &[&["--json", "--log", &log], arguments].concat());
        assert_eq!(self.place.sessions(), [""; 0], "sessions are left:\n{}{}", ran.out, ran.err);
        ran
    }

    /// What the programs noted.
    fn keys(&self) -> Vec<(String, String)> {
        let text = self.place.read("keys");
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs.map(|(name, key)| (name.to_owned(), key.to_owned())).collect()
    }

    /// The texts of the log's lines, without who speaks and when.
    fn log(&self) -> Vec<String> {
        self.place.read("log").lines().map(|line| text_of(line).to_owned()).collect()
    }

    #[track_caller]
    fn expect_log(&self, lines: &[&str]) {
        let log = self.log();
        let mut rest = log.iter();
        for line in lines {
            assert!(rest.any(|found| found == line), "'{line}' is not in its place in the log:\n{}", log.join("\n"));
        }
    }

    #[track_caller]
    fn expect_no_session(&self) {
        assert!(self.keys().iter().all(|(_, key)| key.is_empty()), "{:?}", self.keys());
        let log = self.log().join("\n");
        for text in ["Session opened", "Session closed", "MsiRestartManagerSessionKey"] {
            assert!(!log.contains(text), "'{text}' in the log:\n{log}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        end_holders(&self.held);
    }
}

/// The text of a line of the log; checks the form `MSI (s) (F4:A0) [11:45:51:263]: text`.
fn text_of(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("MSI (s) (") else { return line };
    let (ids, rest) = rest.split_once(") [").unwrap();
    let (time, text) = rest.split_once("]: ").unwrap();
    assert!(ids.split(':').all(|id| u32::from_str_radix(id, 16).is_ok() && id.to_uppercase() == id), "{line}");
    assert!(time.split(':').map(str::len).eq([2, 2, 2, 3]) && time.replace(':', "").parse::<u32>().is_ok(), "{line}");
    text
}

fn is_key(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn restarted(ran: &Ran) -> Vec<(u32, u32)> {
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as u32;
    report["restarted"].as_array().unwrap().iter().map(|it| (number(&it["old"]), number(&it["new"]))).collect()
}

fn holds_only(file: &Path, pid: u32) -> bool {
    holders(file) == [pid]
}

#[test]
fn the_key_is_there_before_install_validate_and_gone_after_it() {
    let scene = Scene::new();
    scene.install(&scene.noting(), &[]).expect_code(0);
    let keys = scene.keys();
    let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["before", "after", "deferred", "end"]);
    assert!(is_key(&keys[0].1), "{keys:?}");
    assert!(keys[1..].iter().all(|(_, key)| key.is_empty()), "{keys:?}");
    let key = &keys[0].1;
    scene.expect_log(&[
        "Machine policy value 'DisableAutomaticApplicationShutdown' is 0",
        &format!("PROPERTY CHANGE: Adding MsiRestartManagerSessionKey property. Its value is '{key}'."),
        "RESTART MANAGER: Session opened.",
        &format!("PROPERTY CHANGE: Deleting MsiRestartManagerSessionKey property. Its current value is '{key}'."),
        "RESTART MANAGER: Session closed.",
    ]);
    let actions = scene.log().join("\n");
    assert!(actions.contains("Action start ") && actions.contains(": InstallValidate. Return value 1."), "{actions}");
}

#[test]
fn all_sorts_of_programs_get_the_key() {
    let scene = Scene::new();
    let keys = scene.path("keys");
    let line = |name: &str| format!("{name} \"{keys}\" \"[MsiRestartManagerSessionKey]\"");
    let note = scene.place.write("note.sh", NOTE);
    let sh = |name: &str| format!("\"{}\" {}", note.display(), line(name));
    let version_1 = Product::new().with_file("Note", "note.sh", NOTE);
    scene.install(&version_1, &[]).expect_code(0);
    let version_2 = Product::new()
        .version("2.0.0")
        .with_file("Note", "note.sh", NOTE)
        .with_property("SHELL", "/bin/sh")
        .with_binary("note", NOTE)
        .with_action("Type2", 2, "note", &line("2"), 1390)
        .with_action("Type34", 34, "INSTALLDIR", &format!("/bin/sh {}", sh("34")), 1391)
        .with_action("Type50", 50, "SHELL", &sh("50"), 1392);
    scene.install(&version_2, &[]).expect_code(0);
    let keys = scene.keys();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|(_, key)| is_key(key) && *key == keys[0].1), "{keys:?}");
}

#[test]
fn an_installed_program_gets_the_key() {
    let scene = Scene::new();
    scene.install(&Product::new().with_file("Note", "note.sh", NOTE), &[]).expect_code(0);
    let line = format!("18 \"{}\" \"[MsiRestartManagerSessionKey]\"", scene.path("keys"));
    let version_2 =
        Product::new().version("2.0.0").with_file("Note", "note.sh", NOTE).with_action("Type18", 18, "Note", &line, 1390);
    scene.install(&version_2, &[]).expect_code(0);
    assert!(is_key(&scene.keys()[0].1));
}

#[test]
fn a_process_that_a_custom_action_names_is_closed_politely_and_started_again() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&scene.registering(), &[]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15), "it was asked to end");
    let restarted = restarted(&ran);
    assert_eq!(restarted.len(), 1, "{}", ran.out);
    assert_eq!(restarted[0].0, holder.pid());
    assert!(holds_only(&scene.held, restarted[0].1), "{:?}", holders(&scene.held));
    let key = &scene.keys()[0].1;
    scene.expect_log(&[
        "RESTART MANAGER: Session opened.",
        "RESTART MANAGER: Will attempt to shut down and restart applications in no UI modes.",
        &format!(
            "Info 1603. The file {} is being held in use by the following process: Name: tail, Id: {}, Window Title: ''.",
            scene.held.display(),
            holder.pid()
        ),
        "RESTART MANAGER: Successfully shut down all applications in the service's session that held files in use.",
        &format!("PROPERTY CHANGE: Deleting MsiRestartManagerSessionKey property. Its current value is '{key}'."),
        "RESTART MANAGER: Previously shut down applications have been restarted.",
        "RESTART MANAGER: Session closed.",
    ]);
}

#[test]
fn a_process_that_holds_a_file_of_the_package_is_closed_and_runs_again_with_the_new_file() {
    let scene = Scene::new();
    let product = |version: &str, text: &str| Product::new().version(version).with_file("Readme", "readme.txt", text);
    let installed = scene.place.drive_c("Program Files/Test/readme.txt");
    scene.install(&product("1.0.0", "one"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&installed);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&product("2.0.0", "two"), &[]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    let new = restarted(&ran)[0].1;
    assert_eq!(std::fs::read_to_string(&installed).unwrap(), "two");
    assert!(holds_only(&installed, new), "the application that runs again has the new file");
    end_holders(&installed);
}

#[test]
fn identical_bytes_close_nobody() {
    let scene = Scene::new();
    let product = |version: &str| {
        let product = Product::new().version(version).with_file("Readme", "readme.txt", "same");
        // The older product goes last: until then the component has two clients.
        let product = product.without_row("InstallExecuteSequence", "RemoveExistingProducts");
        let product = product.with_row("InstallExecuteSequence", &["RemoveExistingProducts", "", "6500"]);
        product.with_hashes(&scene.place)
    };
    scene.install(&product("1.0.0"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&scene.place.drive_c("Program Files/Test/readme.txt"));
    scene.install(&product("1.0.0"), &["REINSTALL=ALL", "REINSTALLMODE=omus"]).expect_code(0);
    assert!(holder.runs(), "closed by a repair");
    scene.install(&product("2.0.0"), &[]).expect_code(0);
    assert!(holder.runs(), "closed by an upgrade");
    assert_eq!(scene.place.products().len(), 1);
    assert_eq!(scene.place.products()[0]["version"], "2.0.0");
}

#[test]
fn a_registered_file_is_released_before_it_is_removed() {
    let scene = Scene::new();
    scene.install(&Product::new().with_file("Readme", "readme.txt", "one"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&scene.place.drive_c("Program Files/Test/readme.txt"));
    let ran = scene.place.reseat(&["uninstall", "-q", "--json", "Test"]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    assert_eq!(restarted(&ran), [], "it had not registered");
    assert_eq!(scene.place.sessions(), [""; 0]);
}

#[test]
fn there_is_no_session_when_it_is_disabled_or_older_than_the_restart_manager() {
    for arguments in [
        &["MSIRESTARTMANAGERCONTROL=Disable"][..],
        &["--installer", "3.1"],
        &["--windows", "5.1"],
        &["--windows", "5.2", "--installer", "3.0"],
    ] {
        let scene = Scene::new();
        let product = scene.noting();
        let ran = scene.install(&product, arguments);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        scene.expect_no_session();
        if arguments[0].starts_with("MSI") {
            scene.expect_log(&[
                "RESTART MANAGER: Disabled by MSIRESTARTMANAGERCONTROL property; Windows Installer will use the \
                 built-in FilesInUse functionality.",
            ]);
        }
    }
}

#[test]
fn there_is_no_session_when_the_policy_forbids_it() {
    let scene = Scene::new();
    set_policy(&scene.place, 1);
    scene.install(&scene.noting(), &[]).expect_code(0);
    scene.expect_no_session();
    scene.expect_log(&["Machine policy value 'DisableAutomaticApplicationShutdown' is 1"]);
}

#[test]
fn applications_are_found_and_not_closed_with_disable_shutdown_or_policy_2() {
    for by_policy in [false, true] {
        let scene = Scene::new();
        let mut holder = scene.place.hold(&scene.held);
        let arguments: &[&str] = if by_policy {
            set_policy(&scene.place, 2);
            &[]
        } else {
            &["MSIRESTARTMANAGERCONTROL=DisableShutdown"]
        };
        scene.install(&scene.registering(), arguments).expect_code(10);
        assert!(holder.runs());
        assert!(is_key(&scene.keys()[0].1));
        let info = format!(
            "Info 1603. The file {} is being held in use by the following process: Name: tail, Id: {}, Window Title: ''.",
            scene.held.display(),
            holder.pid()
        );
        scene.expect_log(&["RESTART MANAGER: Session opened.", &info, "Property(S): ReplacedInUseFiles = 1"]);
    }
}

#[test]
fn a_deaf_process_is_ended_only_by_force() {
    std::thread::scope(|scope| {
        // Each of the two waits as long as an application has to answer.
        scope.spawn(|| {
            let scene = Scene::new();
            let mut holder = scene.place.hold_stubbornly(&scene.held);
            scene.install(&scene.registering(), &["MSIRMSHUTDOWN=1"]).expect_code(0);
            assert_eq!(holder.signal(), Some(9));
        });
        scope.spawn(|| {
            let scene = Scene::new();
            let mut holder = scene.place.hold_stubbornly(&scene.held);
            let ran = scene.install(&scene.registering(), &["MSIRMSHUTDOWN=0"]);
            ran.expect_code(10).expect_error(&["warning"]);
            assert!(holder.runs());
            scene.expect_log(&[
                "RESTART MANAGER: Failed to shut down all applications in the service's session. Error: 351",
                "RESTART MANAGER: Session closed.",
            ]);
            assert!(scene.place.drive_c("Program Files/Test/readme.txt").is_file());
        });
    });
}

#[test]
fn with_shutdown_2_all_are_closed_when_all_are_registered_and_else_none() {
    let scene = Scene::new();
    let mut registered = scene.place.hold(&scene.held);
    let mut other = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&registered);
    scene.install(&scene.registering(), &["MSIRMSHUTDOWN=2"]).expect_code(10);
    assert!(registered.runs() && other.runs());
    scene.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);

    scene.place.register_for_restart(&other);
    let ran = scene.install(&scene.registering(), &["MSIRMSHUTDOWN=2"]);
    ran.expect_code(0);
    assert_eq!((registered.signal(), other.signal()), (Some(15), Some(15)));
    assert_eq!(restarted(&ran).len(), 2, "{}", ran.out);
}

#[test]
fn nothing_is_started_again_when_the_user_does_not_want_it() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&scene.registering(), &["MSIDISABLERMRESTART=1"]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    assert_eq!(restarted(&ran), []);
    assert_eq!(holders(&scene.held), [0; 0]);
}

#[test]
fn after_a_failure_the_prefix_is_as_before_and_closed_applications_run_again() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let before = snapshot::tree(&scene.place.prefix());
    let fails = scene.registering().with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    scene.install(&fails, &[]).expect_code(1);
    snapshot::assert_same(&before, &snapshot::tree(&scene.place.prefix()));
    assert_eq!(holder.signal(), Some(15));
    let running = holders(&scene.held);
    assert!(running.len() == 1 && running[0] != holder.pid(), "{running:?}");
    scene.expect_log(&[
        "RESTART MANAGER: Session opened.",
        "RESTART MANAGER: Previously shut down applications have been restarted.",
        "RESTART MANAGER: Session closed.",
    ]);
}

#[test]
fn the_session_is_closed_when_the_package_is_refused_or_fails_early() {
    let scene = Scene::new();
    let early = scene.noting().with_action("Fails", 34, "INSTALLDIR", "/bin/false", 1392);
    scene.install(&early, &[]).expect_code(1);
    assert!(is_key(&scene.keys()[0].1));
    let refused = scene.noting().with_binary("w.exe", b"MZ".to_vec()).with_action("Windows", 2, "w.exe", "", 1100);
    scene.install(&refused, &[]).expect_code(1);
}

#[test]
fn other_processes_can_join_as_long_as_the_key_is_there_and_not_after_the_end() {
    let scene = Scene::new();
    let [asked, answer] = ["asked", "answer"].map(|name| scene.place.fifo(name));
    let script = "#!/bin/sh\necho \"$1\" >\"$2\"\nread -r line <\"$3\"\n";
    let line = format!("\"[MsiRestartManagerSessionKey]\" \"{}\" \"{}\"", asked.display(), answer.display());
    let mut holder = scene.place.hold(&scene.held);
    let product = scene.noting().with_binary("pause", script).with_action("Pause", 2, "pause", &line, 1395);
    let package = product.save(&scene.place, "test.msi");
    let mut install = scene.place.reseat_command(&["install", "-q", package.to_str().unwrap()]).spawn().unwrap();

    let key = std::fs::read_to_string(&asked).unwrap().trim().to_owned();
    assert!(is_key(&key));
    let held = scene.held.to_str().unwrap();
    scene.place.reseat(&["rm", "join", &key]).expect_code(0);
    scene.place.reseat(&["rm", "register", &key, held]).expect_code(0);
    let other = "0".repeat(32);
    assert_ne!(scene.place.reseat(&["rm", "join", &other]).status.code(), Some(0));
    std::fs::File::options().write(true).open(&answer).unwrap().write_all(b"go on\n").unwrap();
    assert!(install.wait().unwrap().success());
    assert_eq!(holder.signal(), Some(15), "what another process registered counts");

    scene.place.reseat(&["rm", "join", &key]).expect_code(1).expect_error(&["reseat: "]);
    assert_eq!(scene.place.sessions(), [""; 0]);
}

/// Sets the policy DisableAutomaticApplicationShutdown as an administrator would.
fn set_policy(place: &Place, value: u32) {
    let path = place.path("prefix/system.reg");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let key = r"Software\\Policies\\Microsoft\\Windows\\Installer";
    text.push_str(&format!("\n[{key}] 1700000000\n\"DisableAutomaticApplicationShutdown\"=dword:{value:08x}\n"));
    std::fs::write(path, text).unwrap();
}
