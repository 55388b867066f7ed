//! Processes that change while a session deals with them, and files that a crash has torn.
//!
//! A shutdown reports its begin after it has made its list and before it asks anybody: that is where these tests
//! let something happen.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reseat_restart_manager::who::{FileState, uses};
use reseat_restart_manager::{
    Error, Primary, Resources, ShutdownOptions, UniqueProcess, recover, recover_within,
};
use rustix::process::{Pid, Signal, kill_process};
use support::{Helper, Place, ROLE, Started, read_line};

/// What this program does when a test started it as another process.
#[test]
fn role() {
    match std::env::var(ROLE).as_deref() {
        Ok("reuse a process id") => reuse_a_process_id(),
        // Holds FILE, registers for restart and says so in PIPE.
        Ok("application") => {
            let _file = File::open(std::env::var("FILE").unwrap()).unwrap();
            let arguments = ["role", "--exact", "--nocapture"].map(str::to_owned);
            reseat_restart_manager::register_application_restart(&arguments, Default::default()).unwrap();
            std::fs::write(std::env::var("PIPE").unwrap(), format!("{}\n", std::process::id())).unwrap();
            loop {
                std::thread::park();
            }
        }
        // Stops who uses FILE, and waits to be killed.
        Ok("installer") => {
            let primary = Primary::start().unwrap();
            primary.register(&Resources::files([std::env::var("FILE").unwrap()])).unwrap();
            primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
            println!("\nstopped");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
}

fn short() -> ShutdownOptions {
    ShutdownOptions { timeout: Duration::from_millis(300), ..ShutdownOptions::default() }
}

/// A session that has registered this file.
fn session(place: &Place, file: &Path) -> Primary {
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    primary
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn one_that_executes_another_program_meanwhile_is_still_the_one_that_was_listed() {
    let place = Place::new();
    let file = place.file("f");
    let (pipe, _keep) = place.pipe("go");
    let script = format!("echo ready; read x <{}; exec sleep 1000", pipe.display());
    let helper = Helper::script(&script, &file);
    let primary = session(&place, &file);
    let name = || std::fs::read_to_string(format!("/proc/{}/comm", helper.process.pid)).unwrap();
    primary
        .shut_down(&Default::default(), &mut |percent| {
            if percent == 0 {
                std::fs::write(&pipe, "go\n").unwrap();
                wait_until("no other program", || name().trim() == "sleep");
            }
        })
        .unwrap();
    assert!(!helper.process.is_running());
    primary.end().unwrap();
}

#[test]
fn a_child_that_one_leaves_behind_while_it_stops_is_found_and_stopped_too() {
    let place = Place::new();
    let file = place.file("f");
    // Descriptor 3: what runs in the background has nothing as its standard input.
    let script = "exec 3<&0; trap 'sleep 1000 3<&3 & exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let helper = Helper::script(script, &file);
    let primary = session(&place, &file);
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(!helper.process.is_running());
    assert!(uses(&[file]).unwrap().users.is_empty());
    let children = primary.list().unwrap().applications.len();
    assert!(children >= 2, "the child is in the history too: {children}");
    primary.end().unwrap();
}

#[test]
fn one_that_ends_by_itself_meanwhile_is_no_failure() {
    let place = Place::new();
    let file = place.file("f");
    let mut helper = Helper::holding(&file);
    let primary = session(&place, &file);
    primary
        .shut_down(&Default::default(), &mut |percent| {
            if percent == 0 {
                helper.kill()
            }
        })
        .unwrap();
    primary.end().unwrap();
}

#[test]
fn a_file_that_is_handed_from_child_to_child_is_never_taken_for_free() {
    let place = Place::new();
    let file = place.file("f");
    // Each lives for a moment, and has handed the file on before it ends.
    let chain = place.folder.path().join("chain");
    std::fs::write(&chain, "test -e stop || test $1 = 0 || exec sh -c 'sh chain $0 & exit' $(($1 - 1))\n")
        .unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<f; echo ready; sh chain 20000 & exit"]);
    command.current_dir(place.folder.path()).stdin(Stdio::null());
    let mut helper = Helper::spawn(&mut command);
    helper.wait_for("ready");
    helper.child.wait().unwrap();
    let mut found = 0;
    for round in 0..100 {
        let usage = uses(std::slice::from_ref(&file)).unwrap();
        match usage.files[0] {
            FileState::InUse => found += 1,
            FileState::InUseByUnknown => {}
            ref other => panic!("{other:?} in round {round}"),
        }
    }
    std::fs::write(place.folder.path().join("stop"), b"").unwrap();
    wait_until("the chain goes on", || uses(std::slice::from_ref(&file)).unwrap().files == [FileState::Free]);
    println!("whoever had it was found {found} times of 100");
}

/// Run as the first process of a PID namespace, where the next process id can be chosen.
fn reuse_a_process_id() {
    let place = Place::new();
    let file = place.file("f");
    let mut helper = Helper::holding(&file);
    let old = helper.process;
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources { processes: vec![old], ..Resources::default() }).unwrap();
    assert_eq!(primary.list().unwrap().applications[0].process, old);
    let mut other = None;
    primary
        .shut_down(&Default::default(), &mut |percent| {
            if percent > 0 {
                return;
            }
            helper.kill();
            // Another tick of the clock that start times are told in.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(50) {
                std::hint::spin_loop();
            }
            std::fs::write("/proc/sys/kernel/ns_last_pid", (old.pid - 1).to_string()).unwrap();
            let mut new = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
            if new.id() == old.pid {
                other = Some(new);
            } else {
                new.kill().unwrap();
                new.wait().unwrap();
            }
        })
        .unwrap();
    let Some(mut other) = other else {
        println!("\nnot reused");
        return;
    };
    assert_ne!(UniqueProcess::of(other.id()), Some(old));
    assert!(other.try_wait().unwrap().is_none(), "a signal reached another process");
    assert!(primary.list().unwrap().applications.iter().all(|it| it.process == old));
    other.kill().unwrap();
    other.wait().unwrap();
    primary.end().unwrap();
    println!("\nleft alone");
}

#[test]
fn a_process_that_got_the_id_of_one_that_was_listed_is_left_alone() {
    for _ in 0..20 {
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(std::env::current_exe().unwrap())
            .args(["role", "--exact", "--nocapture"])
            .env(ROLE, "reuse a process id")
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("left alone") {
            return;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("unshare: ") || errors.contains("ns_last_pid") || errors.contains("Permission") {
            println!("SKIPPED: no process id can be chosen here: {errors}");
            return;
        }
        // Another process was started in between.
        assert!(said.contains("not reused"), "{said}\n{errors}");
    }
    println!("SKIPPED: the process id was never reused");
}

#[test]
fn a_traced_process_does_not_stop_and_is_ended_by_force() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "python3 is not installed");
        println!("SKIPPED: python3 is not installed");
        return;
    }
    let place = Place::new();
    let file = place.file("f");
    let helper = Helper::holding(&file);
    // PTRACE_SEIZE: the signal stops it, and the tracer lets it wait.
    let script = "import ctypes, sys, time\n\
        assert ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0\n\
        print('ready', flush=True)\ntime.sleep(1000)";
    let mut command = Command::new("python3");
    command.args(["-c", script, &helper.process.pid.to_string()]).stderr(Stdio::null());
    let mut tracer = Helper::spawn(&mut command);
    let mut line = String::new();
    if tracer.output.read_line(&mut line).unwrap() == 0 {
        println!("SKIPPED: processes may not be traced here");
        return;
    }
    let primary = session(&place, &file);
    let error = primary.shut_down(&short(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::ShutdownFailed { .. }), "{error}");
    assert!(helper.process.is_running());
    primary.shut_down(&ShutdownOptions { force: true, ..short() }, &mut |_| {}).unwrap();
    // Its tracer may not have looked yet; until then its id stays, as a zombie.
    wait_until("still running", || !helper.process.is_running());
    primary.end().unwrap();
}

