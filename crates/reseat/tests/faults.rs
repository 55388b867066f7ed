//! Every system call that changes something fails, or the program is killed there: the prefix is as before or as after.
//!
//! A few of the calls of each installation by default, spread over it; all of them with `RESEAT_FAULTS=all`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use reseat_machine::{Bitness, Machine};
use support::meddler::{self, ERRORS, Meddled, Meddling};
use support::snapshot::{self, Entry, Tree};
use support::{Place, everything};

/// A prefix: everything in it, and when each file changed.
#[derive(Clone, PartialEq, Eq)]
struct State {
    tree: Tree,
    times: BTreeMap<String, (i64, i64)>,
}

fn state(prefix: &Path) -> State {
    let tree = snapshot::tree(prefix);
    let files = tree.iter().filter(|(_, entry)| matches!(entry, Entry::File { .. }));
    let time = |name: &String| {
        let metadata = std::fs::metadata(prefix.join(name)).unwrap();
        (name.clone(), (metadata.mtime(), metadata.mtime_nsec()))
    };
    let times = files.map(|(name, _)| time(name)).collect();
    State { tree, times }
}

impl State {
    /// What is promised of the state after: all but the times, those in the registry included.
    fn content(&self) -> Tree {
        let mut tree = self.tree.clone();
        for (name, entry) in &mut tree {
            if let Entry::File { content, .. } = entry
                && name.ends_with(".reg")
            {
                *content = snapshot::registry_of(&String::from_utf8_lossy(content))
                    .into_iter()
                    // The day, which is another one when the test runs past midnight.
                    .filter(|line| !line.contains("] \"InstallDate\"="))
                    .collect::<Vec<_>>()
                    .join("\n")
                    .into_bytes();
            }
        }
        tree
    }
}

/// Which state a prefix is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Before,
    After,
    Neither,
}

/// A command on a prefix.
struct Scene {
    name: &'static str,
    place: Place,
    arguments: Vec<String>,
    before: State,
    after: Tree,
    /// How often commit actions have run when it has succeeded.
    commits: usize,
    problems: Vec<String>,
    runs: u64,
    befores: u64,
    afters: u64,
}

impl Scene {
    /// `prepare` makes the prefix and gives the command; the command succeeds.
    fn new(name: &'static str, succeeds: bool, prepare: impl FnOnce(&Place) -> Vec<String>) -> Self {
        let place = Place::in_memory();
        let arguments = prepare(&place);
        copy(&place.prefix(), &place.path("base"));
        let before = state(&place.prefix());
        let (after, commits) = (Tree::new(), 0);
        let (problems, runs) = (Vec::new(), 0);
        let mut scene =
            Self { name, place, arguments, before, after, commits, problems, runs, befores: 0, afters: 0 };
        scene.reset();
        let ran = scene.run(Meddling::Nothing);
        ran.ran.expect_code(if succeeds { 0 } else { 1 });
        let after = state(&scene.place.prefix());
        if succeeds {
            scene.after = after.content();
            scene.commits = scene.committed();
        } else {
            scene.after = scene.before.content();
            assert_eq!(differences(&scene.before, &after), [""; 0], "{name}");
        }
        scene
    }

    /// The prefix as it was before.
    fn reset(&self) {
        for name in ["runtime", "tmp", "commits"] {
            remove(&self.place.path(name));
        }
        std::fs::create_dir(self.place.path("tmp")).unwrap();
        copy(&self.place.path("base"), &self.place.prefix());
    }

    fn run(&self, meddling: Meddling) -> Meddled {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        meddler::run(&mut self.place.reseat_command(&arguments), meddling).unwrap()
    }

    fn recover(&self, meddling: Meddling) -> Meddled {
        meddler::run(&mut self.place.reseat_command(&["recover"]), meddling).unwrap()
    }

    /// How often the commit action has run.
    fn committed(&self) -> usize {
        std::fs::read_to_string(self.place.path("commits")).unwrap_or_default().lines().count()
    }

