//! The functions about folders and space: MsiGetTargetPath, MsiSetTargetPath, MsiGetSourcePath, MsiVerifyDiskSpace.

use reseat_script::Rollback;

use super::arguments::{Answer, Arguments, done, values};
use super::code::Code;
use super::states::SessionFunction;
use crate::actions::install_validate;
use crate::session::Session;

/// The function of this name, if it is one about paths.
pub fn function(name: &str) -> Option<SessionFunction> {
    Some(match name {
        "MsiGetTargetPath" => target_path,
        "MsiSetTargetPath" => set_target_path,
        "MsiGetSourcePath" => source_path,
        "MsiVerifyDiskSpace" => verify_disk_space,
        _ => return None,
    })
}

fn target_path(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let directory = arguments.name(1)?;
    let selection = session.selection.as_ref().ok_or(Code::DIRECTORY)?;
    values([selection.folders().get(directory).ok_or(Code::DIRECTORY)?.as_str().into()])
}

fn set_target_path(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let (directory, path) = (arguments.name(1)?, arguments.name(2)?);
    let selection = session.selection.as_ref().ok_or(Code::DIRECTORY)?;
    if !selection.folders().contains_key(directory) {
        return Err(Code::DIRECTORY);
    }
    session.set_directory(directory, path).map_err(|_| Code::FUNCTION_FAILED)?;
    done()
}

/// The folder at the source; sources in a cabinet or without subfolders all lie in the root.
fn source_path(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let directory = arguments.name(1)?;
    let tree = session.package.directories().map_err(|_| Code::FUNCTION_FAILED)?;
    if tree.get(directory).is_none() {
        return Err(Code::DIRECTORY);
    }
    let root = match session.property("SourceDir") {
        Some(root) => root.to_owned(),
        None => session.shown_path(&session.source_folder()),
    };
    let root = reseat_package::with_backslash(&root);
    let beneath = session.package.source_image().path(&tree, directory).unwrap_or_default();
    values([format!("{root}{beneath}").into()])
}

fn verify_disk_space(session: &mut Session<'_, '_>, _: Arguments<'_>) -> Answer {
    let cost = install_validate::disk_cost(session).map_err(|_| Code::INVALID_HANDLE_STATE)?;
    let shortage = cost.shortage(session.machine(), Rollback::Enabled).map_err(|_| Code::FUNCTION_FAILED)?;
    if shortage.is_some() { Err(Code::DISK_FULL) } else { done() }
}
