//! The command line of the Restart Manager's commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

/// Arguments of `who`.
#[derive(Debug, Args)]
pub struct Who {
    /// Files, folders, programs or services; Windows paths are looked up in the prefix
    #[arg(required = true, value_name = "FILE|FOLDER|SERVICE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `free`.
#[derive(Debug, Args)]
pub struct Free {
    /// Files, folders, programs or services; Windows paths are looked up in the prefix
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Show what would be closed, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How what is in the way is closed
    #[command(flatten)]
    pub closing: Closing,
    /// The command to run while nothing uses the files
    #[arg(last = true, required_unless_present = "dry_run", value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How applications are closed.
#[derive(Debug, Args)]
pub struct Closing {
    /// End what does not close in time
    #[arg(long)]
    pub force: bool,
    /// Close nothing unless all of it can be started again
    #[arg(long)]
    pub only_registered: bool,
    /// How long an application may take to close [default: 30, services 20]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
}

/// Commands for a Restart Manager session.
#[derive(Debug, Subcommand)]
pub enum Rm {
    /// Start a session that lives as long as a process, and print its key
    #[command(after_help = "\
Examples:
  key=$(reseat rm start)                             lives as long as this shell
  reseat rm register $key /opt/app/bin/app
  reseat rm shutdown $key && cp app /opt/app/bin/app
  reseat rm restart $key; reseat rm end $key")]
    Start {
        /// The process that the session lives as long as [default: the process that runs this command]
        #[arg(long, value_name = "PID")]
        owner: Option<u32>,
    },
    /// Join a session and leave it again: says whether a key is good
    #[command(after_help = "\
Examples:
  reseat rm join $key")]
    Join {
        /// The session key
        key: String,
    },
    /// Register files, processes and services with a session
    #[command(after_help = "\
Examples:
  reseat rm register $key /opt/app/bin/app /opt/app/lib
  reseat rm register $key --pid 1234 --service cron")]
    Register {
        /// The session key
        key: String,
        /// Files, folders or services; Windows paths are looked up in the prefix
        #[arg(required_unless_present_any = ["pid", "service"], value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A process; may be given several times
        #[arg(long, value_name = "PID", action = ArgAction::Append)]
        pid: Vec<u32>,
        /// A service; may be given several times
        #[arg(long, value_name = "SERVICE", action = ArgAction::Append)]
        service: Vec<String>,
    },
    /// Show who is in the way, and what the session did to them
    #[command(after_help = "\
Examples:
  reseat rm list $key
  reseat rm list $key --json | jq -r '.[].pid'")]
    List {
        /// The session key
        key: String,
    },
    /// Close what uses the registered resources
    #[command(after_help = "\
Examples:
  reseat rm shutdown $key
  reseat rm shutdown $key --force --timeout 10")]
    Shutdown {
        /// The session key
        key: String,
        /// How it is closed
        #[command(flatten)]
        closing: Closing,
    },
    /// Start again what the session closed
    #[command(after_help = "\
Examples:
  reseat rm restart $key")]
    Restart {
        /// The session key
        key: String,
    },
    /// Keep an application or a service from being closed or started again
    #[command(after_help = "\
Examples:
  reseat rm filter $key add --no-shutdown --file /usr/bin/editor
  reseat rm filter $key add --no-restart --service cron.service
  reseat rm filter $key remove --pid 1234
  reseat rm filter $key list --json")]
    Filter {
        /// The session key
        key: String,
        /// What to do
        #[command(subcommand)]
        action: Filter,
    },
    /// End a session; what it closed and did not start again stays closed
    #[command(after_help = "\
Examples:
  reseat rm end $key")]
    End {
        /// The session key
        key: String,
    },
    /// Register a running application, so that it is started again after it was closed
    #[command(after_help = "\
Examples:
  reseat rm register-restart --pid $$ -- --resume     this shell script, started again with --resume")]
    RegisterRestart {
        /// The application's process [default: the process that runs this command]
        #[arg(long, value_name = "PID")]
        pid: Option<u32>,
        /// The arguments to start it with; the program is the one that runs
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
        /// Not after a restart of the system
        #[arg(long)]
        no_reboot: bool,
    },
    /// Keep what Windows programs register for their restart, which Wine forgets: a library in the prefix
    #[command(after_help = "\
Examples:
  reseat rm keep-registrations            programs that start from now on are started again as they registered
  reseat rm keep-registrations --show     whether that is so; exit code 0 or 1
  reseat rm keep-registrations --remove   as before")]
    KeepRegistrations {
        /// Take the library away again
        #[arg(long, conflicts_with = "show")]
        remove: bool,
        /// Say whether it is there
        #[arg(long)]
        show: bool,
    },
    /// Take back the registration of a running application
    #[command(after_help = "\
Examples:
  reseat rm unregister-restart --pid $$")]
    UnregisterRestart {
        /// The application's process [default: the process that runs this command]
        #[arg(long, value_name = "PID")]
        pid: Option<u32>,
    },
    /// Remember what has registered for restart, to be started by `recover` after the system was restarted
    #[command(after_help = "\
Examples:
  reseat rm remember && systemctl reboot")]
    Remember,
    /// Start again what interrupted sessions had closed, and what was remembered before the system was restarted
    #[command(after_help = "\
Examples:
  reseat rm recover")]
    Recover,
}

/// What `rm filter` does.
#[derive(Debug, Subcommand)]
pub enum Filter {
    /// Add a filter, instead of an earlier one for the same
    #[command(group = clap::ArgGroup::new("effect").required(true).args(["no_restart", "no_shutdown"]))]
    Add {
        /// Close it, and do not start it again
        #[arg(long)]
        no_restart: bool,
        /// Neither close it nor start it again
        #[arg(long)]
        no_shutdown: bool,
        /// Whom it is about
        #[command(flatten)]
        trigger: Trigger,
    },
    /// Remove a filter
    Remove {
        /// Whom it is about
        #[command(flatten)]
        trigger: Trigger,
    },
    /// List the filters
    List,
}

/// Whom a filter is about.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Trigger {
    /// Applications that run this program
    #[arg(long, value_name = "PROGRAM")]
    pub file: Option<PathBuf>,
    /// A process
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// A service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
}

/// Arguments of `stale`.
#[derive(Debug, Args)]
pub struct Stale {
    /// Restart the services that can be, and the applications that registered for it
    #[arg(long)]
    pub restart: bool,
}
