/* Request V: services, through Wine's service manager, which has those of the registry in its memory and takes no note of what
 * others write there. Functions OpenSCManager, CreateService, ChangeServiceConfig, DeleteService, StartService,
 * ControlService, QueryServiceStatus. */
#include "host.h"

#include <winsvc.h>

#define SERVICES L"System\\CurrentControlSet\\Services\\"
#define NAME_ROOM 300
#define MOST_VALUES 1000
#define POLL_MILLISECONDS 20

/* A value of a service's key. Texts end in two zeros. */
struct value {
    struct value *next;
    DWORD kind, size;
    WCHAR name[NAME_ROOM];
    char data[];
};

static void forget_values(struct value *values)
{
    while (values) {
        struct value *next = values->next;
        give_memory(values);
        values = next;
    }
}

/* The values of a service's key as they are. */
static struct value *read_values(HKEY key)
{
    struct value *values = NULL;
    DWORD size = 0;
    if (RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &size, NULL, NULL) || size > LONGEST_FRAME)
        return NULL;
    for (DWORD i = 0; i < MOST_VALUES; i++) {
        struct value *value = take_memory(sizeof *value + size + 4);
        DWORD name = NAME_ROOM;
        if (!value)
            break;
        value->size = size;
        LSTATUS status = RegEnumValueW(key, i, value->name, &name, NULL, &value->kind, (BYTE *)value->data, &value->size);
        if (status) {
            give_memory(value);
            if (status == ERROR_NO_MORE_ITEMS)
                break;
            continue;
        }
        memset(value->data + value->size, 0, 4);
        value->next = values;
        values = value;
    }
    return values;
}

static const struct value *value_of(const struct value *values, const WCHAR *name)
{
    while (values && lstrcmpiW(values->name, name))
        values = values->next;
    return values;
}

static const WCHAR *text_of(const struct value *values, const WCHAR *name)
{
    const struct value *value = value_of(values, name);
    return value && value->kind != REG_DWORD ? (const WCHAR *)value->data : NULL;
}

static DWORD number_of(const struct value *values, const WCHAR *name, DWORD otherwise)
{
    const struct value *value = value_of(values, name);
    DWORD number = otherwise;
    if (value && value->kind == REG_DWORD && value->size == sizeof number)
        memcpy(&number, value->data, sizeof number);
    return number;
}

/* Gives a key the values that it had: the service manager writes what it knows of a service, which is less. */
static void restore_values(HKEY key, const struct value *values)
{
    struct value *now = read_values(key);
    for (const struct value *value = now; value; value = value->next)
        if (!value_of(values, value->name))
            RegDeleteValueW(key, value->name);
    for (const struct value *value = values; value; value = value->next) {
        const struct value *other = value_of(now, value->name);
        if (!other || other->kind != value->kind || other->size != value->size ||
            RtlCompareMemory(other->data, value->data, value->size) != value->size)
            RegSetValueExW(key, value->name, 0, value->kind, (const BYTE *)value->data, value->size);
    }
    forget_values(now);
}

/* What the service needs, and behind it the groups that it needs, marked as the functions want them; to be given back. */
static WCHAR *needs_of(const struct value *values)
{
    const struct value *services = value_of(values, L"DependOnService"), *groups = value_of(values, L"DependOnGroup");
    size_t room = (services ? services->size : 0) + (groups ? 2 * groups->size : 0) + 4 * sizeof(WCHAR);
    WCHAR *needs = take_memory(room), *end = needs;
    for (const WCHAR *name = services && needs ? (const WCHAR *)services->data : L""; *name; name += length_of(name) + 1) {
        memcpy(end, name, (length_of(name) + 1) * sizeof(WCHAR));
        end += length_of(name) + 1;
    }
    for (const WCHAR *name = groups && needs ? (const WCHAR *)groups->data : L""; *name; name += length_of(name) + 1) {
        *end++ = SC_GROUP_IDENTIFIERW;
        memcpy(end, name, (length_of(name) + 1) * sizeof(WCHAR));
        end += length_of(name) + 1;
    }
    /* The memory is all zeros. */
    return needs;
}

