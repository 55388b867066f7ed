//! Hosts that run the code of custom actions.
//!
//! | host | runs |
//! |---|---|
//! | [`NativeHost`] | programs of this machine, ELF files and scripts that begin with `#!`, for the types 2, 18, 34 and 50 |
//! | [`WineHost`] | Windows libraries, programs and scripts under Wine, with the Windows side of Reseat (the folder `windows`) |
//! | [`WineInsight`] | nothing: it tells the Restart Manager of programs that Wine runs, and speaks to their windows |
//! | [`Sandbox`] | where the code runs; Windows code in one container (`container.rs`), in a dry run with a prefix that is forgotten (`throw_away.rs`) |
//! | [`Hosts`] | whatever comes, with the host that can run it, or says what is missing |

mod binary;
mod container;
mod hosts;
mod native;
mod running;
mod sandbox;
mod throw_away;
mod windows;
mod words;

pub use hosts::Hosts;
pub use native::NativeHost;
pub use sandbox::Sandbox;
pub use windows::{
    Keeper, KeeperError, Missing, RegistryThroughWine, WINDOWS_FOLDER_VARIABLE, WindowsFiles, WineHost,
    WineInsight,
};
pub use words::{SplitError, split};
