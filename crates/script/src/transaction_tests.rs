//! Whole transactions: every kind of operation there and back, failures, and kills at every step.

use reseat_machine::Attributes;

use crate::trial::*;
use crate::*;

fn read(trial: &Trial, name: &str) -> Option<String> {
    std::fs::read_to_string(trial.prefix().join(name)).ok()
}

#[test]
fn a_folder_is_made_with_those_above_it() {
    let trial = there_and_back([CreateFolder { path: path(r"C:\New\a\b") }.into()]);
    assert!(trial.prefix().join("drive_c/New/a/b").is_dir());
}

#[test]
fn an_empty_folder_is_removed_and_comes_back_with_its_permissions() {
    let trial = there_and_back([
        RemoveFolder { path: path(r"C:\old\EMPTY") }.into(),
        RemoveFolder { path: path(r"C:\Old\Sub") }.into(),
        RemoveFolder { path: path(r"C:\none") }.into(),
    ]);
    assert!(!trial.prefix().join("drive_c/Old/Empty").exists());
    assert!(trial.prefix().join("drive_c/Old/Sub").is_dir());
}

#[test]
fn files_are_installed_beside_and_over_others() {
    let trial = there_and_back([
        install(r"C:\New\deep\a.txt", "first"),
        install(r"C:\old\ONE.TXT", "second, longer than what was there"),
        install(r"C:\Old\two.txt", ""),
        install(r"D:\on another drive.txt", "third"),
    ]);
    assert_eq!(read(&trial, "drive_c/New/deep/a.txt").unwrap(), "first");
    assert_eq!(read(&trial, "drive_c/Old/ONE.TXT").unwrap(), "second, longer than what was there");
    assert_eq!(read(&trial, "drive_c/Old/One.txt"), None);
    assert_eq!(read(&trial, "drive_c/Old/two.txt").unwrap(), "");
    assert_eq!(read(&trial, "drive_d/on another drive.txt").unwrap(), "third");
}

#[test]
fn a_file_gets_its_attributes_and_time() {
    let attributes = Attributes { read_only: true, hidden: true, system: false };
    let Operation::InstallFile(file) = install(r"C:\New\a", "a") else { unreachable!() };
    let trial = there_and_back([InstallFile { attributes, ..file.clone() }.into()]);
    let machine = trial.machine();
    assert!(machine.attributes(&file.path).unwrap().read_only);
    assert_eq!(machine.metadata(&file.path).unwrap().unwrap().modified, file.modified.unwrap());
}

#[test]
fn a_file_is_written_from_the_script() {
    let trial = there_and_back([
        WriteFile { path: path(r"C:\New\a.lnk"), content: vec![76, 0, 1] }.into(),
        WriteFile { path: path(r"C:\Old\two.txt"), content: b"2".to_vec() }.into(),
    ]);
    assert_eq!(std::fs::read(trial.prefix().join("drive_c/New/a.lnk")).unwrap(), [76, 0, 1]);
}

#[test]
fn ini_files_are_made_changed_and_emptied() {
    let edit = |file: &str, key: &str, change| {
        let edits = vec![IniEdit { section: "s".to_owned(), key: key.to_owned(), change }];
        EditIniFile { path: path(file), edits }.into()
    };
    let trial = there_and_back([
        edit(r"C:\New\made.ini", "a", IniChange::Set("1".to_owned())),
        edit(r"C:\New\MADE.ini", "b", IniChange::Set("2".to_owned())),
        edit(r"C:\New\none.ini", "b", IniChange::Remove),
        install(r"C:\New\installed.ini", "[S]\nold=1\n"),
        edit(r"C:\New\installed.ini", "new", IniChange::Set("2".to_owned())),
        install(r"C:\Old\gone.ini", "[s]\r\nk=1"),
        edit(r"C:\Old\gone.ini", "K", IniChange::Remove),
    ]);
    assert_eq!(read(&trial, "drive_c/New/made.ini").unwrap(), "[s]\r\na=1\r\nb=2\r\n");
    assert_eq!(read(&trial, "drive_c/New/installed.ini").unwrap(), "[S]\nold=1\nnew=2\n");
    assert_eq!(read(&trial, "drive_c/New/none.ini"), None);
    assert_eq!(read(&trial, "drive_c/Old/gone.ini"), None);
}

