//! Packages made by tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reseat_cabinet::CabinetWriter;
use reseat_database::summary::id;
use reseat_database::{Column, ColumnType, Database, PropertyValue, SummaryInformation, Table, Value};

use super::Place;

/// Tables: name, columns as text archives describe them (`name:type`), keys first, how many of them are keys.
const TABLES: &[(&str, &str, usize)] = &[
    ("Property", "Property:s72 Value:l0", 1),
    ("Directory", "Directory:s72 Directory_Parent:S72 DefaultDir:l255", 1),
    (
        "Feature",
        "Feature:s38 Feature_Parent:S38 Title:L64 Description:L255 Display:I2 Level:i2 Directory_:S72 Attributes:i2",
        1,
    ),
    ("Component", "Component:s72 ComponentId:S38 Directory_:s72 Attributes:i2 Condition:S255 KeyPath:S72", 1),
    ("FeatureComponents", "Feature_:s38 Component_:s72", 2),
    (
        "File",
        "File:s72 Component_:s72 FileName:l255 FileSize:i4 Version:S72 Language:S20 Attributes:I2 Sequence:i4",
        1,
    ),
    ("MsiFileHash", "File_:s72 Options:i2 HashPart1:i4 HashPart2:i4 HashPart3:i4 HashPart4:i4", 1),
    ("Media", "DiskId:i2 LastSequence:i4 DiskPrompt:L64 Cabinet:S255 VolumeLabel:S32 Source:S72", 1),
    ("InstallExecuteSequence", "Action:s72 Condition:S255 Sequence:I2", 1),
    ("InstallUISequence", "Action:s72 Condition:S255 Sequence:I2", 1),
    ("OtherSequence", "Action:s72 Condition:S255 Sequence:I2", 1),
    ("Dialog", "Dialog:s72 HCentering:i2", 1),
    ("SelfReg", "File_:s72 Cost:I2", 1),
    ("ReserveCost", "ReserveKey:s72 Component_:s72 ReserveFolder:S72 ReserveLocal:i4 ReserveSource:i4", 1),
    ("AdvtExecuteSequence", "Action:s72 Condition:S255 Sequence:I2", 1),
    ("AdminExecuteSequence", "Action:s72 Condition:S255 Sequence:I2", 1),
    ("Condition", "Feature_:s38 Level:i2 Condition:S255", 2),
    ("CustomAction", "Action:s72 Type:i2 Source:S72 Target:S255", 1),
    ("Binary", "Name:s72 Data:v0", 1),
    ("Error", "Error:i2 Message:L0", 1),
    ("LaunchCondition", "Condition:s255 Description:l255", 1),
    ("ActionText", "Action:s72 Description:L64 Template:L128", 1),
    ("Wix4RestartResource", "RestartResource:s72 Component_:s72 Resource:s255 Attributes:i4", 1),
    ("WixRestartResource", "WixRestartResource:s72 Component_:s72 Resource:s255 Attributes:i4", 1),
    ("Environment", "Environment:s72 Name:l255 Value:L255 Component_:s72", 1),
    ("Patch", "File_:s72 Sequence:i4 PatchSize:i4 Attributes:i2 Header:S72 StreamRef_:S38", 2),
    ("Complus", "Component_:s72 ExpType:I2", 1),
    ("SFPCatalog", "SFPCatalog:s255 Catalog:s72 Dependency:S0", 1),
    ("MsiEmbeddedChainer", "MsiEmbeddedChainer:s72 Condition:S255 CommandLine:S255 Source:s72 Type:i4", 1),
    ("MsiPatchMetadata", "Company:S72 Property:s72 Value:l0", 2),
    ("PatchPackage", "PatchId:s38 Media_:i2", 1),
    ("Registry", "Registry:s72 Root:i2 Key:l255 Name:L255 Value:L0 Component_:s72", 1),
    ("RemoveFile", "FileKey:s72 Component_:s72 FileName:L255 DirProperty:s72 InstallMode:i2", 1),
    ("DuplicateFile", "FileKey:s72 Component_:s72 File_:s72 DestName:L255 DestFolder:S72", 1),
    ("CreateFolder", "Directory_:s72 Component_:s72", 2),
    ("AppSearch", "Property:s72 Signature_:s72", 2),
    ("CCPSearch", "Signature_:s72", 1),
    (
        "Signature",
        "Signature:s72 FileName:s255 MinVersion:S20 MaxVersion:S20 MinSize:I4 MaxSize:I4 MinDate:I4 MaxDate:I4 \
         Languages:S255",
        1,
    ),
    ("RegLocator", "Signature_:s72 Root:i2 Key:s255 Name:S255 Type:I2", 1),
    ("IniLocator", "Signature_:s72 FileName:s255 Section:s96 Key:s128 Field:I2 Type:I2", 1),
    ("CompLocator", "Signature_:s72 ComponentId:s38 Type:I2", 1),
    ("DrLocator", "Signature_:s72 Parent:S72 Path:S255 Depth:I2", 3),
    ("IsolatedComponent", "Component_Shared:s72 Component_Application:s72", 2),
    ("LockPermissions", "LockObject:s72 Table:s32 Domain:S255 User:s255 Permission:I4", 4),
    (
        "MsiLockPermissionsEx",
        "MsiLockPermissionsEx:s72 LockObject:s72 Table:s32 SDDLText:s0 Condition:S255",
        1,
    ),
    ("MsiShortcutProperty", "MsiShortcutProperty:s72 Shortcut_:s72 PropertyKey:s0 PropVariantValue:s0", 1),
    ("ODBCDriver", "Driver:s72 Component_:s72 Description:s255 File_:s72 File_Setup:S72", 1),
    ("ODBCAttribute", "Driver_:s72 Attribute:s40 Value:S255", 2),
    (
        "ODBCDataSource",
        "DataSource:s72 Component_:s72 Description:s255 DriverDescription:s255 Registration:i2",
        1,
    ),
    ("ODBCSourceAttribute", "DataSource_:s72 Attribute:s32 Value:S255", 2),
    ("ODBCTranslator", "Translator:s72 Component_:s72 Description:s255 File_:s72 File_Setup:S72", 1),
    (
        "Shortcut",
        "Shortcut:s72 Directory_:s72 Name:l128 Component_:s72 Target:s72 Arguments:S255 Description:L255 Hotkey:I2 \
         Icon_:S72 IconIndex:I2 ShowCmd:I2 WkDir:S72",
        1,
    ),
    (
        "IniFile",
        "IniFile:s72 FileName:l255 DirProperty:S72 Section:l96 Key:l128 Value:l255 Action:i2 Component_:s72",
        1,
    ),
    (
        "RemoveIniFile",
        "RemoveIniFile:s72 FileName:l255 DirProperty:S72 Section:l96 Key:l128 Value:L255 Action:i2 Component_:s72",
        1,
    ),
    (
        "MoveFile",
        "FileKey:s72 Component_:s72 SourceName:L255 DestName:L255 SourceFolder:S72 DestFolder:s72 Options:i2",
        1,
    ),
    (
        "Class",
        "CLSID:s38 Context:s32 Component_:s72 ProgId_Default:S255 Description:L255 AppId_:S38 FileTypeMask:S255 \
         Icon_:S72 IconIndex:I2 DefInprocHandler:S32 Argument:S255 Feature_:s38 Attributes:I2",
        3,
    ),
    (
        "AppId",
        "AppId:s38 RemoteServerName:S255 LocalService:S255 ServiceParameters:S255 DllSurrogate:S255 \
         ActivateAtStorage:I2 RunAsInteractiveUser:I2",
        1,
    ),
    ("ProgId", "ProgId:s255 ProgId_Parent:S255 Class_:S38 Description:L255 Icon_:S72 IconIndex:I2", 1),
    ("Extension", "Extension:s255 Component_:s72 ProgId_:S255 MIME_:S64 Feature_:s38", 2),
    ("Verb", "Extension_:s255 Verb:s32 Sequence:I2 Command:L255 Argument:L255", 2),
    ("MIME", "ContentType:s64 Extension_:s255 CLSID:S38", 1),
    ("Icon", "Name:s72 Data:v0", 1),
    (
        "TypeLib",
        "LibID:s38 Language:i2 Component_:s72 Version:I4 Description:L128 Directory_:S72 Feature_:s38 Cost:I4",
        3,
    ),
    ("MsiAssembly", "Component_:s72 Feature_:s38 File_Manifest:S72 File_Application:S72 Attributes:I2", 1),
    ("MsiAssemblyName", "Component_:s72 Name:s255 Value:s255", 2),
    ("PublishComponent", "ComponentId:s38 Qualifier:s255 Component_:s72 AppData:L255 Feature_:s38", 3),
    ("Font", "File_:s72 FontTitle:S128", 1),
    (
        "ServiceInstall",
        "ServiceInstall:s72 Name:s255 DisplayName:L255 ServiceType:i4 StartType:i4 ErrorControl:i4 LoadOrderGroup:S255 \
         Dependencies:S255 StartName:S255 Password:S255 Arguments:S255 Component_:s72 Description:L255",
        1,
    ),
    ("ServiceControl", "ServiceControl:s72 Name:l255 Event:i2 Arguments:L255 Wait:I2 Component_:s72", 1),
    (
        "MsiServiceConfig",
        "MsiServiceConfig:s72 Name:s255 Event:i2 ConfigType:i4 Argument:S255 Component_:s72",
        1,
    ),
    (
        "MsiServiceConfigFailureActions",
        "MsiServiceConfigFailureActions:s72 Name:s255 Event:i2 ResetPeriod:I4 RebootMessage:L255 Command:L255 \
         Actions:S255 DelayActions:S255 Component_:s72",
        1,
    ),
    (
        "Upgrade",
        "UpgradeCode:s38 VersionMin:S20 VersionMax:S20 Language:S255 Attributes:i4 Remove:S255 ActionProperty:s72",
        5,
    ),
];

