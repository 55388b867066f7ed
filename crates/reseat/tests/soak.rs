//! Installations, upgrades, repairs and removals in random order, killed at random: nothing is ever half there.
//!
//! Forty of them by default; `RESEAT_SOAK=1000` says how many.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use reseat_machine::{Bitness, Machine};
use support::disk::Dice;
use support::meddler::{self, Meddling};
use support::product::Product;
use support::{Place, snapshot};

const PRODUCTS: u32 = 3;
const VERSIONS: [&str; 3] = ["1.0.0", "2.0.0", "3.0.0"];

/// Some files, values and shortcuts, other ones in each version.
fn product(number: u32, version: usize) -> Product {
    let mut dice = Dice(u64::from(number) * 100 + version as u64 + 1);
    let mut product = Product::of_family(number).version(VERSIONS[version]).with_folder("Empty", "empty");
    for file in 0..8 {
        if dice.roll(3) > 0 {
            let content = format!("{number} {version} {file} ").repeat(dice.roll(4000) as usize + 1);
            product = product.with_file(&format!("F{file}"), &format!("file{file}.txt"), content);
        }
    }
    for value in 0..6 {
        if dice.roll(2) > 0 {
            let key = format!("Software\\Soak\\{number}");
            let (id, name) = (format!("R{value}"), format!("v{value}"));
            product = product.with_row("Registry", &[&id, "2", &key, &name, &version.to_string(), "Main"]);
        }
    }
    product.with_file("Last", "last.txt", VERSIONS[version])
}

/// What is there of a product: the content of its files.
fn files(place: &Place, number: u32) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(place.drive_c(&format!("Program Files/Test{number}"))) else {
        return BTreeMap::new();
    };
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    files
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

fn versions(place: &Place) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    place.products().iter().map(|product| (text(&product["name"]), text(&product["version"]))).collect()
}

#[test]
fn a_long_life_with_many_kills_leaves_nothing_half_done() {
    if !meddler::is_possible() {
        return;
    }
    let rounds: u64 = std::env::var("RESEAT_SOAK").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(40);
    let place = Place::in_memory();
    drop(Machine::create(&place.prefix(), Bitness::X64).unwrap());
    let before = snapshot::tree(&place.drive_c(""));
    let registry = snapshot::registry(&place.prefix(), "system.reg");
    let mut packages: BTreeMap<(u32, usize), PathBuf> = BTreeMap::new();
    // What each version leaves, found out in a life without kills.
    let mut expected: BTreeMap<(u32, usize), BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for number in 1..=PRODUCTS {
        for version in 0..VERSIONS.len() {
            let package = product(number, version).save(&place, &format!("{number}-{version}.msi"));
            place.install(&package, &[]).expect_code(0);
            expected.insert((number, version), files(&place, number));
            place.reseat(&["uninstall", "-q", package.to_str().unwrap()]).expect_code(0);
            packages.insert((number, version), package);
        }
    }
    snapshot::assert_same(&before, &snapshot::tree(&place.drive_c("")));

    let mut dice = Dice(0x50AC);
    let (mut kills, mut recovery_kills, mut done, mut refused) = (0, 0, 0, 0);
    // The installed version of each product.
    let mut there: BTreeMap<u32, usize> = BTreeMap::new();
    for round in 0..rounds {
        let number = 1 + dice.roll(u64::from(PRODUCTS)) as u32;
        let now = there.get(&number).copied();
        // An older one would be installed beside a newer one.
        let version = (dice.roll(VERSIONS.len() as u64) as usize).max(now.unwrap_or(0));
        let package = packages[&(number, version)].to_str().unwrap();
        let mut after = there.clone();
        let mut arguments = vec!["install", "-q", package];
        match (dice.roll(4), now) {
            (0 | 1, Some(now)) => {
                arguments = vec!["uninstall", "-q", packages[&(number, now)].to_str().unwrap()];
                after.remove(&number);
            }
            (2, Some(now)) => {
                arguments[2] = packages[&(number, now)].to_str().unwrap();
                arguments.extend(["REINSTALL=ALL", "REINSTALLMODE=amus"]);
            }
            _ => drop(after.insert(number, version)),
        }
        let meddling = if dice.roll(2) == 0 { Meddling::Kill(1 + dice.roll(120)) } else { Meddling::Nothing };
        let ran = meddler::run(&mut place.reseat_command(&arguments), meddling).unwrap();
        let when = format!("round {round}: {arguments:?}, {meddling:?}\n{}{}", ran.ran.out, ran.ran.err);
        if ran.ran.status.code().is_none() {
            kills += 1;
            if dice.roll(3) == 0 {
                let kill = Meddling::Kill(1 + dice.roll(60));
                let recovered = meddler::run(&mut place.reseat_command(&["recover"]), kill).unwrap();
                recovery_kills += u32::from(recovered.hit.is_some());
            }
            place.reseat(&["recover"]).expect_code(0);
        } else if ran.ran.status.success() {
            done += 1;
        } else {
            // An older version over a newer one, or another one beside it.
            refused += 1;
        }
        let names = |there: &BTreeMap<u32, usize>| -> BTreeMap<String, String> {
            there
                .iter()
                .map(|(number, version)| (format!("Test{number}"), VERSIONS[*version].to_owned()))
                .collect()
        };
        let found = versions(&place);
        if found == names(&after) && ran.ran.status.code() != Some(1) {
            there = after;
        } else {
            assert!(!ran.ran.status.success(), "{when}");
            assert_eq!(found, names(&there), "{when}");
        }
        for number in 1..=PRODUCTS {
            let whole =
                there.get(&number).map(|version| expected[&(number, *version)].clone()).unwrap_or_default();
            assert!(files(&place, number) == whole, "files of product {number}, {when}");
        }
        assert!(!place.drive_c("Config.Msi").exists(), "{when}");
        if round % 20 == 19 {
            place.reseat(&["check"]).expect_code(0);
        }
    }
    println!(
        "{rounds} installations and removals: {done} done, {refused} refused, {kills} killed, {recovery_kills} recoveries killed too"
    );
    place.reseat(&["check"]).expect_code(0);
    for (number, version) in there {
        let package = packages[&(number, version)].to_str().unwrap();
        place.reseat(&["uninstall", "-q", package]).expect_code(0);
    }
    snapshot::assert_same(&before, &snapshot::tree(&place.drive_c("")));
    let left = snapshot::line_differences(&registry, &snapshot::registry(&place.prefix(), "system.reg"));
    assert_eq!(left, [""; 0]);
}