    /// Whether there is a rollback script.
    fn is_pending(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.place.drive_c("Config.Msi")) else { return false };
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "rbs"))
    }

    /// What there is. What a rollback custom action would have undone is left when that could not be run.
    fn which(&self, ran: &Meddled) -> (Which, Vec<String>) {
        let found = self.found();
        if found.0 != Which::Neither || !ran.ran.err.contains("rollback custom action UndoMake failed") {
            return found;
        }
        for made in [1, 2].map(|version| format!("made by version {version}.0.0")) {
            if !self.before.tree.contains_key(&format!("drive_c/{made}")) {
                drop(std::fs::remove_file(self.place.drive_c(&made)));
            }
        }
        self.found()
    }

    fn found(&self) -> (Which, Vec<String>) {
        let now = state(&self.place.prefix());
        if now == self.before {
            return (Which::Before, Vec::new());
        }
        let after = snapshot::differences(&self.after, &now.content());
        if after.is_empty() && !self.after.is_empty() {
            return (Which::After, Vec::new());
        }
        let before = differences(&self.before, &now);
        (Which::Neither, if before.len() < after.len() { before } else { after })
    }

    fn problem(&mut self, when: &str, what: &str, ran: &Meddled) {
        let hit = ran.hit.as_deref().unwrap_or("nothing");
        let said = format!("{}{}", ran.ran.out, ran.ran.err);
        self.problems.push(format!(
            "{}: {when}: {what}\n    hit: {hit}; {}; said: {}",
            self.name,
            ran.ran.status,
            said.trim_end().replace('\n', "\n    ")
        ));
    }

    /// Runs it with a fault: afterwards, or after recovery, the prefix is before or after. False when the fault was not met.
    fn suffers(&mut self, meddling: Meddling, when: &str) -> bool {
        self.reset();
        let ran = self.run(meddling);
        self.runs += 1;
        let met = ran.hit.is_some();
        if ran.ran.status.code().is_some() && !self.is_pending() {
            // One that is empty hurts nobody, and goes with the next installation or recovery.
            drop(std::fs::remove_dir(self.place.drive_c("Config.Msi")));
            let (which, differences) = self.which(&ran);
            let expected = match (ran.ran.status.code(), which) {
                (Some(0), Which::After) | (Some(1), Which::Before) => true,
                // After a command that fails whatever happens.
                (Some(1), Which::After) => self.after == self.before.content(),
                _ => false,
            };
            if !expected {
                self.problem(when, &format!("{which:?}: {}", differences.join(", ")), &ran);
            }
        }
        self.ends(when, &ran);
        met
    }

    /// Recovers, and looks at what there is.
    fn ends(&mut self, when: &str, ran: &Meddled) {
        let pending = self.is_pending();
        let recovered = self.recover(Meddling::Nothing);
        if recovered.ran.status.code() != Some(0) {
            self.problem(when, "the recovery failed", &recovered);
        }
        if pending == recovered.ran.out.contains("nothing to recover") {
            self.problem(when, "the recovery said something else", &recovered);
        }
        let (which, differences) = self.which(ran);
        match which {
            Which::Before => self.befores += 1,
            Which::After => self.afters += 1,
            Which::Neither => {
                self.problem(when, &format!("after the recovery: {}", differences.join(", ")), ran)
            }
        }
        let commits = self.committed();
        // One that was cut off is not run again, and the recovery says so.
        let cut_off = ran.ran.err.contains("was cut off and is not run again");
        let too_few = ran.ran.status.success() && commits != self.commits && !cut_off;
        if commits > 1 || (which == Which::After && too_few) {
            self.problem(when, &format!("the commit action ran {commits} times"), ran);
        }
        let again = self.recover(Meddling::Nothing);
        if self.which(ran).0 != which || !again.ran.out.contains("nothing to recover") {
            self.problem(when, "a second recovery did something", &again);
        }
    }

    /// All faults at a choice of calls.
    fn suffers_everything(&mut self) {
        self.reset();
        let calls = self.run(Meddling::Nothing).calls;
        self.reset();
        assert!(calls > 20, "{}: {calls} calls", self.name);
        for (turn, at) in chosen(calls).into_iter().enumerate() {
            for (number, (name, error)) in ERRORS.into_iter().enumerate() {
                if all() || turn % ERRORS.len() == number {
                    self.suffers(Meddling::Fail(at, error), &format!("call {at} fails with {name}"));
                    self.suffers(Meddling::FailFrom(at, error), &format!("calls from {at} fail with {name}"));
                }
            }
            self.suffers(Meddling::Kill(at), &format!("killed at call {at}"));
        }
        self.reports();
    }

    fn reports(&self) {
        let Self { name, runs, befores, afters, .. } = self;
        println!("{name}: {runs} runs with faults, {befores} ended before, {afters} after");
    }

    /// Keeps the prefix and what belongs to it as it is now.
    fn keep(&self) {
        for name in ["prefix", "runtime", "commits"] {
            copy(&self.place.path(name), &self.place.path(&format!("kept-{name}")));
        }
    }

    fn restore_kept(&self) {
        for name in ["prefix", "runtime", "commits"] {
            copy(&self.place.path(&format!("kept-{name}")), &self.place.path(name));
        }
    }

    #[track_caller]
    fn expect_sound(self) {
        let shown = self.problems.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
        assert!(self.problems.is_empty(), "{} problems:\n{shown}", self.problems.len());
    }
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    drop(removed);
}

