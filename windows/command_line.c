/* The command line that another program was started with, from its memory. */
#include "host.h"

#include <winternl.h>

/* What of the environment block and the parameters of a program of 32 bit is used here, as 64-bit headers do not have it. */
struct narrow_text {
    USHORT length, room;
    ULONG text;
};
#define NARROW_PARAMETERS 0x10
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
    if (sizeof(void *) == 8 &&
        !NtQueryInformationProcess(process, ProcessWow64Information, &narrow, sizeof narrow, NULL) && narrow)
        return narrow_command_line(process, narrow, to, room);
    if (NtQueryInformationProcess(process, ProcessBasicInformation, &basic, sizeof basic, NULL) ||
        !read_at(process, (ULONG_PTR)basic.PebBaseAddress, &block, sizeof block) ||
        !read_at(process, (ULONG_PTR)block.ProcessParameters, &parameters, sizeof parameters))
        return 0;
    return text_at(process, (ULONG_PTR)parameters.CommandLine.Buffer, parameters.CommandLine.Length, to, room);
}