/// The standard actions of every package here, in their usual places.
const SEQUENCE: &[(&str, i32)] = &[
    ("FindRelatedProducts", 200),
    ("ValidateProductID", 700),
    ("CostInitialize", 800),
    ("FileCost", 900),
    ("CostFinalize", 1000),
    ("InstallValidate", 1400),
    ("InstallInitialize", 1500),
    ("RemoveExistingProducts", 1510),
    ("ProcessComponents", 1600),
    ("UnpublishFeatures", 1800),
    ("RemoveRegistryValues", 2600),
    ("RemoveShortcuts", 3200),
    ("RemoveDuplicateFiles", 3400),
    ("RemoveFiles", 3500),
    ("RemoveFolders", 3600),
    ("CreateFolders", 3700),
    ("InstallFiles", 4000),
    ("DuplicateFiles", 4210),
    ("CreateShortcuts", 4500),
    ("WriteRegistryValues", 5000),
    ("RegisterUser", 6000),
    ("RegisterProduct", 6100),
    ("PublishFeatures", 6300),
    ("PublishProduct", 6400),
    ("InstallFinalize", 6600),
];

/// A package to be.
#[derive(Clone)]
pub struct Product {
    rows: BTreeMap<&'static str, Vec<Vec<String>>>,
    files: Vec<(String, Vec<u8>)>,
    binaries: Vec<(String, Vec<u8>)>,
    icons: Vec<(String, Vec<u8>)>,
    cabinet: Cabinet,
    word_count: i32,
    family: u32,
    code: u32,
}

