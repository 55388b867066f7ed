//! Files that something goes on using: they stay, and what is to be done waits for the next start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::product::Product;
use support::scene::Scene;
use support::{Ran, run, snapshot};

const DEFERRED: i32 = 1024;

fn product(version: &str, text: &str) -> Product {
    Product::new().version(version).with_file("Readme", "readme.txt", text)
}

/// Version 1 is installed.
struct Held(Scene);

impl Held {
    fn new() -> Self {
        let scene = Scene::new();
        scene.install(&product("1.0.0", "one"), &[]).expect_code(0);
        Self(scene)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.place.drive_c("Program Files/Test/readme.txt")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// Runs `reseat` from a process that holds the file: it is critical, as the installer descends from it.
    fn critical(&self, arguments: &[&str]) -> Ran {
        self.critical_with(&self.file(), arguments)
    }

    fn critical_with(&self, file: &Path, arguments: &[&str]) -> Ran {
        let place = &self.0.place;
        let mut command = place.command("sh");
        command.args(["-c", "exec 3<\"$0\"; \"$@\" 3<&-; exit $?"]).arg(file);
        command.arg(env!("CARGO_BIN_EXE_reseat")).arg("--prefix").arg(place.prefix());
        run(command.args(arguments))
    }

    fn install(&self, product: &Product) -> Ran {
        let package = product.save(&self.0.place, "test.msi");
        let log = self.0.path("log");
        self.critical(&["install", "-q", "--json", "--log", &log, package.to_str().unwrap()])
    }

    fn pending(&self) -> Vec<(String, Option<String>)> {
        let listed = self.0.place.reseat(&["reboot-pending", "--json"]);
        let listed: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        listed.iter().map(|it| (text(&it["from"]).unwrap(), text(&it["to"]))).collect()
    }

    fn apply(&self) {
        self.0.place.reseat(&["reboot-pending", "--apply"]).expect_code(0);
        assert_eq!(self.pending(), []);
    }

    fn files(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.0.place.drive_c("Program Files/Test")) else {
            return Vec::new();
        };
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

const PATH: &str = r"C:\Program Files\Test\readme.txt";

#[test]
fn a_file_that_a_critical_application_holds_is_replaced_at_the_next_start() {
    let held = Held::new();
    let ran = held.install(&product("2.0.0", "two"));
    ran.expect_code(10).expect_error(&["goes on: the installer was started by it"]);
    assert_eq!(held.text(), "one");
    let pending = held.pending();
    assert_eq!(pending.len(), 1, "{pending:?}");
    assert_eq!(pending[0].1.as_deref(), Some(PATH));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["error"], 3010);
    assert_eq!(report["pending"][0]["from"], *pending[0].0);
    let scheduled = format!(
        "Info 1902.Scheduling reboot operation: Renaming file {} to {PATH}. Must reboot to complete operation.",
        pending[0].0
    );
    held.0.expect_log(&[&scheduled, "Property(S): ReplacedInUseFiles = 1"]);
    let log = held.0.log().join("\n");
    assert!(log.contains("Type of System Restart: 2. Reason for Restart: 1."), "{log}");

    held.apply();
    assert_eq!(held.text(), "two");
    assert_eq!(held.files(), ["readme.txt"]);
    held.0.place.reseat(&["check"]).expect_code(0);
}

#[test]
fn a_file_that_is_held_is_removed_at_the_next_start_with_its_folder() {
    let held = Held::new();
    held.critical(&["uninstall", "-q", "Test"]).expect_code(10);
    assert!(held.0.place.products().is_empty());
    assert_eq!(held.text(), "one");
    assert_eq!(held.pending()[0], (PATH.to_owned(), None));
    held.apply();
    assert!(!held.0.place.drive_c("Program Files/Test").exists());
}

#[test]
fn copies_and_moved_files_that_are_held_wait_too() {
    let held = Held::new();
    let there = |name: &str| held.0.place.drive_c(&format!("There/{name}"));
    let text = |name: &str| std::fs::read_to_string(there(name)).ok();
    std::fs::create_dir(there("")).unwrap();
    let product = product("2.0.0", "two")
        .with_standard_actions(&[("MoveFiles", 3800)])
        .with_property("THERE", r"C:\There")
        .with_row("DuplicateFile", &["Copy", "Main", "Readme", "copy.txt", "THERE"])
        .with_row("MoveFile", &["Move", "Main", "move.txt", "moved.txt", "THERE", "THERE", "1"]);
    let package = product.save(&held.0.place, "test.msi");
    let install = ["install", "-q", package.to_str().unwrap()];
    for (name, before) in [
        ("copy.txt", [Some("old"), None, Some("move")]),
        ("move.txt", [Some("two"), Some("move"), Some("move")]),
        ("moved.txt", [Some("two"), None, Some("old")]),
    ] {
        held.0.place.reseat(&["uninstall", "-q", "Test"]);
        for (name, text) in [("copy.txt", "old"), ("move.txt", "move"), ("moved.txt", "old")] {
            std::fs::write(there(name), text).unwrap();
        }
        held.critical_with(&there(name), &install).expect_code(10);
        let found = || ["copy.txt", "move.txt", "moved.txt"].map(text);
        assert_eq!(found(), before.map(|text| text.map(str::to_owned)), "{name} is in use");
        held.apply();
        assert_eq!(found(), [Some("two"), None, Some("move")].map(|text| text.map(str::to_owned)), "{name}");
    }
}

#[test]
fn what_was_to_wait_is_undone_by_a_failure_and_after_a_kill() {
    let held = Held::new();
    let before = snapshot::tree(&held.0.place.prefix());
    let fails = product("2.0.0", "two").with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    held.install(&fails).expect_code(1);
    snapshot::assert_same(&before, &snapshot::tree(&held.0.place.prefix()));

    let kill = "#!/bin/sh\nkill -9 \"$PPID\"\n";
    let killed =
        product("2.0.0", "two").with_binary("kill", kill).with_action("Kill", 2 + DEFERRED, "kill", "", 6500);
    held.install(&killed).expect_code(137);
    held.0.place.reseat(&["recover"]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&held.0.place.prefix()));
}

