//! The Component, PublishComponent and IsolatedComponent tables (pages `component-table.md`,
//! `publishcomponent-table.md`, `isolatedcomponent-table.md`).

use reseat_database::{ComponentId, Guid};

use crate::row::{Text, bit_set, table_row};

bit_set! {
    /// The Attributes column of the Component table.
    ComponentAttributes {
        /// It can only run from the source.
        SOURCE_ONLY = 1,
        /// It can be installed locally or run from the source.
        OPTIONAL = 2,
        /// Its key path is a registry value.
        REGISTRY_KEY_PATH = 4,
        /// Its key file is counted as a shared library.
        SHARED_DLL_REF_COUNT = 8,
        /// It stays when the product is removed.
        PERMANENT = 16,
        /// Its key path is an ODBC data source.
        ODBC_DATA_SOURCE = 32,
        /// Its condition is evaluated again when the product is reinstalled.
        TRANSITIVE = 64,
        /// It is not installed over an existing key path.
        NEVER_OVERWRITE = 128,
        /// It is a 64-bit component.
        BITS_64 = 256,
        /// Registry reflection is switched off for its keys.
        DISABLE_REGISTRY_REFLECTION = 512,
        /// It is removed with the patch that is superseded.
        UNINSTALL_ON_SUPERSEDENCE = 1024,
        /// Its highest version is kept while anyone shares it.
        SHARED = 2048,
    }
}

table_row! {
    /// A component: what is installed and removed as one.
    Component = "Component" {
        /// Its key.
        component: Text = "Component",
        /// Its code; without one it is not registered, and neither removed nor repaired.
        id: Option<ComponentId> = "ComponentId",
        /// The folder that its files go to.
        directory: Text = "Directory_",
        /// How it may be installed.
        attributes: ComponentAttributes = "Attributes",
        /// When it is installed.
        condition: Option<Text> = "Condition",
        /// What shows that it is there; [`Component::key_path`] says of which table it is a key.
        key: Option<Text> = "KeyPath",
    }
}

/// What shows that a component is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPath {
    /// Its folder, a key of the Directory table.
    Folder(Text),
    /// A key of the File table.
    File(Text),
    /// A key of the Registry table.
    Registry(Text),
    /// A key of the ODBCDataSource table.
    OdbcDataSource(Text),
}

/// Where a component may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// Only on the computer.
    LocalOnly,
    /// Only at the source.
    SourceOnly,
    /// At either.
    Optional,
}

impl Component {
    /// What shows that the component is there.
    pub fn key_path(&self) -> KeyPath {
        match &self.key {
            None => KeyPath::Folder(self.directory.clone()),
            Some(key) if self.attributes.has(ComponentAttributes::REGISTRY_KEY_PATH) => {
                KeyPath::Registry(key.clone())
            }
            Some(key) if self.attributes.has(ComponentAttributes::ODBC_DATA_SOURCE) => {
                KeyPath::OdbcDataSource(key.clone())
            }
            Some(key) => KeyPath::File(key.clone()),
        }
    }

    /// Where the component may be.
    pub fn location(&self) -> Location {
        if self.attributes.has(ComponentAttributes::OPTIONAL) {
            Location::Optional
        } else if self.attributes.has(ComponentAttributes::SOURCE_ONLY) {
            Location::SourceOnly
        } else {
            Location::LocalOnly
        }
    }

    /// Whether it is a 64-bit component.
    pub fn is_64_bit(&self) -> bool {
        self.attributes.has(ComponentAttributes::BITS_64)
    }
}

table_row! {
    /// A component that others find by category and qualifier.
    PublishComponent = "PublishComponent" {
        /// The category.
        id: Guid = "ComponentId",
        /// What tells components of a category apart.
        qualifier: Text = "Qualifier",
        /// The component.
        component: Text = "Component_",
        /// A description or other data.
        application_data: Option<Text> = "AppData",
        /// The feature.
        feature: Text = "Feature_",
    }
}

table_row! {
    /// A shared component that is copied beside an application.
    IsolatedComponent = "IsolatedComponent" {
        /// The shared component.
        shared: Text = "Component_Shared",
        /// The application's component.
        application: Text = "Component_Application",
    }
}
