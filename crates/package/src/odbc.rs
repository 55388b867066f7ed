//! The tables of ODBC drivers and data sources (pages `odbcdriver-table.md`, `odbcattribute-table.md`,
//! `odbcdatasource-table.md`, `odbcsourceattribute-table.md`, `odbctranslator-table.md`).

use crate::row::{Text, table_row};

table_row! {
    /// A driver.
    OdbcDriver = "ODBCDriver" {
        /// Its key.
        driver: Text = "Driver",
        /// The component.
        component: Text = "Component_",
        /// Its name.
        description: Text = "Description",
        /// Its library.
        file: Text = "File_",
        /// The library that sets it up.
        setup: Option<Text> = "File_Setup",
    }
}

table_row! {
    /// An attribute of a driver.
    OdbcAttribute = "ODBCAttribute" {
        /// The driver.
        driver: Text = "Driver_",
        /// The attribute.
        attribute: Text = "Attribute",
        /// Its value, Formatted.
        value: Option<Text> = "Value",
    }
}

table_row! {
    /// A data source.
    OdbcDataSource = "ODBCDataSource" {
        /// Its key.
        source: Text = "DataSource",
        /// The component.
        component: Text = "Component_",
        /// Its name.
        description: Text = "Description",
        /// The name of its driver, which may be another product's.
        driver: Text = "DriverDescription",
        /// 0 for the machine, 1 for the user.
        registration: i32 = "Registration",
    }
}

table_row! {
    /// An attribute of a data source.
    OdbcSourceAttribute = "ODBCSourceAttribute" {
        /// The data source.
        source: Text = "DataSource_",
        /// The attribute.
        attribute: Text = "Attribute",
        /// Its value, Formatted.
        value: Option<Text> = "Value",
    }
}

table_row! {
    /// A translator.
    OdbcTranslator = "ODBCTranslator" {
        /// Its key.
        translator: Text = "Translator",
        /// The component.
        component: Text = "Component_",
        /// Its name.
        description: Text = "Description",
        /// Its library.
        file: Text = "File_",
        /// The library that sets it up.
        setup: Option<Text> = "File_Setup",
    }
}