#[test]
fn what_waits_is_forgotten_when_the_file_is_replaced_or_removed_after_all() {
    let held = Held::new();
    held.install(&product("2.0.0", "two")).expect_code(10);
    held.0.install(&product("3.0.0", "three"), &[]).expect_code(0);
    assert_eq!((held.text().as_str(), held.pending()), ("three", vec![]));
    assert_eq!(held.files(), ["readme.txt"]);

    held.critical(&["uninstall", "-q", "Test"]).expect_code(10);
    held.0.install(&product("3.0.0", "three"), &[]).expect_code(0);
    assert_eq!(held.pending(), []);
    held.install(&product("4.0.0", "four")).expect_code(10);
    held.0.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!((held.files(), held.pending()), (vec![], vec![]));
}

#[test]
fn a_package_can_ask_whether_something_waits() {
    let held = Held::new();
    held.install(&product("2.0.0", "two")).expect_code(10);
    let adding = "PROPERTY CHANGE: Adding MsiSystemRebootPending property. Its value is '1'.";
    let other = Product::of_family(1).with_file("Other", "other.txt", "other");
    held.0.install(&other, &[]).expect_code(0);
    held.0.expect_log(&[adding]);
    held.apply();
    held.0.install(&other, &["REINSTALL=ALL"]).expect_code(0);
    assert!(!held.0.log().iter().any(|line| line.contains("MsiSystemRebootPending")));
}

#[test]
fn an_application_that_is_not_closed_keeps_its_file_until_then() {
    let held = Held::new();
    let mut holder = held.0.place.hold(&held.file());
    let two = product("2.0.0", "two");
    held.0.install(&two, &["MSIRESTARTMANAGERCONTROL=DisableShutdown"]).expect_code(10);
    assert!(holder.runs());
    assert_eq!(held.text(), "one");
    held.apply();
    assert_eq!(held.text(), "two");
}

#[test]
fn a_plan_says_what_would_wait() {
    let held = Held::new();
    let package = product("2.0.0", "two").save(&held.0.place, "test.msi");
    let ran = held.critical(&["plan", "--json", package.to_str().unwrap()]);
    let plan: Value = serde_json::from_str(&ran.expect_code(0).out).unwrap();
    assert!(plan["restart"][0].as_str().unwrap().contains("would stay until a restart"), "{}", ran.out);
    assert!(ran.out.contains("PendingFileRenameOperations"), "{}", ran.out);
    assert_eq!(held.pending(), []);
}
