//! Killed at each call of the commit that changes something: the recovery finishes it, and no commit action runs twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::Command;

use reseat_machine::{Bitness, Machine};
use support::meddler::{self, Meddled, Meddling};
use support::paused::{Paused, pausing_as};
use support::product::Product;
use support::{Place, snapshot};

const COMMIT: i32 = 1024 + 512;
const ACTIONS: [&str; 3] = ["First", "Second", "Third"];

/// A prefix in which a product is to be installed that has three commit actions, each of which notes that it ran.
struct Commit {
    place: Place,
    package: String,
    after: snapshot::Tree,
    calls: u64,
}

/// How far a killed installation had come, as its rollback script says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// The commit had not begun.
    Script,
    /// Commit actions were left to run, or one ran.
    Actions,
    /// It was committed.
    Committed,
}

impl Commit {
    fn new() -> Self {
        let place = Place::in_memory();
        drop(Machine::create(&place.prefix(), Bitness::X64).unwrap());
        std::fs::create_dir_all(place.drive_c("Program Files/Test")).unwrap();
        std::fs::write(place.drive_c("Program Files/Test/readme.txt"), "older").unwrap();
        let mut product = Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_row("Registry", &["R", "2", "Software\\Test", "a", "1", "Main"])
            .with_property("NOTES", place.path("notes").to_str().unwrap())
            .with_binary("note", "#!/bin/sh\necho \"$2\" >>\"$1\"\n");
        for (number, name) in (0..).zip(ACTIONS) {
            product =
                product.with_action(name, 2 + COMMIT, "note", &format!("\"[NOTES]\" {name}"), 4010 + number);
        }
        let package = product.save(&place, "test.msi").to_str().unwrap().to_owned();
        copy(&place, "prefix", "base");
        let mut commit = Self { place, package, after: snapshot::Tree::new(), calls: 0 };
        let whole = commit.install(Meddling::Nothing);
        whole.ran.expect_code(0);
        assert_eq!(commit.notes(), ACTIONS);
        (commit.after, commit.calls) = (commit.content(), whole.calls);
        commit
    }

    fn install(&self, meddling: Meddling) -> Meddled {
        copy(&self.place, "base", "prefix");
        drop(std::fs::remove_dir_all(self.place.path("runtime")));
        drop(std::fs::remove_file(self.place.path("notes")));
        meddler::run(&mut self.place.reseat_command(&["install", "-q", &self.package]), meddling).unwrap()
    }

    fn recover(&self, meddling: Meddling) -> Meddled {
        meddler::run(&mut self.place.reseat_command(&["recover"]), meddling).unwrap()
    }

    /// The actions that ran, in order.
    fn notes(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(self.place.path("notes")).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }

    /// The prefix, with the registry by what it says.
    fn content(&self) -> snapshot::Tree {
        let mut tree = snapshot::tree(&self.place.prefix());
        for part in ["system.reg", "user.reg"] {
            tree.remove(part);
            let lines = snapshot::registry(&self.place.prefix(), part).into_iter().collect::<Vec<_>>();
            let content = lines.join("\n").into_bytes();
            tree.insert(part.to_owned(), snapshot::Entry::File { mode: 0, content });
        }
        tree
    }

    fn journal(&self) -> Option<String> {
        let entries = std::fs::read_dir(self.place.drive_c("Config.Msi")).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        let path = paths.find(|path| path.extension().is_some_and(|end| end == "rbs"))?;
        Some(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
    }

    fn reached(&self) -> Reached {
        match self.journal() {
            Some(journal) if journal.contains("\"committed\"") => Reached::Committed,
            Some(journal) if journal.contains("\"commit_begun\"") => Reached::Actions,
            // An empty folder may be left of it.
            None if self
                .content()
                .iter()
                .filter(|(name, _)| !name.ends_with("Config.Msi"))
                .eq(&self.after) =>
            {
                Reached::Committed
            }
            _ => Reached::Script,
        }
    }

    /// The actions that had begun and not ended, as the rollback script says.
    fn begun(&self) -> Vec<&'static str> {
        let journal = self.journal().unwrap_or_default();
        let records = journal.lines().filter_map(|line| serde_json::from_str(line.split_once(' ')?.1).ok());
        let records: Vec<serde_json::Value> = records.collect();
        let number = |kind: &str, record: &serde_json::Value| record[kind]["number"].as_u64();
        let finished: Vec<_> = records.iter().filter_map(|record| number("finished", record)).collect();
        let open = |record: &&serde_json::Value| {
            number("started", record).is_some_and(|number| !finished.contains(&number))
        };
        let open: Vec<_> = records.iter().filter(open).collect();
        let is_open = |name: &&str| open.iter().any(|record| record["started"]["action"] == **name);
        ACTIONS.into_iter().filter(is_open).collect()
    }

