/* Request E: the programs that run in this Wine, with what only a program among them can tell: the files that they hold
 * without having touched them, and their windows. Request N: only their ids and when they started.
 *
 * Wine does not say which process of the machine below each of them is. So a file of the installer's is mapped into all of
 * them, at another place of that file into each, where /proc shows it; request e takes it away again. */
#include "restart.h"
#include "window.h"

#include <psapi.h>
#include <winternl.h>

NTSTATUS NTAPI NtMapViewOfSection(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, const LARGE_INTEGER *, SIZE_T *, ULONG, ULONG,
                                  ULONG);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE, void *);

#define VIEW_UNMAP 2
/* The unit in which Windows maps files. */
#define STEP 0x10000
#define MOST_PROGRAMS 1024
/* The most memory that the system's list of handles is given. */
#define MOST_HANDLES (64u << 20)
#define HANDLES_OF_ALL 64
/* The longest path and command line in characters. */
#define LONGEST_TEXT 32768
#ifndef STATUS_INFO_LENGTH_MISMATCH
#define STATUS_INFO_LENGTH_MISMATCH ((NTSTATUS)0xC0000004)
#endif

struct program {
    uint32_t pid;
    uint32_t index;
    HANDLE process;
    HANDLE section;
    void *place;
    volatile LONG marked;
};

/* In one piece of memory that is never given back while a thread may still write into it. */
static struct program *programs;
static uint32_t program_count;

static void mark_one(void *item)
{
    struct program *program = item;
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)program->index * STEP};
    SIZE_T size = STEP;
    if (program->process && !NtMapViewOfSection(program->section, program->process, &program->place, 0, 0, &offset, &size,
                                                VIEW_UNMAP, 0, PAGE_READONLY))
        InterlockedExchange(&program->marked, 1);
}

static void unmark_one(void *item)
{
    struct program *program = item;
    if (program->marked)
        NtUnmapViewOfSection(program->process, program->place);
}

static uint32_t find_programs(HANDLE section)
{
    static DWORD pids[MOST_PROGRAMS];
    DWORD size = 0;
    if (!K32EnumProcesses(pids, sizeof pids, &size))
        return GetLastError();
    program_count = size / sizeof *pids;
    programs = take_memory(program_count * sizeof *programs);
    if (!programs)
        return ERROR_NOT_ENOUGH_MEMORY;
    for (uint32_t i = 0; i < program_count; i++) {
        programs[i].pid = pids[i];
        programs[i].index = i;
        programs[i].section = section;
        programs[i].process = OpenProcess(
            PROCESS_VM_OPERATION | PROCESS_VM_READ | PROCESS_DUP_HANDLE | PROCESS_QUERY_INFORMATION, FALSE, pids[i]);
    }
    return ERROR_SUCCESS;
}

/* What the program has registered by RegisterApplicationRestart, if the keeper is in it: 0 not known, 1 nothing, 2 flags and
 * command line. */
static void put_registration(struct frame *answer, uint32_t pid)
{
    WCHAR name[40];
    kept_name(name, pid);
    HANDLE section = OpenFileMappingW(FILE_MAP_READ, FALSE, name);
    const struct kept *kept = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, sizeof *kept) : NULL;
    if (!kept || kept->magic != KEPT_MAGIC) {
        put_u8(answer, 0);
    } else if (!kept->registered) {
        put_u8(answer, 1);
    } else {
        DWORD length = kept->length;
        put_u8(answer, 2);
        put_u32(answer, kept->flags);
        put_text(answer, kept->text, length < MOST_CHARACTERS ? length : 0);
    }
    if (kept)
        UnmapViewOfFile(kept);
    if (section)
        CloseHandle(section);
}

static void put_programs(struct frame *answer)
{
    put_u32(answer, program_count);
    for (uint32_t i = 0; i < program_count; i++) {
        static WCHAR path[LONGEST_TEXT], command[LONGEST_TEXT];
        DWORD length = LONGEST_TEXT;
        put_u32(answer, programs[i].pid);
        if (!programs[i].process || !QueryFullProcessImageNameW(programs[i].process, 0, path, &length))
            length = 0;
        put_text(answer, path, length);
        put_text(answer, command, programs[i].process ? command_line_of(programs[i].process, command, LONGEST_TEXT) : 0);
        put_registration(answer, programs[i].pid);
    }
}

static void put_ids(struct frame *answer)
{
    put_u32(answer, program_count);
    for (uint32_t i = 0; i < program_count; i++) {
        FILETIME start = {0, 0}, unused;
        if (programs[i].process)
            GetProcessTimes(programs[i].process, &start, &unused, &unused, &unused);
        put_u32(answer, programs[i].pid);
        put_u32(answer, start.dwLowDateTime);
        put_u32(answer, start.dwHighDateTime);
    }
}