#[test]
fn a_file_is_copied() {
    let trial = there_and_back([
        DuplicateFile { from: path(r"C:\old\one.txt"), to: path(r"C:\New\copy") }.into(),
        DuplicateFile { from: path(r"C:\New\COPY"), to: path(r"C:\Old\two.txt") }.into(),
        DuplicateFile { from: path(r"C:\Old\two.txt"), to: path(r"C:\Old\TWO.txt") }.into(),
    ]);
    assert_eq!(read(&trial, "drive_c/New/copy").unwrap(), "old One.txt");
    assert_eq!(read(&trial, "drive_c/Old/two.txt").unwrap(), "old One.txt");
}

#[test]
fn a_file_is_moved_also_over_another_and_to_another_drive() {
    let trial = there_and_back([
        MoveFile { from: path(r"C:\old\one.txt"), to: path(r"C:\Old\TWO.txt") }.into(),
        MoveFile { from: path(r"C:\old\Sub\four"), to: path(r"D:\x\four") }.into(),
        MoveFile { from: path(r"C:\Old\two.txt"), to: path(r"C:\Old\one.txt") }.into(),
    ]);
    assert_eq!(read(&trial, "drive_c/Old/one.txt").unwrap(), "old One.txt");
    assert_eq!(read(&trial, "drive_d/x/four").unwrap(), "old Sub/four");
    assert!(!trial.prefix().join("drive_c/Old/TWO.txt").exists());
}

#[test]
fn a_file_is_removed() {
    let trial = there_and_back([
        RemoveFile { path: path(r"C:\old\one.txt") }.into(),
        RemoveFile { path: path(r"C:\none\one.txt") }.into(),
        RemoveFile { path: path(r"C:\Old\SUB\three.EXE") }.into(),
        RemoveFile { path: path(r"C:\Old\Sub\four") }.into(),
        RemoveFolder { path: path(r"C:\Old\Sub") }.into(),
    ]);
    assert!(!trial.prefix().join("drive_c/Old/One.txt").exists());
    assert!(!trial.prefix().join("drive_c/Old/Sub").exists());
}

#[test]
fn registry_keys_and_values_come_and_go() {
    let trial = there_and_back([
        set("New", "1"),
        CreateRegistryKey { key: key("Empty") }.into(),
        RemoveRegistryValue { key: key("Old"), name: "a".to_owned() }.into(),
        RemoveRegistryKey { key: key("none") }.into(),
    ]);
    let machine = trial.machine();
    let registry = machine.registry().unwrap();
    assert!(registry.exists(&key("Empty")));
    assert_eq!(registry.value(&key("New"), "v").unwrap().as_text(), Some("1"));
    assert_eq!(registry.value(&key("Old"), "a"), None);
    let trial = there_and_back([RemoveRegistryKey { key: key("Old") }.into()]);
    assert!(!trial.machine().registry().unwrap().exists(&key("Old")));
}

/// A bit of everything, with paths that come again.
fn everything() -> InstallScript {
    script([
        CreateFolder { path: path(r"C:\New") }.into(),
        install(r"C:\New\a", "a"),
        install(r"C:\Old\ONE.txt", "new one"),
        RemoveFile { path: path(r"C:\Old\two.txt") }.into(),
        install(r"C:\Old\TWO.txt", "new two"),
        set("New", "1"),
        action("UndoPlant", ActionKind::Rollback, "Plant"),
        action("Plant", ActionKind::Deferred, ""),
        MoveFile { from: path(r"C:\New\a"), to: path(r"C:\New\b") }.into(),
        install(r"C:\New\a", "a again"),
        RemoveFile { path: path(r"C:\Old\Sub\four") }.into(),
        RemoveFile { path: path(r"C:\Old\Sub\three.exe") }.into(),
        RemoveFolder { path: path(r"C:\Old\Sub") }.into(),
        RemoveFolder { path: path(r"C:\Old\Empty") }.into(),
        install(r"C:\Old\Sub", "a file where a folder was"),
        DuplicateFile { from: path(r"C:\Old\Sub"), to: path(r"D:\copy") }.into(),
        action("Done", ActionKind::Commit, ""),
        set("New", "2"),
    ])
}

fn host(trial: &Trial) -> Host {
    Host { place: Some(trial.prefix().join("drive_c")), ..Host::default() }
}

