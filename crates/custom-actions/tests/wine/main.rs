//! Windows code under real Wine: a library of our own, built by mingw, calls functions that the test serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod running;
mod scripts;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reseat_custom_actions::{WindowsFiles, WineHost};
use reseat_engine::{
    CallResult, CustomActionHost, FunctionAnswer, FunctionCall, Functions, HostError, Program, ProgramCall,
    Value, WindowsCall, WindowsCode,
};
use reseat_machine::{Bitness, Machine};

/// Whether a program is there; says that the test is skipped when not, and fails in CI.
fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is not installed");
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// The built Windows side, the library of actions, and a prefix that stays from one run of the tests to the next: to
/// prepare one takes Wine many seconds.
struct Scene {
    files: WindowsFiles,
    prefix: PathBuf,
    /// Held until the tests have ended: another run of them waits.
    _lock: File,
}

static SCENE: OnceLock<Option<Scene>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

fn scene() -> Option<(&'static Scene, MutexGuard<'static, ()>)> {
    // One at a time: the tests measure time.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    SCENE.get_or_init(Scene::prepare).as_ref().map(|scene| (scene, turn))
}

impl Scene {
    fn prepare() -> Option<Self> {
        if !["wine", "x86_64-w64-mingw32-gcc"].iter().all(|tool| has_tool(tool)) {
            return None;
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("custom-actions");
        fs::create_dir_all(&work).unwrap();
        let lock = File::create(work.join("lock")).unwrap();
        lock.lock().unwrap();
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("windows");
        let build = Command::new(here.join("../../windows/build")).arg(&built).status().unwrap();
        assert!(build.success(), "windows/build failed");
        let prefix = work.join("prefix");
        if !prefix.join("drive_c").is_dir() {
            drop(Machine::create(&prefix, Bitness::X64).unwrap());
        }
        let action = prefix.join("drive_c/action.dll");
        let compiled = Command::new("x86_64-w64-mingw32-gcc")
            .args(["-Os", "-s", "-Wall", "-Werror", "-shared", "-o"])
            .arg(&action)
            .arg(here.join("tests/windows/action.c"))
            .arg("-lmsi")
            .status()
            .unwrap();
        assert!(compiled.success(), "the library of actions does not compile");
        Some(Self { files: WindowsFiles::new(built), prefix, _lock: lock })
    }

    fn machine(&self) -> Machine {
        Machine::open(&self.prefix).unwrap()
    }
}

/// Functions as an engine might have them: properties and one sort of record.
#[derive(Default)]
struct Served {
    properties: BTreeMap<String, String>,
    calls: Vec<String>,
}

impl Served {
    fn new() -> Self {
        let mut served = Self::default();
        for (name, value) in [("GREETING", "grüße☺"), ("PLAIN", "café!")] {
            served.properties.insert(name.to_owned(), value.to_owned());
        }
        served
    }
}

impl Functions for Served {
    fn call(&mut self, call: &FunctionCall) -> FunctionAnswer {
        self.calls.push(call.name.clone());
        let answer = |code, values| FunctionAnswer { code, values };
        match (call.name.as_str(), call.arguments.as_slice()) {
            ("MsiGetProperty", [Value::Int(42), Value::Text(name)]) => {
                let value = self.properties.get(name).cloned().unwrap_or_default();
                answer(0, vec![Value::Text(value)])
            }
            ("MsiSetProperty", [Value::Int(42), Value::Text(name), Value::Text(value)]) => {
                self.properties.insert(name.clone(), value.clone());
                answer(0, Vec::new())
            }
            ("MsiSetProperty", _) => answer(87, Vec::new()),
            ("MsiCreateRecord", [Value::Int(1)]) => answer(1000, Vec::new()),
            ("MsiRecordSetString", [Value::Int(1000), Value::Int(0), Value::Text(_)]) => {
                answer(0, Vec::new())
            }
            ("MsiProcessMessage", [Value::Int(42), Value::Int(0x0400_0000), Value::Int(1000)]) => {
                answer(1, Vec::new())
            }
            ("MsiCloseHandle", [Value::Int(1000)]) | ("MsiGetLastErrorRecord", []) => answer(0, Vec::new()),
            _ => answer(120, Vec::new()),
        }
    }
}

fn call(entry_point: &str, scene: &Scene) -> WindowsCall {
    WindowsCall {
        action: format!("Test{entry_point}"),
        code: WindowsCode::Library {
            library: Program::File(scene.prefix.join("drive_c/action.dll")),
            entry_point: entry_point.to_owned(),
        },
        session_handle: 42,
    }
}

struct Ran {
    result: Result<CallResult, HostError>,
    lines: Vec<String>,
    served: Served,
    time: Duration,
}

impl Ran {
    #[track_caller]
    fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.result.as_ref().unwrap(), &CallResult::Exited(code), "{:?}", self.lines);
        self
    }

    #[track_caller]
    fn expect_error(&self, texts: &[&str]) {
        let error = self.result.as_ref().unwrap_err().to_string();
        for text in texts {
            assert!(error.contains(text), "no '{text}' in: {error}");
        }
    }
}

