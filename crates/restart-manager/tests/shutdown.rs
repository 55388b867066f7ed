//! Stopping and starting again, with real processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reseat_restart_manager::{
    ApplicationStatus, Error, Primary, Resources, RestartFlags, ShutdownOptions, UniqueProcess, recover,
    recover_within, register_application_restart,
};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use support::{Helper, Place, ROLE, Started, read_line};

fn arguments() -> Vec<String> {
    ["role", "--exact", "--nocapture"].map(str::to_owned).to_vec()
}

/// What this program does when a test started it as another process.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        // An application: holds FILE open, registers for restart, tells the pipe what became of it, waits to
        // be stopped.
        "application" => {
            let file = std::fs::File::open(std::env::var("FILE").unwrap()).unwrap();
            let flags =
                RestartFlags::from_bits(std::env::var("FLAGS").map_or(0, |it| it.parse().unwrap())).unwrap();
            register_application_restart(&arguments(), flags).unwrap();
            let mut content = String::new();
            (&file).read_to_string(&mut content).unwrap();
            // From /proc and not from getsid: where the head of the session is outside of this process
            // namespace, as in a container, its number is 0.
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
            let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
            let folder = std::env::current_dir().unwrap();
            let line = format!("{} {session} {} {}", std::process::id(), folder.display(), content.trim());
            std::fs::write(std::env::var("PIPE").unwrap(), format!("{line}\n")).unwrap();
            loop {
                std::thread::park();
            }
        }
        // An installer: stops the users of FILE, says so, and waits to be killed.
        "installer" => {
            let primary = Primary::start().unwrap();
            let files = std::env::var("FILE").unwrap();
            primary.register(&Resources::files(files.split(':'))).unwrap();
            println!("\nstopping");
            let result =
                primary.shut_down(&Default::default(), &mut |percent| println!("\npercent {percent}"));
            println!("\nstopped {}", result.is_ok());
            loop {
                std::thread::park();
            }
        }
        // An installer that goes all the way.
        "whole installer" => {
            let primary = Primary::start().unwrap();
            primary.register(&Resources::files([std::env::var("FILE").unwrap()])).unwrap();
            println!("\nbegun");
            primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
            primary.restart(&mut |_| {}).unwrap();
            primary.end().unwrap();
            println!("\ndone");
        }
        other => panic!("no such role: {other}"),
    }
}

struct Scene {
    place: Place,
    file: PathBuf,
    pipe: std::io::BufReader<std::fs::File>,
    application: Helper,
}

/// A registered application that holds a file and runs.
fn scene(flags: RestartFlags) -> Scene {
    let place = Place::new();
    let file = place.file("f");
    let (path, mut pipe) = place.pipe("pipe");
    let flags = flags.bits().to_string();
    let variables = [("FILE", file.to_str().unwrap()), ("PIPE", path.to_str().unwrap()), ("FLAGS", &flags)];
    // A regular file stays the standard error of what is restarted.
    let errors =
        std::fs::File::options().create(true).append(true).open(place.folder.path().join("errors")).unwrap();
    let mut command = support::role_command("application", &place);
    let application = Helper::spawn(command.envs(variables).stderr(errors));
    let line = read_line(&mut pipe);
    assert!(line.starts_with(&format!("{} ", application.process.pid)), "{line}");
    Scene { place, file, pipe, application }
}

fn short() -> ShutdownOptions {
    ShutdownOptions { timeout: Duration::from_millis(200), ..ShutdownOptions::default() }
}