static DWORD state_of(SC_HANDLE service)
{
    SERVICE_STATUS status = {0};
    return QueryServiceStatus(service, &status) ? status.dwCurrentState : 0;
}

/* Waits until a service is in a state, or does not go there any more. */
static DWORD wait_for(SC_HANDLE service, DWORD pending, DWORD milliseconds)
{
    DWORD state = state_of(service);
    for (DWORD waited = 0; state == pending && waited < milliseconds; waited += POLL_MILLISECONDS) {
        Sleep(POLL_MILLISECONDS);
        state = state_of(service);
    }
    return state;
}

static DWORD stop_service(SC_HANDLE service, DWORD milliseconds, DWORD *state)
{
    SERVICE_STATUS status;
    DWORD error = ControlService(service, SERVICE_CONTROL_STOP, &status) ? ERROR_SUCCESS : GetLastError();
    if (error == ERROR_SERVICE_NOT_ACTIVE)
        error = ERROR_SUCCESS;
    *state = error ? 0 : wait_for(service, SERVICE_STOP_PENDING, milliseconds);
    return error;
}

/* Deletes a service, which lasts for as long as it runs or anybody has it open. */
static DWORD delete_service(SC_HANDLE manager, const WCHAR *name, DWORD milliseconds)
{
    SC_HANDLE service = OpenServiceW(manager, name, SERVICE_ALL_ACCESS);
    DWORD error = service ? ERROR_SUCCESS : GetLastError(), state;
    if (error)
        return error == ERROR_SERVICE_DOES_NOT_EXIST ? ERROR_SUCCESS : error;
    stop_service(service, milliseconds, &state);
    if (!DeleteService(service))
        error = GetLastError();
    CloseServiceHandle(service);
    if (error && error != ERROR_SERVICE_MARKED_FOR_DELETE)
        return error;
    for (DWORD waited = 0;; waited += POLL_MILLISECONDS) {
        service = OpenServiceW(manager, name, SERVICE_QUERY_STATUS);
        if (!service)
            return ERROR_SUCCESS;
        CloseServiceHandle(service);
        if (waited >= milliseconds)
            return ERROR_SERVICE_MARKED_FOR_DELETE;
        Sleep(POLL_MILLISECONDS);
    }
}

/* What is done when the service fails, which Wine 8 takes and forgets; its value in the registry, which this is read from,
 * stays. Its numbers of 32 bits: the period, two that mean nothing there, how many actions, where they begin, and for each its
 * type and its delay. */
static void tell_of_failures(SC_HANDLE service, const struct value *values)
{
    const struct value *value = value_of(values, L"FailureActions");
    const WCHAR *message = text_of(values, L"RebootMessage"), *command = text_of(values, L"FailureCommand");
    const DWORD *numbers = value ? (const DWORD *)value->data : NULL;
    SC_ACTION actions[64];
    SERVICE_FAILURE_ACTIONSW about = {0, (WCHAR *)message, (WCHAR *)command, 0, actions};
    if (!value || value->kind != REG_BINARY || value->size < 5 * sizeof *numbers || numbers[4] != 5 * sizeof *numbers ||
        numbers[3] > (value->size / sizeof *numbers - 5) / 2)
        return;
    about.dwResetPeriod = numbers[0];
    for (; about.cActions < numbers[3] && about.cActions < sizeof actions / sizeof *actions; about.cActions++) {
        actions[about.cActions].Type = (SC_ACTION_TYPE)numbers[5 + 2 * about.cActions];
        actions[about.cActions].Delay = numbers[6 + 2 * about.cActions];
    }
    ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, &about);
}