fn run_for(entry_point: &str, seconds: u64, served: Served) -> Option<Ran> {
    run_with(entry_point, seconds, served, |host| host)
}

fn run_with(
    entry_point: &str,
    seconds: u64,
    mut served: Served,
    change: impl FnOnce(WineHost<'_>) -> WineHost<'_>,
) -> Option<Ran> {
    let (scene, _turn) = scene()?;
    let machine = scene.machine();
    let host = change(WineHost::new(&machine, scene.files.clone()).unwrap());
    let host = host.with_time_limit(Duration::from_secs(seconds));
    let mut lines = Vec::new();
    let began = Instant::now();
    let result =
        host.run_windows(&call(entry_point, scene), &mut served, &mut |line| lines.push(line.to_owned()));
    let time = began.elapsed();
    host.finish();
    let left = fs::read_dir(scene.prefix.join("drive_c/windows/Installer")).into_iter().flatten().count();
    assert_eq!(left, 0, "something is left in the prefix");
    Some(Ran { result, lines, served, time })
}

fn run(entry_point: &str) -> Option<Ran> {
    run_for(entry_point, 240, Served::new())
}

#[test]
fn properties_are_read_and_set_by_the_rules_for_buffers_in_both_kinds_of_text() {
    let Some(ran) = run("Properties") else { return };
    let ran = ran.expect_code(0);
    assert_eq!(ran.served.properties["RESULT"], "joined ☺");
    assert_eq!(ran.served.properties["NARROW"], "café");
}

#[test]
fn records_messages_and_functions_that_nobody_has() {
    let Some(ran) = run("Messages") else { return };
    let expected = [
        "MsiCreateRecord",
        "MsiRecordSetString",
        "MsiProcessMessage",
        "MsiCloseHandle",
        "MsiGetLastErrorRecord",
        "MsiCloseAllHandles",
    ];
    assert_eq!(ran.expect_code(0).served.calls, expected);
}

#[test]
fn a_library_that_is_asked_for_by_ordinals_or_by_the_path_of_the_system_folder_is_ours() {
    let Some(ran) = run("Ordinals") else { return };
    assert_eq!(ran.expect_code(0).served.properties["ORDINAL"], r"C:\WINDOWS\System32\MSI");
}

#[test]
fn calls_from_several_threads_do_not_mix() {
    let Some(ran) = run("CallsFromThreads") else { return };
    assert_eq!(ran.expect_code(0).served.calls.len(), 200);
}

#[test]
fn an_action_may_return_any_number_of_32_bits() {
    for (text, code) in [("1603", 1603), ("259", 259), ("4294967295", -1)] {
        let mut served = Served::new();
        served.properties.insert("RETURN".to_owned(), text.to_owned());
        let Some(ran) = run_for("Returns", 240, served) else { return };
        ran.expect_code(code);
    }
}

#[test]
fn a_property_takes_microseconds_and_an_action_milliseconds() {
    // Wine is warm from then on.
    if run("Nothing").is_none() {
        return;
    }
    let ran = run("ManyCalls").unwrap().expect_code(0);
    let nanoseconds: u64 = ran.served.properties["NANOSECONDS"].parse().unwrap();
    let mut times: Vec<_> = (0..5).map(|_| run("Nothing").unwrap().expect_code(0).time).collect();
    times.sort();
    println!("a property: {} µs; an action: {} ms", nanoseconds / 1000, times[2].as_millis());
    // Far above what is usual (some 20 µs and 40 ms), for a machine that does other things too.
    assert!(nanoseconds < 2_000_000, "a property took {nanoseconds} ns");
    assert!(times[0] < Duration::from_secs(3), "an action took {times:?}");
}

#[test]
fn one_host_calls_library_after_library_until_one_leaves_something() {
    let Some((scene, _turn)) = scene() else { return };
    let machine = scene.machine();
    let host = WineHost::new(&machine, scene.files.clone()).unwrap();
    let run = |entry_point: &str| {
        let (mut served, mut lines) = (Served::new(), Vec::new());
        let result =
            host.run_windows(&call(entry_point, scene), &mut served, &mut |it| lines.push(it.to_owned()));
        (result.ok(), served.properties.remove("PROCESS").unwrap_or_default(), lines)
    };
    let (well, first, _) = run("Process");
    assert_eq!(well, Some(CallResult::Exited(0)));
    assert!(first.ends_with("call 1"), "{first}");
    // The library is loaded anew.
    assert_eq!(run("Process").1, first);
    // What was printed is told once, and by the action that has printed it.
    let lines = run("Prints").2;
    assert!(lines.iter().any(|line| line.contains("printed by the action")), "{lines:?}");
    assert_eq!(run("Prints").2, lines);
    assert_eq!(run("LeavesAThread").1, first, "the same host");
    let (_, second, lines) = run("LeavesItself");
    assert_ne!(second, first, "the host of a thread that goes on was used again");
    assert_eq!(lines, [""; 0]);
    let (_, third, _) = run("Process");
    assert_ne!(third, second, "the host of a library that stays was used again");
    for entry_point in ["Crashes", "EndsItsHost"] {
        assert_eq!(run(entry_point).0, None);
        let (well, another, _) = run("Process");
        assert_eq!(well, Some(CallResult::Exited(0)), "after {entry_point}");
        assert_ne!(another, third, "after {entry_point}");
    }
    host.finish();
}

#[test]
fn a_crash_is_reported_with_its_exception_and_place() {
    let Some(ran) = run("Crashes") else { return };
    ran.expect_error(&["TestCrashes", "crashed", "0xc0000005", "action.dll+"]);
    run("CrashesInThread").unwrap().expect_error(&["TestCrashesInThread", "0xc0000005"]);
}

#[test]
fn an_action_that_ends_its_process_is_no_end_of_ours() {
    let Some(ran) = run("Exits") else { return };
    // 1603 as this machine keeps it.
    ran.expect_error(&["TestExits", "ended its process", "67"]);
    run("EndsItsHost").unwrap().expect_error(&["TestEndsItsHost", "ended its process", "9"]);
}

#[test]
fn an_action_that_does_not_return_is_ended() {
    if run("Nothing").is_none() {
        return;
    }
    for entry_point in ["Hangs", "Spins", "Floods"] {
        let ran = run_for(entry_point, 1, Served::new()).unwrap();
        ran.expect_error(&[entry_point, "did not return within 1 seconds"]);
        assert!(ran.time < Duration::from_secs(30), "{:?}", ran.time);
    }
}

#[test]
fn what_an_action_prints_reaches_the_log_and_not_the_channel() {
    let Some(ran) = run("Prints") else { return };
    let ran = ran.expect_code(0);
    assert!(ran.lines.iter().any(|line| line.contains("printed by the action")), "{:?}", ran.lines);
    assert!(ran.lines.iter().any(|line| line.contains("to the error stream")), "{:?}", ran.lines);
}

#[test]
fn a_child_that_is_left_behind_is_not_waited_for() {
    let Some(ran) = run("LeavesAChild") else { return };
    let ran = ran.expect_code(0);
    assert!(ran.time < Duration::from_secs(200), "{:?}", ran.time);
    run("Nothing").unwrap().expect_code(0);
}

#[test]
fn a_message_box_without_a_display_does_not_block() {
    if std::env::var_os("DISPLAY").is_some() {
        println!("SKIPPED: there is a display");
        return;
    }
    let Some(ran) = run("ShowsABox") else { return };
    ran.expect_code(0);
}

#[test]
fn garbage_on_the_channel_is_named_and_ends_the_action() {
    let Some(ran) = run("SendsGarbage") else { return };
    ran.expect_error(&["TestSendsGarbage", "sent a frame of 4294967295 bytes"]);
}

#[test]
fn an_entry_point_or_a_library_that_is_not_there_is_named() {
    let Some(ran) = run("NoSuchEntryPoint") else { return };
    ran.expect_error(&["NoSuchEntryPoint", "error 127"]);
    let (scene, _turn) = scene().unwrap();
    let machine = scene.machine();
    let host = WineHost::new(&machine, scene.files.clone()).unwrap();
    let mut call = call("Nothing", scene);
    call.code = WindowsCode::Library {
        library: Program::File(scene.prefix.join("drive_c/absent.dll")),
        entry_point: "Nothing".to_owned(),
    };
    let error = host.run_windows(&call, &mut Served::new(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("absent.dll"), "{error}");
}

fn program(command_line: &str, wait: bool) -> Option<(Result<CallResult, HostError>, Vec<String>)> {
    let (scene, _turn) = scene()?;
    Some(program_in(scene, command_line, wait))
}

/// The same for who has the turn.
fn program_in(scene: &Scene, command_line: &str, wait: bool) -> (Result<CallResult, HostError>, Vec<String>) {
    let machine = scene.machine();
    let host = WineHost::new(&machine, scene.files.clone()).unwrap();
    let call = ProgramCall {
        action: "Test".to_owned(),
        program: Program::FirstArgument,
        command_line: command_line.to_owned(),
        working_folder: Some(scene.prefix.join("drive_c/windows")),
        environment: vec![("CustomActionData".to_owned(), "a b".to_owned())],
        wait,
    };
    let mut lines = Vec::new();
    let result = host.run(&call, &mut |line| lines.push(line.to_owned()));
    (result, lines)
}

#[test]
fn a_windows_program_has_its_whole_exit_code_folder_variables_and_output() {
    let Some((result, lines)) = program("cmd.exe /c echo %CD%-%CustomActionData% & exit 70000", true) else {
        return;
    };
    assert_eq!(result.unwrap(), CallResult::Exited(70000), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains(r"C:\windows-a b")), "{lines:?}");
    let (result, _) = program("no-such-program.exe", true).unwrap();
    let error = result.unwrap_err().to_string();
    assert!(error.contains("no-such-program.exe: error 2, not found"), "{error}");
}

#[test]
fn a_windows_program_that_is_not_waited_for_goes_on() {
    let Some((result, _)) = program("cmd.exe /c exit 3", false) else { return };
    assert_eq!(result.unwrap(), CallResult::Started);
}
