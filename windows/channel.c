/* The channel: frames on the pipes that were the standard input and output when the host began. */
#include "host.h"

static HANDLE from_installer, to_installer;
/* Held while a frame is written; and from a call to its answer. */
static CRITICAL_SECTION writing, calling;

static HANDLE keep(DWORD which, DWORD access)
{
    HANDLE kept = NULL;
    HANDLE own = GetCurrentProcess();
    HANDLE given = GetStdHandle(which);
    /* What the action prints, and what the programs that it starts inherit, must not reach the channel. */
    if (!DuplicateHandle(own, given, own, &kept, 0, FALSE, DUPLICATE_SAME_ACCESS))
        ExitProcess(2);
    CloseHandle(given);
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE other = which == STD_INPUT_HANDLE
                       ? CreateFileW(L"NUL", access, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, NULL)
                       : GetStdHandle(STD_ERROR_HANDLE);
    SetStdHandle(which, other);
    return kept;
}

void open_channel(void)
{
    InitializeCriticalSection(&writing);
    InitializeCriticalSection(&calling);
    from_installer = keep(STD_INPUT_HANDLE, GENERIC_READ);
    to_installer = keep(STD_OUTPUT_HANDLE, GENERIC_WRITE);
    SetHandleInformation(GetStdHandle(STD_ERROR_HANDLE), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

static int read_all(void *to, uint32_t length)
{
    unsigned char *next = to;
    while (length) {
        DWORD got = 0;
        if (!ReadFile(from_installer, next, length, &got, NULL) || !got)
            return 0;
        next += got;
        length -= got;
    }
    return 1;
}

static void write_all(const void *bytes, uint32_t length)
{
    const unsigned char *next = bytes;
    while (length) {
        DWORD put = 0;
        /* Without the installer there is nothing left to do here. */
        if (!WriteFile(to_installer, next, length, &put, NULL) || !put)
            TerminateProcess(GetCurrentProcess(), 3);
        next += put;
        length -= put;
    }
}

char receive(struct frame *request)
{
    uint32_t length;
    char kind;
    drop(request);
    if (!read_all(&length, 4) || !length || length > LONGEST_FRAME + 1 || !read_all(&kind, 1))
        return 0;
    request->bytes = take_memory(length);
    if (!request->bytes)
        return 0;
    request->room = request->length = length - 1;
    return read_all(request->bytes, request->length) ? kind : 0;
}

void send_frame(char kind, const struct frame *content)
{
    unsigned char head[5];
    uint32_t length = content->length + 1;
    memcpy(head, &length, 4);
    head[4] = (unsigned char)kind;
    EnterCriticalSection(&writing);
    write_all(head, 5);
    write_all(content->bytes, content->length);
    LeaveCriticalSection(&writing);
}

void send_done(uint32_t result)
{
    struct frame frame = {0};
    put_u32(&frame, result);
    send_frame('D', &frame);
    drop(&frame);
}

void send_line(const WCHAR *text)
{
    struct frame frame = {0};
    put_text(&frame, text, length_of(text));
    send_frame('L', &frame);
    drop(&frame);
}

void send_failed(uint32_t error, const WCHAR *what)
{
    struct frame frame = {0};
    put_u32(&frame, error);
    put_text(&frame, what, length_of(what));
    send_frame('F', &frame);
    drop(&frame);
}

/* RmCancelCurrentTask is for what another thread is in: it cannot wait for that thread's turn to end. */
static int cancels(const struct frame *call)
{
    static const WCHAR name[] = L"RmCancelCurrentTask";
    struct rest rest = {call->bytes, call->length, 0};
    uint32_t units = get_u32(&rest);
    if (units != sizeof name / sizeof *name - 1)
        return 0;
    for (uint32_t i = 0; i < units; i++) {
        uint32_t low = get_u8(&rest);
        if ((get_u8(&rest) << 8 | low) != name[i])
            return 0;
    }
    return 1;
}

int call_installer(const struct frame *call, struct frame *answer, void *status)
{
    if (!TryEnterCriticalSection(&calling)) {
        if (cancels(call)) {
            send_frame('c', call);
            put_u32(answer, ERROR_SUCCESS);
            put_u8(answer, 0);
            return !answer->failed;
        }
        EnterCriticalSection(&calling);
    }
    send_frame('C', call);
    for (;;) {
        /* Before it answers, the installer may want to know more. */
        char kind = receive(answer);
        struct rest rest = {answer->bytes, answer->length, 0};
        if (kind == 'R')
            break;
        if (kind == 'N') {
            list_programs(&rest, kind);
        } else if (kind == 'e') {
            forget_programs(get_u32(&rest));
            send_done(ERROR_SUCCESS);
        } else if (kind == 'U') {
            /* It may call us meanwhile. */
            uint32_t percent = get_u32(&rest);
            if (status)
                ((void (*)(UINT))status)(percent);
            send_done(ERROR_SUCCESS);
        } else {
            TerminateProcess(GetCurrentProcess(), 3);
        }
    }
    LeaveCriticalSection(&calling);
    return 1;
}

__declspec(dllexport) int ReseatCall(const struct frame *call, struct frame *answer, void *status)
{
    return call_installer(call, answer, status);
}

__declspec(dllexport) void ReseatDrop(struct frame *frame)
{
    drop(frame);
}