/* Has the service manager know a service as the registry has it. */
static DWORD tell_of_service(SC_HANDLE manager, const WCHAR *name, HKEY key, const struct value *values, DWORD milliseconds)
{
    const WCHAR *program = text_of(values, L"ImagePath"), *shown = text_of(values, L"DisplayName");
    const WCHAR *group = text_of(values, L"Group"), *description = text_of(values, L"Description");
    DWORD type = number_of(values, L"Type", 0), start = number_of(values, L"Start", SERVICE_DEMAND_START);
    DWORD severity = number_of(values, L"ErrorControl", SERVICE_ERROR_NORMAL), error = ERROR_NOT_ENOUGH_MEMORY;
    SERVICE_DESCRIPTIONW described = {(WCHAR *)(description ? description : L"")};
    SERVICE_PRESHUTDOWN_INFO shutdown = {number_of(values, L"PreshutdownTimeout", 180000)};
    WCHAR *needs = needs_of(values);
    for (DWORD waited = 0; needs; waited += POLL_MILLISECONDS) {
        SC_HANDLE service = OpenServiceW(manager, name, SERVICE_ALL_ACCESS);
        if (!service)
            service = CreateServiceW(manager, name, shown, SERVICE_ALL_ACCESS, type, start, severity, program, group, NULL,
                                     needs, NULL, NULL);
        error = service && ChangeServiceConfigW(service, type, start, severity, program, group, NULL, needs, NULL, NULL, shown)
                    ? ERROR_SUCCESS
                    : GetLastError();
        if (!error) {
            ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &described);
            ChangeServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown);
            tell_of_failures(service, values);
        }
        if (service)
            CloseServiceHandle(service);
        /* One of this name that has been deleted may not have ended yet. */
        if (error != ERROR_SERVICE_MARKED_FOR_DELETE || waited >= milliseconds)
            break;
        Sleep(POLL_MILLISECONDS);
    }
    give_memory(needs);
    restore_values(key, values);
    return error;
}

static HKEY open_key(const WCHAR *name, REGSAM access)
{
    WCHAR path[sizeof SERVICES / sizeof(WCHAR) + NAME_ROOM] = SERVICES;
    HKEY key = NULL;
    if (length_of(name) >= NAME_ROOM)
        return NULL;
    memcpy(path + sizeof SERVICES / sizeof(WCHAR) - 1, name, ((size_t)length_of(name) + 1) * sizeof(WCHAR));
    return RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, access, &key) ? NULL : key;
}

/* Has the service manager know what the registry says of a service. */
static DWORD synchronize(SC_HANDLE manager, const WCHAR *name, DWORD milliseconds)
{
    HKEY key = open_key(name, KEY_ALL_ACCESS);
    DWORD error;
    if (!key)
        return delete_service(manager, name, milliseconds);
    struct value *values = read_values(key);
    /* A driver is no service. */
    if (text_of(values, L"ImagePath") && (number_of(values, L"Type", 0) & SERVICE_WIN32))
        error = tell_of_service(manager, name, key, values, milliseconds);
    else
        error = delete_service(manager, name, milliseconds);
    RegCloseKey(key);
    forget_values(values);
    return error;
}

static DWORD start_service(SC_HANDLE service, struct rest *request, DWORD milliseconds, DWORD *state)
{
    const WCHAR *arguments[64];
    DWORD count = get_u32(request), given = 0, error = ERROR_SUCCESS;
    while (given < count && given < sizeof arguments / sizeof *arguments && !request->failed)
        arguments[given++] = get_text(request);
    if (request->failed || given < count)
        error = ERROR_INVALID_DATA;
    else if (!StartServiceW(service, given, given ? arguments : NULL))
        error = GetLastError();
    if (error == ERROR_SERVICE_ALREADY_RUNNING)
        error = ERROR_SUCCESS;
    *state = error ? 0 : wait_for(service, SERVICE_START_PENDING, milliseconds);
    while (given)
        give_memory((void *)arguments[--given]);
    return error;
}

