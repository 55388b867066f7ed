/* Custom actions of the tests: what installed packages do, from beginning to end. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <restartmanager.h>

#define EXPORT __declspec(dllexport) UINT __stdcall

static void get(MSIHANDLE session, const WCHAR *name, WCHAR *value, DWORD room)
{
    if (MsiGetPropertyW(session, name, value, &room))
        *value = 0;
}

static void write(const WCHAR *path, const WCHAR *text)
{
    DWORD put;
    HANDLE file = CreateFileW(path, FILE_APPEND_DATA, 0, NULL, OPEN_ALWAYS, 0, NULL);
    for (; *text; text++) {
        char unit = (char)*text;
        WriteFile(file, &unit, 1, &put, NULL);
    }
    WriteFile(file, "\n", 1, &put, NULL);
    CloseHandle(file);
}

/* Joins the installation's session and registers the file that the property HELD names. */
EXPORT Register(MSIHANDLE session)
{
    typedef DWORD(WINAPI *join_function)(DWORD *, const WCHAR *);
    typedef DWORD(WINAPI *register_function)(DWORD, UINT, const WCHAR **, UINT, RM_UNIQUE_PROCESS *, UINT, const WCHAR **);
    typedef DWORD(WINAPI *end_function)(DWORD);
    HMODULE library = LoadLibraryW(L"C:\\windows\\system32\\rstrtmgr.dll");
    join_function join = (join_function)(void *)GetProcAddress(library, "RmJoinSession");
    register_function add = (register_function)(void *)GetProcAddress(library, "RmRegisterResources");
    end_function end = (end_function)(void *)GetProcAddress(library, "RmEndSession");
    WCHAR key[64], held[MAX_PATH];
    const WCHAR *files[] = {held};
    DWORD handle = 0;
    get(session, L"MsiRestartManagerSessionKey", key, 64);
    get(session, L"HELD", held, MAX_PATH);
    MsiSetPropertyW(session, L"SEENKEY", key);
    if (!join || join(&handle, key) || add(handle, 1, files, 0, NULL, 0, NULL) || end(handle))
        return ERROR_INSTALL_FAILURE;
    return ERROR_SUCCESS;
}

/* Looks at the session in the ways that actions do. */
EXPORT Look(MSIHANDLE session)
{
    WCHAR text[MAX_PATH];
    DWORD size = MAX_PATH;
    INSTALLSTATE installed, action;
    MSIHANDLE database, view, row, record;

    if (MsiGetTargetPathW(session, L"INSTALLDIR", text, &size) || lstrcmpW(text, L"C:\\Program Files\\Test\\"))
        return 1;
    if (MsiGetFeatureStateW(session, L"Main", &installed, &action) || installed != INSTALLSTATE_ABSENT ||
        action != INSTALLSTATE_LOCAL)
        return 2;
    if (MsiEvaluateConditionW(session, L"NOT Installed AND 1 < 2") != MSICONDITION_TRUE)
        return 3;
    database = MsiGetActiveDatabase(session);
    if (!database || MsiDatabaseOpenViewW(database, L"SELECT `Value` FROM `Property` WHERE `Property` = ?", &view))
        return 4;
    record = MsiCreateRecord(1);
    MsiRecordSetStringW(record, 1, L"ProductName");
    size = MAX_PATH;
    if (MsiViewExecute(view, record) || MsiViewFetch(view, &row) || MsiRecordGetStringW(row, 1, text, &size) ||
        lstrcmpW(text, L"Test"))
        return 5;
    if (MsiViewFetch(view, &row) != ERROR_NO_MORE_ITEMS)
        return 6;
    MsiRecordSetStringW(record, 0, L"looked at [ProductName]: [1]");
    size = MAX_PATH;
    if (MsiFormatRecordW(session, record, text, &size) || lstrcmpW(text, L"looked at Test: ProductName"))
        return 7;
    MsiProcessMessage(session, INSTALLMESSAGE_INFO, record);
    if (MsiDoActionW(session, L"SetNested"))
        return 8;
    get(session, L"NESTED", text, MAX_PATH);
    /* The record and the view are left open: the installer closes them. */
    return lstrcmpW(text, L"nested in Test") ? 9 : MsiSetPropertyW(session, L"LOOKED", L"yes");
}

/* Writes its CustomActionData to the file that its first half names. */
EXPORT Deferred(MSIHANDLE session)
{
    WCHAR data[MAX_PATH], unseen[16];
    WCHAR *bar = data;
    get(session, L"CustomActionData", data, MAX_PATH);
    get(session, L"LOOKED", unseen, 16);
    while (*bar && *bar != '|')
        bar++;
    if (!*bar || *unseen || !MsiGetMode(session, MSIRUNMODE_SCHEDULED))
        return ERROR_INSTALL_FAILURE;
    *bar = 0;
    write(data, bar + 1);
    return ERROR_SUCCESS;
}

/* Puts a value into the registry, and reads what the installation has put there. */
EXPORT Registry(MSIHANDLE session)
{
    HKEY key;
    WCHAR value[16];
    DWORD size = sizeof value;
    (void)session;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Test", 0, KEY_ALL_ACCESS, &key) ||
        RegQueryValueExW(key, L"Installed", NULL, NULL, (BYTE *)value, &size) || lstrcmpW(value, L"yes"))
        return ERROR_INSTALL_FAILURE;
    return RegSetValueExW(key, L"ByAction", 0, REG_SZ, (const BYTE *)L"yes", 8) ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}

EXPORT Returns(MSIHANDLE session)
{
    WCHAR text[16];
    UINT value = 0;
    get(session, L"RETURN", text, 16);
    for (WCHAR *digit = text; *digit; digit++)
        value = value * 10 + (*digit - '0');
    return value;
}

EXPORT Crashes(MSIHANDLE session)
{
    return *(volatile UINT *)(ULONG_PTR)(session * 0);
}

/* Waits until a later action has set a property and given a signal, then writes a line. */
EXPORT Waits(MSIHANDLE session)
{
    WCHAR value[16] = L"";
    HANDLE signal = CreateEventW(NULL, TRUE, FALSE, L"ReseatTestSignal");
    for (int tries = 0; tries < 6000 && !*value; tries++) {
        get(session, L"LATER", value, 16);
        Sleep(10);
    }
    if (!*value || WaitForSingleObject(signal, 60000) != WAIT_OBJECT_0)
        return ERROR_INSTALL_FAILURE;
    write(L"C:\\beside.txt", L"immediate");
    return ERROR_SUCCESS;
}

/* The same for deferred code, which has no properties. */
EXPORT WaitsInScript(MSIHANDLE session)
{
    HANDLE signal = CreateEventW(NULL, TRUE, FALSE, L"ReseatTestSignal");
    (void)session;
    if (WaitForSingleObject(signal, 60000) != WAIT_OBJECT_0)
        return ERROR_INSTALL_FAILURE;
    write(L"C:\\beside.txt", L"deferred");
    return ERROR_SUCCESS;
}

EXPORT Signals(MSIHANDLE session)
{
    (void)session;
    /* Whoever waits may be about to begin. */
    for (int tries = 0; tries < 6000; tries++) {
        HANDLE signal = OpenEventW(EVENT_MODIFY_STATE, FALSE, L"ReseatTestSignal");
        if (signal)
            return SetEvent(signal) ? ERROR_SUCCESS : ERROR_INSTALL_FAILURE;
        Sleep(10);
    }
    return ERROR_INSTALL_FAILURE;
}
