//! Root on the prefix of another user: it goes on as that user, and where it is told to stay root, it follows none of the user's
//! links, gives nothing of its own away, and starts nothing of the user's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::product::Product;
use support::{Place, Ran, everything, holders, is_root, run, snapshot};

/// The user whose prefix it is.
const USER: u32 = 1000;
const DEFERRED: i32 = 1024;

/// A place with a prefix of the user's and things of root's outside of it; nothing where nobody can become that user.
fn theirs() -> Option<Place> {
    let becomes = |place: &Place| {
        let mut command = place.command("true");
        command.uid(USER).gid(USER).current_dir("/");
        command.status().is_ok_and(|status| status.success())
    };
    let place = Place::with_prefix();
    if !is_root() || !becomes(&place) {
        println!("SKIPPED: only root may become another user");
        return None;
    }
    std::fs::set_permissions(place.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    everything::prepare(&place);
    for name in ["outside", "home/runtime", "work"] {
        std::fs::create_dir(place.path(name)).unwrap();
    }
    for name in ["secret", "readme.txt", "system.reg"] {
        std::fs::write(place.path("outside").join(name), "of root").unwrap();
        std::fs::set_permissions(place.path("outside").join(name), PermissionsExt::from_mode(0o600)).unwrap();
    }
    for name in ["prefix", "home", "work"] {
        give(&place.path(name));
    }
    // The program itself may lie where the user cannot reach it.
    std::fs::copy(env!("CARGO_BIN_EXE_reseat"), place.path("reseat-copy")).unwrap();
    Some(place)
}

/// Makes a tree the user's.
fn give(path: &Path) {
    let changed = Command::new("chown").arg("-hR").arg(format!("{USER}:{USER}")).arg(path).status();
    assert!(changed.unwrap().success());
}

/// Everything of a tree with its owner, permissions and number of names.
fn owners(root: &Path) -> BTreeMap<String, (u32, u32, u64)> {
    let mut found = BTreeMap::new();
    for name in snapshot::tree(root).into_keys() {
        let metadata = root.join(&name).symlink_metadata().unwrap();
        let names = if metadata.is_dir() { 0 } else { metadata.nlink() };
        found.insert(name, (metadata.uid(), metadata.mode(), names));
    }
    found
}

/// What is root's: must be the same afterwards.
fn of_root(place: &Place) -> (snapshot::Tree, BTreeMap<String, (u32, u32, u64)>) {
    (snapshot::tree(&place.path("outside")), owners(&place.path("outside")))
}

#[track_caller]
fn expect_untouched(place: &Place, before: &(snapshot::Tree, BTreeMap<String, (u32, u32, u64)>)) {
    let now = of_root(place);
    snapshot::assert_same(&before.0, &now.0);
    let without_names = |owners: &BTreeMap<String, (u32, u32, u64)>| -> Vec<(String, u32, u32)> {
        owners.iter().map(|(name, (user, mode, _))| (name.clone(), *user, *mode)).collect()
    };
    assert_eq!(without_names(&before.1), without_names(&now.1));
}

/// Runs `reseat` as root, with a folder for sessions that is the user's.
fn as_root(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.reseat_command(arguments);
    if !arguments.contains(&"--as-root") {
        command.env("RESEAT_RUNTIME_DIR", place.path("home/runtime"));
    }
    run(command.env("OF_ROOT", "of root"))
}

fn as_user(place: &Place, program: &Path) -> Command {
    let mut command = place.command(program);
    command.uid(USER).gid(USER).current_dir(place.path("work"));
    command.env("RESEAT_RUNTIME_DIR", place.path("home/runtime")).env("TMPDIR", "/tmp");
    command
}

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text")
}

