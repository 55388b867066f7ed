//! `reseat who`, `free` and `rm`, with real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Holder, Place, Ran, end_holders, has_tool, holders, is_root, run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file, and a program that holds it and has registered for restart.
struct Scene {
    place: Place,
    file: PathBuf,
    holder: Holder,
}

impl Scene {
    fn new() -> Scene {
        let place = Place::new();
        let file = place.write("held", "old");
        let holder = place.hold(&file);
        place.register_for_restart(&holder);
        Scene { place, file, holder }
    }

    fn free(&self, arguments: &[&str]) -> Ran {
        let file = text(&self.file);
        self.place.reseat(&[&["free", file], arguments].concat())
    }

    /// Waits until a program that was started again holds the file.
    fn new_holder(&self) -> u32 {
        loop {
            if let Some(pid) = holders(&self.file).into_iter().find(|pid| *pid != self.holder.pid()) {
                return pid;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        end_holders(&self.file);
    }
}

#[test]
fn free_closes_runs_and_starts_again_and_passes_the_exit_code_through() {
    let mut scene = Scene::new();
    // The command sees that nobody holds the file.
    let script = "test ! -e /proc/$1/fd/0 && printf new >$0; echo out; exit 7";
    let old = scene.holder.pid().to_string();
    let ran = scene.free(&["--", "sh", "-c", script, text(&scene.file), &old]);
    ran.expect_code(7).expect_error(&["closed tail", "started tail again"]);
    assert_eq!((ran.out.as_str(), scene.place.read("held").as_str()), ("out\n", "new"));
    assert!(!scene.holder.runs());
    assert_ne!(scene.new_holder(), scene.holder.pid());
    assert!(scene.place.sessions().is_empty(), "the session is over");
}

#[test]
fn free_starts_again_when_the_command_is_not_found_cannot_run_or_is_killed() {
    for (command, code) in [
        (&["/nonexistent/program"][..], 127),
        (&["/"], 126),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["false"], 1),
    ] {
        let scene = Scene::new();
        scene.free(&[&["--"], command].concat()).expect_code(code);
        scene.new_holder();
    }
}

#[test]
fn free_says_who_stays_closed_because_it_has_not_registered() {
    let place = Place::new();
    let file = place.write("held", "x");
    let mut holder = place.hold(&file);
    place
        .reseat(&["free", text(&file), "--", "true"])
        .expect_code(0)
        .expect_error(&["closed tail", "has not registered for restart"]);
    assert_eq!(holder.signal(), Some(15));
    assert!(holders(&file).is_empty());
}

#[test]
fn free_leaves_everything_alone_when_only_registered_applications_may_be_closed() {
    let mut scene = Scene::new();
    let mut other = scene.place.hold(&scene.file);
    let marker = scene.place.path("ran");
    let ran = scene.free(&["--only-registered", "--", "touch", text(&marker)]);
    ran.expect_code(125).expect_error(&["error 351", "tail"]);
    assert!(!marker.exists() && scene.holder.runs() && other.runs());
    drop(other);
    scene.free(&["--only-registered", "--", "touch", text(&marker)]).expect_code(0);
    assert!(marker.exists());
}

#[test]
fn free_does_not_run_the_command_when_someone_does_not_close_unless_forced() {
    let mut scene = Scene::new();
    let mut stubborn = scene.place.hold_stubbornly(&scene.file);
    let marker = scene.place.path("ran");
    let command = ["--timeout", "0.2", "--", "touch", text(&marker)];
    scene.free(&command).expect_code(125).expect_error(&["error 351", "did not stop within 0.2 s"]);
    assert!(!marker.exists() && stubborn.runs());
    // The one that did close runs again all the same.
    let again = loop {
        let stubborn = stubborn.pid();
        let found =
            holders(&scene.file).into_iter().find(|pid| *pid != stubborn && *pid != scene.holder.pid());
        if let Some(pid) = found {
            break pid;
        }
    };
    assert!(!scene.holder.runs());
    scene.free(&[&["--force"], &command[..]].concat()).expect_code(0);
    assert!(marker.exists());
    assert_eq!(stubborn.signal(), Some(9));
    assert!(!holders(&scene.file).contains(&again), "it had not registered anew");
}

#[test]
fn a_dry_run_closes_nothing_and_needs_no_command() {
    let mut scene = Scene::new();
    let rows = scene.free(&["--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(rows[0]["pid"], scene.holder.pid());
    assert_eq!((&rows[0]["type"], &rows[0]["restartable"]), (&"console".into(), &true.into()));
    assert!(scene.holder.runs());
    scene.place.reseat(&["free", text(&scene.file)]).expect_code(2);
    scene.free(&["--timeout", "-1", "--", "true"]).expect_code(2);
}

#[test]
fn free_refuses_when_the_caller_itself_holds_the_file() {
    let scene = Scene::new();
    let script = "\"$@\" <\"$0\"; echo $?";
    let mut command = scene.place.command("sh");
    command.args(["-c", script]).arg(&scene.file).arg(env!("CARGO_BIN_EXE_reseat"));
    let ran = run(command.args(["free", text(&scene.file), "--", "true"]));
    assert_eq!(ran.out, "125\n", "{}", ran.err);
    ran.expect_error(&["error 350", "detected self: sh (process ", "the installer was started by it"]);
}

/// A process that says a line when it is ready.
fn start_and_wait(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn a_signal_to_free_is_passed_to_the_command_and_everything_is_started_again() {
    for signal in ["-TERM", "-INT"] {
        let scene = Scene::new();
        let script = "trap 'exit 9' TERM; echo ready; while :; do read x <\"$0\"; done";
        let pipe = scene.place.fifo("pipe");
        let mut command =
            scene.place.reseat_command(&["free", text(&scene.file), "--", "sh", "-c", script, text(&pipe)]);
        // A group of its own: the signal is for reseat alone.
        let mut child = start_and_wait(command.process_group(0).stderr(Stdio::null()));
        run(Command::new("kill").args([signal, &child.id().to_string()]));
        // The shell hears a signal only between commands or in `wait`; the pipe may end its read.
        drop(std::fs::File::options().read(true).write(true).open(&pipe).unwrap());
        assert_eq!(child.wait().unwrap().code(), Some(9), "{signal}");
        scene.new_holder();
    }
}

#[test]
fn a_signal_while_applications_close_ends_the_wait_and_what_had_closed_runs_again() {
    let mut scene = Scene::new();
    let mut stubborn = scene.place.hold_stubbornly(&scene.file);
    let marker = scene.place.path("ran");
    let mut command = scene.place.reseat_command(&["free", text(&scene.file), "--", "touch", text(&marker)]);
    let child = command.process_group(0).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // Closed, so the wait for the other one has begun; it would take 30 seconds.
    assert_eq!(scene.holder.signal(), Some(15));
    run(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{error}");
    assert!(error.contains("error 1223") && error.contains("started tail again"), "{error}");
    assert!(!marker.exists() && stubborn.runs());
    while !holders(&scene.file).iter().any(|pid| ![stubborn.pid(), scene.holder.pid()].contains(pid)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_free_is_made_good_by_recover() {
    let scene = Scene::new();
    let script = "echo ready; exec sleep 1000";
    let mut command = scene.place.reseat_command(&["free", text(&scene.file), "--", "sh", "-c", script]);
    let mut child = start_and_wait(command.process_group(0).stderr(Stdio::null()));
    let group = format!("-{}", child.id());
    run(Command::new("kill").args(["-KILL", "--", &group]));
    child.wait().unwrap();
    assert!(holders(&scene.file).is_empty());
    let recovered = scene.place.reseat(&["rm", "recover", "--json"]).expect_code(0).json();
    assert_eq!(recovered[0]["application"], "tail");
    scene.new_holder();
    assert_eq!(scene.place.reseat(&["rm", "recover", "--json"]).expect_code(0).json(), serde_json::json!([]));
}

/// Runs a shell script that shares a session; `reseat` is `$R`, the file `$F`.
fn script(scene: &Scene, script: &str) -> Ran {
    let mut command = scene.place.command("sh");
    let pid = scene.holder.pid().to_string();
    run(command
        .args(["-euc", script])
        .env("R", env!("CARGO_BIN_EXE_reseat"))
        .env("F", &scene.file)
        .env("P", pid))
}

#[test]
fn a_script_starts_lists_closes_restarts_and_ends_a_session() {
    let mut scene = Scene::new();
    let ran = script(
        &scene,
        r#"k=$($R rm start); $R rm register $k "$F"; $R rm list $k --json
        $R rm restart $k && exit 1 || test $? = 1
        $R rm shutdown $k; $R rm list $k --json
        $R rm restart $k --json; $R rm list $k --json; $R rm end $k
        $R rm list $k || test $? = 1"#,
    );
    ran.expect_code(0).expect_error(&["error 776", "error 1219"]);
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&ran.out).into_iter().map(Result::unwrap).collect();
    let status: Vec<&str> =
        [0, 1, 3].iter().map(|at| values[*at]["applications"][0]["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["running", "stopped", "running, stopped, restarted"]);
    assert_eq!(values[2][0]["old"], scene.holder.pid());
    assert_eq!(values[2][0]["new"], scene.new_holder());
    assert!(!scene.holder.runs());
}

#[test]
fn what_was_closed_last_is_started_first() {
    let scene = Scene::new();
    let other = scene.place.hold(&scene.file);
    scene.place.register_for_restart(&other);
    let ran = script(
        &scene,
        r#"k=$($R rm start); $R rm register $k "$F"; $R rm shutdown $k
        $R rm list $k --json; $R rm restart $k --json; $R rm end $k"#,
    );
    ran.expect_code(0);
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&ran.out).into_iter().map(Result::unwrap).collect();
    let [list, restarted] = &values[..] else { panic!("{}", ran.out) };
    let pids = |list: &Value, name: &str| -> Vec<u64> {
        list.as_array().unwrap().iter().map(|it| it[name].as_u64().unwrap()).collect()
    };
    let mut closed = pids(&list["applications"], "pid");
    assert_eq!(closed.len(), 2);
    closed.reverse();
    assert_eq!(pids(restarted, "old"), closed);
}

#[test]
fn a_session_belongs_to_its_owner_and_ends_with_it() {
    let scene = Scene::new();
    let key = script(&scene, "$R rm start").out;
    // The shell that owned it has ended.
    scene.place.reseat(&["rm", "list", key.trim()]).expect_failure(&["error 1219"]);
    // Another process may join a session whose owner lives, and not list it.
    let pid = scene.holder.pid().to_string();
    let key = scene.place.reseat(&["rm", "start", "--owner", &pid]).out;
    scene.place.reseat(&["rm", "join", key.trim()]).expect_code(0);
    for command in ["list", "shutdown", "restart", "end"] {
        scene.place.reseat(&["rm", command, key.trim()]).expect_failure(&["error 1219", "primary"]);
    }
    scene.place.reseat(&["rm", "filter", key.trim(), "list"]).expect_failure(&["error 1219"]);
    scene.place.reseat(&["rm", "start", "--owner", "4194304"]).expect_code(2);
}

#[test]
fn filters_keep_an_application_from_being_closed_or_restarted_and_the_last_one_wins() {
    let mut scene = Scene::new();
    let ran = script(
        &scene,
        r#"k=$($R rm start); $R rm register $k "$F"
        tail=$(readlink /proc/$P/exe)
        $R rm filter $k add --no-restart --pid $P
        $R rm filter $k add --no-shutdown --pid $P
        $R rm filter $k add --no-restart --service demo.service
        $R rm filter $k list --json
        $R rm shutdown $k; kill -0 $P
        $R rm list $k --json
        $R rm filter $k remove --pid $P
        $R rm filter $k remove --pid $P || test $? = 1
        $R rm filter $k add --no-restart --file "$tail"
        $R rm shutdown $k; $R rm restart $k --json
        $R rm list $k --json
        $R rm filter $k remove --file "$tail"
        $R rm restart $k --json; $R rm end $k"#,
    );
    ran.expect_code(0).expect_error(&["error 2: there is no such filter"]);
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&ran.out).into_iter().map(Result::unwrap).collect();
    let [filters, masked, none, closed, restarted] = &values[..] else { panic!("{}", ran.out) };
    assert_eq!(filters.as_array().unwrap().len(), 2);
    assert_eq!((&filters[0]["filter"], &filters[0]["for"]), (&"no shutdown".into(), &"process".into()));
    assert_eq!(filters[1]["name"], "demo.service");
    assert_eq!(masked["applications"][0]["status"], "running, shutdown masked");
    assert_eq!(*none, serde_json::json!([]));
    assert_eq!(closed["applications"][0]["status"], "stopped");
    assert_eq!(restarted[0]["old"], scene.holder.pid());
    assert!(!scene.holder.runs());
    scene.new_holder();
}

#[test]
fn who_says_what_sort_of_application_it_is_and_whether_it_can_be_restarted() {
    let scene = Scene::new();
    let other = scene.place.hold(&scene.file);
    let rows = scene.place.reseat(&["who", "--json", text(&scene.file)]).expect_code(0).json();
    let row = |pid: u32| rows.as_array().unwrap().iter().find(|row| row["pid"] == pid).unwrap().clone();
    let (registered, plain) = (row(scene.holder.pid()), row(other.pid()));
    assert_eq!((&registered["restartable"], &plain["restartable"]), (&true.into(), &false.into()));
    assert_eq!((&plain["type"], &plain["uses"]), (&"console".into(), &"open".into()));
    assert_eq!(plain["file"], text(&scene.file));
    let table = scene.place.reseat(&["who", text(&scene.file)]);
    let heading = table.out.lines().next().unwrap();
    for word in ["APPLICATION", "PID", "USER", "TYPE", "RESTART", "USES", "FILE"] {
        assert!(heading.contains(word), "{heading}");
    }
    // The shell that asks is one that must not be closed, with the reason.
    let ran = script(&scene, r#"exec 3<"$F"; $R who --json "$F"; :"#);
    let rows = ran.json();
    let shell = rows.as_array().unwrap().iter().find(|row| row["type"] == "critical").unwrap();
    assert!(shell["critical"].as_str().unwrap().contains("started by it"), "{shell}");
}

#[test]
fn what_a_program_is_called_tells_the_terminal_nothing() {
    let scene = Scene::new();
    let program = scene.place.path("\u{1b}[31mred\n\u{202e}x");
    run(Command::new("cp").arg("/usr/bin/tail").arg(&program)).expect_code(0);
    let mut child = Command::new(&program).arg("-f").arg(&scene.file).stdout(Stdio::null()).spawn().unwrap();
    while !support::holds(child.id(), &scene.file) {
        std::thread::yield_now();
    }
    let file = text(&scene.file);
    let program = text(&program);
    let pid = child.id().to_string();
    let used = scene.place.reseat(&["who", file, program]);
    let dry = scene.place.reseat(&["free", "--dry-run", file]);
    let key = script(&scene, "k=$($R rm start); $R rm register $k \"$F\"; $R rm list $k; $R rm end $k");
    for ran in [&used, &dry, &key] {
        ran.expect_code(0);
        assert!(ran.out.contains("?[31mred?") && ran.out.contains(&pid), "{}", ran.out);
        assert!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.out);
        assert!(!ran.err.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.err);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_program_on_the_users_list_is_critical_with_its_reason_and_never_closed() {
    let mut scene = Scene::new();
    std::fs::create_dir_all(scene.place.path("home/reseat/critical.d")).unwrap();
    scene.place.write("home/reseat/critical.d/ours.conf", "# ours\ntail  counts what must not be lost\n");
    let rows = scene.place.reseat(&["who", "--json", text(&scene.file)]).expect_code(0).json();
    assert_eq!((&rows[0]["type"], &rows[0]["restartable"]), (&"critical".into(), &false.into()));
    assert_eq!(rows[0]["critical"], "counts what must not be lost");
    scene.free(&["--force", "--", "true"]).expect_code(125).expect_error(&["error 350", "critical service"]);
    assert!(scene.holder.runs());
    scene.place.write("home/reseat/critical.d/z.conf", "!tail\n");
    scene.free(&["--", "true"]).expect_code(0);
}

#[test]
fn what_was_remembered_runs_again_after_the_system_was_restarted() {
    let mut scene = Scene::new();
    let other = scene.place.hold(&scene.file);
    let pid = other.pid().to_string();
    let arguments = ["rm", "register-restart", "--no-reboot", "--pid", &pid, "--", "-f", text(&scene.file)];
    scene.place.reseat(&arguments).expect_code(0);
    let state = scene.place.path("home/.local/state");
    let reseat = |arguments: &[&str]| {
        let mut command = scene.place.reseat_command(arguments);
        run(command.env("XDG_STATE_HOME", &state).env("DISPLAY", ":77"))
    };
    let remembered = reseat(&["rm", "remember", "--json"]).expect_code(0).json();
    assert_eq!(remembered, serde_json::json!([{ "application": "tail", "pid": scene.holder.pid() }]));
    drop(other);
    run(Command::new("kill").arg(scene.holder.pid().to_string()));
    assert_eq!(scene.holder.signal(), Some(15));
    assert_eq!(reseat(&["rm", "recover", "--json"]).json(), serde_json::json!([]), "not in the same boot");
    // Another boot, as far as the file knows.
    let file = state.join("reseat/after-reboot");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains(boot.trim()));
    std::fs::write(&file, written.replace(boot.trim(), "another")).unwrap();
    let recovered = reseat(&["rm", "recover", "--json"]).expect_code(0).json();
    assert_eq!(recovered[0]["old"], scene.holder.pid());
    let new = scene.new_holder();
    assert_eq!(recovered[0]["new"], new);
    let environment = std::fs::read_to_string(format!("/proc/{new}/environ")).unwrap();
    assert!(environment.split('\0').any(|it| it == "DISPLAY=:77"), "that of the new login");
    assert_eq!(reseat(&["rm", "recover", "--json"]).json(), serde_json::json!([]), "once is enough");
}

#[test]
fn three_capabilities_suffice_to_see_and_to_close_what_belongs_to_others() {
    if !is_root() || !has_tool("setpriv") {
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = place.write("held", "x");
    let mut holder = place.hold(&file);
    let runtime = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(runtime.path(), Some(65534), Some(65534)).unwrap();
    let capabilities = "+sys_ptrace,+dac_read_search,+kill";
    let setpriv = |arguments: &[&str]| {
        let mut command = place.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(arguments);
        run(command.env("RESEAT_RUNTIME_DIR", runtime.path()))
    };
    let all = [&format!("--inh-caps={capabilities}"), &format!("--ambient-caps={capabilities}")];
    let reseat = env!("CARGO_BIN_EXE_reseat");
    let with = |arguments: &[&str]| setpriv(&[&all.map(String::as_str)[..], &[reseat], arguments].concat());
    if !setpriv(&[reseat, "--version"]).status.success() || !with(&["--version"]).status.success() {
        println!("SKIPPED: another user cannot run reseat, or may not have capabilities");
        return;
    }
    // Without them it is not known.
    setpriv(&[reseat, "who", text(&file)]).expect_code(2);
    setpriv(&[reseat, "free", text(&file), "--", "true"])
        .expect_code(0)
        .expect_error(&["in use is not known", "processes could not be inspected"]);
    // Its own file can be asked: that is in use for certain.
    std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
    setpriv(&[reseat, "who", text(&file)]).expect_code(2).expect_error(&["is in use, by the kernel or by"]);
    setpriv(&[reseat, "free", text(&file), "--", "true"])
        .expect_code(125)
        .expect_error(&["error 350", "permission denied"]);
    assert!(holder.runs());
    let rows = with(&["who", "--json", text(&file)]).expect_code(0).json();
    assert_eq!((&rows[0]["pid"], &rows[0]["type"]), (&holder.pid().into(), &"console".into()));
    with(&["free", text(&file), "--", "true"]).expect_code(0);
    assert_eq!(holder.signal(), Some(15));
}

#[test]
fn what_runs_as_another_user_or_elevated_is_closed_and_not_started_again() {
    if !is_root() || !has_tool("setpriv") {
        return;
    }
    let place = Place::new();
    let file = place.write("held", "x");
    std::fs::set_permissions(place.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Another user; and one whose real user is another than the one with whose rights it runs.
    for users in [&["--reuid=65534", "--regid=65534", "--clear-groups"][..], &["--ruid=65534"]] {
        let mut command = place.command("setpriv");
        let program = command.args(users).args(["tail", "-f"]).arg(&file).stdout(Stdio::null());
        let mut child = program.spawn().unwrap();
        let pid = child.id().to_string();
        while !support::holds(child.id(), &file) {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::yield_now();
        }
        let registered = place.reseat(&["rm", "register-restart", "--pid", &pid, "--", "-f", text(&file)]);
        if users.len() > 1 {
            registered.expect_failure(&["belongs to another user"]);
        } else {
            registered.expect_code(0);
        }
        let rows = place.reseat(&["who", "--json", text(&file)]).expect_code(0).json();
        assert_eq!((&rows[0]["type"], &rows[0]["restartable"]), (&"console".into(), &false.into()), "{rows}");
        place.reseat(&["free", text(&file), "--", "true"]).expect_code(0).expect_error(&["stays closed"]);
        assert!(!child.wait().unwrap().success());
        assert!(holders(&file).is_empty());
    }
}

#[test]
fn free_shows_how_far_it_is_on_a_terminal_and_nowhere_else() {
    if !has_tool("script") {
        return;
    }
    let scene = Scene::new();
    let other = scene.place.hold_stubbornly(&scene.file);
    let line = format!(
        "{} free --timeout 1 --force {} -- echo freed",
        env!("CARGO_BIN_EXE_reseat"),
        text(&scene.file)
    );
    let mut command = scene.place.command("script");
    let ran = run(command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("COLUMNS", "80"));
    ran.expect_code(0);
    assert!(ran.out.contains("closing applications") && ran.out.contains('%'), "{:?}", ran.out);
    assert!(ran.out.contains("freed"), "{:?}", ran.out);
    drop(other);
    let scene = Scene::new();
    let ran = scene.free(&["--", "true"]);
    assert!(!ran.err.contains("closing applications"), "{}", ran.err);
}

#[test]
fn who_names_the_users_of_what_is_in_a_folder_and_knows_free_from_unknown() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("a/b")).unwrap();
    let file = place.write("a/b/held", "x");
    place.reseat(&["who", text(&file)]).expect_code(1).expect_error(&["nobody uses it"]);
    let ran = place.reseat(&["who", "--quiet", text(&file)]);
    assert_eq!((ran.expect_code(1).out.as_str(), ran.err.as_str()), ("", ""));
    let holder = place.hold(&file);
    let rows = place.reseat(&["who", "--json", text(&place.path("a"))]).expect_code(0).json();
    assert!(rows.as_array().unwrap().iter().any(|row| row["pid"] == holder.pid()), "{rows}");
    // The command itself, which is started in the folder, is not what was asked for.
    let ran = place.reseat(&["who", "--json", text(&place.path(""))]);
    assert!(ran.json().as_array().unwrap().iter().all(|row| row["application"] != "reseat"), "{}", ran.out);
    place.reseat(&["who", text(&place.path("absent"))]).expect_code(2).expect_error(&["does not exist"]);
    place.reseat(&["who", "surely-no-such.service"]).expect_code(2).expect_error(&["no service manager"]);
}
