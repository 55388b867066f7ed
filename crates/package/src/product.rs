//! The Property, Error, ActionText and UIText tables (pages `property-table.md`, `error-table.md`,
//! `actiontext-table.md`, `uitext-table.md`).

use crate::row::{Text, table_row};

table_row! {
    /// A property with the value that it starts with.
    PropertyRow = "Property" {
        /// Its name.
        property: Text = "Property",
        /// Its value.
        value: Text = "Value",
    }
}

table_row! {
    /// The template of a message.
    ErrorRow = "Error" {
        /// The message's number.
        error: i32 = "Error",
        /// The template, Formatted, with the fields of the message's record.
        message: Option<Text> = "Message",
    }
}

table_row! {
    /// What is shown and logged while an action runs.
    ActionText = "ActionText" {
        /// The action.
        action: Text = "Action",
        /// What the action does.
        description: Option<Text> = "Description",
        /// The template, Formatted, for each of the action's messages.
        template: Option<Text> = "Template",
    }
}

table_row! {
    /// A piece of text of the user interface.
    UiText = "UIText" {
        /// Its key.
        key: Text = "Key",
        /// The text.
        text: Option<Text> = "Text",
    }
}