struct handle {
    void *object;
    ULONG_PTR pid, value;
    ULONG access;
    USHORT trace, type;
    ULONG attributes, reserved;
};

struct handles {
    ULONG_PTR count, reserved;
    struct handle list[];
};

static struct handles *all_handles(void)
{
    for (ULONG size = 1 << 18; size <= MOST_HANDLES; size *= 2) {
        struct handles *handles = take_memory(size);
        if (!handles)
            return NULL;
        NTSTATUS status = NtQuerySystemInformation(HANDLES_OF_ALL, handles, size, NULL);
        if (!status)
            return handles;
        give_memory(handles);
        if (status != STATUS_INFO_LENGTH_MISMATCH)
            return NULL;
    }
    return NULL;
}

/* Which file of the machine below a handle of another process is: its inode. */
static int inode_of(HANDLE process, HANDLE theirs, uint64_t *inode)
{
    HANDLE file;
    BY_HANDLE_FILE_INFORMATION about;
    int is_file;
    if (!DuplicateHandle(process, theirs, GetCurrentProcess(), &file, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return 0;
    is_file = GetFileType(file) == FILE_TYPE_DISK && GetFileInformationByHandle(file, &about);
    CloseHandle(file);
    if (is_file)
        *inode = (uint64_t)about.nFileIndexHigh << 32 | about.nFileIndexLow;
    return is_file;
}

/* `ours` is a handle of this process on a file: others that are of its type are files too. */
static void put_files(struct frame *answer, HANDLE ours)
{
    struct handles *handles = all_handles();
    struct frame found = {0};
    uint32_t count = 0;
    USHORT type = 0;
    for (ULONG_PTR i = 0; handles && i < handles->count; i++)
        if (handles->list[i].pid == GetCurrentProcessId() && handles->list[i].value == (ULONG_PTR)ours)
            type = handles->list[i].type;
    for (ULONG_PTR i = 0; handles && i < handles->count; i++) {
        const struct handle *handle = &handles->list[i];
        uint64_t inode;
        if (handle->type != type || handle->pid == GetCurrentProcessId())
            continue;
        for (uint32_t at = 0; at < program_count; at++) {
            if (programs[at].pid != handle->pid || !programs[at].process)
                continue;
            if (inode_of(programs[at].process, (HANDLE)handle->value, &inode)) {
                put_u32(&found, programs[at].pid);
                put_u32(&found, (uint32_t)inode);
                put_u32(&found, (uint32_t)(inode >> 32));
                count++;
            }
            break;
        }
    }
    give_memory(handles);
    put_u32(answer, count);
    put_bytes(answer, found.bytes, found.length);
    answer->failed |= found.failed;
    drop(&found);
}

static void put_windows(struct frame *answer)
{
    const struct window *windows;
    uint32_t count = find_windows(&windows);
    put_u32(answer, count);
    for (uint32_t i = 0; i < count; i++) {
        put_u32(answer, windows[i].pid);
        put_u8(answer, windows[i].is_main);
        put_text(answer, windows[i].title, length_of(windows[i].title));
    }
}

void list_programs(struct rest *request, char kind)
{
    WCHAR *path = get_text(request);
    uint32_t milliseconds = get_u32(request);
    HANDLE file = request->failed ? INVALID_HANDLE_VALUE
                                  : CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                                NULL, OPEN_EXISTING, 0, NULL);
    HANDLE section = file == INVALID_HANDLE_VALUE ? NULL : CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    uint32_t error = programs ? ERROR_BUSY : section ? find_programs(section) : GetLastError();
    if (error) {
        send_failed(error, path ? path : L"request");
    } else {
        struct frame answer = {0};
        beside(programs, program_count, sizeof *programs, mark_one, milliseconds);
        if (kind == 'N') {
            put_ids(&answer);
        } else {
            put_programs(&answer);
            put_files(&answer, file);
            put_windows(&answer);
            put_services(&answer);
        }
        if (answer.failed)
            send_failed(ERROR_NOT_ENOUGH_MEMORY, L"programs");
        else
            send_frame('B', &answer);
        drop(&answer);
    }
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    give_memory(path);
}

void forget_programs(uint32_t milliseconds)
{
    if (!programs)
        return;
    if (beside(programs, program_count, sizeof *programs, unmark_one, milliseconds)) {
        for (uint32_t i = 0; i < program_count; i++)
            if (programs[i].process)
                CloseHandle(programs[i].process);
        give_memory(programs);
    }
    programs = NULL;
}
