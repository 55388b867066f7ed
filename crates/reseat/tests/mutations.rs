//! The targets of `fuzz/` with mutated seeds: every parser comes back, with a result or an error, in bounded time.
//!
//! The same mutations each time; `RESEAT_MUTATIONS` says how many for each seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::time::{Duration, Instant};

use support::disk::Dice;
use support::{Place, everything, net_library, packages};
use targets::TARGETS;

/// Seeds that every machine has: small texts, and a package of our own.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "archive" => &["Property\tValue\r\ns72\tl0\r\nProperty\tProperty\r\nA\t1\r\nB\t\x11\x19\r\n"],
        "sql" => &[
            "SELECT `Property` FROM `Property` WHERE `Value`='1' AND (`Property`<>'A' OR `Value` IS NULL) ORDER BY `Value`",
            "INSERT INTO `Property` (`Property`,`Value`) VALUES ('C','d') TEMPORARY",
            "UPDATE `Property` SET `Value`='2' WHERE `Property`='A'",
            "CREATE TABLE `T` (`A` CHAR(72) NOT NULL, `B` LONG PRIMARY KEY `A`)",
        ],
        "condition" => &["A AND (NOT B OR \"x\" ~= C) AND %PATH >< 3 AND &F=3 XOR $C<>2 IMP !D"],
        "formatted" => &["[A] {b [C]} {{d}} [#f] [$c] [!x] [%P] [[a]] [\\[] [~] [1]"],
        "registry" => &[
            "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\User\\\\S\n\n#arch=win64\n\n[Software\\\\A] 1\n#time=1\n\
             #link\n@=\"x\"\n\"a\"=\"b\\\\\\x20ac\"\n\"c\"=dword:00000001\n\"d\"=hex(2):41,00,\\\n  00,00\n\"e\"=str(7):\"a\\0\"\n",
        ],
        "journal" => {
            &["00000000 {\"header\":{\"version\":1,\"id\":\"t\",\"title\":\"x\"}}\n\n9d3a {\"changes\":1}\n"]
        }
        "path" => &["C:\\Program Files\\a.txt", "\\\\?\\C:\\..\\a", "c:/x/./y"],
        "mszip" => &["CK\x03\0\0\0", "CKK\u{4c}\u{4a}\u{6}\0"],
        _ => &[],
    };
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let place = Place::in_memory();
    if target == "package" {
        let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
        seeds.push(std::fs::read(package).unwrap());
    }
    if target == "assembly" {
        seeds.push(net_library::library(net_library::I386, 1, "v4.0.30319"));
    }
    let real = match target {
        "package" => "tiny-example.msi",
        "transform" => "psmsi-example.mst",
        "patch" => "psmsi-example.msp",
        "cabinet" => "mixed.cab",
        _ => "",
    };
    seeds.extend(packages().and_then(|folder| std::fs::read(folder.join(real)).ok()));
    if seeds.is_empty() {
        seeds.push((0..=255).collect());
    }
    seeds
}

fn mutated(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.roll(4) {
        let length = bytes.len() as u64;
        if length == 0 {
            break;
        }
        let at = dice.roll(length) as usize;
        let end = (at + 1 + dice.roll(32) as usize).min(bytes.len());
        match dice.roll(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                let times = 1 + dice.roll(40) as usize;
                drop(bytes.splice(at..at, part.repeat(times)));
            }
            3 => bytes[at..end].fill(if dice.roll(2) == 0 { 0 } else { 0xff }),
            4 => bytes[at] = b"[]{}()\\\"'`~;,.%\0\n"[dice.roll(17) as usize],
            _ => bytes[at] ^= 1 << dice.roll(8),
        }
    }
    bytes
}

#[test]
fn mutated_seeds_harm_no_parser() {
    let count: u64 = std::env::var("RESEAT_MUTATIONS").ok().and_then(|it| it.parse().ok()).unwrap_or(400);
    let (mut runs, mut slowest) = (0, (Duration::ZERO, ""));
    for (name, target) in TARGETS {
        let mut dice = Dice(0xF00D);
        let begin = Instant::now();
        for seed in seeds(name) {
            target(&seed);
            // Some seconds for each target at most, so that big seeds do not take all the time.
            for number in (0..count).take_while(|_| count > 400 || begin.elapsed() < Duration::from_secs(2)) {
                let bytes = mutated(&seed, &mut dice);
                let began = Instant::now();
                target(&bytes);
                let taken = began.elapsed();
                assert!(taken < Duration::from_secs(10), "{name}, mutation {number}: {taken:?}");
                slowest = slowest.max((taken, name));
                runs += 1;
            }
        }
    }
    println!(
        "{runs} mutated inputs of {} parsers, the slowest took {:?} ({})",
        TARGETS.len(),
        slowest.0,
        slowest.1
    );
}
