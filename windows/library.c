/* Request M: calls a function of a library. Request T: whether the host is again what it was before. */
#include "host.h"

#include <tlhelp32.h>

typedef UINT(WINAPI *action_function)(uint32_t session);

/* The library of the last action, with its path. */
static HMODULE library;
static WCHAR *library_path;

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
    if (library) {
        /* Nobody has asked whether it is gone. */
        send_failed(ERROR_BUSY, L"request");
    } else if (request->failed) {
        send_failed(ERROR_INVALID_DATA, L"request");
    } else if (!load_proxies()) {
        send_failed(GetLastError(), L"msi.dll");
    } else {
        library = LoadLibraryExW(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
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
    if (library && !library_path)
        library_path = path;
    else
        give_memory(path);
    give_memory(name);
}

/* Whether this is the only thread of the process. */
static int is_alone(void)
{
    THREADENTRY32 thread = {.dwSize = sizeof thread};
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    DWORD process = GetCurrentProcessId();
    uint32_t count = 0;
    if (all == INVALID_HANDLE_VALUE)
        return 0;
    for (BOOL more = Thread32First(all, &thread); more; more = Thread32Next(all, &thread))
        count += thread.th32OwnerProcessID == process;
    CloseHandle(all);
    return count == 1;
}

void tidy_up(void)
{
    int is_gone = library && FreeLibrary(library) && !GetModuleHandleW(library_path);
    library = NULL;
    give_memory(library_path);
    library_path = NULL;
    send_done(is_gone && is_alone() ? ERROR_SUCCESS : ERROR_BUSY);
}