/// A program that notes who runs it, and with which environment.
fn noting(place: &Place, product: Product) -> Product {
    let line = format!("\"{}\"", place.path("work/who").display());
    product
        .with_binary("who", "#!/bin/sh\nid -u >>\"$1\"; id -G >>\"$1\"; echo \"$OF_ROOT\" >>\"$1\"\n")
        .with_action("Now", 2, "who", &line, 1100)
        .with_action("Later", 2 + DEFERRED, "who", &line, 4100)
        .with_action("AtTheEnd", 2 + DEFERRED + 512, "who", &line, 4110)
}

#[test]
fn root_goes_on_as_the_user_whose_prefix_it_is() {
    let Some(place) = theirs() else { return };
    let before = of_root(&place);
    std::fs::write(place.path("commits"), "").unwrap();
    give(&place.path("commits"));
    let package = noting(&place, everything::everything(&place, "1.0.0")).save(&place, "test.msi");
    let package = package.to_str().unwrap();
    let said = as_root(&place, &["install", package]);
    said.expect_code(0).expect_error(&["working as", "--as-root"]);
    let note = format!("{USER}\n{USER}\n\n");
    assert_eq!(
        place.read("work/who"),
        note.repeat(3),
        "no action runs as root, with its groups or its environment"
    );
    let foreign: Vec<_> =
        owners(&place.prefix()).into_iter().filter(|(_, (user, ..))| *user != USER).collect();
    assert!(foreign.is_empty(), "not the user's: {foreign:?}");
    for command in [&["list"][..], &["check"], &["recover"], &["uninstall", "-q", package]] {
        as_root(&place, command).expect_code(0);
    }
    let foreign: Vec<_> =
        owners(&place.prefix()).into_iter().filter(|(_, (user, ..))| *user != USER).collect();
    assert!(foreign.is_empty(), "not the user's: {foreign:?}");
    expect_untouched(&place, &before);
    assert!(!place.path("runtime").exists());
}

#[test]
fn root_makes_a_new_prefix_in_a_users_folder_as_that_user() {
    let Some(place) = theirs() else { return };
    let package = product().save(&place, "test.msi");
    let new = place.path("work/new/prefix");
    let mut command = place.command(env!("CARGO_BIN_EXE_reseat"));
    command.env("RESEAT_RUNTIME_DIR", place.path("home/runtime")).arg("--prefix").arg(&new);
    run(command.args(["install", "-q"]).arg(&package)).expect_code(0);
    assert!(owners(&place.path("work")).values().all(|(user, ..)| *user == USER));
    // A link of the user's that leads to a prefix of root's does not make root work there.
    let of_root = Place::with_prefix();
    symlink(of_root.prefix(), place.path("work/link")).unwrap();
    chown_link(&place.path("work/link"));
    let before = snapshot::tree(&of_root.prefix());
    let mut command = place.command(env!("CARGO_BIN_EXE_reseat"));
    command
        .env("RESEAT_RUNTIME_DIR", place.path("home/runtime"))
        .arg("--prefix")
        .arg(place.path("work/link"));
    run(command.args(["install", "-q"]).arg(&package)).expect_code(1).expect_error(&["ermission denied"]);
    snapshot::assert_same(&before, &snapshot::tree(&of_root.prefix()));
}

fn chown_link(path: &Path) {
    std::os::unix::fs::lchown(path, Some(USER), Some(USER)).unwrap();
}

/// What a user can plant where root is going to work, each with a link or a second name to something of root's.
fn plant(place: &Place) {
    let outside = place.path("outside");
    let link = |target: &Path, at: &Path| {
        if at.is_dir() && !at.is_symlink() {
            std::fs::remove_dir_all(at).unwrap();
        } else {
            drop(std::fs::remove_file(at));
        }
        symlink(target, at).unwrap();
        chown_link(at);
    };
    let test = place.drive_c("Program Files/Test");
    link(&outside.join("secret"), &test.join("data.txt"));
    link(&outside.join("new"), &test.join("hidden.dat"));
    link(&outside.join("secret"), &test.join("junk.tmp"));
    link(&outside, &test.join("empty"));
    for name in ["system.reg.reseat-new", "user.reg.reseat-new"] {
        link(&outside.join("secret"), &place.prefix().join(name));
    }
    drop(std::fs::remove_file(place.drive_c("windows/shared.ini")));
    std::fs::hard_link(outside.join("secret"), place.drive_c("windows/shared.ini")).unwrap();
}

