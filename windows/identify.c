/* Requests I and i: which process of the machine below is the one with this id of Windows?
 *
 * Wine does not say. So a file that has this name and no other use is mapped into that process, where /proc of the machine
 * below shows it, and taken away again. */
#include "host.h"

#include <winternl.h>

NTSTATUS NTAPI NtMapViewOfSection(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, const LARGE_INTEGER *, SIZE_T *, ULONG, ULONG,
                                  ULONG);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE, void *);

#define VIEW_UNMAP 2

static HANDLE marked;
static void *place;

static DWORD mark(uint32_t pid, const WCHAR *path)
{
    SIZE_T size = 0;
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return GetLastError();
    HANDLE section = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    CloseHandle(file);
    if (!section)
        return GetLastError();
    DWORD error = ERROR_SUCCESS;
    marked = OpenProcess(PROCESS_VM_OPERATION | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    place = NULL;
    if (!marked)
        error = GetLastError();
    else if (NtMapViewOfSection(section, marked, &place, 0, 0, NULL, &size, VIEW_UNMAP, 0, PAGE_READONLY))
        error = ERROR_ACCESS_DENIED;
    CloseHandle(section);
    return error;
}

void mark_process(struct rest *request)
{
    uint32_t pid = get_u32(request);
    WCHAR *path = get_text(request);
    send_done(request->failed ? ERROR_INVALID_DATA : mark(pid, path));
    give_memory(path);
}

void unmark_process(void)
{
    if (marked && place)
        NtUnmapViewOfSection(marked, place);
    if (marked)
        CloseHandle(marked);
    marked = NULL;
    place = NULL;
    send_done(ERROR_SUCCESS);
}