/// Begins, runs and commits or rolls back until the fuse burns out. Says how many steps there were if it does not.
fn until(trial: &Trial, left: Option<u64>, no_links: bool, commit: bool, host: &mut Host) -> Option<u64> {
    let machine = trial.machine();
    let mut execution = Execution::begin(&machine, "t", "everything", Rollback::Enabled).unwrap();
    execution.site.fuse.left.set(left);
    execution.site.fuse.no_links = no_links;
    if execution.run(&everything(), host).is_err() {
        assert!(execution.site.stopped());
        return None;
    }
    let burnt = execution.site.fuse.burnt.clone();
    if commit {
        execution.commit(host).ok()?;
    } else {
        let report = execution.roll_back(host);
        if !report.complete {
            return None;
        }
    }
    // The steps after the run are not counted, so count generously.
    Some(burnt.get() * 2 + 20)
}

/// Recovers until the fuse burns out, with a machine that knows nothing.
fn recover_until(trial: &Trial, left: Option<u64>, no_links: bool, host: &mut Host) -> Result<(), String> {
    let machine = trial.machine();
    let Some(pending) = pending(&machine).unwrap() else { return Ok(()) };
    let (mut execution, contents) = Execution::resume(&machine, &pending.id).unwrap();
    execution.site.fuse.left.set(left);
    execution.site.fuse.no_links = no_links;
    match execution.recover(contents, host) {
        Ok(Recovery::RolledBack { report, .. }) if report.complete => Ok(()),
        Ok(Recovery::Committed { .. }) if !execution.site.stopped() => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn killed_at_any_step_and_again_in_the_recovery_it_is_before_or_after() {
    let reference = Trial::new();
    until(&reference, None, false, true, &mut host(&reference)).unwrap();
    let after = reference.contents();
    let (mut runs, mut befores, mut afters) = (0, 0, 0);
    for (no_links, commit) in [(false, true), (false, false), (true, true), (true, false)] {
        for kill in 0.. {
            // A different step of the recovery each time; every step of it for some.
            let seconds: Vec<u64> =
                if kill % 9 == 0 { (0..60).step_by(1).collect() } else { vec![kill * 7 % 31] };
            let mut through = false;
            for second in seconds {
                let trial = Trial::new();
                let before = trial.tree();
                let mut host = host(&trial);
                through = until(&trial, Some(kill), no_links, commit, &mut host).is_some();
                let must_be_after = commit && through;
                let committed = matches!(pending(&trial.machine()).unwrap(), Some(p) if matches!(p.state, PendingState::Commit | PendingState::Tidy));
                // These are killed too, if they do not come to their end before.
                let _ = recover_until(&trial, Some(second), no_links, &mut host);
                let _ = recover_until(&trial, Some(second + 3), no_links, &mut host);
                let when = format!("kill {kill}, then {second}, no_links {no_links}, commit {commit}");
                assert_eq!(recover_until(&trial, None, no_links, &mut host), Ok(()), "{when}");
                if must_be_after || committed {
                    assert_same(&trial.contents(), &after, &when);
                    let done = host.ran.iter().filter(|(name, _)| name == "Done").count();
                    assert!(done <= 1, "{when}: the commit action ran {done} times");
                    afters += 1;
                } else {
                    assert_same(&trial.tree(), &before, &when);
                    befores += 1;
                }
                assert_eq!(pending(&trial.machine()).unwrap(), None, "{when}");
                runs += 1;
            }
            if through {
                break;
            }
        }
    }
    println!("{runs} runs with kills: {befores} ended before, {afters} after");
    assert!(befores > 100 && afters > 10);
}

#[test]
fn a_failed_action_leads_back_with_rollback_actions_in_reverse_order() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let mut host = Host { failing: ["Bad".to_owned()].into(), ..Host::default() };
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    let script = script([
        action("Undo1", ActionKind::Rollback, ""),
        install(r"C:\New\a", "a"),
        action("Undo2", ActionKind::Rollback, ""),
        action("Done", ActionKind::Commit, ""),
        action("Bad", ActionKind::Deferred, ""),
        action("Undo3", ActionKind::Rollback, ""),
    ]);
    let error = execution.run(&script, &mut host).unwrap_err();
    assert_eq!(error.to_string(), "custom action Bad failed");
    assert!(matches!(execution.run(&InstallScript::default(), &mut host), Err(ExecutionError::Failed)));
    let report = execution.roll_back(&mut host);
    assert!(report.complete);
    assert_eq!(report.actions, ["Undo2", "Undo1"]);
    let phases: Vec<Phase> = host.ran.iter().map(|(_, phase)| *phase).collect();
    assert_eq!(phases, [Phase::Execution, Phase::Rollback, Phase::Rollback]);
    assert_same(&trial.tree(), &before, "after the rollback");
}

#[test]
fn a_failed_commit_action_leads_back() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let mut host = Host { failing: ["Second".to_owned()].into(), ..Host::default() };
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    let script = script([
        install(r"C:\Old\one.txt", "a"),
        action("First", ActionKind::Commit, ""),
        action("Second", ActionKind::Commit, ""),
        action("Third", ActionKind::Commit, ""),
    ]);
    execution.run(&script, &mut host).unwrap();
    let failure = execution.commit(&mut host).unwrap_err();
    assert_eq!(failure.error.to_string(), "custom action Second failed");
    assert!(failure.execution.roll_back(&mut host).complete);
    assert_eq!(host.ran.len(), 2);
    assert_same(&trial.tree(), &before, "after the rollback");
}

