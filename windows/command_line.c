/* The command line that another program was started with, from its memory. */
#include "host.h"

#include <winternl.h>

/* What of the environment block and the parameters of a program of 32 bit is used here, as 64-bit headers do not have it.
 * Windows says where the block is; Wine 8 only that there is one, which lies behind the block of 64 bit. */
struct narrow_text {
    USHORT length, room;
    ULONG text;
};
#define NARROW_PARAMETERS 0x10
#define NARROW_BEHIND 0x1000
#define NARROW_COMMAND_LINE 0x40

static int read_at(HANDLE process, ULONG_PTR place, void *to, SIZE_T length)
{
    return ReadProcessMemory(process, (const void *)place, to, length, NULL);
}

static uint32_t text_at(HANDLE process, ULONG_PTR place, uint32_t length, WCHAR *to, uint32_t room)
{
    return length <= 2 * room && read_at(process, place, to, length) ? length / 2 : 0;
}

/* Of a program of 32 bit, whose environment block is at this place. */
static uint32_t narrow_command_line(HANDLE process, ULONG_PTR block, WCHAR *to, uint32_t room)
{
    ULONG parameters;
    struct narrow_text line;
    if (!read_at(process, block + NARROW_PARAMETERS, &parameters, sizeof parameters) ||
        !read_at(process, (ULONG_PTR)parameters + NARROW_COMMAND_LINE, &line, sizeof line))
        return 0;
    return text_at(process, line.text, line.length, to, room);
}

uint32_t command_line_of(HANDLE process, WCHAR *to, uint32_t room)
{
    PROCESS_BASIC_INFORMATION basic;
    PEB block;
    RTL_USER_PROCESS_PARAMETERS parameters;
    /* Only a program of 64 bit sees the difference. */
    ULONG_PTR narrow = 0;
    if (NtQueryInformationProcess(process, ProcessBasicInformation, &basic, sizeof basic, NULL))
        return 0;
    if (sizeof(void *) == 8 &&
        !NtQueryInformationProcess(process, ProcessWow64Information, &narrow, sizeof narrow, NULL) && narrow) {
        int is_place = narrow >= NARROW_BEHIND;
        uint32_t length =
            narrow_command_line(process, is_place ? narrow : (ULONG_PTR)basic.PebBaseAddress + NARROW_BEHIND, to, room);
        if (length)
            return length;
    }
    if (!read_at(process, (ULONG_PTR)basic.PebBaseAddress, &block, sizeof block) ||
        !read_at(process, (ULONG_PTR)block.ProcessParameters, &parameters, sizeof parameters))
        return 0;
    return text_at(process, (ULONG_PTR)parameters.CommandLine.Buffer, parameters.CommandLine.Length, to, room);
}
