/*
 * Calls every function with what its page allows and what it does not. Ends with 0 if all is as documented.
 * The argument is a file that this program may use.
 */
#include <fcntl.h>
#include <pthread.h>
#include <restartmanager.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(RM_UNIQUE_PROCESS) == 12, "RM_UNIQUE_PROCESS");
_Static_assert(sizeof(RM_PROCESS_INFO) == 668, "RM_PROCESS_INFO");
_Static_assert(offsetof(RM_PROCESS_INFO, strServiceShortName) == 524, "strServiceShortName");
_Static_assert(offsetof(RM_PROCESS_INFO, ApplicationType) == 652, "ApplicationType");

static int failures;

#define EXPECT(expression, value) expect(__LINE__, #expression, (long)(expression), (long)(value))

static void expect(int line, const char *what, long got, long wanted)
{
    if (got != wanted) {
        printf("line %d: %s is %ld, not %ld\n", line, what, got, wanted);
        failures++;
    }
}

static LPCWSTR held_file;
static DWORD current;

static LPCWSTR wide(const char *ascii)
{
    WCHAR *text = calloc(strlen(ascii) + 1, sizeof(WCHAR));
    for (size_t i = 0; ascii[i]; i++)
        text[i] = (unsigned char)ascii[i];
    return text;
}

