/* Custom actions that try to get out of the sandbox, through Wine and past it. */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <restartmanager.h>

#define EXPORT __declspec(dllexport) UINT __stdcall

/* The numbers of Linux on this processor. */
enum { READ = 0, OPEN = 2, NEW_SOCKET = 41, CONNECT = 42, MKDIR = 83, UNLINK = 87, MOUNT = 165, SETNS = 308 };

/* As wide as an address. */
typedef long long number;

/* Asks the kernel past Wine. */
static number kernel(number call, number one, number two, number three)
{
    number result;
    register number four asm("r10") = 0;
    register number five asm("r8") = 0;
    asm volatile("syscall" : "=a"(result) : "a"(call), "D"(one), "S"(two), "d"(three), "r"(four), "r"(five) : "rcx", "r11", "memory");
    return result;
}

static void get(MSIHANDLE session, const WCHAR *name, WCHAR *value, DWORD room)
{
    if (MsiGetPropertyW(session, name, value, &room))
        *value = 0;
}

static void say(MSIHANDLE session, const WCHAR *what, number result)
{
    MSIHANDLE record = MsiCreateRecord(2);
    MsiRecordSetStringW(record, 0, L"attempt: [1]: [2]");
    MsiRecordSetStringW(record, 1, what);
    MsiRecordSetInteger(record, 2, (int)result);
    MsiProcessMessage(session, INSTALLMESSAGE_INFO, record);
    MsiCloseHandle(record);
}

static void narrow(MSIHANDLE session, const WCHAR *name, char *value, int room)
{
    WCHAR wide[512];
    get(session, name, wide, 512);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, value, room, NULL, NULL);
}

/* A socket in a folder that others see, given by its path. */
static number reach(const char *path)
{
    struct { unsigned short family; char path[108]; } address = {1, ""};
    number fd = kernel(NEW_SOCKET, 1, 1, 0);
    lstrcpynA(address.path, path, sizeof address.path);
    return fd < 0 ? fd : kernel(CONNECT, fd, (number)&address, sizeof address);
}

/* Each attempt says how it ended; 0 and positive numbers are those that went well. */
EXPORT Attack(MSIHANDLE session)
{
    WCHAR outside[512];
    char path[512], text[512];
    DWORD put;
    WSADATA started;
    struct sockaddr_in there = {AF_INET};
    struct { unsigned short family, port; unsigned address; char rest[8]; } raw = {2, 0, 0x0100007f, ""};
    DWORD manager;
    WCHAR key[64];
    number got;

    get(session, L"OUTSIDE", outside, 512);
    HANDLE file = CreateFileW(outside, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    say(session, L"file by Wine", file == INVALID_HANDLE_VALUE ? -(number)GetLastError() : (number)WriteFile(file, "x", 1, &put, NULL));
    narrow(session, L"OUTSIDEHERE", path, 512);
    say(session, L"file by the kernel", kernel(OPEN, (number)path, 0101, 0644));
    say(session, L"removal", kernel(UNLINK, (number)path, 0, 0));
    /* What would do harm where it goes well. */
    get(session, L"HARMLESS", outside, 512);
    if (!*outside) {
        for (number fd = 3; fd < 64; fd++)
            if (kernel(SETNS, fd, 0, 0) == 0)
                say(session, L"name space", fd);
        say(session, L"folder in the root", kernel(MKDIR, (number)"/reseat-evil", 0755, 0));
        say(session, L"program of the system", kernel(OPEN, (number)"/usr/bin/reseat-evil", 0101, 0755));
        say(session, L"mount", kernel(MOUNT, (number)"none", (number)"/usr", (number)"tmpfs"));
    }

    get(session, L"PORT", outside, 512);
    unsigned port = 0;
    for (WCHAR *digit = outside; *digit; digit++)
        port = port * 10 + (*digit - '0');
    WSAStartup(0x202, &started);
    there.sin_port = htons((unsigned short)port);
    there.sin_addr.s_addr = 0x0100007f;
    SOCKET ours = socket(AF_INET, SOCK_STREAM, 0);
    say(session, L"network by Wine", connect(ours, (struct sockaddr *)&there, sizeof there) ? -(number)WSAGetLastError() : 0);
    raw.port = there.sin_port;
    number fd = kernel(NEW_SOCKET, 2, 1, 0);
    say(session, L"network by the kernel", kernel(CONNECT, fd, (number)&raw, sizeof raw));

    narrow(session, L"SERVER", path, 512);
    say(session, L"server outside", reach(path));
    narrow(session, L"WINESERVER", path, 512);
    say(session, L"wineserver outside", reach(path));

    /* The process may have the number of one that is in the sandbox. */
    narrow(session, L"PROCESS", path, 512);
    fd = kernel(OPEN, (number)path, 0, 0);
    got = fd < 0 ? fd : kernel(READ, fd, (number)text, 64);
    say(session, L"process", got > 0 && !memcmp(text, "tail", 5) ? got : got > 0 ? -1 : got);

    get(session, L"MsiRestartManagerSessionKey", key, 64);
    say(session, L"session joined", -(number)RmJoinSession(&manager, key));
    say(session, L"session started", -(number)RmStartSession(&manager, 0, key));
    MsiSetPropertyW(session, L"ATTACKED", L"yes");
    return ERROR_SUCCESS;
}

/* What an action may do in a dry run, where nothing of it stays. Property PLANNED is seen by the plan. */
EXPORT Plan(MSIHANDLE session)
{
    WCHAR folder[MAX_PATH];
    HKEY key;
    DWORD put;
    HANDLE file = CreateFileW(L"C:\\planned.txt", GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    say(session, L"drive", file == INVALID_HANDLE_VALUE ? -(number)GetLastError() : 0);
    GetTempPathW(MAX_PATH, folder);
    lstrcatW(folder, L"planned.tmp");
    file = CreateFileW(folder, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE || !WriteFile(file, "x", 1, &put, NULL))
        return ERROR_INSTALL_FAILURE;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Planned", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL) ||
        RegSetValueExW(key, L"Value", 0, REG_SZ, (const BYTE *)L"x", 4))
        return ERROR_INSTALL_FAILURE;
    return MsiSetPropertyW(session, L"PLANNED", L"yes");
}

/* Puts a value into the registry whose name is the action's data. */
EXPORT Value(MSIHANDLE session)
{
    WCHAR name[64];
    HKEY key;
    get(session, L"CustomActionData", name, 64);
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Test", 0, KEY_ALL_ACCESS, &key))
        return ERROR_INSTALL_FAILURE;
    return RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)L"x", 4) ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}

/* Takes it away again. */
EXPORT NoValue(MSIHANDLE session)
{
    WCHAR name[64];
    HKEY key;
    get(session, L"CustomActionData", name, 64);
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Test", 0, KEY_ALL_ACCESS, &key))
        return ERROR_INSTALL_FAILURE;
    return RegDeleteValueW(key, name) ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}

/* Says that it runs, and does not end. */
EXPORT Hang(MSIHANDLE session)
{
    (void)session;
    CloseHandle(CreateFileW(L"C:\\hangs.txt", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    Sleep(300000);
    return ERROR_SUCCESS;
}
