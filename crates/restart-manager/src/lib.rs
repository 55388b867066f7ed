//! A Restart Manager for Linux: who uses a file, close it politely, start it again.
//!
//! An installer starts a session as its [`Primary`] installer, registers [`Resources`], lists who uses them,
//! shuts those applications down, replaces the files and restarts what had registered for it. Other processes
//! of the same user join by the [`SessionKey`] as [`Secondary`] installers and can only register. The names
//! and numbers are those of the documented Windows Restart Manager; nothing here knows about packages.
//!
//! Who uses a file is also answered without a session: [`who::uses`], and [`applications`] with a judgement
//! of each process.
//!
//! ```no_run
//! use reseat_restart_manager::{Primary, Resources, ShutdownOptions};
//!
//! # fn main() -> Result<(), reseat_restart_manager::Error> {
//! let session = Primary::start()?;
//! session.register(&Resources::files(["/opt/demo/bin/demo", "/opt/demo/lib/libdemo.so"]))?;
//! if session.list()?.reboot_reasons.is_empty() {
//!     session.shut_down(&ShutdownOptions::default(), &mut |_percent| {})?;
//!     // Replace the files here, by rename and never in place.
//!     for application in session.restart(&mut |_percent| {})? {
//!         println!("{}: {} is now {}", application.name, application.old.pid, application.new.pid);
//!     }
//! }
//! session.end()
//! # }
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `primary`, `secondary` | what each sort of installer may do |
//! | `session_key`, `session`, `store`, `journal` | where sessions are kept, safely for several processes |
//! | `resource`, `application`, `error` | what goes in and comes out, with the documented numbers |
//! | `who`, `lease`, `proc_scan`, `mapping`, `script`, `interpreter` | who uses a file |
//! | `process`, `container`, `critical`, `critical_list`, `listing` | what a process is, and whether it may be stopped |
//! | `shutdown`, `history`, `cancel`, `filter` | stopping, written down beforehand, and what must not be |
//! | `unit`, `service`, `service_manager` | services, stopped and started through systemd |
//! | `supervisor`, `supervised` | services of runit, s6, supervisord and Wine, through their own managers |
//! | `window` | windows of the display, and the request to close them |
//! | `inside_wine` | what only a program inside of Wine can tell and do |
//! | `stale` | what still runs old files |
//! | `registration`, `restart_plan`, `restart`, `detach` | starting again |
//! | `remembered` | starting again after a restart of the system |

mod application;
mod cancel;
mod container;
mod critical;
mod critical_list;
mod detach;
mod error;
mod filter;
mod history;
mod inside_wine;
mod interpreter;
mod journal;
mod lease;
mod listing;
mod mapping;
mod path_text;
mod primary;
mod proc_scan;
mod process;
mod registration;
mod remembered;
mod resource;
mod restart;
mod restart_plan;
mod script;
mod secondary;
mod service;
mod service_manager;
mod session;
mod session_key;
mod shutdown;
mod stale;
mod store;
mod supervised;
mod supervisor;
mod unit;
pub mod who;
mod window;

pub use application::{Application, ApplicationList, ApplicationStatus, ApplicationType, RebootReasons};
pub use cancel::CancelToken;
pub use container::Container;
pub use critical::CriticalReason;
pub use error::{Error, Refusal};
pub use filter::{Filter, FilterAction, FilterTrigger};
pub use inside_wine::{
    InsideWine, WineAnswer, WineConnection, WineMessage, WineProgram, WineRestart, WineService,
    WineServiceOrder, WineWindows, is_wine_service, look_inside_wine, wine_prefix,
};
pub use listing::{affected, applications};
pub use primary::{Primary, Restarted};
pub use process::UniqueProcess;
pub use registration::{
    COMMAND_LINE_LIMIT, Registration, RestartFlags, register_application_restart,
    unregister_application_restart,
};
pub use remembered::{recover_remembered, remember};
pub use resource::Resources;
pub use restart::{Recovery, recover, recover_within};
pub use secondary::Secondary;
pub use service::service_name;
pub use session::SESSION_LIMIT;
pub use session_key::SessionKey;
pub use shutdown::ShutdownOptions;
pub use stale::{Outcome, Stale, StaleFile, StaleList, stale};
pub use store::{RUNTIME_FOLDER_VARIABLE, Store};
pub use unit::{Manager, Unit, unit_of};
