/* Services that say in C:\service.txt that they run, with their version and their first argument, and that they have stopped.
 * Their names begin with Reseat, which is left out. The program holds the file that its command line names. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winsvc.h>

struct service {
    SERVICE_STATUS_HANDLE manager;
    HANDLE stopped;
};

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

static void set_state(struct service *service, DWORD state)
{
    SERVICE_STATUS status = {SERVICE_WIN32, state, SERVICE_ACCEPT_STOP, 0, 0, 0, 0};
    SetServiceStatus(service->manager, &status);
}

static DWORD WINAPI control(DWORD what, DWORD event, void *data, void *context)
{
    struct service *service = context;
    if (what != SERVICE_CONTROL_STOP)
        return ERROR_CALL_NOT_IMPLEMENTED;
    set_state(service, SERVICE_STOP_PENDING);
    SetEvent(service->stopped);
    return NO_ERROR;
}

static void WINAPI run(DWORD count, WCHAR **words)
{
    struct service service = {.stopped = CreateEventW(NULL, TRUE, FALSE, NULL)};
    service.manager = RegisterServiceCtrlHandlerExW(words[0], control, &service);
    tell(words[0], count > 1 ? words[1] : L"started");
    set_state(&service, SERVICE_RUNNING);
    WaitForSingleObject(service.stopped, INFINITE);
    tell(words[0], L"stopped");
    set_state(&service, SERVICE_STOPPED);
}

int main(int count, char **words)
{
    SERVICE_TABLE_ENTRYW table[] = {{L"ReseatOne", run}, {L"ReseatTwo", run}, {L"ReseatThree", run}, {NULL, NULL}};
    if (count > 1)
        CreateFileA(words[1], GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS, 0, NULL);
    return !StartServiceCtrlDispatcherW(table);
}