/// Where the files are.
#[derive(Clone, Copy)]
pub enum Cabinet {
    Embedded,
    /// In a file beside the package that is not written.
    Missing,
    /// In the package, and damaged.
    Corrupt,
}

impl Product {
    /// Version 1.0.0 of a product with one feature, one component and no files, installed to `Program Files\Test`.
    pub fn new() -> Self {
        Self::of_family(0)
    }

    /// The same of another product, `Test` and a number; 0 is the usual one.
    pub fn of_family(family: u32) -> Self {
        let name = if family == 0 { "Test".to_owned() } else { format!("Test{family}") };
        let mut product = Self {
            rows: BTreeMap::new(),
            files: Vec::new(),
            binaries: Vec::new(),
            icons: Vec::new(),
            cabinet: Cabinet::Embedded,
            word_count: 2,
            family,
            code: 0,
        };
        let upgrade = guid(2, family);
        for (name, value) in [
            ("Manufacturer", "Reseat"),
            ("ProductLanguage", "1033"),
            ("ProductName", &name),
            ("UpgradeCode", &upgrade),
            ("ALLUSERS", "1"),
            ("SecureCustomProperties", "OLDER"),
        ] {
            product.row("Property", &[name, value]);
        }
        product.row("Directory", &["TARGETDIR", "", "SourceDir"]);
        product.row("Directory", &["ProgramFiles64Folder", "TARGETDIR", "."]);
        product.row("Directory", &["INSTALLDIR", "ProgramFiles64Folder", &name]);
        product.row("Feature", &["Main", "", "Main", "", "1", "1", "INSTALLDIR", "0"]);
        product.row("Component", &["Main", &guid(3, 2 * family), "INSTALLDIR", "256", "", ""]);
        product.row("FeatureComponents", &["Main", "Main"]);
        for (action, sequence) in SEQUENCE {
            product.row("InstallExecuteSequence", &[action, "", &sequence.to_string()]);
        }
        product.version("1.0.0")
    }

