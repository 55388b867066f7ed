//! The tables that register COM classes and file types (pages `class-table.md`, `appid-table.md`,
//! `typelib-table.md`, `progid-table.md`, `extension-table.md`, `verb-table.md`, `mime-table.md`).

use reseat_database::Guid;

use crate::file_name::FileName;
use crate::row::{Text, table_row};

table_row! {
    /// A COM class.
    Class = "Class" {
        /// Its identifier.
        clsid: Guid = "CLSID",
        /// The kind of server: `LocalServer`, `InprocServer32` and the like.
        context: Text = "Context",
        /// The component; its key file is the server.
        component: Text = "Component_",
        /// Its default ProgId.
        prog_id: Option<Text> = "ProgId_Default",
        /// Its description.
        description: Option<Text> = "Description",
        /// Its AppId.
        app_id: Option<Guid> = "AppId_",
        /// The patterns of files that it opens, separated by semicolons.
        file_type_mask: Option<Text> = "FileTypeMask",
        /// Its icon.
        icon: Option<Text> = "Icon_",
        /// Which image of the icon.
        icon_index: Option<i32> = "IconIndex",
        /// The handler within the process: 1 to 3 for the system's, or a file.
        handler: Option<Text> = "DefInprocHandler",
        /// The server's arguments, Formatted.
        argument: Option<Text> = "Argument",
        /// The feature; advertising it advertises the class.
        feature: Text = "Feature_",
        /// 1 when the server is registered by its name without path.
        attributes: Option<i32> = "Attributes",
    }
}

table_row! {
    /// Settings that servers share.
    AppId = "AppId" {
        /// Its identifier.
        id: Guid = "AppId",
        /// The computer that the server runs on, Formatted.
        remote_server: Option<Text> = "RemoteServerName",
        /// The service that is the server.
        local_service: Option<Text> = "LocalService",
        /// The service's parameters.
        service_parameters: Option<Text> = "ServiceParameters",
        /// The library that stands in for a process.
        surrogate: Option<Text> = "DllSurrogate",
        /// Whether it runs where its data is.
        activate_at_storage: bool = "ActivateAtStorage",
        /// Whether it runs as the user who is logged on.
        run_as_interactive_user: bool = "RunAsInteractiveUser",
    }
}

table_row! {
    /// A type library.
    TypeLib = "TypeLib" {
        /// Its identifier.
        id: Guid = "LibID",
        /// Its language.
        language: i32 = "Language",
        /// The component; its key file is the library.
        component: Text = "Component_",
        /// Its version: major in the upper two of three bytes, minor in the lowest.
        version: Option<i32> = "Version",
        /// Its description.
        description: Option<Text> = "Description",
        /// The folder of its help file.
        directory: Option<Text> = "Directory_",
        /// The feature.
        feature: Text = "Feature_",
        /// Its cost in bytes.
        cost: Option<i32> = "Cost",
    }
}

table_row! {
    /// A program identifier.
    ProgId = "ProgId" {
        /// The identifier.
        prog_id: Text = "ProgId",
        /// The one that it is a version of.
        parent: Option<Text> = "ProgId_Parent",
        /// The class.
        class: Option<Guid> = "Class_",
        /// Its description.
        description: Option<Text> = "Description",
        /// Its icon.
        icon: Option<Text> = "Icon_",
        /// Which image of the icon.
        icon_index: Option<i32> = "IconIndex",
    }
}

table_row! {
    /// An extension of file names, without the full stop.
    Extension = "Extension" {
        /// The extension.
        extension: Text = "Extension",
        /// The component; its key file is the program.
        component: Text = "Component_",
        /// Its program identifier.
        prog_id: Option<Text> = "ProgId_",
        /// Its MIME type.
        mime: Option<Text> = "MIME_",
        /// The feature; advertising it advertises the extension.
        feature: Text = "Feature_",
    }
}

table_row! {
    /// What can be done with files of an extension.
    Verb = "Verb" {
        /// The extension.
        extension: Text = "Extension_",
        /// The verb.
        verb: Text = "Verb",
        /// Its place; the lowest is the default.
        sequence: Option<i32> = "Sequence",
        /// Its text in the menu, Formatted.
        command: Option<Text> = "Command",
        /// The program's arguments, Formatted.
        argument: Option<Text> = "Argument",
    }
}

table_row! {
    /// A MIME type.
    Mime = "MIME" {
        /// The type.
        content_type: Text = "ContentType",
        /// The extension.
        extension: Text = "Extension_",
        /// The class.
        class: Option<Guid> = "CLSID",
    }
}

impl Class {
    /// The handler's file, when it is one.
    pub fn handler_file(&self) -> Option<FileName> {
        self.handler
            .as_deref()
            .filter(|text| text.parse::<u8>().is_err())
            .and_then(|text| FileName::parse(text).ok())
    }
}
