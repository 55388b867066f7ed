//! Measures a transaction: installs the files of a folder into a prefix, over what is there, and commits or rolls back.
//! Arguments: source folder, prefix, `commit` or `roll-back`.

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use reseat_machine::{Machine, WindowsPath};
use reseat_script::{
    ActionFailure, Environment, Execution, InstallFile, InstallScript, Phase, Rollback, ScheduledAction,
    Source, SourceError,
};

struct Files;

impl Environment for Files {
    fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
        let Source::File { path } = source else { return Err("not a file".into()) };
        let mut content = Vec::new();
        std::fs::File::open(path)?.read_to_end(&mut content)?;
        out.write_all(&content)?;
        Ok(content.len() as u64)
    }

    fn run_action(&mut self, _: &ScheduledAction, _: Phase) -> Result<(), ActionFailure> {
        Ok(())
    }
}

fn collect(folder: &Path, to: &WindowsPath, script: &mut InstallScript) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "a name is no text")?;
        let path = to.join(&name)?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            collect(&entry.path(), &path, script)?;
        } else {
            let source = Source::File { path: entry.path() };
            let modified = Some(metadata.modified()?);
            script.push(
                "InstallFiles",
                InstallFile {
                    source,
                    path,
                    size: metadata.len(),
                    attributes: Default::default(),
                    modified,
                    verified: false,
                },
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, prefix, end] = arguments.as_slice() else {
        return Err("source folder, prefix, commit or roll-back".into());
    };
    let mut script = InstallScript::default();
    collect(Path::new(source), &WindowsPath::parse(r"C:\Installed")?, &mut script)?;
    let start = Instant::now();
    let machine = Machine::open(Path::new(prefix))?;
    let mut execution = Execution::begin(&machine, "measure", "measure", Rollback::Enabled)?;
    let begun = start.elapsed();
    execution.run(&script, &mut Files)?;
    let run = start.elapsed();
    if end == "commit" {
        let report = execution.commit(&mut Files).map_err(|failure| failure.error)?;
        assert!(report.problems.is_empty());
    } else {
        let report = execution.roll_back(&mut Files);
        assert!(report.complete);
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} files: begin {begun:?}, run {:?}, {end} {:?}",
        script.steps.len(),
        run - begun,
        start.elapsed() - run
    )?;
    Ok(())
}
