//! `reseat transform`: makes transforms, and applies and shows them and patches.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use reseat_database::transform::{Change, ErrorConditions, MakeOptions, Validation, standard_tables};
use reseat_database::{Database, DatabaseKind, Patch, PatchError, Transform, TransformError, patch};
use serde::Serialize;
use serde_json::json;

use crate::arguments::Global;
use crate::failure::{self, Failure};
use crate::{output, package_file};

/// Commands for transforms.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the transform from one package to another
    #[command(after_help = "\
Examples:
  reseat transform make app-1.0.msi app-1.1.msi update.mst --check product,version=,upgrade-code")]
    Make(Make),
    /// Write a package with transforms and patches applied
    #[command(after_help = "\
Examples:
  reseat transform apply app.msi site.mst -o app-site.msi
  reseat transform apply app.msi :Instance1 -o second.msi       a transform within the package
  reseat transform apply app.msi fix.msp update.msp -o new.msi  patches, in their documented order")]
    Apply(Apply),
    /// Show what a transform or patch changes
    #[command(after_help = "\
Examples:
  reseat transform show site.mst app.msi      with the values that app.msi has now
  reseat transform show fix.msp app.msi
  reseat transform show app.msi               the transforms within a package

The columns of tables are those of the package, and the usual ones when none is given.")]
    Show(Show),
}

/// Arguments of `transform make`.
#[derive(Debug, Args)]
pub struct Make {
    /// The package that will be transformed
    old: PathBuf,
    /// The package that it will become
    new: PathBuf,
    /// The transform, which is replaced as a whole
    transform: PathBuf,
    /// What a package has to have in common with OLD for the transform to fit
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    check: Vec<Check>,
    /// What is no error when the transform is applied
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CONDITION")]
    overlook: Vec<Condition>,
}

/// What a target is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// The language
    Language,
    /// The product code
    Product,
    /// The upgrade code
    UpgradeCode,
    /// The version is the same
    #[value(name = "version=")]
    Same,
    /// The version is less
    #[value(name = "version<")]
    Less,
    /// The version is less or the same
    #[value(name = "version<=")]
    LessOrSame,
    /// The version is greater
    #[value(name = "version>")]
    Greater,
    /// The version is greater or the same
    #[value(name = "version>=")]
    GreaterOrSame,
    /// Of versions, only the first number counts
    Major,
    /// Of versions, the first two numbers count
    Minor,
}

/// A condition that is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Condition {
    /// A row to be added is there
    AddExistingRow,
    /// A row to be deleted is not there
    DeleteMissingRow,
    /// A table to be added is there
    AddExistingTable,
    /// A table to be dropped is not there
    DeleteMissingTable,
    /// A row to be changed is not there
    UpdateMissingRow,
    /// The code pages differ
    ChangeCodePage,
    /// All of these
    All,
}

/// Arguments of `transform apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The package
    package: PathBuf,
    /// Transforms (FILE.mst, or :NAME of one within the package) or patches (FILE.msp)
    #[arg(required = true, value_name = "TRANSFORM")]
    transforms: Vec<String>,
    /// The new package, which is replaced as a whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What is no error, beside what the transform asks for
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CONDITION")]
    overlook: Vec<Condition>,
    /// Apply a transform to a package that it is not for
    #[arg(long)]
    unchecked: bool,
}

/// Arguments of `transform show`.
#[derive(Debug, Args)]
pub struct Show {
    /// A transform, a patch, or a package with transforms
    file: PathBuf,
    /// The package that it is for
    package: Option<PathBuf>,
}

/// Runs a command for transforms.
pub fn run(global: &Global, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Make(arguments) => make(global, arguments),
        Command::Apply(arguments) => apply(global, arguments),
        Command::Show(arguments) => show(global, arguments).map(|()| ExitCode::SUCCESS),
    }
}

fn make(global: &Global, arguments: &Make) -> Result<ExitCode, Failure> {
    let (old, new) = (open(global, &arguments.old)?, open(global, &arguments.new)?);
    let options =
        MakeOptions { conditions: conditions(&arguments.overlook), validation: validation(&arguments.check) };
    let transform = Transform::make(&old, &new, options)?;
    if transform.is_empty() {
        return Err(Failure::documented(232, "the packages are the same, so there is no transform"));
    }
    transform.save(&arguments.transform)?;
    output::made(global, &json!({ "transform": arguments.transform.display().to_string() }))
}

