/* Calls all functions of rstrtmgr.dll as the primary installer of a session, in one action; the number of the check that
 * failed is its result, less 3000. Also reads command lines from memory that is made up. */
#include "command_line.c"

#include <msi.h>
#include <msiquery.h>
#include <restartmanager.h>

#define CHECK(number, condition)                                                                                       \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return 3000 + (number);                                                                                    \
    } while (0)

static const WCHAR *const files[] = {L"C:\\held by all.txt"};
static DWORD current;
static UINT last_percent;
static int calls, wrong;

static int start_holder(const WCHAR *more, PROCESS_INFORMATION *holder, RM_UNIQUE_PROCESS *unique)
{
    WCHAR line[128] = L"C:\\holder.exe \"C:\\held by all.txt\" reseat-held ";
    STARTUPINFOW start = {sizeof start};
    FILETIME unused;
    HANDLE ready = CreateEventW(NULL, FALSE, FALSE, L"reseat-held");
    lstrcatW(line, more);
    if (!CreateProcessW(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, holder))
        return 0;
    unique->dwProcessId = holder->dwProcessId;
    GetProcessTimes(holder->hProcess, &unique->ProcessStartTime, &unused, &unused, &unused);
    int is_ready = WaitForSingleObject(ready, 60000) == WAIT_OBJECT_0;
    CloseHandle(ready);
    return is_ready;
}

/* The place of a process in the list, or -1. */
static int find(const RM_PROCESS_INFO *list, UINT count, const RM_UNIQUE_PROCESS *process)
{
    for (UINT i = 0; i < count; i++)
        if (!memcmp(&list[i].Process, process, sizeof *process))
            return (int)i;
    return -1;
}

static void follow(UINT percent)
{
    UINT count = 0, needed = 0;
    DWORD reasons = 0, error;
    if ((calls && percent <= last_percent) || percent > 100)
        wrong = 1;
    last_percent = percent;
    calls++;
    /* The session may be asked meanwhile, but is at one thing at a time. */
    error = RmGetList(current, &needed, &count, NULL, &reasons);
    if ((error && error != ERROR_MORE_DATA) || RmShutdown(current, 0, NULL) != ERROR_SEM_TIMEOUT)
        wrong = 1;
}

static void cancel_at_once(UINT percent)
{
    if (!percent && RmCancelCurrentTask(current))
        wrong = 1;
}

static volatile LONG finished;

static DWORD WINAPI cancel(void *unused)
{
    (void)unused;
    while (!finished) {
        if (RmCancelCurrentTask(current))
            wrong = 1;
        Sleep(10);
    }
    return 0;
}

static UINT filters(const RM_UNIQUE_PROCESS *process)
{
    DWORD needed = 0;
    union {
        BYTE bytes[512];
        RM_FILTER_INFO first;
    } buffer;
    const RM_FILTER_INFO *filter = &buffer.first;
    RM_UNIQUE_PROCESS copy = *process;

    CHECK(20, RmAddFilter(current, files[0], &copy, NULL, RmNoShutdown) == ERROR_BAD_ARGUMENTS);
    CHECK(21, RmAddFilter(current, NULL, NULL, NULL, RmNoShutdown) == ERROR_BAD_ARGUMENTS);
    CHECK(22, RmAddFilter(current, NULL, &copy, NULL, 9) == ERROR_BAD_ARGUMENTS);
    CHECK(23, !RmAddFilter(current, NULL, &copy, NULL, RmNoShutdown));
    CHECK(24, !RmAddFilter(current, L"C:\\windows\\notepad.exe", NULL, NULL, RmNoRestart));
    CHECK(25, !RmAddFilter(current, NULL, NULL, L"Spooler", RmNoRestart));
    CHECK(26, RmGetFilterList(current, NULL, 0, NULL) == ERROR_MORE_DATA);
    CHECK(27, RmGetFilterList(current, NULL, 8, &needed) == ERROR_BAD_ARGUMENTS);
    CHECK(28, RmGetFilterList(current, NULL, 0, &needed) == ERROR_MORE_DATA);
    CHECK(29, needed == 3 * sizeof *filter + sizeof L"C:\\windows\\notepad.exe" + sizeof L"Spooler");
    CHECK(30, RmGetFilterList(current, buffer.bytes, needed - 1, &needed) == ERROR_MORE_DATA);
    CHECK(31, !RmGetFilterList(current, buffer.bytes, sizeof buffer, &needed));
    CHECK(32, filter->FilterAction == RmNoShutdown && filter->FilterTrigger == RmFilterTriggerProcess);
    CHECK(33, !memcmp(&filter->Process, process, sizeof *process) && filter->cbNextOffset);
    filter = (const RM_FILTER_INFO *)((const BYTE *)filter + filter->cbNextOffset);
    CHECK(34, filter->FilterAction == RmNoRestart && filter->FilterTrigger == RmFilterTriggerFile);
    CHECK(35, !lstrcmpiW(filter->strFilename, L"C:\\windows\\notepad.exe") && filter->cbNextOffset);
    filter = (const RM_FILTER_INFO *)((const BYTE *)filter + filter->cbNextOffset);
    CHECK(36, filter->FilterAction == RmNoRestart && filter->FilterTrigger == RmFilterTriggerService);
    CHECK(37, !lstrcmpW(filter->strServiceShortName, L"Spooler") && !filter->cbNextOffset);
    CHECK(38, !RmRemoveFilter(current, NULL, NULL, L"Spooler"));
    CHECK(39, RmRemoveFilter(current, NULL, NULL, L"Spooler") == ERROR_FILE_NOT_FOUND);
    CHECK(40, !RmRemoveFilter(current, L"c:\\WINDOWS\\notepad.exe", NULL, NULL));
    return 0;
}

