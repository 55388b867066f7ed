//! Concurrent installations: a custom action installs, changes or removes another product within this installation.
//!
//! See the pages `concurrent-installations.md`, `custom-action-type-7.md`, `custom-action-type-23.md`, `custom-action-type-39.md`,
//! `parentproductcode.md` and `parentoriginaldatabase.md`.

use reseat_package::{CustomAction, DecodedAction, NestedSource};

use super::ignores_result;
use crate::beside::Beside;
use crate::error::EngineError;
use crate::installation;
use crate::notice::Notice;
use crate::request::{Target, TopLevel};
use crate::sequence::Flow;
use crate::session::Session;
use crate::subject::Subject;

/// The properties that tell a concurrent installation who has asked for it.
pub const PARENT_PRODUCT: &str = "ParentProductCode";
pub const PARENT_DATABASE: &str = "ParentOriginalDatabase";

/// Runs an action of type 7, 23 or 39. It is always waited for, and its changes are undone with all others.
pub fn run(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
    source: &NestedSource,
    properties: &str,
) -> Result<Flow, EngineError> {
    let needed_restart = session.installation.restart_required;
    let text = session.format(properties).text;
    let result = settings(&text)
        .map_err(|reason| wrong(row, reason))
        .and_then(|properties| install(session, row, source, &properties));
    match result {
        Ok(()) => {
            if ignores_result(action) {
                session.installation.restart_required = needed_restart;
            }
            Ok(Flow::GoOn)
        }
        // What it has begun can only be undone with all else.
        Err(error)
            if ignores_result(action)
                && !session.installation.transaction.as_ref().is_some_and(|it| it.has_failed()) =>
        {
            session.installation.restart_required = needed_restart;
            let language = session.installation.interface.language();
            let failure = error.told(language, Some(&session.package), Some(&session.context()));
            session.inform(Notice::Ignored { failure: &format!("{}: {failure}", row.action) });
            Ok(Flow::GoOn)
        }
        Err(error @ (EngineError::UserExit | EngineError::Suspended { .. })) => Err(error),
        Err(error) => Err(EngineError::ConcurrentProduct {
            action: row.action.to_string(),
            product: session.package.name().to_string(),
            source: error.into(),
        }),
    }
}

fn wrong(row: &CustomAction, reason: String) -> EngineError {
    EngineError::row("CustomAction", &row.action, reason)
}

fn install(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    source: &NestedSource,
    properties: &[(String, String)],
) -> Result<(), EngineError> {
    if session.top_level != TopLevel::Install {
        return Err(wrong(row, "an administrative installation cannot contain a concurrent one".to_owned()));
    }
    let machine = session.machine();
    let subject = match source {
        NestedSource::SubStorage(name) => {
            let nested = session.package.database().storage(name)?;
            let nested = nested.ok_or_else(|| wrong(row, format!("the package has no storage {name}")))?;
            let file = tempfile::Builder::new().prefix("reseat-").suffix(".msi").tempfile();
            let file = file.map_err(|source| EngineError::TemporaryPackage { source })?.into_temp_path();
            nested.save(&file)?;
            let target = Target::Package(file.to_path_buf());
            let mut subject = Subject::find_concurrent(machine, &target, properties)?;
            session.installation.nested_packages.push(file);
            // What does not lie in the package within lies beside the outer one.
            subject.basis.origin.folder = session.source_folder();
            subject.basis.origin.package_name = format!("{name}.msi");
            subject
        }
        NestedSource::Source(path) => {
            let names = path.split(['\\', '/']).filter(|name| !name.is_empty());
            let file = Beside::folder(session.source_folder()).find(names);
            let file = file.ok_or_else(|| wrong(row, format!("there is no package {path} at the source")))?;
            Subject::find_concurrent(machine, &Target::Package(file), properties)?
        }
        NestedSource::Product(code) => {
            Subject::find_concurrent(machine, &Target::Product(code.to_string()), properties)?
        }
    };
    let parent = session.package.product_code();
    if let Some(product) = subject.installed.as_ref().filter(|product| product.parent != Some(parent)) {
        return Err(EngineError::ConcurrentForeign { product: product.code });
    }
    installation::install_concurrently(session, subject, properties)
}

/// Takes property settings apart: `NAME=value`, separated by blanks; a value in quotation marks may have blanks, and two
/// quotation marks in it stand for one (page `about-properties.md`, function MsiInstallProduct).
fn settings(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, behind) =
            rest.split_once('=').ok_or_else(|| format!("'{rest}' is no setting of a property"))?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("'{name}' is no name of a property"));
        }
        let mut value = String::new();
        let mut letters = behind.char_indices().peekable();
        let mut is_quoted = false;
        let mut end = behind.len();
        while let Some((place, letter)) = letters.next() {
            match letter {
                '"' if is_quoted && letters.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
                '"' => is_quoted = !is_quoted,
                _ if letter.is_whitespace() && !is_quoted => {
                    end = place;
                    break;
                }
                _ => value.push(letter),
            }
        }
        if is_quoted {
            return Err(format!("the value of {name} has a quotation mark that is left open"));
        }
        settings.push((name.to_uppercase(), value));
        rest = behind.get(end..).unwrap_or_default().trim_start();
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_apart() {
        let of = |text: &str| {
            let settings = settings(text).unwrap();
            settings.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(of(""), [""; 0]);
        assert_eq!(of(" REMOVE=ALL  x=1 "), ["REMOVE=ALL", "X=1"]);
        assert_eq!(of(r#"A="b ""c"" d" E= F="" G=h"i j"k"#), [r#"A=b "c" d"#, "E=", "F=", "G=hi jk"]);
        for bad in ["REMOVE", "A=1 B", "=1", "A B=1", r#"A="x"#] {
            assert!(settings(bad).is_err(), "{bad}");
        }
    }
}