#[test]
fn a_registered_application_is_stopped_and_started_again_with_the_new_file() {
    let mut scene = scene(RestartFlags::NONE);
    let bystander = Helper::holding(&scene.place.file("other"));
    let primary = Primary::start_in(&scene.place.store).unwrap();
    primary.register(&Resources::files([&scene.file])).unwrap();
    assert_eq!(primary.restart(&mut |_| {}).unwrap_err().code(), 776, "not before a shutdown");
    let list = primary.list().unwrap();
    assert_eq!(list.applications.iter().map(|it| it.restartable).collect::<Vec<_>>(), [true]);
    let mut percents = Vec::new();
    primary
        .shut_down(&ShutdownOptions { only_registered: true, ..Default::default() }, &mut |it| {
            percents.push(it)
        })
        .unwrap();
    assert!(
        percents.is_sorted() && percents.first() == Some(&0) && percents.last() == Some(&100),
        "{percents:?}"
    );
    assert!(!scene.application.process.is_running());
    assert!(bystander.process.is_running());
    assert_eq!(primary.list().unwrap().applications[0].status, ApplicationStatus::STOPPED);

    let new = scene.place.folder.path().join("new");
    std::fs::write(&new, b"replaced\n").unwrap();
    std::fs::rename(new, &scene.file).unwrap();
    let restarted = primary.restart(&mut |_| {}).unwrap();
    let started: Vec<Started> = restarted.iter().map(|it| Started(it.new)).collect();
    assert_eq!(restarted.len(), 1);
    assert_eq!(restarted[0].old, scene.application.process);
    let line = read_line(&mut scene.pipe);
    let pid = restarted[0].new.pid;
    let folder = std::env::current_dir().unwrap();
    // Its own session, the same folder and the same environment (by which it found the file and the pipe).
    assert_eq!(line.trim(), format!("{pid} {pid} {} replaced", folder.display()));
    // It registered again, before it wrote to the pipe.
    assert!(scene.place.store.registration(restarted[0].new).unwrap().is_some());
    let list = primary.list().unwrap();
    assert_eq!(list.applications.len(), 1);
    assert_eq!(list.applications[0].status.to_string(), "running, stopped, restarted");
    assert_eq!(list.applications[0].restarted_as, Some(restarted[0].new));
    assert!(primary.restart(&mut |_| {}).unwrap().is_empty(), "nobody is started twice");
    drop(started);
    primary.end().unwrap();
}

#[test]
fn applications_get_thirty_seconds_and_services_twenty() {
    let options = ShutdownOptions::default();
    assert_eq!((options.timeout.as_secs(), options.service_timeout.as_secs()), (30, 20));
    assert!(!options.force && !options.only_registered);
}

#[test]
fn a_restarted_application_that_ends_is_no_zombie() {
    let mut scene = scene(RestartFlags::NONE);
    let primary = Primary::start_in(&scene.place.store).unwrap();
    primary.register(&Resources::files([&scene.file])).unwrap();
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    let new = primary.restart(&mut |_| {}).unwrap()[0].new;
    read_line(&mut scene.pipe);
    drop(Started(new));
    let begun = Instant::now();
    // Gone from /proc altogether, as a zombie would not be.
    while UniqueProcess::of(new.pid) == Some(new) {
        assert!(begun.elapsed() < Duration::from_secs(10), "still there");
        std::thread::yield_now();
    }
    primary.end().unwrap();
}

#[test]
fn an_application_that_did_not_register_is_stopped_and_stays_so() {
    let place = Place::new();
    let file = place.file("f");
    let helper = Helper::holding(&file);
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    let only = ShutdownOptions { only_registered: true, ..short() };
    let error = primary.shut_down(&only, &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), 351);
    assert!(matches!(error, Error::NotAllRegistered { .. }));
    assert!(helper.process.is_running(), "nobody was stopped");
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(!helper.process.is_running());
    assert!(primary.restart(&mut |_| {}).unwrap().is_empty());
    assert_eq!(primary.list().unwrap().applications[0].status, ApplicationStatus::STOPPED);
    primary.end().unwrap();
}

#[test]
fn one_registered_against_restart_after_updates_stays_stopped() {
    let scene = scene(RestartFlags::NO_PATCH);
    let primary = Primary::start_in(&scene.place.store).unwrap();
    primary.register(&Resources::files([&scene.file])).unwrap();
    assert!(!primary.list().unwrap().applications[0].restartable);
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(primary.restart(&mut |_| {}).unwrap().is_empty());
    primary.end().unwrap();
}