fn apply(global: &Global, arguments: &Apply) -> Result<ExitCode, Failure> {
    let mut database = open(global, &arguments.package)?;
    let note = |name: &str, overlooked: &[TransformError]| {
        if !global.quiet {
            overlooked.iter().for_each(|condition| eprintln!("reseat: {name}: overlooked: {condition}"));
        }
    };
    // Patches that follow each other have an order of their own.
    let mut rest = &*arguments.transforms;
    while let Some((name, after)) = rest.split_first() {
        if is_patch(name) {
            let count = rest.iter().take_while(|name| is_patch(name)).count();
            let (names, after) = rest.split_at(count);
            let patches = names
                .iter()
                .map(|name| open_patch(global, Path::new(name)))
                .collect::<Result<Vec<_>, _>>()?;
            for outcome in patch::apply_all(&patches, &mut database)? {
                let name = names.get(outcome.patch).map_or("", String::as_str);
                // What patches overlook is usual: each adds the same table, for example.
                outcome.result.map_err(|error| {
                    Failure::documented(1642, format!("{name}: {}", failure::with_causes(&error)))
                })?;
            }
            rest = after;
            continue;
        }
        rest = after;
        let transform = match name.strip_prefix(':') {
            Some(storage) => database
                .transform(storage)?
                .ok_or_else(|| Failure::usage(format!("the package has no transform '{storage}'")))?,
            None => Transform::open(Path::new(name), package_file::reading(global))?,
        };
        if !arguments.unchecked {
            transform.check(&database).map_err(|error| {
                Failure::documented(1624, format!("{name}: {error}"))
                    .with_hint("--unchecked applies it nevertheless")
            })?;
        }
        let overlook = transform.conditions() | conditions(&arguments.overlook);
        let met = database
            .apply_transform(&transform, overlook)
            .map_err(|error| Failure::documented(1624, format!("{name}: {error}")))?;
        note(name, &met);
    }
    database.save(&arguments.output)?;
    output::made(global, &json!({ "package": arguments.output.display().to_string() }))
}

fn show(global: &Global, arguments: &Show) -> Result<(), Failure> {
    let base = match &arguments.package {
        Some(package) => open(global, package)?,
        None => standard_tables(),
    };
    let file = package_file::open(global, &arguments.file)?;
    let mut parts = Vec::new();
    let mut head = None;
    match file.kind() {
        DatabaseKind::Transform => {
            parts.push(Part::of(
                "",
                &Transform::open(&arguments.file, package_file::reading(global))?,
                &base,
            ));
        }
        DatabaseKind::Patch => {
            let patch = open_patch(global, &arguments.file)?;
            head = Some(Head::of(&patch)?);
            for target in patch.targets() {
                let fits = arguments.package.is_none()
                    || patch
                        .transform(&target.transform)
                        .is_ok_and(|transform| transform.check(&base).is_ok());
                for name in [Some(target.transform), target.additions].into_iter().flatten().filter(|_| fits)
                {
                    parts.push(Part::of(&name, &patch.transform(&name)?, &base));
                }
            }
        }
        DatabaseKind::Package | DatabaseKind::Other => {
            for name in file.storage_names() {
                if let Some(transform) = file.transform(&name)? {
                    parts.push(Part::of(&name, &transform, &file));
                }
            }
        }
    }
    if global.json {
        output::json(&json!({ "patch": head, "transforms": parts }));
        return Ok(());
    }
    if let Some(head) = head {
        head.print();
    }
    for part in &parts {
        part.print(global);
    }
    Ok(())
}

/// What a patch says about itself.
#[derive(Serialize)]
struct Head {
    code: String,
    replaces: Vec<String>,
    products: Vec<String>,
    sequences: Vec<Place>,
    cabinets: Vec<String>,
}

/// A row of the table `MsiPatchSequence`.
#[derive(Serialize)]
struct Place {
    family: String,
    product: Option<String>,
    sequence: String,
    supersedes_earlier: bool,
}

impl Head {
    fn of(patch: &Patch) -> Result<Self, Failure> {
        let sequences = patch.sequences()?.into_iter().map(|place| Place {
            family: place.family,
            product: place.product,
            sequence: place.sequence,
            supersedes_earlier: place.supersedes_earlier,
        });
        Ok(Self {
            code: patch.code().map(|code| code.to_string()).unwrap_or_default(),
            replaces: patch.replaces().iter().map(ToString::to_string).collect(),
            products: patch.products().iter().map(ToString::to_string).collect(),
            sequences: sequences.collect(),
            cabinets: patch
                .database()
                .stream_names()
                .into_iter()
                .filter(|name| !name.starts_with('\u{5}'))
                .collect(),
        })
    }