#[test]
fn the_rollback_script_can_be_shown_beside_the_script() {
    let trial = Trial::new();
    let machine = trial.machine();
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    let script = script([
        install(r"C:\New\a", "a"),
        install(r"C:\Old\ONE.txt", "1"),
        RemoveFile { path: path(r"D:\none") }.into(),
        RemoveFile { path: path(r"C:\Old\two.txt") }.into(),
        RemoveFolder { path: path(r"C:\Old\Empty") }.into(),
        set("New", "1"),
    ]);
    execution.run(&script, &mut Host::default()).unwrap();
    let shown: Vec<String> = execution.rollback_script().map(|(_, change)| change.to_string()).collect();
    assert_eq!(
        shown,
        [
            "restore 1 key of system.reg",
            r"restore folder C:\Old\Empty",
            r"restore file C:\Old\two.txt from C:\Config.Msi\t-1.rbf",
            r"restore file C:\Old\One.txt from C:\Config.Msi\t-0.rbf",
            r"remove file C:\New\a",
            r"remove folder C:\New",
        ]
    );
    assert!(execution.roll_back(&mut Host::default()).complete);
}

#[test]
fn cancelling_ends_between_operations() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let mut host = Host { cancel_after: Some(2), ..Host::default() };
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    assert!(matches!(execution.run(&everything(), &mut host), Err(ExecutionError::Cancelled)));
    assert_eq!(host.done, [r"create folder C:\New", r"install file C:\New\a"]);
    let failure = execution.commit(&mut host).unwrap_err();
    assert!(matches!(failure.error, ExecutionError::Failed));
    failure.execution.roll_back(&mut host);
    assert_eq!(host.undone, 2);
    assert_same(&trial.tree(), &before, "after the rollback");
}

#[test]
fn a_source_of_another_length_is_refused() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    for (size, message) in [
        (3, r"the source of 'C:\Old\One.txt' is longer than the 3 bytes that the package promises"),
        (6, r"the source of 'C:\Old\One.txt' has 5 bytes, the package promises 6"),
    ] {
        let Operation::InstallFile(file) = install(r"C:\Old\One.txt", "12345") else { unreachable!() };
        let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
        let error =
            execution.run(&script([InstallFile { size, ..file }.into()]), &mut Host::default()).unwrap_err();
        let ExecutionError::Operation { action, operation, fault } = &error else { panic!("{error}") };
        assert_eq!((action.as_str(), operation.as_str()), ("Trial", r"install file C:\Old\One.txt"));
        assert_eq!(fault.to_string(), message);
        assert!(execution.roll_back(&mut Host::default()).complete);
        assert_same(&trial.tree(), &before, "after the rollback");
    }
}

#[test]
fn a_failed_operation_can_be_ignored_or_tried_again() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let Operation::InstallFile(file) = install(r"C:\New\bad", "12345") else { unreachable!() };
    let bad: Operation = InstallFile { size: 3, ..file }.into();
    let blocked = install(r"C:\Old\Sub", "a folder is there");
    for answer in [Answer::Ignore, Answer::Retry] {
        let mut host = Host::default();
        host.answers.insert("Bad".to_owned(), answer);
        host.answers.insert("Blocked".to_owned(), Answer::Ignore);
        let mut script = script([install(r"C:\New\a", "a")]);
        script.push("Bad", bad.clone());
        script.push("Trial", install(r"C:\New\b", "b"));
        script.push("Blocked", blocked.clone());
        let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
        let outcome = execution.run(&script, &mut host);
        if answer == Answer::Ignore {
            outcome.unwrap();
            assert_eq!(host.failures.len(), 2);
            assert!(trial.prefix().join("drive_c/New/b").exists());
            assert!(!trial.prefix().join("drive_c/New/bad").exists());
        } else {
            outcome.unwrap_err();
            assert_eq!(host.failures.len(), 2, "asked again after the second try");
        }
        assert!(execution.roll_back(&mut host).complete);
        assert_same(&trial.tree(), &before, "after the rollback");
    }
}

