//! Packages that claim more than they hold, or lead in circles: each is refused or read within a minute and two gigabytes, and
//! leaves no trace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use support::product::Product;
use support::{Place, run, snapshot};

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text")
}

/// Installs and reads a package that is wrong: it ends, and when it is refused nothing is left. Whether it was refused.
#[track_caller]
fn ends(place: &Place, bytes: &[u8], what: &str) -> bool {
    let package = place.write("wrong.msi", bytes);
    let package = package.to_str().unwrap();
    let before = snapshot::tree(&place.prefix());
    let begin = Instant::now();
    let ran = place.bounded(&["install", "-q", package]);
    for command in [&["dump", package][..], &["info", package], &["validate", package]] {
        place.bounded(command);
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{what}: {:?}", begin.elapsed());
    if ran.status.success() {
        place.bounded(&["uninstall", "-q", "Test"]).expect_code(0);
        return false;
    }
    let left = snapshot::differences(&before, &snapshot::tree(&place.prefix()));
    assert!(left.iter().all(|line| line == "~ system.reg"), "{what}: {left:?}: {}", ran.err);
    true
}

/// A package file as a compound file (the format's specification is MS-CFB), as far as it takes to spoil one.
struct Compound {
    bytes: Vec<u8>,
    sector: usize,
}

impl Compound {
    fn new(place: &Place, product: &Product) -> Self {
        let bytes = std::fs::read(product.save(place, "whole.msi")).unwrap();
        let sector = 1 << bytes[30];
        Self { bytes, sector }
    }

    fn number(&self, at: usize) -> usize {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()) as usize
    }

    fn set(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn offset(&self, sector: usize) -> usize {
        (sector + 1) * self.sector
    }

    /// Where the entries of the allocation table are.
    fn allocation(&self) -> Vec<usize> {
        let begin = self.offset(self.number(76));
        (begin..begin + self.sector).step_by(4).collect()
    }

    fn next(&self, sector: usize) -> Option<usize> {
        let next = self.number(self.allocation()[sector]);
        (next < 0xffff_fffa).then_some(next)
    }

    /// Where the entries of the directory are; the first one is the root's.
    fn directory(&self) -> Vec<usize> {
        let mut entries = Vec::new();
        let mut sector = Some(self.number(48));
        while let Some(at) = sector {
            let begin = self.offset(at);
            entries.extend(
                (begin..begin + self.sector).step_by(128).filter(|entry| self.bytes[entry + 66] != 0),
            );
            sector = self.next(at);
        }
        entries
    }

    fn name(&self, entry: usize) -> Vec<u16> {
        let length = usize::from(self.bytes[entry + 64]).saturating_sub(2);
        self.bytes[entry..entry + length]
            .chunks(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect()
    }

    /// Where each 64 bytes of a short stream are.
    fn short_stream(&self, entry: usize) -> Vec<usize> {
        let mut sectors = Vec::new();
        let mut sector = Some(self.number(self.directory()[0] + 116));
        while let Some(at) = sector {
            sectors.extend((self.offset(at)..self.offset(at) + self.sector).step_by(64));
            sector = self.next(at);
        }
        let first = self.number(entry + 116);
        sectors[first..first + self.number(entry + 120).div_ceil(64)].to_vec()
    }
}

#[test]
fn chains_of_sectors_that_lead_in_circles_end() {
    let place = Place::with_prefix();
    let whole = Compound::new(&place, &product());
    assert!(!ends(&place, &whole.bytes, "whole"));
    let entries = whole.allocation();
    let used = entries.iter().filter(|at| whole.number(**at) < 0xffff_fffd).count();
    let mut refused = 0;
    for (what, next) in [
        ("each is its own next", (|number, _| number) as fn(u32, u32) -> u32),
        ("all lead to the first", |_, _| 0),
        ("backwards", |number, _| number.saturating_sub(1)),
        ("round and round", |number, used| (number + 1) % used),
    ] {
        let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
        for (number, at) in (0..).zip(&entries).take(used + 1) {
            wrong.set(*at, next(number, used as u32 + 1));
        }
        refused += u32::from(ends(&place, &wrong.bytes, what));
    }
    assert!(refused >= 3, "{refused} of 4 are refused");
}

#[test]
fn streams_that_claim_billions_of_rows_take_no_memory() {
    let place = Place::with_prefix();
    let whole = Compound::new(&place, &product());
    for size in [0x7fff_ffff, 0xffff_fff0, 0x1_0000] {
        let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
        for entry in whole.directory().into_iter().skip(1) {
            wrong.set(entry + 120, size);
        }
        assert!(ends(&place, &wrong.bytes, "all streams"), "{size:#x}");
        // One at a time, so that others do not keep it from being read.
        for entry in whole.directory().into_iter().skip(1).step_by(4) {
            let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
            wrong.set(entry + 120, size);
            ends(&place, &wrong.bytes, "one stream");
        }
    }
}

#[test]
fn a_string_pool_that_refers_from_one_entry_to_the_next_without_end_is_refused() {
    let place = Place::with_prefix();
    let whole = Compound::new(&place, &product());
    // `_StringPool` as the names of tables are written: two letters in one unit, behind a mark.
    let digit = |letter: u8| {
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
            .iter()
            .position(|it| *it == letter)
            .unwrap()
    };
    let units = b"_StringPool".chunks(2).map(|pair| match *pair {
        [first, second] => 0x3800 + digit(first) + (digit(second) << 6),
        [first] => 0x4800 + digit(first),
        _ => 0,
    });
    let name: Vec<u16> = std::iter::once(0x4840).chain(units).map(|unit| unit as u16).collect();
    let entry =
        whole.directory().into_iter().find(|entry| whole.name(*entry) == name).expect("a string pool");
    for (what, pattern) in [
        ("every entry says that the next one has its length", [0, 0, 0xff, 0xff]),
        ("every string is as long as can be", [0xff, 0xff, 1, 0]),
        ("nothing is referred to", [0, 0, 0, 0]),
        ("everything at once", [0xff; 4]),
    ] {
        let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
        for (number, at) in whole.short_stream(entry).into_iter().enumerate() {
            for word in (at..at + 64).step_by(4).skip(usize::from(number == 0)) {
                wrong.bytes[word..word + 4].copy_from_slice(&pattern);
            }
        }
        assert!(ends(&place, &wrong.bytes, what), "{what}");
    }
}

#[test]
fn names_that_are_no_utf_16_are_refused_or_passed_over() {
    let place = Place::with_prefix();
    let whole = Compound::new(&place, &product().with_icon("main.ico", "icon"));
    for unit in [0xd800_u16, 0xdc00, 0xdfff, 0xffff, 0] {
        for entry in whole.directory() {
            let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
            wrong.bytes[entry..entry + 2].copy_from_slice(&unit.to_le_bytes());
            if wrong.bytes[entry + 64] > 6 {
                wrong.bytes[entry + 4..entry + 6].copy_from_slice(&unit.to_le_bytes());
            }
            let package = place.write("wrong.msi", &wrong.bytes);
            place.bounded(&["info", package.to_str().unwrap()]);
        }
        let mut wrong = Compound { bytes: whole.bytes.clone(), sector: whole.sector };
        for entry in whole.directory().into_iter().skip(1) {
            wrong.bytes[entry..entry + 2].copy_from_slice(&unit.to_le_bytes());
        }
        assert!(ends(&place, &wrong.bytes, "names"), "{unit:#x}");
    }
}

#[test]
fn actions_that_run_themselves_end() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    let circle = product()
        .with_property("SEQUENCE", "InstallExecuteSequence")
        .with_row("InstallExecuteSequence", &["SEQUENCE", "", "50"]);
    let package = circle.save(&place, "test.msi");
    let ran = place.bounded(&["install", "-q", package.to_str().unwrap()]);
    ran.expect_code(1).expect_error(&["within one another"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn a_megabyte_of_sql_is_answered_or_refused_soon() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    let begin = "SELECT `Property` FROM `Property` WHERE ";
    for (what, query) in [
        ("alternatives", format!("{begin}`Value`='x'{}", " OR `Value`='x'".repeat(70_000))),
        ("brackets", format!("{begin}{}1{}", "(".repeat(500_000), ")".repeat(500_000))),
        ("one literal", format!("{begin}`Value`='{}'", "x".repeat(1 << 20))),
        ("columns", format!("SELECT {}`Property` FROM `Property`", "`Property`,".repeat(95_000))),
        ("tables", format!("SELECT `Property` FROM `Property`{}", ",`Property`".repeat(95_000))),
        ("one name", format!("SELECT `{}` FROM `Property`", "x".repeat(1 << 20))),
        ("blanks", format!("{}{begin}`Value`='x'", " ".repeat(1 << 20))),
        ("nothing closed", format!("{begin}`Value`='{}", "x".repeat(1 << 20))),
    ] {
        assert!(query.len() > 1_000_000, "{what}: {}", query.len());
        let file = place.write("query.sql", query);
        let mut command = place.command("timeout");
        let script = "ulimit -v 2000000; exec \"$0\" \"$@\"";
        command.args(["-s", "KILL", "30", "sh", "-c", script, env!("CARGO_BIN_EXE_reseat"), "sql"]);
        let ran = run(command.arg(&package).stdin(std::fs::File::open(file).unwrap()));
        let said: String = ran.err.chars().take(300).collect();
        assert!(ran.status.code().is_some_and(|code| code <= 2), "{what}: {} {said}", ran.status);
    }
}

#[test]
fn a_file_that_inflates_without_end_is_cut_off_at_what_was_promised() {
    let place = Place::with_prefix();
    let mut bomb = Product::new().with_file("Readme", "readme.txt", vec![0; 16 << 20]);
    bomb = bomb.without_row("File", "Readme");
    bomb.row("File", &["Readme", "Main", "readme.txt", "100", "", "", "512", "1"]);
    let package = bomb.save(&place, "test.msi");
    assert!(std::fs::metadata(&package).unwrap().len() < 1 << 20, "it is small itself");
    let before = snapshot::tree(&place.prefix());
    // Files of more than a few kilobytes cannot be written at all.
    let mut command = place.command("timeout");
    let script = "ulimit -v 2000000; ulimit -f 1024; exec \"$0\" \"$@\"";
    command.args(["-s", "KILL", "60", "sh", "-c", script, env!("CARGO_BIN_EXE_reseat"), "--prefix"]);
    let ran = run(command.arg(place.prefix()).args(["install", "-q"]).arg(&package));
    ran.expect_code(1).expect_error(&["readme.txt"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}