void order_service(struct rest *request)
{
    uint32_t order = get_u8(request);
    WCHAR *name = get_text(request);
    uint32_t milliseconds = get_u32(request);
    DWORD error = ERROR_SUCCESS, state = 0;
    SC_HANDLE manager = NULL, service = NULL;
    if (request->failed || length_of(name) >= NAME_ROOM)
        error = ERROR_INVALID_NAME;
    else if (!(manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS)))
        error = GetLastError();
    else if (order == 's')
        error = synchronize(manager, name, milliseconds);
    else if (!(service = OpenServiceW(manager, name, SERVICE_ALL_ACCESS)))
        error = GetLastError();
    else if (order == 'r')
        error = start_service(service, request, milliseconds, &state);
    else if (order == 'h')
        error = stop_service(service, milliseconds, &state);
    else
        state = state_of(service);
    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    if (error)
        send_failed(error, name ? name : L"service");
    else
        send_done(state);
    give_memory(name);
}

/* The services that a service needs, as the registry says: Wine's QueryServiceConfig does not. */
static void put_needs(struct frame *answer, const WCHAR *name)
{
    HKEY key = open_key(name, KEY_READ);
    struct value *values = key ? read_values(key) : NULL;
    const struct value *needed = value_of(values, L"DependOnService");
    struct frame needs = {0};
    DWORD count = 0;
    for (const WCHAR *need = needed && needed->kind == REG_MULTI_SZ ? (const WCHAR *)needed->data : L""; *need;
         need += length_of(need) + 1) {
        put_text(&needs, need, length_of(need));
        count++;
    }
    put_u32(answer, count);
    put_bytes(answer, needs.bytes, needs.length);
    answer->failed |= needs.failed;
    drop(&needs);
    forget_values(values);
    if (key)
        RegCloseKey(key);
}

/* All services: which run in which programs, and what they need. */
void put_services(struct frame *answer)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ENUMERATE_SERVICE);
    ENUM_SERVICE_STATUS_PROCESSW *services = NULL;
    DWORD room = 0, needed = 0, count = 0;
    /* More of them may have been made between two questions. */
    for (int attempt = 0; manager && attempt < 5; attempt++) {
        if (EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_STATE_ALL, (BYTE *)services, room,
                                  &needed, &count, NULL, NULL))
            break;
        count = 0;
        give_memory(services);
        services = NULL;
        if (GetLastError() != ERROR_MORE_DATA || needed > LONGEST_FRAME - room)
            break;
        room += needed;
        services = take_memory(room);
        if (!services)
            break;
    }
    put_u32(answer, services ? count : 0);
    for (DWORD i = 0; services && i < count; i++) {
        const SERVICE_STATUS_PROCESS *status = &services[i].ServiceStatusProcess;
        put_u32(answer, status->dwCurrentState == SERVICE_STOPPED ? 0 : status->dwProcessId);
        put_text(answer, services[i].lpServiceName, length_of(services[i].lpServiceName));
        put_needs(answer, services[i].lpServiceName);
    }
    give_memory(services);
    if (manager)
        CloseServiceHandle(manager);
}

/* Request v: tells all windows that the environment has changed (page environment-variables.md, message WM_SETTINGCHANGE). */
void announce_environment(void)
{
    typedef LRESULT(WINAPI * send_function)(HWND, UINT, WPARAM, LPARAM, UINT, UINT, DWORD_PTR *);
    HMODULE windows = LoadLibraryW(L"user32.dll");
    send_function send = windows ? (send_function)(void *)GetProcAddress(windows, "SendMessageTimeoutW") : NULL;
    DWORD_PTR answer;
    if (send)
        send((HWND)0xffff, 0x1a, 0, (LPARAM)L"Environment", 2, 1000, &answer);
    send_done(ERROR_SUCCESS);
}