#[test]
fn without_rollback_nothing_is_kept_and_nothing_comes_back() {
    let trial = Trial::new();
    let machine = trial.machine();
    let mut host = host(&trial);
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Disabled).unwrap();
    execution.run(&everything(), &mut host).unwrap();
    assert_eq!(host.ran.len(), 1, "neither rollback nor commit actions run");
    let report = execution.roll_back(&mut host);
    assert!(report.disabled && !report.complete);
    assert_eq!(read(&trial, "drive_c/New/a").unwrap(), "a again");
    assert_eq!(pending(&machine).unwrap(), None);
    let kept = [".rb", ".new", "Config.Msi"];
    assert!(!trial.tree().keys().any(|name| kept.iter().any(|part| name.contains(part))));
}

#[test]
fn the_action_disable_rollback_holds_for_what_follows() {
    let trial = Trial::new();
    let machine = trial.machine();
    let mut host = Host::default();
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    let script = script([
        install(r"C:\Old\One.txt", "new"),
        Operation::DisableRollback,
        install(r"C:\Old\two.txt", "new"),
        action("Undo", ActionKind::Rollback, ""),
    ]);
    execution.run(&script, &mut host).unwrap();
    execution.roll_back(&mut host);
    assert!(host.ran.is_empty());
    assert_eq!(read(&trial, "drive_c/Old/One.txt").unwrap(), "old One.txt");
    assert_eq!(read(&trial, "drive_c/Old/two.txt").unwrap(), "new");
}

#[test]
fn a_second_transaction_waits_for_the_recovery_of_the_first() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let mut execution = Execution::begin(&machine, "first", "Editor 1.0", Rollback::Enabled).unwrap();
    execution.run(&everything(), &mut host(&trial)).unwrap();
    drop(execution);
    let refused = Execution::begin(&machine, "second", "x", Rollback::Enabled).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the installation 'Editor 1.0' was interrupted and has to be recovered first"
    );
    let recovery = recover(&machine, &mut host(&trial)).unwrap().unwrap();
    assert!(matches!(recovery, Recovery::RolledBack { report, .. } if report.complete));
    assert_same(&trial.tree(), &before, "after the recovery");
    assert!(recover(&machine, &mut host(&trial)).unwrap().is_none());
    assert!(matches!(
        Execution::begin(&machine, "../x", "x", Rollback::Enabled),
        Err(ExecutionError::Id { .. })
    ));
}

#[test]
fn what_cannot_be_undone_now_is_kept_for_the_next_recovery() {
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let mut host = Host::default();
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    execution
        .run(&script([install(r"C:\Old\One.txt", "new"), install(r"C:\New\a", "a")]), &mut host)
        .unwrap();
    // A folder is in the way of what is to be restored.
    let place = trial.prefix().join("drive_c/Old/One.txt");
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    let report = execution.roll_back(&mut host);
    assert!(!report.complete);
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(!trial.prefix().join("drive_c/New").exists(), "the rest is undone");
    assert_eq!(pending(&machine).unwrap().unwrap().state, PendingState::RollBack);
    std::fs::remove_dir(&place).unwrap();
    assert!(
        matches!(recover(&machine, &mut host).unwrap(), Some(Recovery::RolledBack { report, .. }) if report.complete)
    );
    assert_same(&trial.tree(), &before, "after the recovery");
}

#[test]
fn a_file_that_appears_after_the_plan_is_kept_too() {
    struct Meddler(Host, std::path::PathBuf);
    impl Environment for Meddler {
        fn copy_source(&mut self, source: &Source, out: &mut dyn std::io::Write) -> Result<u64, SourceError> {
            let Self(host, place) = self;
            if !place.exists() {
                std::fs::write(&place, "somebody else's")?;
            }
            host.copy_source(source, out)
        }
        fn run_action(&mut self, _: &ScheduledAction, _: Phase) -> Result<(), ActionFailure> {
            Ok(())
        }
    }
    let trial = Trial::new();
    let before = trial.tree();
    let machine = trial.machine();
    let place = trial.prefix().join("drive_c/New/b");
    let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
    let script = script([install(r"C:\New\a", "a"), install(r"C:\New\b", "b")]);
    execution.run(&script, &mut Meddler(Host::default(), place.clone())).unwrap();
    assert_eq!(std::fs::read_to_string(&place).unwrap(), "b");
    execution.roll_back(&mut Host::default());
    assert_eq!(std::fs::read_to_string(&place).unwrap(), "somebody else's");
    std::fs::remove_file(&place).unwrap();
    std::fs::remove_dir(place.parent().unwrap()).unwrap();
    assert_same(&trial.tree(), &before, "but for that file");
}

