/* Says which exception ended an action, and where. */
#include "host.h"

/* What Wine raises when a function is called that it does not have; the library and the function are with it. */
#define WINE_STUB 0x80000100u

static void put_hex(WCHAR **to, uintptr_t value)
{
    int shift = 8 * sizeof value - 4;
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *(*to)++ = L"0123456789abcdef"[value >> shift & 15];
}

static void put_name(WCHAR **to, const WCHAR *end, const char *name)
{
    while (name && *name && *to < end)
        *(*to)++ = (unsigned char)*name++;
}

static LONG WINAPI crashed(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    WCHAR place[MAX_PATH + 40];
    WCHAR *end = place;
    HMODULE module = NULL;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       (const WCHAR *)record->ExceptionAddress, &module);
    if (record->ExceptionCode == WINE_STUB && record->NumberParameters >= 2) {
        put_name(&end, place + MAX_PATH / 2, (const char *)record->ExceptionInformation[0]);
        *end++ = ' ';
        if (record->ExceptionInformation[1] >> 16)
            put_name(&end, place + MAX_PATH, (const char *)record->ExceptionInformation[1]);
        else
            put_hex(&end, record->ExceptionInformation[1]);
    } else if (module && GetModuleFileNameW(module, place, MAX_PATH)) {
        WCHAR *name = place;
        for (WCHAR *next = place; *next; next++)
            if (*next == '\\')
                name = next + 1;
        end = place;
        while (*name)
            *end++ = *name++;
        *end++ = '+';
        put_hex(&end, (uintptr_t)record->ExceptionAddress - (uintptr_t)module);
    } else {
        put_hex(&end, (uintptr_t)record->ExceptionAddress);
    }
    *end = 0;
    struct frame frame = {0};
    put_u32(&frame, record->ExceptionCode);
    put_text(&frame, place, (uint32_t)(end - place));
    send_frame('X', &frame);
    TerminateProcess(GetCurrentProcess(), 4);
    return EXCEPTION_EXECUTE_HANDLER;
}

void report_crashes(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(crashed);
}
