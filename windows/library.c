/* Request M: calls a function of a library. */
#include "host.h"

typedef UINT(WINAPI *action_function)(uint32_t session);

static FARPROC find(HMODULE library, const WCHAR *name)
{
    char narrow[512];
    if (!WideCharToMultiByte(CP_ACP, 0, name, -1, narrow, sizeof narrow, NULL, NULL))
        return NULL;
    return GetProcAddress(library, narrow);
}

static BOOL CALLBACK is_managed(HMODULE library)
{
    /* Libraries that the .NET tool kit makes have such an export in the place of each managed function. */
    return GetProcAddress(library, "zzzzInvokeManagedCustomActionOutOfProc") != NULL;
}

void run_library(struct rest *request)
{
    uint32_t session = get_u32(request);
    WCHAR *path = get_text(request);
    WCHAR *name = get_text(request);
    if (request->failed) {
        send_failed(ERROR_INVALID_DATA, L"request");
    } else if (!load_proxies()) {
        send_failed(GetLastError(), L"msi.dll");
    } else {
        HMODULE library = LoadLibraryExW(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
        DWORD error = GetLastError();
        action_function function = library ? (action_function)(void *)find(library, name) : NULL;
        if (!library) {
            send_failed(error, path);
        } else if (!function) {
            send_failed(ERROR_PROC_NOT_FOUND, name);
        } else {
            if (is_managed(library))
                send_line(L"this library carries managed code and needs a .NET runtime in the prefix");
            send_done(function(session));
        }
    }
    give_memory(path);
    give_memory(name);
}