    fn print(&self) {
        println!("patch {}", self.code);
        self.replaces.iter().for_each(|code| println!("replaces {code}"));
        self.products.iter().for_each(|code| println!("for {code}"));
        for place in &self.sequences {
            let product = place.product.as_deref().map(|code| format!(" for {code}")).unwrap_or_default();
            let supersedes = if place.supersedes_earlier { ", supersedes earlier ones" } else { "" };
            println!("sequence {} in family {}{product}{supersedes}", place.sequence, place.family);
        }
        self.cabinets.iter().for_each(|name| println!("cabinet {name}"));
    }
}

/// A transform and its changes.
#[derive(Serialize)]
struct Part {
    name: String,
    products: String,
    conditions: u16,
    validation: u16,
    /// Why the changes cannot be shown.
    problem: Option<String>,
    changes: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    table: String,
    column: String,
    row: Option<String>,
    data: Option<String>,
    current: Option<String>,
}

impl Part {
    fn of(name: &str, transform: &Transform, base: &Database) -> Self {
        let (changes, problem) = match transform.describe(base) {
            Ok(changes) => (changes, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let line = |Change { table, column, row, data, current }| Line { table, column, row, data, current };
        Self {
            name: name.to_owned(),
            products: transform.summary().revision_number().unwrap_or_default().to_owned(),
            conditions: transform.conditions().bits(),
            validation: transform.validation().bits(),
            problem,
            changes: changes.into_iter().map(line).collect(),
        }
    }

    fn print(&self, global: &Global) {
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", self.name) };
        println!("transform{name} {}", self.products);
        println!("overlooks {:#06x}, checks {:#06x}", self.conditions, self.validation);
        if let Some(problem) = &self.problem {
            eprintln!("reseat: {problem}");
            eprintln!("  hint: give the package that the transform is for");
        }
        // A tabulator separates the values of a key.
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().replace('\t', ", ");
        output::list(global, &["table", "column", "row", "data", "current"], &self.changes, |line| {
            vec![
                line.table.clone(),
                line.column.clone(),
                text(&line.row),
                text(&line.data),
                text(&line.current),
            ]
        });
    }
}

fn open(global: &Global, path: &Path) -> Result<Database, Failure> {
    let database = package_file::open(global, path)?;
    package_file::print_warnings(global, path, &database);
    Ok(database)
}

fn open_patch(global: &Global, path: &Path) -> Result<Patch, Failure> {
    Patch::open(path, package_file::reading(global)).map_err(|error| match error {
        PatchError::NoPatch => Failure::usage(format!("{}: {error}", path.display())),
        error => error.into(),
    })
}

fn is_patch(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("msp"))
}

fn conditions(list: &[Condition]) -> ErrorConditions {
    list.iter().fold(ErrorConditions::NONE, |all, condition| {
        all | match condition {
            Condition::AddExistingRow => ErrorConditions::ADD_EXISTING_ROW,
            Condition::DeleteMissingRow => ErrorConditions::DELETE_MISSING_ROW,
            Condition::AddExistingTable => ErrorConditions::ADD_EXISTING_TABLE,
            Condition::DeleteMissingTable => ErrorConditions::DELETE_MISSING_TABLE,
            Condition::UpdateMissingRow => ErrorConditions::UPDATE_MISSING_ROW,
            Condition::ChangeCodePage => ErrorConditions::CHANGE_CODE_PAGE,
            Condition::All => ErrorConditions::ALL,
        }
    })
}

fn validation(list: &[Check]) -> Validation {
    let mut all = list.iter().fold(Validation::NONE, |all, check| {
        all | match check {
            Check::Language => Validation::LANGUAGE,
            Check::Product => Validation::PRODUCT,
            Check::UpgradeCode => Validation::UPGRADE_CODE,
            Check::Same => Validation::EQUAL,
            Check::Less => Validation::LESS,
            Check::LessOrSame => Validation::LESS_OR_EQUAL,
            Check::Greater => Validation::GREATER,
            Check::GreaterOrSame => Validation::GREATER_OR_EQUAL,
            Check::Major => Validation::MAJOR_VERSION,
            Check::Minor => Validation::MINOR_VERSION,
        }
    });
    let relation = |check: &Check| !matches!(check, Check::Language | Check::Product | Check::UpgradeCode);
    if list.iter().any(relation) && !list.contains(&Check::Major) && !list.contains(&Check::Minor) {
        all = all | Validation::UPDATE_VERSION;
    }
    all
}
