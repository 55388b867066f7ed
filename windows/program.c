/* Request P: runs a program. */
#include "host.h"

/* Ends with this process, unless it is told not to: a program that does not end goes with the host. */
static HANDLE make_job(void)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (job)
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

static void release(HANDLE job)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    if (job) {
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
        CloseHandle(job);
    }
}

/* Leaves of a command line the program: what follows may be nobody's business. */
static void cut(WCHAR *command_line)
{
    int is_quoted = 0;
    for (; *command_line && (is_quoted || *command_line != ' '); command_line++)
        if (*command_line == '"')
            is_quoted = !is_quoted;
    *command_line = 0;
}

void run_program(struct rest *request)
{
    WCHAR *command_line = get_text(request);
    WCHAR *folder = get_text(request);
    uint32_t wait = get_u8(request);
    uint32_t variables = get_u32(request);
    while (variables-- && !request->failed) {
        WCHAR *name = get_text(request);
        WCHAR *value = get_text(request);
        if (name && value)
            SetEnvironmentVariableW(name, value);
        give_memory(name);
        give_memory(value);
    }
    if (request->failed) {
        send_failed(ERROR_INVALID_DATA, L"request");
        return;
    }
    /* A program is looked for in the folder of who starts it. */
    if (*folder)
        SetCurrentDirectoryW(folder);
    STARTUPINFOW startup = {0};
    PROCESS_INFORMATION process;
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(NULL, command_line, NULL, NULL, TRUE, CREATE_NO_WINDOW | CREATE_SUSPENDED, NULL,
                        NULL, &startup, &process)) {
        DWORD error = GetLastError();
        cut(command_line);
        send_failed(error, command_line);
    } else {
        HANDLE job = wait ? make_job() : NULL;
        DWORD code = 0;
        if (job)
            AssignProcessToJobObject(job, process.hProcess);
        ResumeThread(process.hThread);
        if (wait) {
            WaitForSingleObject(process.hProcess, INFINITE);
            GetExitCodeProcess(process.hProcess, &code);
        }
        release(job);
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
        send_done(code);
    }
    give_memory(command_line);
    give_memory(folder);
}