/// An action under Wine, whose server saves the registry while it runs, or which is killed then.
struct SavesRegistry<'t>(&'t Trial, Host);

impl Environment for SavesRegistry<'_> {
    fn copy_source(&mut self, _: &Source, _: &mut dyn std::io::Write) -> Result<u64, SourceError> {
        Err("nothing is copied".into())
    }

    fn run_action(&mut self, action: &ScheduledAction, phase: Phase) -> Result<(), ActionFailure> {
        let machine = self.0.machine();
        let registry = machine.registry().unwrap();
        for (name, value) in [("ByWine", "a"), ("Old", "by wine"), ("S", "by wine")] {
            registry.set_value(&key(name), value, "theirs".into()).unwrap();
        }
        machine.save_registry().unwrap();
        self.1.run_action(action, phase)
    }
}

#[test]
fn what_programs_wrote_into_the_registry_stays_when_our_own_changes_are_undone() {
    for (ours, recovers) in [0, 1, 2, 3].into_iter().flat_map(|ours| [(ours, false), (ours, true)]) {
        let trial = Trial::new();
        let machine = trial.machine();
        let mut environment = SavesRegistry(&trial, Host::default());
        let mut execution = Execution::begin(&machine, "t-1", "trial", Rollback::Enabled).unwrap();
        let old = RemoveRegistryKey { key: key("Old") };
        let operations = match ours {
            0 => vec![action("A", ActionKind::Deferred, "")],
            1 => vec![action("A", ActionKind::Deferred, ""), set("S", "x")],
            2 => vec![set("S", "x"), old.into(), action("A", ActionKind::Deferred, ""), set("S", "y")],
            _ => vec![set("S", "x"), set("Old", "x"), action("A", ActionKind::Deferred, ""), old.into()],
        };
        execution.run(&script(operations), &mut environment).unwrap();
        if recovers {
            drop(execution);
            let recovery = recover(&trial.machine(), &mut environment).unwrap().unwrap();
            assert!(matches!(recovery, Recovery::RolledBack { report, .. } if report.complete));
        } else {
            let report = execution.roll_back(&mut environment);
            assert!(report.complete && report.problems.is_empty(), "{report:?}");
        }
        let machine = trial.machine();
        let registry = machine.registry().unwrap();
        let text = |key: &str, name: &str| match registry.value(&crate::trial::key(key), name) {
            Some(reseat_machine::RegistryValue::String(text)) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(text("ByWine", "a"), "theirs");
        assert_eq!(text("S", "by wine"), "theirs");
        assert_eq!(text("S", "v"), "None");
        assert_eq!(text("Old", "a"), "b");
        assert_eq!(text("Old", "v"), "None");
        assert_eq!(text("Old", "by wine"), "theirs", "{ours}");
    }
}

#[test]
fn a_registry_file_that_was_not_there_goes_again_unless_a_program_wrote_into_it() {
    let value = |name: &str| {
        let key =
            reseat_machine::RegistryKey::new(reseat_machine::Hive::CurrentUser, format!("Software\\{name}"));
        SetRegistryValue { key, name: "v".to_owned(), value: "1".into() }
    };
    for others in [false, true] {
        let trial = Trial::new();
        let file = trial.prefix().join("user.reg");
        std::fs::remove_file(&file).unwrap();
        let before = trial.tree();
        let machine = trial.machine();
        let mut execution = Execution::begin(&machine, "t-1", "trial", Rollback::Enabled).unwrap();
        execution.run(&script([value("Ours").into()]), &mut Host::default()).unwrap();
        assert!(file.exists());
        let theirs = value("Theirs");
        if others {
            let machine = trial.machine();
            machine.registry().unwrap().set_value(&theirs.key, "v", "2".into()).unwrap();
            machine.save_registry().unwrap();
        }
        assert!(execution.roll_back(&mut Host::default()).complete);
        if others {
            assert!(trial.machine().registry().unwrap().value(&theirs.key, "v").is_some());
            assert!(!std::fs::read_to_string(&file).unwrap().contains("Ours"));
        } else {
            assert_same(&trial.tree(), &before, "after the rollback");
        }
    }
}