#[test]
fn root_that_stays_root_follows_no_link_and_changes_nothing_of_its_own() {
    let Some(place) = theirs() else { return };
    plant(&place);
    let before = of_root(&place);
    let everything = everything::everything(&place, "1.0.0");
    let package = everything.save(&place, "test.msi");
    let package = package.to_str().unwrap();
    // Folders that are links are refused, and everything is undone.
    let refused = as_root(&place, &["--as-root", "install", "-q", package]);
    refused.expect_code(1).expect_error(&["link"]);
    expect_untouched(&place, &before);
    std::fs::remove_file(place.drive_c("Program Files/Test/empty")).unwrap();
    // A file whose place is taken by a link that leads out is not even looked at through it.
    let ran = as_root(&place, &["--as-root", "install", "-q", package]);
    ran.expect_code(1).expect_error(&["data.txt", "link"]);
    expect_untouched(&place, &before);
    for name in ["data.txt", "junk.tmp", "hidden.dat"] {
        std::fs::remove_file(place.drive_c("Program Files/Test").join(name)).unwrap();
    }
    for (failing, code) in [("FAIL=1", 1), ("FAIL=", 0)] {
        as_root(&place, &["--as-root", "install", "-q", package, failing]).expect_code(code);
        expect_untouched(&place, &before);
    }
    as_root(&place, &["--as-root", "uninstall", "-q", package]);
    expect_untouched(&place, &before);
}

#[test]
fn where_backups_and_the_rollback_script_go_nothing_of_the_user_is_believed() {
    let Some(place) = theirs() else { return };
    let before = of_root(&place);
    let package = product().save(&place, "test.msi");
    let install = ["--as-root", "install", "-q", package.to_str().unwrap()];
    let config = place.drive_c("Config.Msi");
    symlink(place.path("outside"), &config).unwrap();
    as_root(&place, &install).expect_code(1);
    as_root(&place, &["--as-root", "recover"]);
    expect_untouched(&place, &before);
    // A rollback script of the user's could say anything.
    std::fs::remove_file(&config).unwrap();
    std::fs::create_dir(&config).unwrap();
    std::fs::write(
        config.join("evil.rbs"),
        "00000000 {\"header\":{\"version\":1,\"id\":\"evil\",\"title\":\"x\"}}\n",
    )
    .unwrap();
    give(&config);
    for arguments in [&install[..], &["--as-root", "recover"]] {
        as_root(&place, arguments).expect_code(1).expect_error(&["evil.rbs", "belongs to user 1000"]);
    }
    std::fs::remove_file(config.join("evil.rbs")).unwrap();
    symlink(place.path("outside/secret"), config.join("evil.rbs")).unwrap();
    for arguments in [&install[..], &["--as-root", "recover"]] {
        as_root(&place, arguments);
        expect_untouched(&place, &before);
    }
    // Registry files that are links, or fifos that would hold root up.
    drop(std::fs::remove_dir_all(&config));
    std::fs::rename(place.prefix().join("system.reg"), place.path("work/system.reg")).unwrap();
    symlink(place.path("outside/system.reg"), place.prefix().join("system.reg")).unwrap();
    as_root(&place, &install);
    expect_untouched(&place, &before);
}

