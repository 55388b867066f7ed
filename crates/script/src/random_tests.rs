//! Random scripts on a small prefix: whatever they do, and wherever they are killed, a rollback is the identity.

use proptest::prelude::*;

use crate::trial::*;
use crate::*;

/// Few paths, so that operations meet; in several letter cases.
fn any_path() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r"C:\Old\One.txt",
        r"C:\OLD\one.TXT",
        r"C:\Old\two.txt",
        r"C:\Old\Sub",
        r"C:\Old\Sub\three.exe",
        r"C:\old\sub\four",
        r"C:\Old\Empty",
        r"C:\Old\Empty\x",
        r"C:\New",
        r"C:\New\a",
        r"C:\new\A",
        r"C:\New\deep\b",
        r"D:\c",
    ])
    .prop_map(str::to_owned)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => any_path().prop_map(|at| CreateFolder { path: path(&at) }.into()),
        2 => any_path().prop_map(|at| RemoveFolder { path: path(&at) }.into()),
        4 => (any_path(), "[a-z]{0,20}").prop_map(|(at, content)| install(&at, &content)),
        1 => any_path().prop_map(|at| WriteFile { path: path(&at), content: vec![7; 3] }.into()),
        1 => (any_path(), any_path()).prop_map(|(from, to)| DuplicateFile { from: path(&from), to: path(&to) }.into()),
        3 => (any_path(), any_path()).prop_map(|(from, to)| MoveFile { from: path(&from), to: path(&to) }.into()),
        2 => (any_path(), "[ab]", prop::bool::ANY).prop_map(|(at, key, add)| {
            let change = if add { IniChange::Set("v".to_owned()) } else { IniChange::Remove };
            EditIniFile { path: path(&at), edits: vec![IniEdit { section: "s".to_owned(), key, change }] }.into()
        }),
        4 => any_path().prop_map(|at| RemoveFile { path: path(&at) }.into()),
        1 => ("[ab]", "[a-z]{1,3}").prop_map(|(name, value)| set(&name, &value)),
        1 => Just(RemoveRegistryKey { key: key("Old") }.into()),
        1 => Just(action("Program", ActionKind::Deferred, "")),
        1 => Just(action("Undo", ActionKind::Rollback, "")),
    ]
}

/// Goes on after every failure, or ends at the first.
struct Answering(Host, Answer);

impl Environment for Answering {
    fn copy_source(&mut self, source: &Source, out: &mut dyn std::io::Write) -> Result<u64, SourceError> {
        self.0.copy_source(source, out)
    }
    fn run_action(&mut self, action: &ScheduledAction, phase: Phase) -> Result<(), ActionFailure> {
        self.0.run_action(action, phase)
    }
    fn failed(&mut self, _: &Step, _: &Fault) -> Answer {
        self.1
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_script_is_undone(
        operations in prop::collection::vec(operation(), 1..25),
        cut in 0..25usize,
        ignore in any::<bool>(),
        no_links in any::<bool>(),
        kill in prop::option::of(0..120u64),
        again in prop::option::of(0..60u64),
    ) {
        let trial = Trial::new();
        let before = trial.tree();
        let mut host = Answering(Host::default(), if ignore { Answer::Ignore } else { Answer::Fail });
        let machine = trial.machine();
        let mut execution = Execution::begin(&machine, "t", "random", Rollback::Enabled).unwrap();
        execution.site.fuse.no_links = no_links;
        execution.site.fuse.left.set(kill);
        // Two scripts in one transaction.
        let cut = cut.min(operations.len());
        let (first, second) = operations.split_at(cut);
        let _ = execution.run(&script(first.to_vec()), &mut host);
        let _ = execution.run(&script(second.to_vec()), &mut host);
        if execution.site.stopped() {
            drop(execution);
            for left in [again, None] {
                let machine = trial.machine();
                if let Some(pending) = pending(&machine).unwrap() {
                    let (mut execution, contents) = Execution::resume(&machine, &pending.id).unwrap();
                    execution.site.fuse.left.set(left);
                    execution.site.fuse.no_links = no_links;
                    let recovery = execution.recover(contents, &mut host);
                    if left.is_none() {
                        let complete = matches!(&recovery, Ok(Recovery::RolledBack { report, .. }) if report.complete);
                        prop_assert!(complete, "{:?}", recovery);
                    }
                }
            }
        } else {
            execution.site.fuse.left.set(None);
            let report = execution.roll_back(&mut host);
            prop_assert!(report.complete && report.problems.is_empty(), "{:?}", report);
        }
        prop_assert_eq!(pending(&trial.machine()).unwrap(), None);
        assert_same(&trial.tree(), &before, "after the end");
    }
}