#[test]
fn one_that_ignores_the_request_is_named_and_ended_only_by_force() {
    let place = Place::new();
    let file = place.file("f");
    let stubborn = Helper::script("trap '' TERM; echo ready; exec sleep 1000", &file);
    let polite = Helper::holding(&file);
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    let error = primary.shut_down(&short(), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), 351);
    let Error::ShutdownFailed { applications } = &error else { panic!("{error:?}") };
    assert_eq!(applications.iter().map(|it| it.process).collect::<Vec<_>>(), [stubborn.process]);
    assert!(stubborn.process.is_running() && !polite.process.is_running());
    let list = primary.list().unwrap();
    let entry = list.applications.iter().find(|it| it.process == stubborn.process).unwrap();
    assert_eq!(entry.status.to_string(), "running, error on stop");
    primary.shut_down(&ShutdownOptions { force: true, ..short() }, &mut |_| {}).unwrap();
    assert!(!stubborn.process.is_running());
    primary.end().unwrap();
}

#[test]
fn a_stopped_process_hears_the_request_too() {
    let place = Place::new();
    let file = place.file("f");
    let helper = Helper::holding(&file);
    helper.signal(Signal::STOP);
    let pid = Pid::from_child(&helper.child);
    assert!(waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap().1.stopped());
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(!helper.process.is_running());
    primary.end().unwrap();
}

/// A copy of the shell under the name of a program of Wine's, which is what tells that one.
fn named(place: &Place, name: &str, script: &str, file: &std::path::Path) -> Helper {
    let program = place.folder.path().join(name);
    // Another process copies it: a child of another test could hold what this one writes.
    assert!(std::process::Command::new("cp").arg("/bin/sh").arg(&program).status().unwrap().success());
    let mut command = std::process::Command::new(program);
    // What it waits for was begun before the file was opened: a child that is begun later would hold it, too.
    command.arg("-c").arg(format!("sleep 60 >/dev/null 2>&1 & exec <\"$0\"; {script}; wait")).arg(file);
    let mut helper =
        Helper::spawn(command.stdin(std::process::Stdio::null()).env("WINEPREFIX", place.folder.path()));
    helper.wait_for("ready");
    helper
}

#[test]
fn a_program_of_wine_gets_the_signal_of_control_c_and_its_prefix_is_known() {
    let place = Place::new();
    let file = place.file("f");
    let script = "trap 'kill $!; exit 9' INT; echo ready";
    let mut helper = named(&place, "wine64", script, &file);
    assert_eq!(reseat_restart_manager::wine_prefix(helper.process).as_deref(), Some(place.folder.path()));
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert_eq!(helper.child.wait().unwrap().code(), Some(9));
    primary.end().unwrap();
}

#[test]
fn a_wineserver_is_never_closed_not_even_by_force() {
    let place = Place::new();
    let file = place.file("f");
    let script = "trap 'kill $!; exit 9' INT TERM; echo ready";
    let helper = named(&place, "wineserver64", script, &file);
    assert_eq!(reseat_restart_manager::wine_prefix(helper.process).as_deref(), Some(place.folder.path()));
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    let error = primary.shut_down(&ShutdownOptions { force: true, ..short() }, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::RebootRequired { .. }), "{error}");
    assert!(error.to_string().contains("a wineserver holds files for other programs"), "{error}");
    assert!(helper.process.is_running());
    primary.end().unwrap();
}

#[test]
fn a_registered_process_is_stopped_without_any_file() {
    let place = Place::new();
    let helper = Helper::holding(&place.file("f"));
    let primary = Primary::start_in(&place.store).unwrap();
    let stranger = UniqueProcess { start_time: helper.process.start_time - 1, ..helper.process };
    primary.register(&Resources { processes: vec![stranger], ..Default::default() }).unwrap();
    assert!(
        primary.list().unwrap().applications.is_empty(),
        "the id with another start time is another process"
    );
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(helper.process.is_running());
    primary.register(&Resources { processes: vec![helper.process], ..Default::default() }).unwrap();
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(!helper.process.is_running());
    primary.end().unwrap();
}