    /// Another version of the same product, which replaces older ones.
    pub fn version(mut self, version: &str) -> Self {
        let properties = self.rows.entry("Property").or_default();
        properties.retain(|row| row[0] != "ProductVersion" && row[0] != "ProductCode");
        self.rows.remove("Upgrade");
        self.code =
            version.bytes().fold(self.family, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let code = guid(1, self.code);
        self.row("Property", &["ProductVersion", version]);
        self.row("Property", &["ProductCode", &code]);
        self.row("Upgrade", &[&guid(2, self.family), "", version, "", "1", "", "OLDER"]);
        self
    }

    pub fn product_code(&self) -> String {
        guid(1, self.code)
    }

    /// Adds a row; missing values at the end are null.
    pub fn row(&mut self, table: &'static str, values: &[&str]) {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.rows.entry(table).or_default().push(values);
    }

    pub fn with_row(mut self, table: &'static str, values: &[&str]) -> Self {
        self.row(table, values);
        self
    }

    /// The same without the rows with this first value.
    pub fn without_row(mut self, table: &'static str, key: &str) -> Self {
        self.rows.entry(table).or_default().retain(|row| row[0] != key);
        self
    }

    pub fn with_property(self, name: &str, value: &str) -> Self {
        self.with_row("Property", &[name, value])
    }

    /// Adds a file of the component `Main`.
    pub fn with_file(mut self, key: &str, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let sequence = (self.files.len() + 1).to_string();
        self.row("File", &[key, "Main", name, &content.len().to_string(), "", "", "512", &sequence]);
        self.files.push((key.to_owned(), content));
        self
    }

    /// Adds a folder in `INSTALLDIR` with a component that creates it.
    pub fn with_folder(self, key: &str, name: &str) -> Self {
        let family = self.family;
        self.with_row("Directory", &[key, "INSTALLDIR", name])
            .with_row("Component", &[key, &guid(3, 2 * family + 1), key, "256", "", ""])
            .with_row("FeatureComponents", &["Main", key])
            .with_row("CreateFolder", &[key, key])
    }

    /// Adds the hashes of the files that it has by now, so that equal files are known as such.
    pub fn with_hashes(mut self, place: &Place) -> Self {
        for (key, content) in self.files.clone() {
            let file = std::fs::File::open(place.write("hashed", content)).expect("a file");
            let parts =
                reseat_machine::file_version::file_hash(&file).expect("a hash").map(|part| part.to_string());
            self.row("MsiFileHash", &[&key, "0", &parts[0], &parts[1], &parts[2], &parts[3]]);
        }
        self
    }

    pub fn with_cabinet(self, cabinet: Cabinet) -> Self {
        Self { cabinet, ..self }
    }

    /// Adds a custom action and its place in the sequence; it runs when the product is installed.
    /// Sets the summary property Word Count, which is 2 else: files are in a cabinet, names are long.
    pub fn with_word_count(self, word_count: i32) -> Self {
        Self { word_count, ..self }
    }

    pub fn with_action(mut self, name: &str, kind: i32, source: &str, target: &str, sequence: i32) -> Self {
        self.row("CustomAction", &[name, &kind.to_string(), source, target]);
        self.row("InstallExecuteSequence", &[name, "NOT REMOVE", &sequence.to_string()]);
        self
    }

    /// Adds a program to the Binary table.
    pub fn with_binary(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.row("Binary", &[name, ""]);
        self.binaries.push((name.to_owned(), content.into()));
        self
    }

    /// Adds actions to the sequence at their usual places.
    pub fn with_standard_actions(mut self, actions: &[(&str, i32)]) -> Self {
        for (action, sequence) in actions {
            self.row("InstallExecuteSequence", &[action, "", &sequence.to_string()]);
        }
        self
    }

    /// Schedules the actions that write classes, extensions, ProgIds and MIME types, and take them back.
    pub fn with_class_actions(self) -> Self {
        self.with_standard_actions(&[
            ("UnregisterClassInfo", 2700),
            ("UnregisterExtensionInfo", 2800),
            ("UnregisterProgIdInfo", 2900),
            ("UnregisterMIMEInfo", 3000),
            ("RegisterClassInfo", 4600),
            ("RegisterExtensionInfo", 4700),
            ("RegisterProgIdInfo", 4800),
            ("RegisterMIMEInfo", 4900),
        ])
    }

    /// Gives it a second feature, `Help`, of this level, with a file of its own.
    pub fn with_help(self, level: u32) -> Self {
        self.with_file("Manual", "manual.txt", "help")
            .with_row("Feature", &["Help", "", "Help", "", "1", &level.to_string(), "INSTALLDIR", "0"])
            .with_row(
                "Component",
                &["Help", "{33333333-0000-0000-0000-00000000000A}", "INSTALLDIR", "256", "", "Manual"],
            )
            .with_row("FeatureComponents", &["Help", "Help"])
            .with_file_in("Manual", "Help")
    }

    /// Gives it the suggested sequence of an advertisement.
    pub fn with_advertisement_sequence(mut self) -> Self {
        for (action, sequence) in [
            ("CostInitialize", "800"),
            ("CostFinalize", "1000"),
            ("InstallValidate", "1400"),
            ("InstallInitialize", "1500"),
            ("CreateShortcuts", "4500"),
            ("RegisterClassInfo", "4600"),
            ("RegisterExtensionInfo", "4700"),
            ("RegisterProgIdInfo", "4800"),
            ("RegisterMIMEInfo", "4900"),
            ("PublishComponents", "6200"),
            ("PublishFeatures", "6300"),
            ("PublishProduct", "6400"),
            ("InstallFinalize", "6600"),
        ] {
            self.row("AdvtExecuteSequence", &[action, "", sequence]);
        }
        self
    }

    /// Gives it the suggested sequence of an administrative installation.
    pub fn with_admin_sequence(mut self) -> Self {
        for (action, sequence) in [
            ("CostInitialize", "800"),
            ("FileCost", "900"),
            ("CostFinalize", "1000"),
            ("InstallValidate", "1400"),
            ("InstallInitialize", "1500"),
            ("InstallAdminPackage", "3900"),
            ("InstallFiles", "4000"),
            ("InstallFinalize", "6600"),
        ] {
            self.row("AdminExecuteSequence", &[action, "", sequence]);
        }
        self
    }

    /// Sets the condition of an action in the sequence.
    pub fn with_condition(mut self, action: &str, condition: &str) -> Self {
        for row in self.rows.entry("InstallExecuteSequence").or_default() {
            if row[0] == action {
                row[1] = condition.to_owned();
            }
        }
        self
    }

    /// Gives the component `Main` a file as its key path.
    pub fn with_key_file(mut self, file: &str) -> Self {
        for row in self.rows.entry("Component").or_default() {
            if row[0] == "Main" {
                row[5] = file.to_owned();
            }
        }
        self
    }

    /// Moves a file to another component.
    pub fn with_file_in(mut self, file: &str, component: &str) -> Self {
        for row in self.rows.entry("File").or_default() {
            if row[0] == file {
                row[1] = component.to_owned();
            }
        }
        self
    }

    /// Adds an icon.
    pub fn with_icon(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.row("Icon", &[name, ""]);
        self.icons.push((name.to_owned(), content.into()));
        self
    }

    /// Writes the package.
    pub fn save(&self, place: &Place, name: &str) -> PathBuf {
        let path = place.path(name);
        self.save_at(&path);
        path
    }

    fn save_at(&self, path: &Path) {
        self.database().save(path).expect("a saved package");
    }

    /// The content of a file.
    pub fn content(&self, key: &str) -> Option<&[u8]> {
        self.files.iter().find(|(file, _)| file == key).map(|(_, content)| content.as_slice())
    }

    /// The package's tables and streams.
    pub fn database(&self) -> Database {
        let mut database = Database::create();
        let mut summary = SummaryInformation::default();
        summary.set_code_page(1252);
        summary.set_text(id::TITLE, "Installation Database");
        summary.set_text(id::TEMPLATE, "x64;1033");
        summary.set_text(id::REVISION_NUMBER, &guid(4, self.code));
        summary.set(id::PAGE_COUNT, PropertyValue::Long(200));
        summary.set(id::WORD_COUNT, PropertyValue::Long(self.word_count));
        database.set_summary(summary);

        let mut rows = self.rows.clone();
        if !self.files.is_empty() {
            let mut cabinet = CabinetWriter::create(Vec::new()).expect("a cabinet");
            for (key, content) in &self.files {
                cabinet.add(key, content.as_slice(), None, 0).expect("a file in the cabinet");
            }
            let mut cabinet = cabinet.finish().expect("a cabinet");
            let name = match self.cabinet {
                Cabinet::Missing => "absent.cab",
                Cabinet::Embedded | Cabinet::Corrupt => "#files.cab",
            };
            if matches!(self.cabinet, Cabinet::Corrupt) {
                let middle = cabinet.len() - 8;
                cabinet[middle..].fill(0x55);
            }
            database.put_stream("files.cab", cabinet);
            let media = rows.entry("Media").or_default();
            if media.is_empty() {
                let last = self.files.len().to_string();
                media.push(["1", &last, "", name].map(str::to_owned).to_vec());
            }
        }
        for (name, content) in &self.binaries {
            database.put_stream(&format!("Binary.{name}"), content.clone());
        }
        for (name, content) in &self.icons {
            database.put_stream(&format!("Icon.{name}"), content.clone());
        }
        for (table, rows) in &rows {
            database.put_table(make_table(table, rows));
        }
        database
    }
}

pub fn make_table(name: &str, rows: &[Vec<String>]) -> Table {
    let (_, columns, keys) = TABLES.iter().find(|table| table.0 == name).expect("a known table");
    let columns: Vec<Column> = columns
        .split_whitespace()
        .enumerate()
        .map(|(place, column)| {
            let (name, kind) = column.split_once(':').expect("a column");
            let (letter, size) = kind.split_at(1);
            let size: u8 = size.parse().expect("a size");
            Column {
                name: name.to_owned(),
                kind: match (letter.to_ascii_lowercase().as_str(), size) {
                    ("i", 2) => ColumnType::Short,
                    ("i", _) => ColumnType::Long,
                    ("v", _) => ColumnType::Stream,
                    _ => ColumnType::Text(size),
                },
                nullable: letter.chars().all(char::is_uppercase),
                key: place < *keys,
                localizable: letter.eq_ignore_ascii_case("l"),
            }
        })
        .collect();
    let kinds: Vec<ColumnType> = columns.iter().map(|column| column.kind).collect();
    let mut table = Table::new(name, columns);
    for row in rows {
        let values = row.iter().zip(&kinds).map(|(text, kind)| match kind {
            ColumnType::Stream => Value::Stream,
            ColumnType::Text(_) => Value::from(text.as_str()),
            _ if text.is_empty() => Value::Null,
            _ => Value::Integer(text.parse().expect("a number")),
        });
        table.push(values.collect());
    }
    table
}

/// A GUID of the tests.
pub fn guid(kind: u32, number: u32) -> String {
    format!("{{7E57{kind:04X}-0000-4000-8000-0000{number:08X}}}")
}