/* A process that holds the file; it has said so when this returns. */
static pid_t holder(const char *file, int stubborn)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe(ready) != 0)
        exit(3);
    pid = fork();
    if (pid == 0) {
        if (stubborn)
            signal(SIGTERM, SIG_IGN);
        alarm(60);
        if (open(file, O_RDONLY) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (read(ready[0], &byte, 1) != 1)
        exit(3);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static int signal_of(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static DWORD start(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    DWORD session = 0;
    EXPECT(RmStartSession(&session, 0, key), ERROR_SUCCESS);
    return session;
}

static void arguments(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1] = {0};
    DWORD session = 0, reasons = 9, needed = 9;
    UINT count = 0, wanted = 9;
    RM_UNIQUE_PROCESS self;
    LPCWSTR relative[] = {u"here"}, none[] = {NULL};

    EXPECT(RmStartSession(NULL, 0, key), ERROR_BAD_ARGUMENTS);
    EXPECT(RmStartSession(&session, 0, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmStartSession(&session, 1, key), ERROR_BAD_ARGUMENTS);
    EXPECT(RmJoinSession(&session, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmJoinSession(&session, u"no key"), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmJoinSession(&session, u"0123456789abcdef0123456789abcdef"), ERROR_SESSION_CREDENTIAL_CONFLICT);

    EXPECT(RmEndSession(12345), ERROR_INVALID_HANDLE);
    EXPECT(RmRegisterResources(12345, 0, NULL, 0, NULL, 0, NULL), ERROR_INVALID_HANDLE);
    EXPECT(RmGetList(12345, &wanted, &count, NULL, &reasons), ERROR_INVALID_HANDLE);
    EXPECT(RmShutdown(12345, 0, NULL), ERROR_INVALID_HANDLE);
    EXPECT(RmRestart(12345, 0, NULL), ERROR_INVALID_HANDLE);
    EXPECT(RmCancelCurrentTask(12345), ERROR_INVALID_HANDLE);
    EXPECT(RmAddFilter(12345, u"/x", NULL, NULL, RmNoRestart), ERROR_INVALID_HANDLE);
    EXPECT(RmRemoveFilter(12345, u"/x", NULL, NULL), ERROR_INVALID_HANDLE);
    EXPECT(RmGetFilterList(12345, NULL, 0, &needed), ERROR_INVALID_HANDLE);

    EXPECT(RmStartSession(&session, 0, key), ERROR_SUCCESS);
    EXPECT(session != 0, 1);
    for (int i = 0; i < CCH_RM_SESSION_KEY; i++)
        EXPECT(key[i] != 0, 1);
    EXPECT(key[CCH_RM_SESSION_KEY], 0);
    EXPECT(RmRegisterResources(session, 1, NULL, 0, NULL, 0, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmRegisterResources(session, 0, NULL, 1, NULL, 0, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmRegisterResources(session, 0, NULL, 0, NULL, 1, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmRegisterResources(session, 1, none, 0, NULL, 0, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmRegisterResources(session, 1, relative, 0, NULL, 0, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmRegisterResources(session, 0, NULL, 0, NULL, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmRestart(session, 0, NULL), ERROR_REQUEST_OUT_OF_SEQUENCE);
    EXPECT(RmRestart(session, 1, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmShutdown(session, 2, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetList(session, NULL, &count, NULL, &reasons), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetList(session, &wanted, NULL, NULL, &reasons), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetList(session, &wanted, &count, NULL, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetList(session, &wanted, &count, NULL, &reasons), ERROR_SUCCESS);
    EXPECT(wanted, 0);
    EXPECT(reasons, RmRebootReasonNone);
    /* Without an operation there is nothing to cancel, now or later. */
    EXPECT(RmCancelCurrentTask(session), ERROR_SUCCESS);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmRestart(session, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmGetUniqueProcess(0x7FFFFFFF, &self), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetUniqueProcess((DWORD)getpid(), NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmEndSession(session), ERROR_SUCCESS);
    EXPECT(RmEndSession(session), ERROR_INVALID_HANDLE);
}

static void filters(void)
{
    DWORD session = start(), needed = 9;
    RM_UNIQUE_PROCESS self;
    _Alignas(RM_FILTER_INFO) BYTE buffer[4096];
    RM_FILTER_INFO *filter = (RM_FILTER_INFO *)buffer;

    EXPECT(RmGetUniqueProcess((DWORD)getpid(), &self), ERROR_SUCCESS);
    EXPECT(RmAddFilter(session, NULL, NULL, NULL, RmNoRestart), ERROR_BAD_ARGUMENTS);
    EXPECT(RmAddFilter(session, u"/x", NULL, u"x", RmNoRestart), ERROR_BAD_ARGUMENTS);
    EXPECT(RmAddFilter(session, u"relative", NULL, NULL, RmNoRestart), ERROR_BAD_ARGUMENTS);
    EXPECT(RmAddFilter(session, u"/x", NULL, NULL, RmInvalidFilterAction), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetFilterList(session, NULL, 0, &needed), ERROR_SUCCESS);
    EXPECT(needed, 0);
    EXPECT(RmAddFilter(session, u"/bin/x", NULL, NULL, RmNoRestart), ERROR_SUCCESS);
    EXPECT(RmAddFilter(session, NULL, &self, NULL, RmNoShutdown), ERROR_SUCCESS);
    EXPECT(RmAddFilter(session, NULL, NULL, u"ü.service", RmNoRestart), ERROR_SUCCESS);
    EXPECT(RmGetFilterList(session, NULL, 0, NULL), ERROR_MORE_DATA);
    EXPECT(RmGetFilterList(session, NULL, 10, &needed), ERROR_BAD_ARGUMENTS);
    EXPECT(RmGetFilterList(session, buffer, 10, &needed), ERROR_MORE_DATA);
    EXPECT(needed > 3 * sizeof(RM_FILTER_INFO) && needed < sizeof buffer, 1);
    EXPECT(RmGetFilterList(session, buffer, needed, &needed), ERROR_SUCCESS);
    EXPECT(filter->FilterAction, RmNoRestart);
    EXPECT(filter->FilterTrigger, RmFilterTriggerFile);
    EXPECT(memcmp(filter->strFilename, u"/bin/x", 14), 0);
    filter = (RM_FILTER_INFO *)((BYTE *)filter + filter->cbNextOffset);
    EXPECT(filter->FilterAction, RmNoShutdown);
    EXPECT(filter->FilterTrigger, RmFilterTriggerProcess);
    EXPECT(memcmp(&filter->Process, &self, sizeof self), 0);
    filter = (RM_FILTER_INFO *)((BYTE *)filter + filter->cbNextOffset);
    EXPECT(filter->FilterTrigger, RmFilterTriggerService);
    EXPECT(memcmp(filter->strServiceShortName, u"ü.service", 20), 0);
    EXPECT(filter->cbNextOffset, 0);
    EXPECT(RmRemoveFilter(session, NULL, &self, NULL), ERROR_SUCCESS);
    EXPECT(RmRemoveFilter(session, NULL, &self, NULL), ERROR_FILE_NOT_FOUND);
    EXPECT(RmRemoveFilter(session, NULL, NULL, NULL), ERROR_BAD_ARGUMENTS);
    EXPECT(RmEndSession(session), ERROR_SUCCESS);
}

static void secondary(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    DWORD session = 0, joined = 0, reasons = 0, needed = 0;
    UINT count = 0, wanted = 0;
    LPCWSTR files[] = {held_file};

    EXPECT(RmStartSession(&session, 0, key), ERROR_SUCCESS);
    EXPECT(RmJoinSession(&joined, key), ERROR_SUCCESS);
    EXPECT(joined != session, 1);
    EXPECT(RmRegisterResources(joined, 1, files, 0, NULL, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmGetList(joined, &wanted, &count, NULL, &reasons), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmShutdown(joined, 0, NULL), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmRestart(joined, 0, NULL), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmCancelCurrentTask(joined), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmAddFilter(joined, u"/x", NULL, NULL, RmNoRestart), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmRemoveFilter(joined, u"/x", NULL, NULL), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmGetFilterList(joined, NULL, 0, &needed), ERROR_SESSION_CREDENTIAL_CONFLICT);
    EXPECT(RmEndSession(session), ERROR_SUCCESS);
    EXPECT(RmRegisterResources(joined, 1, files, 0, NULL, 0, NULL), ERROR_INVALID_HANDLE);
    EXPECT(RmEndSession(joined), ERROR_SUCCESS);
}

static int last_percent;

static void follow(UINT percent)
{
    UINT count = 0, wanted = 0;
    DWORD reasons = 0;

    EXPECT((int)percent > last_percent && percent <= 100, 1);
    last_percent = (int)percent;
    /* The session may be asked meanwhile. */
    DWORD error = RmGetList(current, &wanted, &count, NULL, &reasons);
    EXPECT(error == ERROR_SUCCESS || error == ERROR_MORE_DATA, 1);
}

static void end_at_once(UINT percent)
{
    if (percent == 0)
        EXPECT(RmEndSession(current), ERROR_SUCCESS);
}

static volatile int finished;

static void *cancel(void *unused)
{
    /* Asked before the operation has begun it does nothing, so it is asked until it has an effect. */
    while (!finished) {
        RmCancelCurrentTask(current);
        usleep(1000);
    }
    return unused;
}

static void applications(const char *file)
{
    LPCWSTR files[] = {held_file};
    RM_PROCESS_INFO list[4];
    RM_UNIQUE_PROCESS unique;
    DWORD reasons = 0, session;
    UINT count = 0, needed = 0;
    pthread_t thread;
    pid_t pid = holder(file, 0);
    int own;

    session = current = start();
    EXPECT(RmGetUniqueProcess((DWORD)pid, &unique), ERROR_SUCCESS);
    EXPECT(RmRegisterResources(session, 1, files, 1, &unique, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmGetList(session, &needed, &count, NULL, &reasons), ERROR_MORE_DATA);
    EXPECT(needed, 1);
    count = 4;
    EXPECT(RmGetList(session, &needed, &count, list, &reasons), ERROR_SUCCESS);
    EXPECT(count, 1);
    EXPECT(memcmp(&list[0].Process, &unique, sizeof unique), 0);
    EXPECT(memcmp(list[0].strAppName, u"contract", 18), 0);
    EXPECT(list[0].strServiceShortName[0], 0);
    EXPECT(list[0].ApplicationType, RmConsole);
    EXPECT(list[0].AppStatus, RmStatusRunning);
    EXPECT(list[0].bRestartable, FALSE);
    EXPECT(RmShutdown(session, RmShutdownOnlyRegistered | RmForceShutdown, NULL), ERROR_FAIL_SHUTDOWN);
    EXPECT(kill(pid, 0), 0);
    EXPECT(RmAddFilter(session, NULL, &unique, NULL, RmNoShutdown), ERROR_SUCCESS);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_SUCCESS);
    EXPECT(kill(pid, 0), 0);
    EXPECT(RmRemoveFilter(session, NULL, &unique, NULL), ERROR_SUCCESS);
    /* The installer itself is in the way. */
    own = open(file, O_RDONLY);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_FAIL_NOACTION_REBOOT);
    count = 4;
    EXPECT(RmGetList(session, &needed, &count, list, &reasons), ERROR_SUCCESS);
    EXPECT(reasons, RmRebootReasonDetectedSelf);
    EXPECT(list[count - 1].ApplicationType, RmCritical);
    close(own);
    last_percent = -1;
    EXPECT(RmShutdown(session, 0, follow), ERROR_SUCCESS);
    EXPECT(last_percent, 100);
    EXPECT(signal_of(pid), SIGTERM);
    last_percent = -1;
    EXPECT(RmRestart(session, 0, follow), ERROR_SUCCESS);
    EXPECT(RmEndSession(session), ERROR_SUCCESS);

    pid = holder(file, 1);
    session = current = start();
    EXPECT(RmRegisterResources(session, 1, files, 0, NULL, 0, NULL), ERROR_SUCCESS);
    pthread_create(&thread, NULL, cancel, NULL);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_CANCELLED);
    finished = 1;
    pthread_join(thread, NULL);
    EXPECT(kill(pid, 0), 0);
    /* Ended from within: the operation is cancelled and takes the session along. */
    EXPECT(RmShutdown(session, 0, end_at_once), ERROR_CANCELLED);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_INVALID_HANDLE);
    kill(pid, SIGKILL);
    EXPECT(signal_of(pid), SIGKILL);
}

static void registration(void)
{
    WCHAR line[RESTART_MAX_CMD_LINE + 2] = {0};

    for (int i = 0; i < RESTART_MAX_CMD_LINE + 1; i++)
        line[i] = 'x';
    EXPECT(RegisterApplicationRestart(line, 0), E_INVALIDARG);
    EXPECT(RegisterApplicationRestart(u"a", 16), E_INVALIDARG);
    EXPECT(RegisterApplicationRestart(NULL, 0), S_OK);
    EXPECT(RegisterApplicationRestart(u"--again \"a b\"", RESTART_NO_CRASH | RESTART_NO_HANG), S_OK);
    EXPECT(UnregisterApplicationRestart(), S_OK);
    EXPECT(UnregisterApplicationRestart(), S_OK);
}

static void settings(void)
{
    WCHAR line[RESTART_MAX_CMD_LINE + 1];
    DWORD size = sizeof line / sizeof line[0], flags = 9, last;
    HANDLE self = GetCurrentProcess(), other;
    FILETIME created, ended, kernel, user;
    RM_UNIQUE_PROCESS unique;

    UnregisterApplicationRestart();
    EXPECT(GetApplicationRestartSettings(self, line, &size, &flags), HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
    EXPECT(RegisterApplicationRestart(u"/again \"a b\" .\\f", RESTART_NO_HANG | RESTART_NO_REBOOT), S_OK);
    EXPECT(GetApplicationRestartSettings(self, line, &size, &flags), S_OK);
    EXPECT(size, 17);
    EXPECT(memcmp(line, u"/again \"a b\" .\\f", 34), 0);
    EXPECT(flags, RESTART_NO_HANG | RESTART_NO_REBOOT);
    size = 16;
    EXPECT(GetApplicationRestartSettings(self, line, &size, NULL),
           HRESULT_FROM_WIN32(ERROR_INSUFFICIENT_BUFFER));
    EXPECT(size, 17);
    EXPECT(GetApplicationRestartSettings(self, line, &size, NULL), S_OK);
    EXPECT(GetApplicationRestartSettings(self, NULL, &size, NULL), E_INVALIDARG);
    size = 0;
    EXPECT(GetApplicationRestartSettings(self, NULL, &size, NULL), S_OK);
    EXPECT(size, 17);
    EXPECT(GetApplicationRestartSettings(self, line, NULL, NULL), E_INVALIDARG);
    EXPECT(GetApplicationRestartSettings(NULL, line, &size, NULL), E_INVALIDARG);
    /* All 1,024 characters come back. */
    for (int i = 0; i < RESTART_MAX_CMD_LINE; i++)
        line[i] = 'x';
    line[RESTART_MAX_CMD_LINE] = 0;
    EXPECT(RegisterApplicationRestart(line, 0), S_OK);
    memset(line, 0, sizeof line);
    size = sizeof line / sizeof line[0];
    EXPECT(GetApplicationRestartSettings(self, line, &size, &flags), S_OK);
    EXPECT(line[RESTART_MAX_CMD_LINE - 1], 'x');
    EXPECT(size, RESTART_MAX_CMD_LINE + 1);
    EXPECT(flags, 0);
    /* An empty line is one: the program is started again without arguments. */
    EXPECT(RegisterApplicationRestart(NULL, RESTART_NO_CRASH), S_OK);
    EXPECT(GetApplicationRestartSettings(self, line, &size, &flags), S_OK);
    EXPECT(size, 1);
    EXPECT(line[0], 0);
    EXPECT(flags, RESTART_NO_CRASH);

    /* A handle of a process, and its start time the way of Windows. */
    other = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_VM_READ, FALSE, GetCurrentProcessId());
    EXPECT(other != NULL, 1);
    EXPECT(GetProcessId(other), getpid());
    size = sizeof line / sizeof line[0];
    EXPECT(GetApplicationRestartSettings(other, line, &size, &flags), S_OK);
    EXPECT(GetProcessTimes(other, &created, &ended, &kernel, &user), TRUE);
    EXPECT(RmGetUniqueProcess((DWORD)getpid(), &unique), ERROR_SUCCESS);
    EXPECT(memcmp(&created, &unique.ProcessStartTime, sizeof created), 0);
    EXPECT(GetProcessTimes(other, NULL, &ended, &kernel, &user), FALSE);
    EXPECT(GetLastError(), ERROR_INVALID_PARAMETER);
    EXPECT(CloseHandle(other), TRUE);
    EXPECT(GetProcessTimes(other, &created, &ended, &kernel, &user), FALSE);
    EXPECT(GetLastError(), ERROR_INVALID_HANDLE);
    EXPECT(GetApplicationRestartSettings(other, line, &size, &flags), E_INVALIDARG);
    EXPECT(CloseHandle(other), FALSE);
    other = OpenProcess(PROCESS_VM_READ, FALSE, 0x7FFFFFFF);
    last = GetLastError();
    EXPECT(other == NULL, 1);
    EXPECT(last, ERROR_INVALID_PARAMETER);
    EXPECT(UnregisterApplicationRestart(), S_OK);
    EXPECT(GetApplicationRestartSettings(self, line, &size, &flags), HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
}

static void cancel_at_once(UINT percent)
{
    if (percent == 0)
        EXPECT(RmCancelCurrentTask(current), ERROR_SUCCESS);
}

/* ERROR_FAIL_RESTART: one whose program is gone by then. */
static void failed_restart(const char *file)
{
    LPCWSTR files[] = {held_file};
    RM_PROCESS_INFO list[1];
    DWORD session = current = start(), reasons = 0;
    UINT count = 1, needed = 0;
    int ready[2];
    char byte;
    pid_t pid;

    if (system("cp /proc/$PPID/exe ./passing") != 0 || pipe(ready) != 0)
        exit(3);
    pid = fork();
    if (pid == 0) {
        dup2(ready[1], 1);
        execl("./passing", "passing", file, "application", (char *)NULL);
        _exit(1);
    }
    if (read(ready[0], &byte, 1) != 1)
        exit(3);
    EXPECT(RmRegisterResources(session, 1, files, 0, NULL, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmShutdown(session, RmShutdownOnlyRegistered, NULL), ERROR_SUCCESS);
    EXPECT(signal_of(pid), SIGTERM);
    unlink("./passing");
    EXPECT(RmRestart(session, 0, cancel_at_once), ERROR_CANCELLED);
    EXPECT(RmRestart(session, 0, NULL), ERROR_FAIL_RESTART);
    EXPECT(RmGetList(session, &needed, &count, list, &reasons), ERROR_SUCCESS);
    EXPECT(count, 1);
    EXPECT(list[0].AppStatus, RmStatusStopped | RmStatusErrorOnRestart);
    EXPECT(RmEndSession(session), ERROR_SUCCESS);
    close(ready[0]);
    close(ready[1]);
}

/* The place of a session's file; each call gives another text. */
static char *file_of(const WCHAR *key, const char *name)
{
    const char *folder = getenv("RESEAT_RUNTIME_DIR");
    char *path = calloc(strlen(folder) + strlen(name) + CCH_RM_SESSION_KEY + 12, 1);

    strcat(strcpy(path, folder), "/sessions/");
    for (size_t at = strlen(path); *key; key++)
        path[at++] = (char)*key;
    return strcat(strcat(path, "/"), name);
}

/* ERROR_WRITE_FAULT: what a session writes down cannot be written, or read. */
static void write_faults(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    DWORD session = 0, reasons = 0, needed = 0;
    UINT count = 0, wanted = 0;
    LPCWSTR files[] = {held_file};
    char *folder = strdup(getenv("RESEAT_RUNTIME_DIR"));
    const char *names[] = {"resources", "actions", "filters"};

    setenv("RESEAT_RUNTIME_DIR", "/proc/self/no/folder", 1);
    EXPECT(RmStartSession(&session, 0, key), ERROR_WRITE_FAULT);
    EXPECT(RmJoinSession(&session, u"0123456789abcdef0123456789abcdef"), ERROR_WRITE_FAULT);
    EXPECT(RegisterApplicationRestart(u"a", 0), E_FAIL);
    EXPECT(UnregisterApplicationRestart(), E_FAIL);
    setenv("RESEAT_RUNTIME_DIR", folder, 1);
    EXPECT(RmStartSession(&session, 0, key), ERROR_SUCCESS);
    EXPECT(RmRegisterResources(session, 1, files, 0, NULL, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        /* A folder in the file's place: nobody can write to that, not even root. */
        char *path = file_of(key, names[i]);
        if (unlink(path) != 0 || mkdir(path, 0700) != 0)
            exit(3);
        free(path);
    }
    EXPECT(RmRegisterResources(session, 1, files, 0, NULL, 0, NULL), ERROR_WRITE_FAULT);
    EXPECT(RmGetList(session, &wanted, &count, NULL, &reasons), ERROR_WRITE_FAULT);
    EXPECT(RmShutdown(session, 0, NULL), ERROR_WRITE_FAULT);
    EXPECT(RmRestart(session, 0, NULL), ERROR_WRITE_FAULT);
    EXPECT(RmAddFilter(session, u"/x", NULL, NULL, RmNoRestart), ERROR_WRITE_FAULT);
    EXPECT(RmRemoveFilter(session, u"/x", NULL, NULL), ERROR_WRITE_FAULT);
    EXPECT(RmGetFilterList(session, NULL, 0, &needed), ERROR_WRITE_FAULT);
    EXPECT(RmEndSession(session), ERROR_WRITE_FAULT);
    /* What is left of it keeps nobody from a new one. */
    EXPECT(RmEndSession(start()), ERROR_SUCCESS);
    if (system("rm -rf \"$RESEAT_RUNTIME_DIR\"/sessions/* \"$RESEAT_RUNTIME_DIR\"/sessions/.[!.]*; "
               "test -z \"$(ls -A \"$RESEAT_RUNTIME_DIR\"/sessions)\"") != 0)
        exit(3);
    free(folder);
}

static DWORD locked_session;

static void *register_locked(void *unused)
{
    LPCWSTR files[] = {held_file};
    EXPECT(RmRegisterResources(locked_session, 1, files, 0, NULL, 0, NULL), ERROR_SEM_TIMEOUT);
    return unused;
}

static void *filter_locked(void *unused)
{
    EXPECT(RmAddFilter(locked_session, u"/x", NULL, NULL, RmNoRestart), ERROR_SEM_TIMEOUT);
    return unused;
}

static void *restart_locked(void *unused)
{
    EXPECT(RmRestart(locked_session, 0, NULL), ERROR_SEM_TIMEOUT);
    return unused;
}

static void *start_locked(void *unused)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    DWORD session = 0;
    EXPECT(RmStartSession(&session, 0, key), ERROR_SEM_TIMEOUT);
    return unused;
}

/* ERROR_SEM_TIMEOUT: another process holds a lock. Each function waits 10 seconds, here all at once. */
static void timeouts(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    const char *names[] = {"../../lock", "resources", "actions", "filters", "session.json"};
    void *(*calls[])(void *) = {start_locked, register_locked, filter_locked, restart_locked};
    pthread_t threads[4];
    int ready[2];
    char byte;
    pid_t pid;

    EXPECT(RmStartSession(&locked_session, 0, key), ERROR_SUCCESS);
    EXPECT(RmShutdown(locked_session, 0, NULL), ERROR_SUCCESS);
    if (pipe(ready) != 0)
        exit(3);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 5; i++) {
            int file = open(file_of(key, names[i]), O_RDWR);
            if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0)
                _exit(1);
        }
        alarm(60);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        exit(3);
    close(ready[0]);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, calls[i], NULL);
    EXPECT(RmShutdown(locked_session, 0, NULL), ERROR_SEM_TIMEOUT);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    kill(pid, SIGKILL);
    EXPECT(signal_of(pid), SIGKILL);
    /* None of them spoiled the session. */
    EXPECT(RmRestart(locked_session, 0, NULL), ERROR_SUCCESS);
    EXPECT(RmEndSession(locked_session), ERROR_SUCCESS);
}

static void sessions(void)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1];
    DWORD open[65], error = ERROR_SUCCESS;
    int count = 0;

    while (count < 65 && (error = RmStartSession(&open[count], 0, key)) == ERROR_SUCCESS)
        count++;
    EXPECT(error, ERROR_MAX_SESSIONS_REACHED);
    /* All that were started before have ended, or fewer would fit. */
    EXPECT(count, 64);
    while (count-- > 0)
        EXPECT(RmEndSession(open[count]), ERROR_SUCCESS);
}

int main(int argc, char **argv)
{
    alarm(120);
    if (argc == 3) {
        /* An application that holds the file and has registered. */
        if (open(argv[1], O_RDONLY) < 0 || RegisterApplicationRestart(u"x", 0) != S_OK ||
            write(1, "x", 1) != 1)
            return 1;
        for (;;)
            pause();
    }
    if (argc != 2)
        return 2;
    held_file = wide(argv[1]);
    arguments();
    filters();
    secondary();
    applications(argv[1]);
    registration();
    settings();
    failed_restart(argv[1]);
    write_faults();
    timeouts();
    sessions();
    return failures != 0;
}
