//! Kills an execution in a test.

use std::cell::Cell;

use crate::error::Fault;

/// Stops an execution in a test after a number of steps, as if the process had been killed there.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    /// Steps that are still done; no limit when there is none.
    pub left: Cell<Option<u64>>,
    /// Steps that were done.
    pub burnt: Cell<u64>,
    /// Pretends that the file system has no hard links.
    pub no_links: bool,
}

impl Fuse {
    pub fn burn(&self) -> Result<(), Fault> {
        if self.is_burnt() {
            return Err(Fault::Stopped);
        }
        self.burnt.set(self.burnt.get() + 1);
        self.left.set(self.left.get().map(|left| left - 1));
        Ok(())
    }

    pub fn is_burnt(&self) -> bool {
        self.left.get() == Some(0)
    }
}
