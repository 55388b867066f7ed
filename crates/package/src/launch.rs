//! The LaunchCondition table (page `launchcondition-table.md`).

use crate::row::{Text, table_row};

table_row! {
    /// A condition without which nothing is installed.
    LaunchCondition = "LaunchCondition" {
        /// The condition.
        condition: Text = "Condition",
        /// What is shown when it does not hold, Formatted.
        description: Text = "Description",
    }
}