    /// After the last recovery: the installation is finished, and each action ran once, but for those that were cut off, which
    /// ran once or not at all.
    #[track_caller]
    fn expect_finished(&self, cut_off: &[&str], when: &str) {
        assert_eq!(snapshot::differences(&self.after, &self.content()), [""; 0], "{when}");
        let notes = self.notes();
        let ran = |name: &&str| !cut_off.contains(name) || notes.iter().any(|it| it == name);
        assert_eq!(notes, ACTIONS.into_iter().filter(ran).collect::<Vec<_>>(), "{when}");
        let again = self.recover(Meddling::Nothing);
        assert_eq!(again.ran.expect_code(0).out, "nothing to recover\n", "{when}");
        assert_eq!(self.notes(), notes, "{when}");
    }
}

fn copy(place: &Place, from: &str, to: &str) {
    drop(std::fs::remove_dir_all(place.path(to)));
    let copied = Command::new("cp").arg("-a").arg(place.path(from)).arg(place.path(to)).status();
    assert!(copied.unwrap().success());
}

#[test]
fn killed_at_any_call_of_the_commit_it_is_finished_and_no_commit_action_runs_twice() {
    if !meddler::is_possible() {
        return;
    }
    let commit = Commit::new();
    let (mut kills, mut cut_off, mut recoveries) = (0, 0, 0);
    for at in (1..=commit.calls).rev() {
        let when = format!("killed at call {at} of {}", commit.calls);
        let killed = commit.install(Meddling::Kill(at));
        assert!(killed.hit.is_some(), "{when}");
        let reached = commit.reached();
        if reached == Reached::Script {
            break;
        }
        kills += 1;
        let begun = commit.begun();
        let recovered = commit.recover(Meddling::Nothing);
        recovered.ran.expect_code(0);
        if reached == Reached::Actions {
            assert_eq!(recovered.ran.out, "Test: finished\n", "{when}: {}", recovered.ran.err);
            for name in &begun {
                cut_off += 1;
                recovered.ran.expect_error(&[&format!("commit custom action {name} was cut off")]);
            }
        }
        commit.expect_finished(&begun, &when);
        // The recovery is killed too, at some of its calls each time.
        for second in (1..=recovered.calls).filter(|second| second % 11 == at % 11) {
            let when = format!("{when}, then the recovery at call {second}");
            commit.install(Meddling::Kill(at));
            commit.recover(Meddling::Kill(second));
            let again = [begun.clone(), commit.begun()].concat();
            commit.recover(Meddling::Nothing).ran.expect_code(0);
            recoveries += 1;
            commit.expect_finished(&again, &when);
        }
    }
    println!(
        "{kills} kills in the commit and {recoveries} of its recoveries, all finished; {cut_off} times an action was cut off"
    );
    assert!(kills > 20 && cut_off > 0, "{kills} kills, {cut_off} cut off");
}

#[test]
fn a_commit_action_that_fails_in_the_recovery_leads_back_and_is_named() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    let product = Product::new().with_file("Readme", "readme.txt", "text");
    let product = pausing_as(COMMIT, &place, product).with_binary("fail", "#!/bin/sh\nexit 7\n").with_action(
        "Fails",
        2 + COMMIT,
        "fail",
        "",
        4110,
    );
    let package = product.save(&place, "test.msi");
    Paused::begin(&place, &package, &[]).kill();
    let recovered = place.reseat(&["recover"]);
    recovered.expect_code(0).expect_error(&["custom action Pause was cut off", "Fails", "7"]);
    assert!(recovered.out.contains("Test: undone"), "{}", recovered.out);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}