#[test]
fn a_shutdown_can_be_cancelled_from_another_thread() {
    let place = Place::new();
    let file = place.file("f");
    let stubborn = Helper::script("trap '' TERM; echo ready; exec sleep 1000", &file);
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    let cancel = primary.cancel_token();
    let begun = Instant::now();
    let error = std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| primary.shut_down(&Default::default(), &mut |_| {}).unwrap_err());
        cancel.cancel();
        shutdown.join().unwrap()
    });
    assert_eq!(error.code(), 1223);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(stubborn.process.is_running());
    primary.renew_cancel_token();
    primary.shut_down(&ShutdownOptions { force: true, ..short() }, &mut |_| {}).unwrap();
    primary.end().unwrap();
}

#[test]
fn what_cannot_be_started_again_is_named() {
    let mut scene = scene(RestartFlags::NONE);
    let copy = scene.place.folder.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = support::role_command("application", &scene.place);
    let mut renamed = std::process::Command::new(&copy);
    renamed
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    renamed.env("FILE", &scene.file).env("PIPE", scene.place.folder.path().join("pipe"));
    command = renamed;
    let second = Helper::spawn(&mut command);
    read_line(&mut scene.pipe);
    let primary = Primary::start_in(&scene.place.store).unwrap();
    primary.register(&Resources::files([&scene.file])).unwrap();
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    std::fs::remove_file(&copy).unwrap();
    let error = primary.restart(&mut |_| {}).unwrap_err();
    assert_eq!(error.code(), 352);
    let Error::RestartFailed { applications } = &error else { panic!("{error:?}") };
    assert_eq!(applications.iter().map(|it| it.process).collect::<Vec<_>>(), [second.process]);
    let list = primary.list().unwrap();
    let failed = list.applications.iter().find(|it| it.process == second.process).unwrap();
    assert!(failed.status.contains(ApplicationStatus::ERROR_ON_RESTART));
    // The other one was started nevertheless.
    let other = list.applications.iter().find(|it| it.process == scene.application.process).unwrap();
    drop(Started(other.restarted_as.unwrap()));
    primary.end().unwrap();
}

#[test]
fn what_a_killed_installer_stopped_is_started_by_recovery() {
    let mut scene = scene(RestartFlags::NONE);
    let mut installer = Helper::role("installer", &scene.place, &[("FILE", scene.file.to_str().unwrap())]);
    assert_eq!(installer.wait_for("stopped"), "true");
    assert!(recover(&scene.place.store).unwrap().is_empty(), "not while the installer runs");
    installer.kill();
    // Another session's start sweeps, and must keep what waits for recovery.
    Primary::start_in(&scene.place.store).unwrap().end().unwrap();
    let recoveries = recover(&scene.place.store).unwrap();
    assert_eq!(recoveries.len(), 1);
    assert_eq!(recoveries[0].restarted.len(), 1);
    let started = Started(recoveries[0].restarted[0].new);
    assert!(read_line(&mut scene.pipe).starts_with(&format!("{} ", started.0.pid)));
    assert!(recover(&scene.place.store).unwrap().is_empty(), "once is enough");
}

#[test]
fn an_installer_killed_while_it_waits_loses_nobody() {
    let mut scene = scene(RestartFlags::NONE);
    // Registered, but does not follow the request.
    let stubborn = Helper::script("trap '' TERM; echo ready; exec sleep 1000", &scene.file);
    scene.place.store.register_for(stubborn.process.pid, &["1".to_owned()], RestartFlags::NONE).unwrap();
    let mut installer = Helper::role("installer", &scene.place, &[("FILE", scene.file.to_str().unwrap())]);
    // The first of two has stopped.
    while installer.wait_for("percent") == "0" {}
    installer.kill();
    let recoveries = recover_within(&scene.place.store, Duration::from_millis(500)).unwrap();
    assert_eq!(recoveries.len(), 1);
    assert_eq!(recoveries[0].still_running, [stubborn.process]);
    assert_eq!(
        recoveries[0].restarted.iter().map(|it| it.old).collect::<Vec<_>>(),
        [scene.application.process]
    );
    let started = Started(recoveries[0].restarted[0].new);
    assert!(read_line(&mut scene.pipe).starts_with(&format!("{} ", started.0.pid)));
    assert!(stubborn.process.is_running());
}