/// Makes `to` a copy of `from`; nothing if that is absent.
fn copy(from: &Path, to: &Path) {
    remove(to);
    if from.exists() {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    }
}

fn differences(one: &State, other: &State) -> Vec<String> {
    let mut lines = snapshot::differences(&one.tree, &other.tree);
    if lines.is_empty() {
        let late = one.times.iter().filter(|(name, time)| other.times.get(*name) != Some(time));
        lines.extend(late.map(|(name, _)| format!("time of {name}")));
    }
    lines
}

/// Whether all calls fail one by one, instead of a choice.
fn all() -> bool {
    std::env::var("RESEAT_FAULTS").as_deref() == Ok("all")
}

/// The calls that fail: all, or some spread over the whole.
fn chosen(calls: u64) -> Vec<u64> {
    if all() {
        return (1..=calls).collect();
    }
    const SOME: u64 = 25;
    (0..SOME).map(|turn| 1 + turn * (calls - 1) / (SOME - 1)).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A prefix in which the product can be installed, and the package.
fn ready(place: &Place) -> String {
    drop(Machine::create(&place.prefix(), Bitness::X64).unwrap());
    everything::prepare(place);
    everything::everything(place, "1.0.0").save(place, "test.msi").to_str().unwrap().to_owned()
}

/// A prefix in which version 1.0.0 is installed, and its package.
fn installed(place: &Place) -> String {
    let package = ready(place);
    place.install(Path::new(&package), &[]).expect_code(0);
    package
}

#[test]
fn an_installation_is_done_or_undone_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene = Scene::new("installation", true, |place| words(&["install", "-q", &ready(place)]));
    scene.suffers_everything();
    scene.expect_sound();
}

#[test]
fn a_rollback_comes_to_its_end_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene = Scene::new("rollback", false, |place| words(&["install", "-q", &ready(place), "FAIL=1"]));
    scene.suffers_everything();
    scene.expect_sound();
}

#[test]
fn a_commit_that_fails_is_undone_or_finished_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene =
        Scene::new("failed commit", false, |place| words(&["install", "-q", &ready(place), "FAILCOMMIT=1"]));
    // Where it cannot be written down that it is undone, it is finished later, without the action that failed.
    let failing = scene.arguments.pop();
    scene.reset();
    scene.run(Meddling::Nothing).ran.expect_code(0);
    scene.after = state(&scene.place.prefix()).content();
    scene.arguments.extend(failing);
    scene.suffers_everything();
    scene.expect_sound();
}

#[test]
fn an_upgrade_is_done_or_undone_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene = Scene::new("upgrade", true, |place| {
        installed(place);
        let newer = everything::everything(place, "2.0.0").with_file("More", "more.txt", "more");
        words(&["install", "-q", newer.save(place, "newer.msi").to_str().unwrap()])
    });
    scene.suffers_everything();
    scene.expect_sound();
}

#[test]
fn a_removal_is_done_or_undone_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene = Scene::new("removal", true, |place| words(&["uninstall", "-q", &installed(place)]));
    scene.suffers_everything();
    scene.expect_sound();
}

