//! The ServiceInstall and ServiceControl tables and those that configure services (pages `serviceinstall-table.md`,
//! `servicecontrol-table.md`, `msiserviceconfig-table.md`, `msiserviceconfigfailureactions-table.md`).

use crate::row::{Text, bit_set, table_row};

/// Added to a service's error control: the installation fails without the service.
const VITAL: i32 = 0x8000;

table_row! {
    /// A service that is installed.
    ServiceInstall = "ServiceInstall" {
        /// The row's key.
        key: Text = "ServiceInstall",
        /// The service's name, Formatted.
        name: Text = "Name",
        /// Its name as shown, Formatted.
        display_name: Option<Text> = "DisplayName",
        /// The kind of service: 0x10 a process of its own, 0x20 a shared one, 0x100 interactive.
        service_type: i32 = "ServiceType",
        /// When it starts: 2 with the system, 3 on demand, 4 never.
        start_type: i32 = "StartType",
        /// What happens when it does not start; see [`ServiceInstall::is_vital`].
        error_control: i32 = "ErrorControl",
        /// Its group, Formatted.
        load_order_group: Option<Text> = "LoadOrderGroup",
        /// What it needs, Formatted, separated by `[~]`; groups begin with `+`.
        dependencies: Option<Text> = "Dependencies",
        /// Its account, Formatted.
        start_name: Option<Text> = "StartName",
        /// The account's password, Formatted; never logged.
        password: Option<Text> = "Password",
        /// Its arguments, Formatted.
        arguments: Option<Text> = "Arguments",
        /// The component; its key file is the service's program.
        component: Text = "Component_",
        /// Its description, Formatted.
        description: Option<Text> = "Description",
    }
}

impl ServiceInstall {
    /// Whether the installation fails without the service.
    pub fn is_vital(&self) -> bool {
        self.error_control & VITAL != 0
    }

    /// The error control without the installer's own bit.
    pub fn error_control_flags(&self) -> i32 {
        self.error_control & !VITAL
    }
}

bit_set! {
    /// The Event column of the ServiceControl table.
    ServiceEvents {
        /// Started when the component is installed.
        START = 1,
        /// Stopped when the component is installed.
        STOP = 2,
        /// Deleted when the component is installed.
        DELETE = 8,
        /// Started when the component is removed.
        UNINSTALL_START = 16,
        /// Stopped when the component is removed.
        UNINSTALL_STOP = 32,
        /// Deleted when the component is removed.
        UNINSTALL_DELETE = 128,
    }
}

table_row! {
    /// What is done to a service.
    ServiceControl = "ServiceControl" {
        /// The row's key.
        key: Text = "ServiceControl",
        /// The service's name, Formatted.
        name: Text = "Name",
        /// What is done.
        events: ServiceEvents = "Event",
        /// Arguments for starting, Formatted, separated by `[~]`.
        arguments: Option<Text> = "Arguments",
        /// Whether it is waited for; see [`ServiceControl::waits`].
        wait: Option<i32> = "Wait",
        /// The component.
        component: Text = "Component_",
    }
}

impl ServiceControl {
    /// Whether the installer waits up to 30 seconds for the service.
    pub fn waits(&self) -> bool {
        self.wait != Some(0)
    }
}

table_row! {
    /// A setting of a service.
    MsiServiceConfig = "MsiServiceConfig" {
        /// The row's key.
        key: Text = "MsiServiceConfig",
        /// The service's name, Formatted.
        name: Text = "Name",
        /// When: 1 install, 2 uninstall, 4 reinstall.
        event: i32 = "Event",
        /// Which setting.
        config_type: i32 = "ConfigType",
        /// Its value, Formatted.
        argument: Option<Text> = "Argument",
        /// The component.
        component: Text = "Component_",
    }
}

table_row! {
    /// What happens when a service fails.
    MsiServiceConfigFailureActions = "MsiServiceConfigFailureActions" {
        /// The row's key.
        key: Text = "MsiServiceConfigFailureActions",
        /// The service's name, Formatted.
        name: Text = "Name",
        /// When: 1 install, 2 uninstall, 4 reinstall.
        event: i32 = "Event",
        /// Seconds without failure after which counting begins anew.
        reset_period: Option<i32> = "ResetPeriod",
        /// The message before the computer restarts, Formatted.
        reboot_message: Option<Text> = "RebootMessage",
        /// The program that is run, Formatted.
        command: Option<Text> = "Command",
        /// The actions, separated by `[~]`.
        actions: Option<Text> = "Actions",
        /// Their delays in milliseconds, separated by `[~]`.
        delays: Option<Text> = "DelayActions",
        /// The component.
        component: Text = "Component_",
    }
}
