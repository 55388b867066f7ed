/* A Windows program with a window that is in an installer's way, and says what is said to it.
 *
 * holder.exe LOG NAME [library=FILE] [file=FILE] [restart=ARGUMENTS] [flags=NUMBER] [end|close|refuse|hang]
 *
 * It loads the library, whose function it calls, and has the file open, until it is closed: at the end of the session (end;
 * WM_ENDSESSION), only by WM_CLOSE (close), or not as long as it is asked for consent (refuse); or it does not answer at
 * all (hang). It registers for its restart with these arguments and flags. It adds lines to LOG, which is its own: its name, its process id, and what happens. */
#define _WIN32_WINNT 0x0600
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *log_file = "NUL", *name = "?", *manner = "end";
static WCHAR restart[1024];
static DWORD flags;

static void note(const char *format, ...)
{
    FILE *file = fopen(log_file, "a");
    va_list values;
    if (!file)
        return;
    va_start(values, format);
    fprintf(file, "%s %lu ", name, GetCurrentProcessId());
    vfprintf(file, format, values);
    fputc('\n', file);
    va_end(values);
    fclose(file);
}

static LRESULT CALLBACK answer(HWND window, UINT message, WPARAM word, LPARAM reason)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        note("hears WM_QUERYENDSESSION with%s ENDSESSION_CLOSEAPP", reason & 1 ? "" : "out");
        if (!strcmp(manner, "hang"))
            Sleep(INFINITE);
        return strcmp(manner, "refuse") != 0;
    case WM_ENDSESSION:
        note("hears WM_ENDSESSION, %s", word ? "to end" : "to go on");
        if (word && !strcmp(manner, "end"))
            DestroyWindow(window);
        return 0;
    case WM_CLOSE:
        note("hears WM_CLOSE");
        DestroyWindow(window);
        return 0;
    case WM_SETTINGCHANGE:
        if (reason)
            note("hears WM_SETTINGCHANGE, %s", (const char *)reason);
        return 0;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcA(window, message, word, reason);
}

int main(int count, char **words)
{
    typedef int (*version_function)(void);
    version_function version = NULL;
    WNDCLASSA class = {.lpfnWndProc = answer, .lpszClassName = "holder", .hInstance = GetModuleHandleA(NULL)};
    MSG message;

    if (count < 3)
        return 2;
    log_file = words[1];
    name = words[2];
    for (int i = 3; i < count; i++) {
        if (!strncmp(words[i], "library=", 8)) {
            HMODULE library = LoadLibraryA(words[i] + 8);
            version = (version_function)(void *)GetProcAddress(library, "version");
            if (!version)
                note("cannot load %s: error %lu", words[i] + 8, GetLastError());
        } else if (!strncmp(words[i], "file=", 5)) {
            HANDLE file = CreateFileA(words[i] + 5, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                                      OPEN_EXISTING, 0, NULL);
            if (file == INVALID_HANDLE_VALUE)
                note("cannot open %s: error %lu", words[i] + 5, GetLastError());
        } else if (!strncmp(words[i], "restart=", 8)) {
            MultiByteToWideChar(CP_ACP, 0, words[i] + 8, -1, restart, sizeof restart / sizeof *restart);
        } else if (!strncmp(words[i], "flags=", 6)) {
            flags = (DWORD)atoi(words[i] + 6);
        } else {
            manner = words[i];
        }
    }
    /* Who was closed for an update starts again. */
    RegisterApplicationRestart(restart, flags);
    RegisterClassA(&class);
    if (!CreateWindowA("holder", name, WS_OVERLAPPEDWINDOW | WS_VISIBLE, 40, 40, 320, 120, NULL, NULL, class.hInstance, NULL))
        note("cannot make a window: error %lu", GetLastError());
    else if (version)
        note("runs with library version %d", version());
    else
        note("runs");
    while (GetMessageA(&message, NULL, 0, 0) > 0)
        DispatchMessageA(&message);
    note("ends");
    return 0;
}