#[test]
fn a_recovery_comes_to_its_end_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let mut scene = Scene::new("recovery", true, |place| words(&["install", "-q", &ready(place)]));
    scene.reset();
    let calls = scene.run(Meddling::Nothing).calls;
    let kills = if all() { 24 } else { 4 };
    for kill in (1..=kills).map(|turn| calls / 3 + turn * (calls - calls / 3) / (kills + 1)) {
        scene.reset();
        scene.run(Meddling::Kill(kill));
        scene.keep();
        let calls = scene.recover(Meddling::Nothing).calls;
        for at in chosen(calls).into_iter().step_by(if all() { 1 } else { 4 }) {
            let (name, error) = ERRORS[usize::try_from(at).unwrap() % ERRORS.len()];
            for meddling in [Meddling::Fail(at, error), Meddling::FailFrom(at, error), Meddling::Kill(at)] {
                let when = format!("killed at call {kill}, then the recovery: {meddling:?} ({name})");
                scene.restore_kept();
                let ran = scene.recover(meddling);
                scene.runs += 1;
                if ran.ran.status.code() == Some(0)
                    && (scene.is_pending() || scene.which(&ran).0 == Which::Neither)
                {
                    scene.problem(&when, "success without being over", &ran);
                }
                scene.ends(&when, &ran);
            }
        }
    }
    scene.reports();
    scene.expect_sound();
}

#[test]
fn a_new_prefix_is_whole_or_absent_whatever_call_fails() {
    if !meddler::is_possible() {
        return;
    }
    let place = Place::in_memory();
    let package =
        everything::everything(&place, "1.0.0").without_row("MoveFile", "Move").save(&place, "test.msi");
    let install = |meddling| {
        for name in ["prefix", "runtime"] {
            drop(std::fs::remove_dir_all(place.path(name)));
        }
        let mut command = place.reseat_command(&["install", "-q", package.to_str().unwrap()]);
        meddler::run(&mut command, meddling).unwrap()
    };
    let calls = install(Meddling::Nothing).calls;
    let mut problems = Vec::new();
    for (turn, at) in chosen(calls).into_iter().enumerate() {
        let (name, error) = ERRORS[turn % ERRORS.len()];
        for meddling in [Meddling::Fail(at, error), Meddling::FailFrom(at, error), Meddling::Kill(at)] {
            let ran = install(meddling);
            let there = place.prefix().exists();
            let expected = match ran.ran.status.code() {
                Some(0) => there,
                // Where nothing can be removed any more the new prefix stays, and says so.
                Some(_) => !there || matches!(meddling, Meddling::FailFrom(..)),
                None => true,
            };
            if !expected || (there && Machine::open(&place.prefix()).is_err()) {
                problems.push(format!("{meddling:?} ({name}): {}", ran.ran.err));
            } else if there {
                place.reseat(&["recover"]).expect_code(0);
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// How the log names each kind of operation. One that the loops of this file do not meet has to be added to
/// `support/everything.rs`.
const KINDS: [(&str, &str); 15] = [
    ("create_folder", "create folder "),
    ("remove_folder", "remove folder "),
    ("install_file", "install file "),
    ("write_file", "write file "),
    ("edit_ini_file", "entries of "),
    ("duplicate_file", "copy file "),
    ("move_file", "move file "),
    ("remove_file", "remove file "),
    ("set_registry_value", "set registry value "),
    ("remove_registry_value", "remove registry value "),
    ("create_registry_key", "create registry key "),
    ("remove_registry_key", "remove registry key "),
    ("register_font", "register font "),
    ("custom_action", " (Execution)"),
    // From there on nothing is promised.
    ("disable_rollback", ""),
];

#[test]
fn the_packages_of_these_loops_have_every_kind_of_operation() {
    // The kinds as the script's own type knows them: it names them when it meets another one.
    let unknown =
        serde_json::from_str::<reseat_script::Operation>(r#"{"type":"?"}"#).unwrap_err().to_string();
    let known: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
    assert_eq!(known, KINDS.map(|(kind, _)| kind), "{unknown}");
    let place = Place::in_memory();
    let package = ready(&place);
    let log = place.path("log");
    let mut executed = String::new();
    let failing = ["install", "-q", &package, "FAIL=1"];
    for command in [&failing[..], &["install", "-q", &package], &["uninstall", "-q", &package]] {
        place.reseat(&[command, &["--log", log.to_str().unwrap()]].concat());
        executed += &place.read("log");
    }
    let lines: Vec<&str> = executed.lines().filter(|line| line.contains("Executing op: ")).collect();
    for (kind, words) in KINDS {
        assert!(lines.iter().any(|line| line.contains(words)), "no {kind} in\n{}", lines.join("\n"));
    }
    for phase in ["(Execution)", "(Rollback)", "(Commit)"] {
        assert!(lines.iter().any(|line| line.contains(phase)), "{phase}");
    }
}
