/* A service that says in C:\service.txt that it runs, with its version and its first argument, and that it has stopped. Its
 * name begins with Reseat, which is left out. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winsvc.h>

static SERVICE_STATUS_HANDLE manager;
static HANDLE stopped;

static void put(HANDLE file, const WCHAR *text)
{
    DWORD written;
    for (; *text; text++) {
        char unit = (char)*text;
        WriteFile(file, &unit, 1, &written, NULL);
    }
}

static void tell(const WCHAR *name, const WCHAR *text)
{
    HANDLE file = CreateFileW(L"C:\\service.txt", FILE_APPEND_DATA, 0, NULL, OPEN_ALWAYS, 0, NULL);
    put(file, name + sizeof "Reseat" - 1);
    put(file, L" " VERSION " ");
    put(file, text);
    put(file, L"\n");
    CloseHandle(file);
}

static void set_state(DWORD state)
{
    SERVICE_STATUS status = {SERVICE_WIN32_OWN_PROCESS, state, SERVICE_ACCEPT_STOP, 0, 0, 0, 0};
    SetServiceStatus(manager, &status);
}

static void WINAPI control(DWORD what)
{
    if (what == SERVICE_CONTROL_STOP) {
        set_state(SERVICE_STOP_PENDING);
        SetEvent(stopped);
    }
}

static void WINAPI run(DWORD count, WCHAR **words)
{
    stopped = CreateEventW(NULL, TRUE, FALSE, NULL);
    manager = RegisterServiceCtrlHandlerW(words[0], control);
    tell(words[0], count > 1 ? words[1] : L"started");
    set_state(SERVICE_RUNNING);
    WaitForSingleObject(stopped, INFINITE);
    tell(words[0], L"stopped");
    set_state(SERVICE_STOPPED);
}

int main(void)
{
    SERVICE_TABLE_ENTRYW table[] = {{L"ReseatService", run}, {NULL, NULL}};
    return !StartServiceCtrlDispatcherW(table);
}
