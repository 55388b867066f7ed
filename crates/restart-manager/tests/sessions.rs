//! Sessions of several real processes: join, register, limits, damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::io::Write;
use std::process::Command;

use reseat_restart_manager::{
    CriticalReason, Error, Primary, RebootReasons, Resources, SESSION_LIMIT, Secondary, SessionKey, Store,
    UniqueProcess,
};
use support::{Helper, Place, ROLE, role_command};

/// What this program does when a test started it as another process.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let key: SessionKey =
        std::env::var("KEY").unwrap_or_default().parse().unwrap_or_else(|_| "0".repeat(32).parse().unwrap());
    match role.as_str() {
        "join" => match Secondary::join(&key) {
            Ok(secondary) => {
                let file = std::env::var("FILE").unwrap();
                secondary.register(&Resources::files([file])).unwrap();
                secondary.leave();
                println!("\njoined ok");
            }
            Err(error) => println!("\njoined {}", error.code()),
        },
        "register many" => {
            let secondary = Secondary::join(&key).unwrap();
            for number in 0..100 {
                let file = format!("/nowhere/{}/{number}", std::process::id());
                secondary.register(&Resources::files([file])).unwrap();
            }
            println!("\nregistered");
        }
        "primary" => {
            let primary = Primary::start().unwrap();
            println!("\nkey {}", primary.detach());
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        "take over" => match Primary::reopen(&Store::open().unwrap(), &key) {
            Ok(primary) => {
                primary.end().unwrap();
                println!("\ntook over ok");
            }
            Err(error) => println!("\ntook over {}", error.code()),
        },
        other => panic!("no such role: {other}"),
    }
}

#[test]
fn another_process_joins_by_the_key_and_its_file_is_listed() {
    let place = Place::new();
    let file = place.file("f");
    let holder = Helper::holding(&file);
    let primary = Primary::start_in(&place.store).unwrap();
    assert!(primary.list().unwrap().applications.is_empty());
    let variables = [("KEY", primary.key().as_str()), ("FILE", file.to_str().unwrap())];
    let mut joiner = Helper::role("join", &place, &variables);
    assert_eq!(joiner.wait_for("joined"), "ok");
    let list = primary.list().unwrap();
    assert_eq!(list.applications.len(), 1);
    let application = &list.applications[0];
    assert_eq!((application.process, application.files.as_slice()), (holder.process, &[file][..]));
    assert_eq!((application.restartable, application.status.to_string().as_str()), (false, "running"));
    assert_eq!(list.reboot_reasons, RebootReasons::NONE);
    primary.end().unwrap();
}

#[test]
fn an_unknown_key_is_answered_with_1219() {
    let place = Place::new();
    let key: SessionKey = "0123456789abcdef0123456789abcdef".parse().unwrap();
    assert_eq!(Secondary::join_in(&place.store, &key).unwrap_err().code(), 1219);
    assert_eq!(Primary::reopen(&place.store, &key).unwrap_err().code(), 1219);
}

