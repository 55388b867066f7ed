//! Windows code under Wine: a host program of ours in the prefix loads it and forwards the functions that it calls.
//!
//! | file | holds |
//! |---|---|
//! | `host`, `script` | starting actions; the text of scripts |
//! | `action` | an action that runs: serving its calls, what its end means |
//! | `process`, `frame` | one host process, and what is said on its two pipes |
//! | `manager`, `ids` | the Restart Manager's functions; which process an id of Windows means |
//! | `registry`, `service` | the registry and services while Wine runs |
//! | `keeper` | the library in a prefix that keeps what programs register for their restart |
//! | `inside`, `running_services`, `mappings`, `command_line` | the programs of a Wine that runs: what they hold, their windows, their command lines |
//! | `site`, `wine`, `files` | starting hosts, starting Wine; the built Windows side and its copy in the prefix |
//! | `image`, `missing` | what a file of Windows code is, and what keeps it from running |

mod action;
mod command_line;
mod files;
mod frame;
mod host;
mod ids;
mod image;
mod inside;
mod keeper;
mod manager;
mod mappings;
mod missing;
mod process;
mod registry;
mod running_services;
mod script;
mod service;
mod site;
mod wine;

pub(crate) use files::MountPlace;
pub use files::{WINDOWS_FOLDER_VARIABLE, WindowsFiles};
pub use host::WineHost;
pub use inside::WineInsight;
pub use keeper::{Keeper, KeeperError};
pub use missing::Missing;
pub use registry::RegistryThroughWine;

use reseat_engine::{Program, WindowsCode};

/// The kind and name of Windows code.
pub(crate) fn describe(code: &WindowsCode) -> String {
    match code {
        WindowsCode::Library { library, entry_point } => {
            let library = match library {
                Program::Binary { name, .. } => name.clone(),
                Program::File(path) => path.display().to_string(),
                Program::FirstArgument => String::new(),
            };
            format!("the Windows library {library}, entry point {entry_point}")
        }
        WindowsCode::Script { language, .. } => format!("a {language:?}"),
    }
}
