//! Unpacking the files of a package: which go where ([`plan`]), the cabinets that they come from ([`cabinets`]), the folder
//! that they are written to ([`target`], [`writing`]), and the work itself ([`unpack`]).

mod cabinets;
mod plan;
mod target;
mod unpack;
mod writing;

pub use cabinets::{CabinetSource, CabinetSourceError, Origin};
pub use plan::{Choice, FileSource, Plan};
pub use reseat_package::layout::MODULE_CABINET;
pub use target::{Existing, Target};
pub use unpack::unpack;