#[test]
fn a_process_of_another_user_cannot_join() {
    let setpriv = Command::new("setpriv").args(["--reuid=65534", "--clear-groups", "true"]).status();
    if !support::is_root() || !setpriv.is_ok_and(|status| status.success()) {
        println!("SKIPPED: needs root and setpriv to become another user");
        return;
    }
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    // Where nobody can read the test program, there is nothing to try.
    let program = std::env::current_exe().unwrap();
    let readable = ["--reuid=65534", "--clear-groups", "test", "-x"];
    if !Command::new("setpriv").args(readable).arg(&program).status().unwrap().success() {
        println!("SKIPPED: another user cannot run the test program");
        return;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--clear-groups"])
        .arg(program)
        .args(["role", "--exact", "--nocapture"])
        .env(ROLE, "join")
        .env("KEY", primary.key().as_str())
        .env("RESEAT_RUNTIME_DIR", place.store.path());
    // To the other user the store is not even there: the temporary folder above it is closed.
    assert_eq!(Helper::spawn(&mut command).wait_for("joined"), "29");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
    command.env("RESEAT_RUNTIME_DIR", folder.path());
    assert_eq!(Helper::spawn(&mut command).wait_for("joined"), "1219");
    primary.end().unwrap();
}

#[test]
fn the_65th_session_is_refused_and_ending_one_makes_room() {
    let place = Place::new();
    let mut open: Vec<Primary> =
        (0..SESSION_LIMIT).map(|_| Primary::start_in(&place.store).unwrap()).collect();
    let error = Primary::start_in(&place.store).unwrap_err();
    assert_eq!(error.code(), 353);
    open.pop().unwrap().end().unwrap();
    open.push(Primary::start_in(&place.store).unwrap());
    for primary in open {
        primary.end().unwrap();
    }
}

#[test]
fn sessions_of_dead_primaries_do_not_count_and_are_removed() {
    let place = Place::new();
    let mut dead = Helper::role("primary", &place, &[]);
    let key: SessionKey = dead.wait_for("key").parse().unwrap();
    dead.kill();
    assert_eq!(Secondary::join_in(&place.store, &key).unwrap_err().code(), 1219);
    let primary = Primary::start_in(&place.store).unwrap();
    let left: Vec<_> = std::fs::read_dir(place.store.path().join("sessions")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the new session");
    primary.end().unwrap();
}

#[test]
fn a_session_that_has_ended_takes_no_more_resources() {
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    let secondary = Secondary::join_in(&place.store, primary.key()).unwrap();
    primary.end().unwrap();
    assert_eq!(secondary.register(&Resources::files(["/x"])).unwrap_err().code(), 6);
}

#[test]
fn processes_that_register_at_once_lose_nothing() {
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    let mut helpers: Vec<Helper> =
        (0..4).map(|_| Helper::role("register many", &place, &[("KEY", primary.key().as_str())])).collect();
    for helper in &mut helpers {
        helper.wait_for("registered");
    }
    assert_eq!(primary.resources().unwrap().files.len(), 400);
    primary.end().unwrap();
}

#[test]
fn a_torn_registration_costs_only_itself() {
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files(["/one"])).unwrap();
    let journal = place.store.path().join("sessions").join(primary.key().as_str()).join("resources");
    let mut file = std::fs::File::options().append(true).open(journal).unwrap();
    file.write_all(b"{\"files\":[\"/to").unwrap();
    primary.register(&Resources::files(["/two"])).unwrap();
    let files = primary.resources().unwrap().files;
    assert_eq!(files, ["/one", "/two"].map(std::path::PathBuf::from));
    primary.end().unwrap();
}

#[test]
fn relative_paths_are_refused_with_160() {
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    assert_eq!(primary.register(&Resources::files(["here"])).unwrap_err().code(), 160);
    primary.end().unwrap();
}

#[test]
fn paths_that_are_no_text_come_back_as_they_were() {
    use std::os::unix::ffi::OsStringExt;
    let place = Place::new();
    let primary = Primary::start_in(&place.store).unwrap();
    let odd = std::path::PathBuf::from(std::ffi::OsString::from_vec(b"/a\xff\n b".to_vec()));
    primary.register(&Resources::files([odd.clone()])).unwrap();
    assert_eq!(primary.resources().unwrap().files, [odd]);
    primary.end().unwrap();
}

#[test]
fn the_installer_and_its_ancestors_are_a_reason_for_a_reboot_and_nobody_is_stopped() {
    let place = Place::new();
    let file = place.file("f");
    let holder = Helper::holding(&file);
    let own = std::fs::File::open(&file).unwrap();
    let primary = Primary::start_in(&place.store).unwrap();
    let shell = UniqueProcess::of(rustix::process::getppid().unwrap().as_raw_nonzero().get().cast_unsigned());
    let processes = shell.into_iter().filter(|it| it.pid != 1).collect();
    primary.register(&Resources { processes, ..Resources::files([file]) }).unwrap();
    let list = primary.list().unwrap();
    assert!(list.reboot_reasons.contains(RebootReasons::DETECTED_SELF), "{}", list.reboot_reasons);
    let own_entry = list.applications.iter().find(|it| it.process.pid == std::process::id()).unwrap();
    assert_eq!(own_entry.critical, Some(CriticalReason::Installer));
    if let Some(shell) = shell.filter(|it| it.pid != 1) {
        let entry = list.applications.iter().find(|it| it.process == shell).unwrap();
        assert_eq!(entry.critical, Some(CriticalReason::InstallerAncestor));
    }
    let error = primary.shut_down(&Default::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), 350);
    assert!(holder.process.is_running());
    drop(own);
    primary.end().unwrap();
}

#[test]
fn only_the_owner_and_its_children_take_a_session_up_again() {
    let place = Place::new();
    let mut other = Helper::spawn(role_command("primary", &place).stdin(std::process::Stdio::piped()));
    let theirs: SessionKey = other.wait_for("key").parse().unwrap();
    assert!(matches!(Primary::reopen(&place.store, &theirs), Err(Error::NotPrimary { .. })));
    let ours = Primary::start_in(&place.store).unwrap().detach();
    let mut child = Helper::role("take over", &place, &[("KEY", ours.as_str())]);
    assert_eq!(child.wait_for("took over"), "ok");
    assert_eq!(Primary::reopen(&place.store, &ours).unwrap_err().code(), 1219);
}

#[test]
fn an_application_is_told_with_the_session_that_its_user_logged_in_to() {
    let place = Place::new();
    let file = place.file("f");
    // As a login does it; the kernel numbers the session.
    let script = "exec 2>&-; echo 1 >/proc/self/loginuid; echo ready; exec sleep 1000";
    let helper = Helper::script(script, &file);
    let read = std::fs::read_to_string(format!("/proc/{}/sessionid", helper.process.pid)).unwrap_or_default();
    let Some(session) = read.trim().parse::<u32>().ok().filter(|it| *it != u32::MAX) else {
        println!("SKIPPED: no login session can be made here");
        return;
    };
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([&file])).unwrap();
    assert_eq!(primary.list().unwrap().applications[0].session_id, Some(session));
    primary.end().unwrap();
}
