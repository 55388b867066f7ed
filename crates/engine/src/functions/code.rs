//! The numbers that the functions return (page `error-codes.md` and those of the functions).

/// A documented error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    pub const FILE_NOT_FOUND: Self = Self(2);
    pub const ACCESS_DENIED: Self = Self(5);
    pub const INVALID_HANDLE: Self = Self(6);
    pub const INVALID_DATA: Self = Self(13);
    pub const INVALID_PARAMETER: Self = Self(87);
    pub const OPEN_FAILED: Self = Self(110);
    pub const DISK_FULL: Self = Self(112);
    pub const CALL_NOT_IMPLEMENTED: Self = Self(120);
    pub const BAD_PATHNAME: Self = Self(161);
    pub const NO_MORE_ITEMS: Self = Self(259);
    pub const DIRECTORY: Self = Self(267);
    pub const FILE_INVALID: Self = Self(1006);
    pub const INSTALL_USEREXIT: Self = Self(1602);
    pub const INSTALL_FAILURE: Self = Self(1603);
    pub const INSTALL_SUSPEND: Self = Self(1604);
    pub const UNKNOWN_PRODUCT: Self = Self(1605);
    pub const UNKNOWN_FEATURE: Self = Self(1606);
    pub const UNKNOWN_COMPONENT: Self = Self(1607);
    pub const UNKNOWN_PROPERTY: Self = Self(1608);
    pub const INVALID_HANDLE_STATE: Self = Self(1609);
    pub const BAD_QUERY_SYNTAX: Self = Self(1615);
    pub const INVALID_FIELD: Self = Self(1616);
    pub const INSTALL_ALREADY_RUNNING: Self = Self(1618);
    pub const FUNCTION_NOT_CALLED: Self = Self(1626);
    pub const FUNCTION_FAILED: Self = Self(1627);
    pub const INVALID_TABLE: Self = Self(1628);
    pub const INVALID_DATATYPE: Self = Self(1804);
}
