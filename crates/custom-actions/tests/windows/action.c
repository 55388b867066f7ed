/* Custom actions for the tests: each export is one. What they find wrong they return as a number of their own. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <restartmanager.h>

#define ERROR_INVALID_SESSION_KEY 1219

#define EXPORT __declspec(dllexport) UINT __stdcall
#define CHECK(number, condition) do { if (!(condition)) return number; } while (0)

static int same(const WCHAR *one, const WCHAR *other)
{
    return !lstrcmpW(one, other);
}

EXPORT Properties(MSIHANDLE session)
{
    WCHAR wide[64] = L"before";
    char narrow[64];
    DWORD size = 64;

    CHECK(1, session == 42);
    CHECK(2, MsiGetPropertyW(session, L"GREETING", wide, &size) == ERROR_SUCCESS && size == 6 && same(wide, L"gr\u00fc\u00dfe\u263a"));
    size = 3;
    CHECK(3, MsiGetPropertyW(session, L"GREETING", wide, &size) == ERROR_MORE_DATA && size == 6 && same(wide, L"gr"));
    size = 0;
    CHECK(4, MsiGetPropertyW(session, L"GREETING", L"", &size) == ERROR_MORE_DATA && size == 6);
    size = 99;
    CHECK(5, MsiGetPropertyW(session, L"GREETING", NULL, &size) == ERROR_SUCCESS && size == 6);
    CHECK(6, MsiGetPropertyW(session, L"GREETING", wide, NULL) == ERROR_INVALID_PARAMETER);
    size = 64;
    CHECK(7, MsiGetPropertyA(session, "PLAIN", narrow, &size) == ERROR_SUCCESS && size == 5 && !lstrcmpA(narrow, "caf\xe9!"));
    size = 4;
    CHECK(8, MsiGetPropertyA(session, "PLAIN", narrow, &size) == ERROR_MORE_DATA && size == 5 && !lstrcmpA(narrow, "caf"));
    size = 64;
    CHECK(9, MsiGetPropertyW(session, L"ABSENT", wide, &size) == ERROR_SUCCESS && size == 0 && !*wide);
    CHECK(10, MsiSetPropertyW(session, L"RESULT", L"joined \u263a") == ERROR_SUCCESS);
    CHECK(11, MsiSetPropertyA(session, "NARROW", "caf\xe9") == ERROR_SUCCESS);
    CHECK(12, MsiSetPropertyW(session, NULL, L"x") == ERROR_INVALID_PARAMETER);
    return ERROR_SUCCESS;
}

EXPORT Messages(MSIHANDLE session)
{
    MSIHANDLE record = MsiCreateRecord(1);
    CHECK(1, record == 1000);
    CHECK(2, MsiRecordSetStringW(record, 0, L"Hello") == ERROR_SUCCESS);
    CHECK(3, MsiProcessMessage(session, INSTALLMESSAGE_INFO, record) == IDOK);
    CHECK(4, MsiCloseHandle(record) == ERROR_SUCCESS);
    CHECK(5, MsiGetLastErrorRecord() == 0);
    CHECK(6, MsiCloseAllHandles() == ERROR_CALL_NOT_IMPLEMENTED);
    return ERROR_SUCCESS;
}

/* As most actions do: nothing of msi.dll by its name. */
EXPORT Ordinals(MSIHANDLE session)
{
    typedef UINT(WINAPI *set_property)(MSIHANDLE, const WCHAR *, const WCHAR *);
    const WCHAR *places[] = {L"msi.dll", L"msi", L"C:\\windows\\system32\\msi.dll", L"C:\\WINDOWS\\System32\\MSI"};
    for (UINT i = 0; i < 4; i++) {
        HMODULE library = LoadLibraryW(places[i]);
        set_property function = (set_property)(void *)GetProcAddress(library, (const char *)(ULONG_PTR)145);
        CHECK(10 + i, function && function(session, L"ORDINAL", places[i]) == ERROR_SUCCESS);
    }
    return ERROR_SUCCESS;
}

