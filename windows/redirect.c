/* The libraries that stand in for the system's msi.dll and rstrtmgr.dll.
 *
 * They lie beside the host and are loaded by their full path, for which the installer has told Wine to take them and not
 * its own. Whoever asks for them by their names alone gets them from then on. Who asks by the path of the system's folder,
 * as many actions do, would get Wine's: so what kernelbase.dll calls to load a library is led through here. */
#include "host.h"

#include <winternl.h>

typedef NTSTATUS(WINAPI *load_function)(const WCHAR *path, DWORD *flags, const UNICODE_STRING *name, HMODULE *module);

static load_function system_load;

static WCHAR lower(WCHAR unit)
{
    return unit >= 'A' && unit <= 'Z' ? (WCHAR)(unit + 32) : unit;
}

/* Whether a name ends in this text, which is in lower case. */
static int ends_in(const UNICODE_STRING *name, const WCHAR *end)
{
    uint32_t units = name->Length / 2;
    uint32_t length = length_of(end);
    if (length > units)
        return 0;
    for (uint32_t i = 0; i < length; i++)
        if (lower(name->Buffer[units - length + i]) != end[i])
            return 0;
    return 1;
}

static NTSTATUS WINAPI redirected_load(const WCHAR *path, DWORD *flags, const UNICODE_STRING *name, HMODULE *module)
{
    static const struct {
        const WCHAR *ends[4];
        WCHAR *ours;
    } known[] = {
        {{L"\\system32\\msi.dll", L"\\system32\\msi", L"\\syswow64\\msi.dll", L"\\syswow64\\msi"}, L"msi.dll"},
        {{L"\\system32\\rstrtmgr.dll", L"\\system32\\rstrtmgr", L"\\syswow64\\rstrtmgr.dll", L"\\syswow64\\rstrtmgr"},
         L"rstrtmgr.dll"},
    };
    for (unsigned i = 0; i < 2; i++)
        for (unsigned end = 0; end < 4; end++)
            if (name && name->Buffer && ends_in(name, known[i].ends[end])) {
                UNICODE_STRING ours;
                ours.Buffer = known[i].ours;
                ours.Length = (USHORT)(2 * length_of(ours.Buffer));
                ours.MaximumLength = ours.Length + 2;
                return system_load(NULL, flags, &ours, module);
            }
    return system_load(path, flags, name, module);
}

static int same_name(const char *one, const char *other)
{
    while (*one && lower((unsigned char)*one) == lower((unsigned char)*other))
        one++, other++;
    return lower((unsigned char)*one) == lower((unsigned char)*other);
}

/* Puts our function into the place where kernelbase.dll keeps the address of ntdll's; whether there was one. */
static int redirect(void)
{
    unsigned char *base = (unsigned char *)GetModuleHandleW(L"kernelbase.dll");
    if (!base)
        return 0;
    const IMAGE_NT_HEADERS *headers = (const IMAGE_NT_HEADERS *)(base + ((const IMAGE_DOS_HEADER *)base)->e_lfanew);
    const IMAGE_DATA_DIRECTORY *imports = &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    if (!imports->VirtualAddress)
        return 0;
    const IMAGE_IMPORT_DESCRIPTOR *library = (const IMAGE_IMPORT_DESCRIPTOR *)(base + imports->VirtualAddress);
    for (; library->Name; library++) {
        if (!same_name((const char *)(base + library->Name), "ntdll.dll"))
            continue;
        const IMAGE_THUNK_DATA *name = (const IMAGE_THUNK_DATA *)(base + library->OriginalFirstThunk);
        IMAGE_THUNK_DATA *place = (IMAGE_THUNK_DATA *)(base + library->FirstThunk);
        for (; name->u1.AddressOfData; name++, place++) {
            if (IMAGE_SNAP_BY_ORDINAL(name->u1.Ordinal))
                continue;
            const IMAGE_IMPORT_BY_NAME *import = (const IMAGE_IMPORT_BY_NAME *)(base + name->u1.AddressOfData);
            if (!same_name((const char *)import->Name, "LdrLoadDll"))
                continue;
            DWORD before;
            if (!VirtualProtect(place, sizeof *place, PAGE_READWRITE, &before))
                return 0;
            system_load = (load_function)place->u1.Function;
            place->u1.Function = (uintptr_t)redirected_load;
            VirtualProtect(place, sizeof *place, before, &before);
            return 1;
        }
    }
    return 0;
}

static HMODULE load_beside(const WCHAR *name)
{
    WCHAR path[MAX_PATH + 32];
    DWORD length = GetModuleFileNameW(NULL, path, MAX_PATH);
    while (length && path[length - 1] != '\\')
        length--;
    for (uint32_t i = 0; i <= length_of(name); i++)
        path[length + i] = name[i];
    return LoadLibraryW(path);
}

int load_proxies(void)
{
    static int loaded;
    if (loaded)
        return 1;
    HMODULE installer = load_beside(L"msi.dll");
    HMODULE manager = load_beside(L"rstrtmgr.dll");
    if (!installer || !manager)
        return 0;
    /* Ours have an export of this name, Wine's have not. */
    if (!GetProcAddress(installer, "ReseatProxy") || !GetProcAddress(manager, "ReseatProxy")) {
        SetLastError(ERROR_INVALID_DLL);
        return 0;
    }
    if (!redirect())
        send_line(L"Wine's loader is not as expected: libraries asked for by the path of the system folder are Wine's own");
    loaded = 1;
    return 1;
}