/// An installer that was killed after it had stopped an application, which is registered.
struct Crash {
    place: Place,
    pipe: std::io::BufReader<File>,
    application: Helper,
}

impl Crash {
    fn new() -> Crash {
        let place = Place::new();
        let file = place.file("f");
        let (path, mut pipe) = place.pipe("pipe");
        let variables = [("FILE", file.to_str().unwrap()), ("PIPE", path.to_str().unwrap())];
        let application = Helper::role("application", &place, &variables);
        read_line(&mut pipe);
        let mut installer = Helper::role("installer", &place, &variables[..1]);
        installer.wait_for("stopped");
        installer.kill();
        Crash { place, pipe, application }
    }

    /// A file of the only session.
    fn file(&self, name: &str) -> std::path::PathBuf {
        let mut sessions = std::fs::read_dir(self.place.store.path().join("sessions")).unwrap();
        sessions.next().unwrap().unwrap().path().join(name)
    }

    /// Recovers and expects that the application runs again.
    fn expect_recovery(&mut self) {
        let recoveries = recover(&self.place.store).unwrap();
        assert_eq!(recoveries.len(), 1);
        assert_eq!(recoveries[0].restarted[0].old, self.application.process);
        let started = Started(recoveries[0].restarted[0].new);
        assert_eq!(read_line(&mut self.pipe).trim(), started.0.pid.to_string());
    }
}

#[test]
fn a_session_whose_identity_is_torn_is_recovered_all_the_same() {
    let mut crash = Crash::new();
    let path = crash.file("session.json");
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    crash.expect_recovery();
}

#[test]
fn a_history_that_ends_in_the_middle_of_a_line_is_recovered() {
    let mut crash = Crash::new();
    File::options().append(true).open(crash.file("actions")).unwrap().write_all(b"{\"Restar").unwrap();
    crash.expect_recovery();
}

#[test]
fn files_of_a_session_that_are_cut_anywhere_are_no_panic_and_start_nothing_twice() {
    let crash = Crash::new();
    let path = crash.file("actions");
    let text = std::fs::read(&path).unwrap();
    // Recovery of what is left of the history: at most one application, once.
    for length in (0..text.len()).step_by(text.len() / 12 + 1) {
        let place = Place::new();
        let target = place.store.path().join("sessions").join(path.parent().unwrap().file_name().unwrap());
        std::fs::create_dir(&target).unwrap();
        for name in ["session.json", "resources", "filters"] {
            std::fs::copy(crash.file(name), target.join(name)).unwrap();
        }
        std::fs::write(target.join("actions"), &text[..length]).unwrap();
        let recoveries = recover_within(&place.store, Duration::from_millis(100)).unwrap();
        let started: Vec<Started> =
            recoveries.iter().flat_map(|it| it.restarted.iter().map(|it| Started(it.new))).collect();
        assert!(started.len() <= 1, "cut at {length}");
        for process in &started {
            let pid = i32::try_from(process.0.pid).ok().and_then(Pid::from_raw).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
        assert!(recover(&place.store).unwrap().is_empty(), "cut at {length}");
    }
}
