//! The question about files in use, on a terminal: the five answers, and what is asked next.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::PathBuf;

use support::dialogue::Dialogue;
use support::product::Product;
use support::scene::Scene;
use support::{Holder, snapshot};

const ASKED: &str = "[c]lose them, [n]o, [i]gnore, [r]etry, [q]uit? ";
const ASKED_WITHOUT: &str = "Close them yourself and [r]etry, [i]gnore, [q]uit? ";

fn product(version: &str, text: &str) -> Product {
    Product::new().version(version).with_file("Readme", "readme.txt", text)
}

/// Version 1 is installed, and a process holds its file.
struct Asked {
    scene: Scene,
    holder: Holder,
}

impl Asked {
    fn new() -> Self {
        let scene = Scene::new();
        scene.install(&product("1.0.0", "one"), &[]).expect_code(0);
        let holder = scene.place.hold(&scene.place.drive_c("Program Files/Test/readme.txt"));
        Self { scene, holder }
    }

    fn file(&self) -> PathBuf {
        self.scene.place.drive_c("Program Files/Test/readme.txt")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn begin(&self, product: Product, arguments: &[&str]) -> Option<Dialogue> {
        let package = product.save(&self.scene.place, "test.msi");
        let log = self.scene.path("log");
        let fixed = ["install", "--progress", "none", "--log", &log, package.to_str().unwrap()];
        Dialogue::begin(&mut self.scene.place.reseat_command(&[&fixed, arguments].concat()))
    }

    fn install(&self) -> Option<Dialogue> {
        let mut dialogue = self.begin(product("2.0.0", "two"), &[])?;
        dialogue.expect("tail (process ").expect(ASKED);
        Some(dialogue)
    }
}

#[test]
fn ok_closes_the_applications() {
    let mut asked = Asked::new();
    let Some(mut dialogue) = asked.install() else { return };
    assert!(asked.holder.runs());
    dialogue.answer("c").expect("installed: Test 2.0.0");
    assert_eq!(dialogue.end(), Some(0));
    assert_eq!(asked.holder.signal(), Some(15));
    assert_eq!(asked.text(), "two");
}

#[test]
fn cancel_ends_the_installation_and_changes_nothing() {
    let mut asked = Asked::new();
    let before = snapshot::tree(&asked.scene.place.prefix());
    let Some(mut dialogue) = asked.install() else { return };
    dialogue.answer("q").expect("error 1602");
    assert_eq!(dialogue.end(), Some(1));
    assert!(asked.holder.runs());
    snapshot::assert_same(&before, &snapshot::tree(&asked.scene.place.prefix()));
    assert!(asked.scene.log().iter().any(|line| line.ends_with("InstallValidate. Return value 2.")));
}

#[test]
fn ignore_goes_on_and_the_removal_of_the_older_version_asks_nothing_more() {
    let mut asked = Asked::new();
    let Some(mut dialogue) = asked.install() else { return };
    dialogue.answer("i").expect("3010");
    assert_eq!(dialogue.end(), Some(10));
    assert!(asked.holder.runs());
    assert_eq!(asked.text(), "one");
    asked.scene.place.reseat(&["reboot-pending", "--apply"]).expect_code(0);
    assert_eq!(asked.text(), "two");
}

#[test]
fn retry_looks_again_and_then_asks_without_the_restart_manager() {
    let asked = Asked::new();
    let Some(mut dialogue) = asked.install() else { return };
    dialogue.answer("r").expect(ASKED_WITHOUT).answer("r").expect(ASKED_WITHOUT);
    drop(asked.holder);
    dialogue.answer("r").expect("installed: Test 2.0.0");
    assert_eq!(dialogue.end(), Some(0));
}

#[test]
fn no_is_followed_by_the_other_question_or_by_a_word_about_the_restart() {
    let mut asked = Asked::new();
    let Some(mut dialogue) = asked.install() else { return };
    dialogue.answer("n").expect(ASKED_WITHOUT).answer("q").expect("error 1602");
    assert_eq!(dialogue.end(), Some(1));

    let with_dialog = || product("2.0.0", "two").with_row("Dialog", &["MsiRMFilesInUse", "50"]);
    for (answer, said, code) in [("cancel", "error 1602", 1), ("ok", "3010", 10)] {
        let mut dialogue = asked.begin(with_dialog(), &[]).unwrap();
        dialogue
            .expect(ASKED)
            .answer("n")
            .expect("a restart is needed in the end")
            .expect("OK, Cancel (OK)? ");
        dialogue.answer(answer).expect(said);
        assert_eq!(dialogue.end(), Some(code));
        assert!(asked.holder.runs());
    }
}

#[test]
fn with_a_full_user_interface_the_package_has_to_have_the_dialog() {
    let asked = Asked::new();
    let Some(mut dialogue) = asked.begin(product("2.0.0", "two"), &["--ui", "full"]) else { return };
    dialogue.expect(ASKED_WITHOUT).answer("q");
    assert_eq!(dialogue.end(), Some(1));
    let authored = product("2.0.0", "two").with_row("Dialog", &["MsiRMFilesInUse", "50"]);
    let mut dialogue = asked.begin(authored, &["--ui", "full"]).unwrap();
    dialogue.expect(ASKED).answer("c");
    assert_eq!(dialogue.end(), Some(0));
}

#[test]
fn without_the_restart_manager_the_other_question_is_asked() {
    for control in ["MSIRESTARTMANAGERCONTROL=Disable", "MSIRESTARTMANAGERCONTROL=DisableShutdown"] {
        let mut asked = Asked::new();
        let Some(mut dialogue) = asked.begin(product("2.0.0", "two"), &[control]) else { return };
        // Closing is not offered, so that this is no answer.
        dialogue.expect(ASKED_WITHOUT).answer("c").expect(ASKED_WITHOUT).answer("i");
        dialogue.expect("installed: Test 2.0.0");
        assert_eq!(dialogue.end(), Some(10));
        assert!(asked.holder.runs());
    }
}
