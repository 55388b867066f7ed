//! The room that an installation needs on each volume, with a second volume that is really small (pages
//! `installvalidate-action.md`, `reservecost-table.md`, `promptrollbackcost.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::Command;

use support::dialogue::Dialogue;
use support::product::{Product, guid};
use support::{Place, Ran, is_root, run};

/// Mounts a small file system on a folder, with what the folder has, and goes on with a command.
const SCRIPT: &str = r#"
    size=$1 folder=$2
    shift 2
    mkdir -p "$folder.kept" && cp -a "$folder/." "$folder.kept" || exit 98
    mount -t tmpfs -o "size=$size" none "$folder" || exit 99
    cp -a "$folder.kept/." "$folder" || exit 97
    exec "$@"
"#;
const KILOBYTE: usize = 1024;

/// A place whose prefix has a drive D; nothing, with a word about it, where no small volume can be mounted.
fn scene() -> Option<Place> {
    let place = Place::with_prefix();
    std::fs::create_dir(place.prefix().join("drive_d")).unwrap();
    std::os::unix::fs::symlink("../drive_d", place.prefix().join("dosdevices/d:")).unwrap();
    if run(&mut on_small_volume(&place, "1m", "true", &[])).status.success() {
        return Some(place);
    }
    println!("SKIPPED: this machine allows no disk of one's own");
    None
}

