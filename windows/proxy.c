/* The beginning of msi.dll and rstrtmgr.dll: finding the host that they are loaded by. */
#include "frame.h"
#include "forward.h"

/* By this export the host tells these libraries from Wine's. */
const int ReseatProxy = 1;

BOOL WINAPI entry(HINSTANCE instance, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        HMODULE host = GetModuleHandleW(NULL);
        forward_through((void *)GetProcAddress(host, "ReseatCall"), (void *)GetProcAddress(host, "ReseatDrop"));
        DisableThreadLibraryCalls(instance);
    }
    return TRUE;
}
