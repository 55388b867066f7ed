/* Request W: the windows of certain programs are asked, told or closed, as the page "Guidelines for Applications" of the
 * Restart Manager describes it. */
#include "window.h"

#define MOST_WINDOWS 4096
#define MOST_PROGRAMS 256
#ifndef ENDSESSION_CLOSEAPP
#define ENDSESSION_CLOSEAPP 1
#endif

/* What became of it; the greatest counts for a program. */
enum answer { NO_WINDOWS, AGREED, SILENT, REFUSED };

struct asked {
    uint32_t pid;
    uint32_t what;
    uint32_t milliseconds;
    volatile LONG answer;
};

/* Loaded when they are needed: with them a host takes longer to start. */
static struct {
    BOOL(WINAPI *enum_windows)(HDESK, WNDENUMPROC, LPARAM);
    BOOL(WINAPI *enum_desktops)(HWINSTA, DESKTOPENUMPROCW, LPARAM);
    HWINSTA(WINAPI *station)(void);
    HDESK(WINAPI *open_desktop)(const WCHAR *, DWORD, BOOL, ACCESS_MASK);
    BOOL(WINAPI *close_desktop)(HDESK);
    DWORD(WINAPI *owner)(HWND, DWORD *);
    int(WINAPI *class_name)(HWND, WCHAR *, int);
    int(WINAPI *title)(HWND, WCHAR *, int);
    BOOL(WINAPI *is_visible)(HWND);
    HWND(WINAPI *related)(HWND, UINT);
    LRESULT(WINAPI *send)(HWND, UINT, WPARAM, LPARAM, UINT, UINT, DWORD_PTR *);
    BOOL(WINAPI *post)(HWND, UINT, WPARAM, LPARAM);
} user;

static struct window windows[MOST_WINDOWS];
static uint32_t window_count;

static int load(void)
{
    static const char *const names[] = {
        "EnumDesktopWindows", "EnumDesktopsW", "GetProcessWindowStation", "OpenDesktopW",
        "CloseDesktop", "GetWindowThreadProcessId", "GetClassNameW", "GetWindowTextW",
        "IsWindowVisible", "GetWindow", "SendMessageTimeoutW", "PostMessageW",
    };
    FARPROC *functions = (FARPROC *)&user;
    HMODULE library;
    if (user.post)
        return 1;
    library = LoadLibraryW(L"user32.dll");
    for (unsigned i = 0; library && i < sizeof names / sizeof *names; i++) {
        functions[i] = GetProcAddress(library, names[i]);
        if (!functions[i])
            return 0;
    }
    return library != NULL;
}

/* Windows that belong to a program without its knowledge. */
static int is_of_the_system(const WCHAR *class)
{
    return (class[0] == 'I' && class[1] == 'M' && class[2] == 'E' && !class[3]) ||
           (class[0] == 'O' && class[1] == 'l' && class[2] == 'e' && class[3] == 'M');
}

static BOOL CALLBACK add_window(HWND handle, LPARAM unused)
{
    WCHAR class[8];
    DWORD pid = 0;
    (void)unused;
    if (window_count == MOST_WINDOWS)
        return FALSE;
    user.owner(handle, &pid);
    if (pid == GetCurrentProcessId() || (user.class_name(handle, class, 8) && is_of_the_system(class)))
        return TRUE;
    struct window *window = &windows[window_count++];
    window->handle = handle;
    window->pid = pid;
    window->is_main = user.is_visible(handle) && !user.related(handle, GW_OWNER);
    window->title[0] = 0;
    user.title(handle, window->title, LONGEST_TITLE + 1);
    return TRUE;
}

static BOOL CALLBACK add_desktop(WCHAR *name, LPARAM unused)
{
    HDESK desktop = user.open_desktop(name, 0, FALSE, DESKTOP_READOBJECTS | DESKTOP_ENUMERATE);
    (void)unused;
    if (desktop) {
        user.enum_windows(desktop, add_window, 0);
        user.close_desktop(desktop);
    }
    return TRUE;
}

uint32_t find_windows(const struct window **found)
{
    window_count = 0;
    if (load())
        user.enum_desktops(user.station(), add_desktop, 0);
    *found = windows;
    return window_count;
}

/* Whether a program has a window that its user sees. */
static int has_main(uint32_t pid)
{
    for (uint32_t i = 0; i < window_count; i++)
        if (windows[i].pid == pid && windows[i].is_main)
            return 1;
    return 0;
}

static enum answer tell(const struct asked *asked, HWND window)
{
    UINT message = asked->what == 'q' ? WM_QUERYENDSESSION : WM_ENDSESSION;
    DWORD_PTR result = 1;
    SetLastError(ERROR_SUCCESS);
    if (!user.send(window, message, asked->what == 'e', ENDSESSION_CLOSEAPP, SMTO_ABORTIFHUNG, asked->milliseconds, &result))
        /* A window that is gone has done what it was asked for. */
        return GetLastError() == ERROR_TIMEOUT ? SILENT : AGREED;
    return asked->what == 'q' && !result ? REFUSED : AGREED;
}

static void ask(void *item)
{
    struct asked *asked = item;
    int visible = has_main(asked->pid);
    for (uint32_t i = 0; i < window_count; i++) {
        LONG answer = AGREED;
        if (windows[i].pid != asked->pid)
            continue;
        /* Until it is told otherwise, in case that this thread is not waited for. */
        if (asked->what == 'q' || asked->what == 'e' || asked->what == 'n') {
            if (asked->answer < SILENT)
                InterlockedExchange(&asked->answer, SILENT);
            answer = tell(asked, windows[i].handle);
        } else if (asked->what == 'c' && (windows[i].is_main || !visible) && !user.related(windows[i].handle, GW_OWNER)) {
            user.post(windows[i].handle, WM_CLOSE, 0, 0);
        }
        InterlockedExchange(&asked->answer, answer);
        if (answer != AGREED)
            break;
    }
}

void ask_windows(struct rest *request)
{
    uint32_t what = get_u8(request);
    uint32_t milliseconds = get_u32(request);
    uint32_t count = get_u32(request);
    const struct window *unused;
    struct asked *asked = count <= MOST_PROGRAMS ? take_memory(count * sizeof *asked) : NULL;
    for (uint32_t i = 0; asked && i < count; i++) {
        asked[i].pid = get_u32(request);
        asked[i].what = what;
        asked[i].milliseconds = milliseconds;
    }
    if (!asked || request->failed) {
        send_failed(ERROR_INVALID_DATA, L"request");
        give_memory(asked);
        return;
    }
    find_windows(&unused);
    int all_done = beside(asked, count, sizeof *asked, ask, milliseconds);
    struct frame answer = {0};
    put_u32(&answer, count);
    for (uint32_t i = 0; i < count; i++) {
        put_u32(&answer, asked[i].pid);
        put_u8(&answer, (unsigned)asked[i].answer);
    }
    send_frame('B', &answer);
    drop(&answer);
    if (all_done)
        give_memory(asked);
}
