/* The keeper: a version.dll that keeps what programs of this Wine register by RegisterApplicationRestart, which Wine's own
 * forgets. Wine's user32.dll is linked with version.dll, so that it is in every program with windows before that begins. It
 * uses documented functions only, and so outlives updates of Wine.
 *
 * The functions of version.dll are those of kernelbase.dll (keeper.def) but for VerInstallFile, which only Wine's own
 * library has: that is beside this one under another name. Functions RegisterApplicationRestart,
 * UnregisterApplicationRestart, GetApplicationRestartSettings. */
#include "restart.h"

#define NOT_FOUND HRESULT_FROM_WIN32(ERROR_NOT_FOUND)
/* What a jump to anywhere takes. */
#ifdef _WIN64
#define JUMP 12
#else
#define JUMP 5
#endif

/* By this export the library is known. */
const int ReseatKeeper = 1;

static struct kept *kept;

static HRESULT WINAPI keep(const WCHAR *text, DWORD flags)
{
    DWORD length = 0;
    if (!kept)
        return E_FAIL;
    while (text && text[length])
        if (++length >= MOST_CHARACTERS)
            return E_INVALIDARG;
    InterlockedExchange(&kept->registered, 0);
    for (DWORD i = 0; i < length; i++)
        kept->text[i] = text[i];
    kept->flags = flags;
    kept->length = length;
    InterlockedExchange(&kept->registered, 1);
    return S_OK;
}

static HRESULT WINAPI forget(void)
{
    if (!kept)
        return E_FAIL;
    InterlockedExchange(&kept->registered, 0);
    return S_OK;
}

static HRESULT WINAPI tell(HANDLE process, WCHAR *text, DWORD *size, DWORD *flags)
{
    WCHAR name[40];
    DWORD room, pid = GetProcessId(process);
    HRESULT result = NOT_FOUND;
    if (!pid || !size || (!text && *size))
        return E_INVALIDARG;
    kept_name(name, pid);
    HANDLE section = OpenFileMappingW(FILE_MAP_READ, FALSE, name);
    const struct kept *other = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, sizeof *other) : NULL;
    if (other && other->registered && other->length < MOST_CHARACTERS) {
        room = *size;
        *size = other->length + 1;
        if (flags)
            *flags = other->flags;
        result = text && room < *size ? HRESULT_FROM_WIN32(ERROR_INSUFFICIENT_BUFFER) : S_OK;
        for (DWORD i = 0; !result && text && i < *size; i++)
            text[i] = i + 1 < *size ? other->text[i] : 0;
    }
    if (other)
        UnmapViewOfFile(other);
    if (section)
        CloseHandle(section);
    return result;
}

/* Writes into code or a table of addresses. */
static void overwrite(void *place, const void *bytes, SIZE_T size)
{
    DWORD before;
    if (!VirtualProtect(place, size, PAGE_EXECUTE_READWRITE, &before))
        return;
    for (SIZE_T i = 0; i < size; i++)
        ((volatile unsigned char *)place)[i] = ((const unsigned char *)bytes)[i];
    VirtualProtect(place, size, before, &before);
    FlushInstructionCache(GetCurrentProcess(), place, size);
}

/* Whether a function is long enough for a jump. */
static int has_room(unsigned char *code)
{
#ifdef _WIN64
    DWORD64 base;
    const RUNTIME_FUNCTION *about = RtlLookupFunctionEntry((DWORD64)code, &base, NULL);
    return about && base + about->BeginAddress == (DWORD64)code && about->EndAddress - about->BeginAddress >= JUMP;
#else
    /* The shortest begins a frame, and gives back what is on the stack. */
    return code[0] != 0xc3 && code[0] != 0xc2;
#endif
}

/* Leads the calls of a function to another one. The program has not begun: nobody runs it. */
static void lead(const WCHAR *library, const char *name, void *to)
{
    HMODULE module = GetModuleHandleW(library);
    unsigned char *code = module ? (void *)GetProcAddress(module, name) : NULL;
    if (!code)
        return;
    if (code[0] == 0xff && code[1] == 0x25) {
        /* It jumps to where a table says. */
        INT32 at;
        unsigned char *from = code + 2;
        for (int i = 0; i < 4; i++)
            ((unsigned char *)&at)[i] = from[i];
#ifdef _WIN64
        overwrite(code + 6 + at, &to, sizeof to);
#else
        overwrite((void *)at, &to, sizeof to);
#endif
    } else if (has_room(code)) {
        unsigned char jump[JUMP];
#ifdef _WIN64
        /* mov rax, to; jmp rax */
        jump[0] = 0x48;
        jump[1] = 0xb8;
        for (int i = 0; i < 8; i++)
            jump[2 + i] = (unsigned char)((DWORD64)to >> 8 * i);
        jump[10] = 0xff;
        jump[11] = 0xe0;
#else
        /* jmp to */
        DWORD distance = (DWORD)to - ((DWORD)code + JUMP);
        jump[0] = 0xe9;
        for (int i = 0; i < 4; i++)
            jump[1 + i] = (unsigned char)(distance >> 8 * i);
#endif
        overwrite(code, jump, sizeof jump);
    }
}

static void *in_the_own_library(const char *name)
{
    HMODULE own = LoadLibraryW(L"C:\\windows\\system32\\reseat-version.dll");
    return own ? (void *)GetProcAddress(own, name) : NULL;
}

typedef DWORD(WINAPI *install_a)(DWORD, const char *, const char *, const char *, const char *, const char *, char *, UINT *);
typedef DWORD(WINAPI *install_w)(DWORD, const WCHAR *, const WCHAR *, const WCHAR *, const WCHAR *, const WCHAR *, WCHAR *,
                                 UINT *);
/* VIF_CANNOTREADSRC. */
#define CANNOT_READ 0x10000

DWORD WINAPI KeeperInstallFileA(DWORD flags, const char *from, const char *to, const char *from_folder, const char *to_folder,
                                const char *now, char *name, UINT *length)
{
    install_a install = (install_a)in_the_own_library("VerInstallFileA");
    return install ? install(flags, from, to, from_folder, to_folder, now, name, length) : CANNOT_READ;
}

DWORD WINAPI KeeperInstallFileW(DWORD flags, const WCHAR *from, const WCHAR *to, const WCHAR *from_folder,
                                const WCHAR *to_folder, const WCHAR *now, WCHAR *name, UINT *length)
{
    install_w install = (install_w)in_the_own_library("VerInstallFileW");
    return install ? install(flags, from, to, from_folder, to_folder, now, name, length) : CANNOT_READ;
}

BOOL WINAPI entry(HINSTANCE instance, DWORD reason, void *reserved)
{
    static const WCHAR *const libraries[] = {L"kernelbase.dll", L"kernel32.dll"};
    WCHAR name[40];
    (void)reserved;
    if (reason != DLL_PROCESS_ATTACH)
        return TRUE;
    DisableThreadLibraryCalls(instance);
    kept_name(name, GetCurrentProcessId());
    /* It goes with the process. */
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof *kept, name);
    kept = section ? MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, sizeof *kept) : NULL;
    if (!kept)
        return TRUE;
    kept->magic = KEPT_MAGIC;
    for (int i = 0; i < 2; i++) {
        lead(libraries[i], "RegisterApplicationRestart", (void *)keep);
        lead(libraries[i], "UnregisterApplicationRestart", (void *)forget);
        lead(libraries[i], "GetApplicationRestartSettings", (void *)tell);
    }
    return TRUE;
}