EXPORT ManyCalls(MSIHANDLE session)
{
    WCHAR text[64];
    LARGE_INTEGER frequency, began, ended;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&began);
    for (int i = 0; i < 2000; i++) {
        DWORD size = 64;
        CHECK(1, MsiGetPropertyW(session, L"GREETING", text, &size) == ERROR_SUCCESS);
    }
    QueryPerformanceCounter(&ended);
    /* Nanoseconds for one. */
    wsprintfW(text, L"%u", (UINT)((ended.QuadPart - began.QuadPart) * 1000000 / frequency.QuadPart / 2));
    return MsiSetPropertyW(session, L"NANOSECONDS", text);
}

EXPORT Nothing(MSIHANDLE session)
{
    (void)session;
    return ERROR_SUCCESS;
}

EXPORT Returns(MSIHANDLE session)
{
    WCHAR text[16] = L"";
    DWORD size = 16;
    UINT value = 0;
    MsiGetPropertyW(session, L"RETURN", text, &size);
    for (WCHAR *digit = text; *digit; digit++)
        value = value * 10 + (*digit - '0');
    return value;
}

/* Says which process this is, and how often this library was called since it was loaded. */
EXPORT Process(MSIHANDLE session)
{
    static unsigned calls;
    WCHAR text[32];
    wsprintfW(text, L"%u, call %u", GetCurrentProcessId(), ++calls);
    return MsiSetPropertyW(session, L"PROCESS", text);
}

static DWORD WINAPI sleep_on(void *nothing)
{
    (void)nothing;
    Sleep(INFINITE);
    return 0;
}

EXPORT LeavesAThread(MSIHANDLE session)
{
    CreateThread(NULL, 0, sleep_on, NULL, 0, NULL);
    return Process(session);
}

EXPORT LeavesItself(MSIHANDLE session)
{
    WCHAR path[MAX_PATH];
    HMODULE own;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (const WCHAR *)(void *)sleep_on, &own);
    return GetModuleFileNameW(own, path, MAX_PATH) && LoadLibraryW(path) ? Process(session) : 1;
}

EXPORT Crashes(MSIHANDLE session)
{
    return *(volatile UINT *)(ULONG_PTR)(session * 0);
}

EXPORT CrashesInThread(MSIHANDLE session)
{
    HANDLE thread = CreateThread(NULL, 0, (LPTHREAD_START_ROUTINE)(void *)Crashes, (void *)(ULONG_PTR)session, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    return ERROR_SUCCESS;
}

EXPORT Exits(MSIHANDLE session)
{
    (void)session;
    ExitProcess(1603);
}

EXPORT EndsItsHost(MSIHANDLE session)
{
    (void)session;
    TerminateProcess(GetCurrentProcess(), 9);
    return ERROR_SUCCESS;
}

EXPORT Hangs(MSIHANDLE session)
{
    (void)session;
    for (;;)
        Sleep(1000);
}

EXPORT Spins(MSIHANDLE session)
{
    volatile MSIHANDLE counter = session;
    for (;;)
        counter++;
}

EXPORT Prints(MSIHANDLE session)
{
    static const char text[] = "\x05\0\0\0D\0\0\0\0 printed by the action\r\n";
    DWORD put;
    (void)session;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, sizeof text - 1, &put, NULL);
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), "to the error stream\r\n", 21, &put, NULL);
    return ERROR_SUCCESS;
}

EXPORT LeavesAChild(MSIHANDLE session)
{
    WCHAR command_line[] = L"C:\\windows\\system32\\cmd.exe /c ping -n 8 127.0.0.1";
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    (void)session;
    return CreateProcessW(NULL, command_line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process) ? 0 : GetLastError();
}

EXPORT ShowsABox(MSIHANDLE session)
{
    (void)session;
    /* Without a display there is nobody to answer. */
    return MessageBoxW(NULL, L"Go on?", L"Question", MB_OKCANCEL) > 0 ? 1 : ERROR_SUCCESS;
}

