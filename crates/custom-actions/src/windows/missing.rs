//! What is missing for Windows code to run.

use std::path::Path;

/// Why Windows code cannot run here, with what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Wine is not installed.
    #[error("Wine is not installed")]
    Wine,
    /// The host program and its libraries are not there.
    #[error("the Windows side of Reseat is not there: windows/build makes it with mingw")]
    WindowsSide,
    /// They are not there for 32 bit.
    #[error("32-bit code, and the Windows side of Reseat was built without 32 bit")]
    Host32,
    /// Wine, or the prefix, has no 32-bit support.
    #[error(
        "32-bit code, and Wine has no 32-bit support in this prefix; wine32 is to be installed and a new prefix made"
    )]
    Wine32,
    /// The prefix has no .NET runtime.
    #[error("managed code, and the prefix has no .NET runtime")]
    DotNet,
}

/// Where distributions keep the 32-bit part of Wine.
const PLACES_OF_32_BIT: [&str; 8] = [
    "/usr/lib/i386-linux-gnu/wine",
    "/usr/lib/wine/wine",
    "/usr/lib/wine/i386-windows",
    "/usr/lib32/wine",
    "/opt/wine-stable/lib/wine/i386-windows",
    "/opt/wine-devel/lib/wine/i386-windows",
    "/opt/wine-staging/lib/wine/i386-windows",
    "/usr/local/lib/wine/i386-windows",
];

/// Whether it is certain that 32-bit code cannot run: a prefix that Wine has prepared says so itself.
pub(crate) fn lacks_32_bit(prefix: &Path) -> bool {
    if prefix.join(".update-timestamp").is_file() {
        let windows = prefix.join("drive_c/windows");
        let is_64_bit = windows.join("syswow64").is_dir();
        return is_64_bit && !windows.join("syswow64/kernel32.dll").exists();
    }
    // Only what is known: Wine may be elsewhere altogether.
    Path::new("/usr/lib/wine/wine64").exists()
        && !PLACES_OF_32_BIT.iter().any(|place| Path::new(place).exists())
}

/// Whether no .NET runtime is to be seen in the prefix: neither Microsoft's nor Wine's own.
pub(crate) fn lacks_dot_net(prefix: &Path) -> bool {
    let windows = prefix.join("drive_c/windows");
    let runtimes = [
        "mono",
        "Microsoft.NET/Framework64/v4.0.30319/mscorlib.dll",
        "Microsoft.NET/Framework/v4.0.30319/mscorlib.dll",
    ];
    !runtimes.iter().any(|place| windows.join(place).exists())
}
