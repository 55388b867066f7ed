/* Requests K and Y: the registry, read and changed as Wine has it. */
#include "host.h"

static HKEY root_of(uint32_t part, int *close)
{
    HKEY key = NULL;
    *close = 0;
    switch (part) {
    case 'm':
        return HKEY_LOCAL_MACHINE;
    case 'u':
        return HKEY_CURRENT_USER;
    case 'd':
        *close = !RegOpenKeyExW(HKEY_USERS, L".Default", 0, KEY_ALL_ACCESS, &key);
        return key;
    }
    return NULL;
}

static void let_save(void)
{
    HANDLE token;
    TOKEN_PRIVILEGES wanted = {1, {{{0, 0}, SE_PRIVILEGE_ENABLED}}};
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token))
        return;
    if (LookupPrivilegeValueW(NULL, L"SeBackupPrivilege", &wanted.Privileges[0].Luid))
        AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
    CloseHandle(token);
}

void save_registry(struct rest *request)
{
    int close;
    HKEY root = root_of(get_u8(request), &close);
    WCHAR *path = get_text(request);
    let_save();
    send_done(request->failed || !root ? ERROR_INVALID_DATA : (uint32_t)RegSaveKeyW(root, path, NULL));
    if (close)
        RegCloseKey(root);
    give_memory(path);
}

/* Removes what is below a key, deepest first. */
static LSTATUS remove_below(HKEY key, int depth)
{
    WCHAR name[256];
    for (;;) {
        DWORD length = 256;
        HKEY child;
        LSTATUS status = RegEnumKeyExW(key, 0, name, &length, NULL, NULL, NULL, NULL);
        if (status)
            return status == ERROR_NO_MORE_ITEMS ? ERROR_SUCCESS : status;
        status = depth < 512 ? RegOpenKeyExW(key, name, 0, KEY_ALL_ACCESS, &child) : ERROR_STACK_OVERFLOW;
        if (!status) {
            status = remove_below(child, depth + 1);
            RegCloseKey(child);
        }
        if (!status)
            status = RegDeleteKeyW(key, name);
        if (status)
            return status;
    }
}

static LSTATUS change(HKEY root, uint32_t kind, const WCHAR *path, struct rest *request)
{
    HKEY key = NULL;
    LSTATUS status = ERROR_INVALID_DATA;
    if (kind == 'c') {
        status = RegCreateKeyExW(root, path, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL);
    } else if (kind == 's') {
        WCHAR *name = get_text(request);
        uint32_t type = get_u32(request);
        uint32_t length = get_u32(request);
        const unsigned char *data = get_bytes(request, length);
        if (!request->failed)
            status = RegCreateKeyExW(root, path, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL);
        if (!status)
            status = RegSetValueExW(key, name, 0, type, data, length);
        give_memory(name);
    } else if (kind == 'v') {
        WCHAR *name = get_text(request);
        status = request->failed ? ERROR_INVALID_DATA : RegOpenKeyExW(root, path, 0, KEY_ALL_ACCESS, &key);
        if (!status)
            status = RegDeleteValueW(key, name);
        give_memory(name);
        if (status == ERROR_FILE_NOT_FOUND)
            status = ERROR_SUCCESS;
    } else if (kind == 'k') {
        status = RegOpenKeyExW(root, path, 0, KEY_ALL_ACCESS, &key);
        if (!status)
            status = remove_below(key, 0);
        if (!status)
            status = RegDeleteKeyW(root, path);
        if (status == ERROR_FILE_NOT_FOUND)
            status = ERROR_SUCCESS;
    } else if (kind == 'e') {
        DWORD keys = 0, values = 0;
        status = RegOpenKeyExW(root, path, 0, KEY_ALL_ACCESS, &key);
        if (!status)
            status = RegQueryInfoKeyW(key, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL, NULL);
        if (!status && !keys && !values)
            status = RegDeleteKeyW(root, path);
        if (status == ERROR_FILE_NOT_FOUND)
            status = ERROR_SUCCESS;
    }
    if (key)
        RegCloseKey(key);
    return status;
}

void change_registry(struct rest *request)
{
    int close;
    HKEY root = root_of(get_u8(request), &close);
    uint32_t count = get_u32(request);
    LSTATUS status = root ? ERROR_SUCCESS : ERROR_INVALID_DATA;
    while (count-- && !status) {
        uint32_t kind = get_u8(request);
        WCHAR *path = get_text(request);
        status = request->failed ? ERROR_INVALID_DATA : change(root, kind, path, request);
        if (status)
            send_line(path ? path : L"");
        give_memory(path);
    }
    send_done((uint32_t)status);
    if (close)
        RegCloseKey(root);
}