EXPORT Floods(MSIHANDLE session)
{
    for (;;)
        MsiSetPropertyW(session, L"FLOOD", L"more");
}

/* Writes to the handle of the channel itself, whichever it is. */
EXPORT SendsGarbage(MSIHANDLE session)
{
    DWORD put;
    (void)session;
    for (ULONG_PTR handle = 4; handle < 400; handle += 4)
        if (GetFileType((HANDLE)handle) == FILE_TYPE_PIPE)
            WriteFile((HANDLE)handle, "\xff\xff\xff\xff garbage", 12, &put, NULL);
    return ERROR_SUCCESS;
}

EXPORT CallsFromThreads(MSIHANDLE session);

static DWORD WINAPI caller(void *session)
{
    WCHAR text[64];
    for (int i = 0; i < 50; i++) {
        DWORD size = 64;
        if (MsiGetPropertyW((MSIHANDLE)(ULONG_PTR)session, L"GREETING", text, &size) || size != 6)
            return 1;
    }
    return 0;
}

EXPORT CallsFromThreads(MSIHANDLE session)
{
    HANDLE threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, caller, (void *)(ULONG_PTR)session, 0, NULL);
    WaitForMultipleObjects(4, threads, TRUE, INFINITE);
    for (int i = 0; i < 4; i++) {
        DWORD code;
        GetExitCodeThread(threads[i], &code);
        CHECK(1, !code);
    }
    return ERROR_SUCCESS;
}

/* What the actions of the WiX tool set do: everything by name, from the system's folder. */
EXPORT Registers(MSIHANDLE session)
{
    typedef DWORD(WINAPI *join_function)(DWORD *, const WCHAR *);
    typedef DWORD(WINAPI *register_function)(DWORD, UINT, const WCHAR **, UINT, RM_UNIQUE_PROCESS *, UINT, const WCHAR **);
    typedef DWORD(WINAPI *end_function)(DWORD);
    HMODULE library = LoadLibraryW(L"C:\\windows\\system32\\rstrtmgr.dll");
    join_function join = (join_function)(void *)GetProcAddress(library, "RmJoinSession");
    register_function add = (register_function)(void *)GetProcAddress(library, "RmRegisterResources");
    end_function end = (end_function)(void *)GetProcAddress(library, "RmEndSession");
    WCHAR key[64], number[16];
    DWORD size = 64, handle = 0;
    const WCHAR *files[] = {L"C:\\held \u263a.txt", L"c:\\nowhere\\absent.dll"};
    const WCHAR *services[] = {L"Spooler"};
    RM_UNIQUE_PROCESS processes[2] = {{0}};
    FILETIME unused;
    HANDLE other;

    CHECK(1, join && add && end);
    CHECK(2, !MsiGetPropertyW(session, L"MsiRestartManagerSessionKey", key, &size) && size == 32);
    CHECK(3, join(&handle, L"no key") == ERROR_INVALID_SESSION_KEY);
    CHECK(4, join(&handle, key) == ERROR_SUCCESS && handle);
    size = 16;
    MsiGetPropertyW(session, L"PROCESS", number, &size);
    for (WCHAR *digit = number; *digit; digit++)
        processes[0].dwProcessId = processes[0].dwProcessId * 10 + (*digit - '0');
    other = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, processes[0].dwProcessId);
    GetProcessTimes(other, &processes[0].ProcessStartTime, &unused, &unused, &unused);
    processes[1].dwProcessId = GetCurrentProcessId();
    GetProcessTimes(GetCurrentProcess(), &processes[1].ProcessStartTime, &unused, &unused, &unused);
    CHECK(5, add(handle, 2, files, 2, processes, 1, services) == ERROR_SUCCESS);
    CHECK(6, add(handle, 0, NULL, 0, NULL, 0, NULL) == ERROR_SUCCESS);
    CHECK(7, end(handle) == ERROR_SUCCESS);
    CHECK(8, end(handle) == ERROR_INVALID_HANDLE);
    return ERROR_SUCCESS;
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
    (void)instance, (void)reason, (void)reserved;
    return TRUE;
}