#[test]
fn one_that_a_supervisor_starts_again_is_told_as_failure() {
    let place = Place::new();
    let file = place.file("f");
    let script = format!(
        "exec 0</dev/null; trap '' TERM; echo ready; while :; do (trap - TERM; exec sleep 1000 <{}); done",
        file.display()
    );
    let supervisor = Helper::script(&script, &file);
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([file])).unwrap();
    // The first child may not be there yet.
    while primary.list().unwrap().applications.is_empty() {
        std::thread::yield_now();
    }
    match primary.shut_down(&short(), &mut |_| {}) {
        Err(Error::ShutdownFailed { applications }) => assert!(!applications.is_empty()),
        // The look at the end fell between the end of one child and the start of the next.
        Ok(()) => {}
        Err(other) => panic!("{other:?}"),
    }
    assert!(supervisor.process.is_running());
    supervisor.kill_group();
    primary.end().unwrap();
}

/// The processes that run the application of this scene, by its store in their environment.
fn running(scene: &Scene) -> Vec<UniqueProcess> {
    let variable = |name: &str, value: &str| format!("{name}={value}\0").into_bytes();
    let store = variable("RESEAT_RUNTIME_DIR", scene.place.store.path().to_str().unwrap());
    let role = variable(ROLE, "application");
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |text: &[u8]| environment.windows(text.len()).any(|it| it == text);
            has(&store) && has(&role)
        })
        .filter_map(UniqueProcess::of)
        .filter(|process| process.is_running())
        .collect()
}

/// How many records the only session of this store has written; `None` without a session.
fn records(place: &Place) -> Option<usize> {
    let session = std::fs::read_dir(place.store.path().join("sessions")).unwrap().next()?.unwrap();
    let text = std::fs::read(session.path().join("actions")).ok()?;
    Some(text.iter().filter(|&&byte| byte == b'\n').count())
}

/// What sessions of this store have written, for who has to find out why a test failed.
fn history(place: &Place) -> String {
    let sessions = std::fs::read_dir(place.store.path().join("sessions")).unwrap().flatten();
    let text = |it: std::fs::DirEntry| std::fs::read_to_string(it.path().join("actions")).unwrap_or_default();
    sessions.map(text).collect()
}

#[test]
fn an_installer_killed_after_any_of_its_records_leaves_one_application_after_recovery() {
    // Shutdown begun, stopping, asked, stopped, starting, restarted.
    const RECORDS: usize = 6;
    let mut scene = scene(RestartFlags::NONE);
    let mut current = Started(scene.application.process);
    let (mut kept, mut recovered, mut finished) = (0, 0, 0);
    for round in 0..10 * (RECORDS + 1) {
        let wanted = round % (RECORDS + 1);
        let mut installer =
            Helper::role("whole installer", &scene.place, &[("FILE", scene.file.to_str().unwrap())]);
        installer.wait_for("begun");
        while records(&scene.place).is_some_and(|count| count < wanted) {
            std::hint::spin_loop();
        }
        installer.kill();
        let history = history(&scene.place);
        let recoveries = recover(&scene.place.store).unwrap();
        let (since, mut left) = (Instant::now(), running(&scene));
        // A process that has only just been executed does not show its environment yet.
        while left.is_empty() && since.elapsed() < Duration::from_secs(10) {
            left = running(&scene);
        }
        let errors = std::fs::read_to_string(scene.place.folder.path().join("errors")).unwrap();
        assert_eq!(
            left.len(),
            1,
            "{errors}\nround {round}, after {wanted} records: {left:?} after {recoveries:?} of {history}"
        );
        if left[0] == current.0 {
            kept += 1;
            continue;
        }
        match recoveries.is_empty() {
            true => finished += 1,
            false => recovered += 1,
        }
        current = Started(left[0]);
        // It has registered again before it says so.
        assert!(read_line(&mut scene.pipe).starts_with(&format!("{} ", current.0.pid)));
    }
    println!("not stopped {kept}, started by recovery {recovered}, started before the end {finished}");
}