/* A list with this process and the one of the machine below, which is filtered. */
static UINT lists(const RM_UNIQUE_PROCESS *process, DWORD outside)
{
    RM_PROCESS_INFO list[8];
    UINT count = 0, needed = 0;
    DWORD reasons = 9;
    int at;

    CHECK(50, RmGetList(current, &needed, &count, NULL, &reasons) == ERROR_MORE_DATA && needed == 2);
    count = 8;
    CHECK(51, !RmGetList(current, &needed, &count, list, &reasons) && count == 2 && !reasons);
    at = find(list, count, process);
    CHECK(52, at >= 0 && list[at].AppStatus == (RmStatusRunning | RmStatusShutdownMasked));
    CHECK(53, list[at].ApplicationType == RmConsole && !lstrcmpW(list[at].strAppName, L"holder.exe"));
    /* Of what is no program of Windows the id is none there, but can be given back. */
    CHECK(54, list[1 - at].Process.dwProcessId == 4 * outside + 1);
    CHECK(55, !OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, 4 * outside + 1));
    CHECK(56, !RmAddFilter(current, NULL, &list[1 - at].Process, NULL, RmNoShutdown));
    CHECK(57, !RmGetList(current, &needed, &count, list, &reasons) && count == 2);
    CHECK(58, list[1 - at].AppStatus == (RmStatusRunning | RmStatusShutdownMasked));
    return 0;
}