#[test]
fn what_the_user_could_run_as_root_is_not_made() {
    let Some(place) = theirs() else { return };
    // A file with the set-user-ID bit that root copies or moves would run as root.
    for name in ["Old/copy.txt", "Old/move.txt"] {
        std::fs::set_permissions(place.drive_c(name), PermissionsExt::from_mode(0o6755)).unwrap();
    }
    let data = place.drive_c("Program Files/Test/data.txt");
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o6777)).unwrap();
    // Moving to another drive is copying.
    std::fs::create_dir(place.prefix().join("drive_d")).unwrap();
    symlink("../drive_d", place.prefix().join("dosdevices/d:")).unwrap();
    for path in ["dosdevices/d:", "drive_d"] {
        chown_link(&place.prefix().join(path));
    }
    let everything = everything::everything(&place, "1.0.0")
        .with_row("MoveFile", &["Across", "Main", "stays.txt", "", "OLD", "ACROSS", "1"])
        .with_property("ACROSS", "D:\\");
    std::fs::set_permissions(place.drive_c("Old/stays.txt"), PermissionsExt::from_mode(0o4755)).unwrap();
    let package = everything.save(&place, "test.msi");
    as_root(&place, &["--as-root", "install", "-q", package.to_str().unwrap()]).expect_code(0);
    for (name, (user, mode, _)) in owners(&place.prefix()) {
        assert!(user != 0 || mode & 0o6000 == 0, "{name} would run as root");
    }
    assert!(place.prefix().join("drive_d/stays.txt").exists());
}

/// A program of the user's that holds a file and is registered to be started again.
fn holding(place: &Place, file: &Path) -> Child {
    let holder = as_user(place, Path::new("tail"))
        .arg("-f")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !support::holds(holder.id(), file) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the holder does not open its file");
        std::thread::yield_now();
    }
    let mut register = as_user(place, &place.path("reseat-copy"));
    register.args(["rm", "register-restart", "--pid", &holder.id().to_string(), "--", "-f"]).arg(file);
    run(&mut register).expect_code(0);
    holder
}

fn user_of(pid: u32) -> u32 {
    std::fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}

#[test]
fn applications_of_the_user_are_started_again_as_the_user_and_never_as_root() {
    let Some(place) = theirs() else { return };
    let package = product().save(&place, "test.msi");
    as_root(&place, &["install", "-q", package.to_str().unwrap()]).expect_code(0);
    let file = place.drive_c("Program Files/Test/readme.txt").canonicalize().unwrap();
    let newer = Product::new().version("2.0.0").with_file("Readme", "readme.txt", "newer text");
    let newer = newer.save(&place, "newer.msi");
    for (stays_root, package) in [(false, &newer), (true, &package)] {
        let mut holder = holding(&place, &file);
        let mut arguments = vec!["install", "-q", package.to_str().unwrap(), "REINSTALLMODE=amus"];
        if stays_root {
            arguments.insert(0, "--as-root");
        }
        let ran = as_root(&place, &arguments);
        ran.expect_code(if stays_root { ran.status.code().unwrap() } else { 0 });
        let now = holders(&file);
        assert!(now.iter().all(|pid| user_of(*pid) == USER), "a program of the user's runs as root: {now:?}");
        if !stays_root {
            assert_eq!(now.len(), 1, "it is started again");
            assert_ne!(now, [holder.id()], "it was closed");
        }
        support::end_holders(&file);
        let _ = holder.kill();
        let _ = holder.wait();
    }
}

#[test]
fn who_has_no_right_to_roots_files_gets_none_of_them_through_the_installer() {
    let Some(place) = theirs() else { return };
    // The user has given a file of root's a second name where the package copies files from.
    for name in ["Old/copy.txt", "Old/move.txt"] {
        std::fs::remove_file(place.drive_c(name)).unwrap();
        std::fs::hard_link(place.path("outside/secret"), place.drive_c(name)).unwrap();
    }
    let before = of_root(&place);
    let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
    let _ = as_root(&place, &["install", "-q", package.to_str().unwrap()]);
    expect_untouched(&place, &before);
    for (name, (user, mode, _)) in owners(&place.prefix()) {
        let path = place.prefix().join(&name);
        let is_secret = path.is_file() && std::fs::read(&path).unwrap() == b"of root";
        assert!(!is_secret || (user == 0 && mode & 0o077 == 0), "{name} has what is root's");
    }
}