/// A program that sees drive D on a file system of this size.
fn on_small_volume(place: &Place, size: &str, program: &str, arguments: &[&str]) -> Command {
    let mut command = place.command("unshare");
    command.args(if is_root() { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
    command.args(["timeout", "--foreground", "-s", "KILL", "60", "sh", "-c", SCRIPT, "sh", size]);
    command.arg(place.prefix().join("drive_d")).arg(program).args(arguments);
    command
}

fn reseat_on(place: &Place, size: &str, arguments: &[&str]) -> Command {
    let mut command = on_small_volume(place, size, env!("CARGO_BIN_EXE_reseat"), &["--prefix"]);
    command.arg(place.prefix()).args(arguments);
    command
}

fn install(place: &Place, package: &Path, arguments: &[&str]) -> Ran {
    let package = package.to_str().unwrap();
    run(&mut reseat_on(
        place,
        "1m",
        &[&["install", "-q", package, r"INSTALLDIR=D:\Test"], arguments].concat(),
    ))
}

#[test]
fn a_volume_that_is_too_small_for_the_files_is_named() {
    let Some(place) = scene() else { return };
    let large = Product::new().with_file("Large", "large.bin", vec![7; 2000 * KILOBYTE]);
    let package = large.save(&place, "large.msi");
    let ran = install(&place, &package, &[]);
    ran.expect_failure(&["D:", "2000 KB", "1601. Volume D: has too little room"]);
    assert!(!ran.err.contains("C:"), "{}", ran.err);
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
    // On C: there is enough, and a small file has enough on D:.
    place.install(&package, &[]).expect_code(0);
    let small = Product::of_family(1).with_file("Small", "small.bin", vec![7; 100 * KILOBYTE]);
    install(&place, &small.save(&place, "small.msi"), &[]).expect_code(0);
}

#[test]
fn a_plan_says_what_is_needed_on_each_volume() {
    let Some(place) = scene() else { return };
    let product = Product::new()
        .with_file("Large", "large.bin", vec![7; 2000 * KILOBYTE])
        .with_row("Directory", &["ELSEWHERE", "ProgramFiles64Folder", "Elsewhere"])
        .with_row("Component", &["Other", &guid(3, 900), "ELSEWHERE", "256", "", "OnC"])
        .with_row("FeatureComponents", &["Main", "Other"])
        .with_file("OnC", "small.bin", vec![7; 3 * KILOBYTE])
        .with_file_in("OnC", "Other")
        // A copy of the file, and room that another component wants.
        .with_row("DuplicateFile", &["Copy", "Main", "Large", "copy.bin", "INSTALLDIR"])
        .with_row("ReserveCost", &["More", "Other", "", "1000", "5"]);
    let package = product.save(&place, "test.msi");
    let arguments = ["plan", "--json", package.to_str().unwrap(), r"INSTALLDIR=D:\Test"];
    let ran = run(&mut reseat_on(&place, "1m", &arguments));
    let plan = ran.json();
    let volumes = plan["volumes"].as_array().unwrap();
    let needed: Vec<_> =
        volumes.iter().map(|it| (it["volume"].as_str().unwrap(), it["needed"].as_u64().unwrap())).collect();
    assert_eq!(needed, [("C:", 3 * 1024 + 1000), ("D:", 2 * 2000 * 1024)]);
    assert_eq!(volumes[1]["free"], 1024 * 1024);
    let obstacles = plan["obstacles"].to_string();
    assert!(obstacles.contains("4096000 bytes are needed on D:"), "{obstacles}");
    let text = run(&mut reseat_on(&place, "1m", &["plan", package.to_str().unwrap(), r"INSTALLDIR=D:\Test"]));
    assert!(text.out.lines().any(|line| line.contains("D:") && line.contains("4096000")), "{}", text.out);
}

#[test]
fn room_that_the_package_reserves_counts_where_it_is_wanted() {
    let Some(place) = scene() else { return };
    let too_much = (2000 * KILOBYTE).to_string();
    // The row, and whether there is enough.
    for (row, enough) in [
        (["One", "Main", "INSTALLDIR", &too_much, "0"], false),
        // The component's own folder.
        (["One", "Main", "", &too_much, "0"], false),
        (["One", "Main", "ASKED", &too_much, "0"], false),
        (["One", "Main", "TARGETDIR", &too_much, "0"], true),
        (["One", "Main", "INSTALLDIR", "1000", &too_much], true),
        // Its component is not installed; nobody has set the property.
        (["One", "Help", "INSTALLDIR", &too_much, "0"], true),
        (["One", "Main", "UNSET", &too_much, "0"], true),
    ] {
        let product = Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_help(300)
            .with_property("ASKED", r"D:\Data\")
            .with_row("ReserveCost", &row);
        let ran = install(&place, &product.save(&place, "test.msi"), &[]);
        match enough {
            true => ran.expect_code(0),
            false => ran.expect_failure(&["D:", "1601. Volume D: has too little room"]),
        };
        if enough {
            place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        }
    }
}

#[test]
fn where_only_rollback_lacks_room_the_package_and_the_user_say_whether_to_do_without() {
    let Some(place) = scene() else { return };
    let mut product = Product::new();
    for number in 0..6 {
        let key = format!("File{number}");
        product = product.with_file(&key, &format!("{key}.bin"), vec![number; 500 * KILOBYTE]);
    }
    let package = product.save(&place, "test.msi");
    let package = package.to_str().unwrap();
    place.reseat(&["install", "-q", package, r"INSTALLDIR=D:\Test"]).expect_code(0);
    // All six files again: beside the old ones they have no room.
    let again = ["REINSTALL=ALL", "REINSTALLMODE=amus"];
    let install = |arguments: &[&str]| {
        let arguments = [&["install", package], &again[..], arguments].concat();
        run(&mut reseat_on(&place, "4m", &arguments))
    };
    for setting in [&[][..], &["PROMPTROLLBACKCOST=F"], &["PROMPTROLLBACKCOST=P", "-q"]] {
        install(setting).expect_failure(&["D:", "1601. Volume D: has too little room"]);
    }
    let ran = install(&["PROMPTROLLBACKCOST=Disable"]);
    ran.expect_code(0).expect_error(&["rollback is disabled because there is too little room for it"]);
    // Not when it would not help either.
    let ran = run(&mut reseat_on(
        &place,
        "3100k",
        &[&["install", package, "PROMPTROLLBACKCOST=D"], &again[..]].concat(),
    ));
    ran.expect_failure(&["D:", "1601. Volume D: has too little room"]);
    // Nobody there to answer.
    install(&["PROMPTROLLBACKCOST=P"]).expect_code(1).expect_error(&["error 1602"]);
    for (answer, code) in [("ignore", 0), ("cancel", 1)] {
        let arguments = [&["install", package, "PROMPTROLLBACKCOST=P"], &again[..]].concat();
        let Some(mut dialogue) = Dialogue::begin(&mut reseat_on(&place, "4m", &arguments)) else { return };
        dialogue.expect("Without rollback there is enough").answer("retry");
        dialogue.expect("Without rollback there is enough").answer(answer);
        assert_eq!(dialogue.end(), Some(code), "{answer}: {}", dialogue.rest());
    }
}
