//! The sequence tables (pages `using-a-sequence-table.md`, `installexecutesequence-table.md` and its like).

use reseat_database::Table;

use crate::condition::{Condition, ConditionError};
use crate::row::{RowError, Text, read_cell};

/// Which sequence table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SequenceTable {
    /// The user interface of an installation.
    InstallUi,
    /// An installation.
    InstallExecute,
    /// The user interface of an administrative installation.
    AdminUi,
    /// An administrative installation.
    AdminExecute,
    /// Not used by the installer.
    AdvtUi,
    /// An advertisement.
    AdvtExecute,
}

impl SequenceTable {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::InstallUi,
        Self::InstallExecute,
        Self::AdminUi,
        Self::AdminExecute,
        Self::AdvtUi,
        Self::AdvtExecute,
    ];

    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InstallUi => "InstallUISequence",
            Self::InstallExecute => "InstallExecuteSequence",
            Self::AdminUi => "AdminUISequence",
            Self::AdminExecute => "AdminExecuteSequence",
            Self::AdvtUi => "AdvtUISequence",
            Self::AdvtExecute => "AdvtExecuteSequence",
        }
    }
}

/// An action in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedAction {
    /// A standard or custom action, or a dialog.
    pub action: Text,
    /// When it runs.
    pub condition: Option<Text>,
    /// Its place.
    pub sequence: i32,
}

impl SequencedAction {
    /// The condition, read.
    ///
    /// # Errors
    /// When the text is no condition.
    pub fn parse_condition(&self) -> Result<Condition, ConditionError> {
        Condition::parse(self.condition.as_deref().unwrap_or_default())
    }
}

/// How a sequence ended, with the number under which its last action is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Termination {
    /// −1: it succeeded.
    Success,
    /// −2: the user ended it.
    UserExit,
    /// −3: it failed.
    FatalError,
    /// −4: it is suspended.
    Suspended,
}

/// A sequence in the order in which it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    actions: Vec<SequencedAction>,
    terminations: Vec<SequencedAction>,
}

impl Sequence {
    /// Reads a sequence table; `name` is what errors call it. Actions without a number, or with 0, are never run and left out.
    ///
    /// # Errors
    /// When a row has no action, or a value is of the wrong type.
    pub fn load(name: &'static str, table: &Table) -> Result<Self, RowError> {
        let mut sequence = Self::default();
        for row in table.rows() {
            let number = read_cell::<Option<i32>>(name, &row, "Sequence")?.unwrap_or_default();
            let action = SequencedAction {
                action: read_cell(name, &row, "Action")?,
                condition: read_cell(name, &row, "Condition")?,
                sequence: number,
            };
            match number {
                0 => {}
                1.. => sequence.actions.push(action),
                _ => sequence.terminations.push(action),
            }
        }
        // Equal numbers keep the order of the table.
        sequence.actions.sort_by_key(|action| action.sequence);
        Ok(sequence)
    }

    /// The actions in the order in which they run.
    pub fn actions(&self) -> &[SequencedAction] {
        &self.actions
    }

    /// As [`Sequence::actions`].
    pub fn iter(&self) -> std::slice::Iter<'_, SequencedAction> {
        self.actions.iter()
    }

    /// The place of an action among [`Sequence::actions`].
    pub fn position(&self, action: &str) -> Option<usize> {
        self.actions.iter().position(|sequenced| &*sequenced.action == action)
    }

    /// The action that runs when the sequence has ended so.
    pub fn termination(&self, termination: Termination) -> Option<&SequencedAction> {
        let number = match termination {
            Termination::Success => -1,
            Termination::UserExit => -2,
            Termination::FatalError => -3,
            Termination::Suspended => -4,
        };
        self.terminations.iter().find(|action| action.sequence == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_database::{Column, ColumnType};

    #[test]
    fn sorts_actions_and_sets_terminations_apart() {
        let column = |name: &str, kind, key: bool| Column {
            name: name.to_owned(),
            kind,
            nullable: !key,
            key,
            localizable: false,
        };
        let mut table = Table::new(
            "InstallExecuteSequence",
            vec![
                column("Action", ColumnType::Text(72), true),
                column("Condition", ColumnType::Text(255), false),
                column("Sequence", ColumnType::Short, false),
            ],
        );
        table.push(vec!["Second".into(), "A=1".into(), 20.into()]);
        table.push(vec!["Never".into(), "".into(), 0.into()]);
        table.push(vec!["Fatal".into(), "".into(), (-3).into()]);
        table.push(vec!["First".into(), "".into(), 10.into()]);
        table.push(vec!["Unnumbered".into()]);
        let sequence = Sequence::load("InstallExecuteSequence", &table).unwrap();
        let names: Vec<&str> = sequence.actions().iter().map(|action| &*action.action).collect();
        assert_eq!(names, ["First", "Second"]);
        assert_eq!(sequence.position("Second"), Some(1));
        assert_eq!(&*sequence.termination(Termination::FatalError).unwrap().action, "Fatal");
        assert_eq!(sequence.termination(Termination::Success), None);
    }
}