static UINT command_lines(void)
{
    static WCHAR line[4096];
    static const WCHAR narrow[] = L"x.exe \"a b\"";
    BYTE *block = VirtualAlloc((void *)0x20000000, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE own = GetCurrentProcess();
    uint32_t length = command_line_of(own, line, 4096);

    CHECK(90, length == (uint32_t)lstrlenW(GetCommandLineW()) && !memcmp(line, GetCommandLineW(), length * 2));
    CHECK(91, block == (BYTE *)0x20000000);
    *(ULONG *)(block + 0x10) = 0x20000100;
    *(struct narrow_text *)(block + 0x140) = (struct narrow_text){sizeof narrow - 2, sizeof narrow, 0x20000400};
    memcpy(block + 0x400, narrow, sizeof narrow);
    CHECK(92, narrow_command_line(own, 0x20000000, line, 4096) == sizeof narrow / 2 - 1);
    CHECK(93, !memcmp(line, narrow, sizeof narrow - 2));
    CHECK(94, narrow_command_line(own, 0x20000000, line, 8) == 0);
    *(ULONG *)(block + 0x144) = 0x1000;
    CHECK(95, narrow_command_line(own, 0x20000000, line, 4096) == 0);
    *(ULONG *)(block + 0x10) = 0x1000;
    CHECK(96, narrow_command_line(own, 0x20000000, line, 4096) == 0);
    CHECK(97, narrow_command_line(own, 0x1000, line, 4096) == 0);
    VirtualFree(block, 0, MEM_RELEASE);
    return 0;
}

__declspec(dllexport) UINT WINAPI Manages(MSIHANDLE session)
{
    PROCESS_INFORMATION holder;
    RM_UNIQUE_PROCESS process, another;
    RM_PROCESS_INFO list[8];
    WCHAR key[CCH_RM_SESSION_KEY + 1], number[16];
    DWORD joined = 0, reasons = 0, size = 16, outside = 0;
    UINT count = 8, needed = 0, failed = command_lines();
    HANDLE canceller;
    int at;

    if (failed)
        return failed;
    MsiGetPropertyW(session, L"OUTSIDE", number, &size);
    for (const WCHAR *digit = number; *digit; digit++)
        outside = outside * 10 + (DWORD)(*digit - '0');
    CHECK(1, RmStartSession(&current, 1, key) == ERROR_BAD_ARGUMENTS);
    CHECK(2, !RmStartSession(&current, 0, key) && current);
    CHECK(3, start_holder(L"stays", &holder, &process));
    another = process;
    another.ProcessStartTime.dwLowDateTime++;
    CHECK(4, !RmRegisterResources(current, 1, (LPCWSTR *)files, 1, &process, 0, NULL));
    /* An id with another start is another process, which has ended. */
    CHECK(5, !RmRegisterResources(current, 0, NULL, 1, &another, 0, NULL));
    failed = filters(&process);
    failed = failed ? failed : lists(&process, outside);
    if (failed)
        return failed;

    CHECK(60, !RmJoinSession(&joined, key));
    CHECK(61, RmGetList(joined, &needed, &count, list, &reasons) == ERROR_SESSION_CREDENTIAL_CONFLICT);
    CHECK(62, RmCancelCurrentTask(joined) == ERROR_SESSION_CREDENTIAL_CONFLICT);
    CHECK(63, RmShutdown(joined, 0, NULL) == ERROR_SESSION_CREDENTIAL_CONFLICT);
    CHECK(64, !RmEndSession(joined) && RmEndSession(joined) == ERROR_INVALID_HANDLE);
    CHECK(65, RmShutdown(current, 0x80, NULL) == ERROR_BAD_ARGUMENTS);
    CHECK(66, RmRestart(current, 1, NULL) == ERROR_BAD_ARGUMENTS);
    CHECK(67, !RmCancelCurrentTask(current));

    /* All are filtered: nobody is closed. */
    CHECK(70, !RmShutdown(current, 0, follow) && calls && !wrong && last_percent == 100);
    CHECK(71, WaitForSingleObject(holder.hProcess, 0) == WAIT_TIMEOUT);
    CHECK(72, !RmRemoveFilter(current, NULL, &process, NULL));
    CHECK(73, RmShutdown(current, 0, cancel_at_once) == ERROR_CANCELLED && !wrong);
    canceller = CreateThread(NULL, 0, cancel, NULL, 0, NULL);
    CHECK(74, RmShutdown(current, 0, NULL) == ERROR_CANCELLED && !wrong);
    finished = 1;
    WaitForSingleObject(canceller, INFINITE);
    CHECK(75, WaitForSingleObject(holder.hProcess, 0) == WAIT_TIMEOUT);
    TerminateProcess(holder.hProcess, 0);
    WaitForSingleObject(holder.hProcess, 60000);

    CHECK(80, start_holder(L"", &holder, &process));
    calls = 0;
    CHECK(81, !RmShutdown(current, 0, follow) && calls && !wrong && last_percent == 100);
    CHECK(82, WaitForSingleObject(holder.hProcess, 60000) == WAIT_OBJECT_0);
    count = 8;
    CHECK(83, !RmGetList(current, &needed, &count, list, &reasons));
    at = find(list, count, &process);
    CHECK(84, at >= 0 && list[at].AppStatus == RmStatusStopped);
    calls = 0;
    CHECK(85, !RmRestart(current, 0, follow) && calls && !wrong && last_percent == 100);
    CHECK(86, !RmEndSession(current) && RmGetList(current, &needed, &count, list, &reasons) == ERROR_INVALID_HANDLE);
    return ERROR_SUCCESS;
}
