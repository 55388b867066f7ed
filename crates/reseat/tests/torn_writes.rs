//! The power goes at any moment, and takes what was not synced: after the recovery the prefix is as before or as after.
//!
//! What an installation writes and syncs is recorded. Then disks are made as they may be after a power loss at some
//! point of it, and recovered. A few points by default, all of them with `RESEAT_FAULTS=all`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use reseat_machine::{Bitness, Machine};
use support::disk::{Dice, Disk, Loss};
use support::recording::record;
use support::snapshot::{self, Entry, Tree};
use support::{Place, everything, has_tool, run};

/// A prefix without the times of registry keys, and without an empty folder for backups.
fn content(prefix: &Path) -> Tree {
    let mut tree = snapshot::tree(prefix);
    for (name, entry) in &mut tree {
        if let Entry::File { content, .. } = entry
            && name.ends_with(".reg")
        {
            let lines = snapshot::registry_of(&String::from_utf8_lossy(content));
            *content = lines.into_iter().collect::<Vec<_>>().join("\n").into_bytes();
        }
    }
    tree
}

fn all() -> bool {
    std::env::var("RESEAT_FAULTS").as_deref() == Ok("all")
}

fn loses_nothing(name: &str, arguments: impl FnOnce(&Place) -> Vec<String>, succeeds: bool) {
    if !has_tool("strace") {
        return;
    }
    let place = Place::in_memory();
    drop(Machine::create(&place.prefix(), Bitness::X64).unwrap());
    everything::prepare(&place);
    let arguments = arguments(&place);
    let before = content(&place.prefix());
    assert!(
        run(std::process::Command::new("cp").arg("-a").arg(place.prefix()).arg(place.path("base")))
            .status
            .success()
    );
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (ran, events) = record(&place.reseat_command(&words), &place.prefix(), &place.path("calls"));
    ran.expect_code(if succeeds { 0 } else { 1 });
    let after = content(&place.prefix());
    let disk = Disk::new(&place.path("base"), &events);
    let mut dice = Dice(0x5EED);

    // The model agrees with what really happened.
    std::fs::remove_dir_all(place.prefix()).unwrap();
    disk.after_power_loss(disk.events(), Loss::Nothing, &mut dice, &place.prefix());
    assert_eq!(
        snapshot::differences(&after, &content(&place.prefix())),
        [""; 0],
        "{name}: the model is wrong"
    );

    let (mut runs, mut befores, mut afters, mut problems) = (0, 0, 0, Vec::new());
    let points: Vec<usize> = (0..=disk.events()).collect();
    let stride = if all() { 1 } else { points.len() / 24 };
    let losses = [Loss::Nothing, Loss::Everything, Loss::Ordered, Loss::Ordered, Loss::Logged, Loss::Logged];
    for (turn, point) in points.iter().rev().step_by(stride).copied().enumerate() {
        for (number, loss) in losses.into_iter().enumerate() {
            // The end of all is always looked at from all sides.
            if !all() && turn > 0 && turn % 3 != number % 3 {
                continue;
            }
            for name in ["prefix", "runtime"] {
                drop(std::fs::remove_dir_all(place.path(name)));
            }
            disk.after_power_loss(point, loss, &mut dice, &place.prefix());
            runs += 1;
            let when =
                format!("{name}: after event {point} ({:?}), {loss:?}", events.get(point.wrapping_sub(1)));
            let recovered = place.reseat(&["recover"]);
            if !recovered.status.success() {
                problems.push(format!("{when}: {}{}", recovered.out, recovered.err));
                continue;
            }
            let now = content(&place.prefix());
            let (to_before, to_after) =
                (snapshot::differences(&before, &now), snapshot::differences(&after, &now));
            match (to_before.is_empty(), to_after.is_empty()) {
                (_, true) => afters += 1,
                (true, _) if point < disk.events() => befores += 1,
                (true, _) => problems.push(format!("{when}: success, and nothing is there")),
                _ => {
                    let fewer = if to_before.len() < to_after.len() { to_before } else { to_after };
                    problems.push(format!(
                        "{when}: {}\n    {}{}",
                        fewer.join(", "),
                        recovered.out,
                        recovered.err
                    ));
                }
            }
            let again = place.reseat(&["recover"]);
            if again.out != "nothing to recover\n" || content(&place.prefix()) != now {
                problems.push(format!("{when}: the second recovery: {}{}", again.out, again.err));
            }
        }
    }
    println!("{name}: {} events, {runs} power losses, {befores} ended before, {afters} after", disk.events());
    let shown = problems.iter().take(30).cloned().collect::<Vec<_>>().join("\n");
    assert!(problems.is_empty(), "{} problems:\n{shown}", problems.len());
}

fn package(place: &Place, version: &str) -> String {
    everything::everything(place, version).save(place, "test.msi").to_str().unwrap().to_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_installation_survives_the_loss_of_all_that_was_not_synced() {
    loses_nothing("installation", |place| words(&["install", "-q", &package(place, "1.0.0")]), true);
}

#[test]
fn an_upgrade_survives_the_loss_of_all_that_was_not_synced() {
    let upgrade = |place: &Place| {
        place.install(Path::new(&package(place, "1.0.0")), &[]).expect_code(0);
        words(&["install", "-q", &package(place, "2.0.0")])
    };
    loses_nothing("upgrade", upgrade, true);
}

#[test]
fn a_removal_survives_the_loss_of_all_that_was_not_synced() {
    let removal = |place: &Place| {
        let package = package(place, "1.0.0");
        place.install(Path::new(&package), &[]).expect_code(0);
        words(&["uninstall", "-q", &package])
    };
    loses_nothing("removal", removal, true);
}

#[test]
fn a_rollback_survives_the_loss_of_all_that_was_not_synced() {
    loses_nothing("rollback", |place| words(&["install", "-q", &package(place, "1.0.0"), "FAIL=1"]), false);
}
