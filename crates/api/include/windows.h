/*
 * What restartmanager.h needs of the Windows types, for programs on Linux.
 *
 * WCHAR has 16 bits, as on Windows: write u"..." (C11), or compile with -fshort-wchar and write L"...".
 */
#ifndef RESEAT_WINDOWS_H
#define RESEAT_WINDOWS_H

#include <stdint.h>

#ifdef __cplusplus
typedef char16_t WCHAR;
extern "C" {
#else
#include <uchar.h>
typedef char16_t WCHAR;
#endif

#define WINAPI
#define CALLBACK

typedef int BOOL;
typedef uint8_t BYTE;
typedef unsigned int UINT;
typedef uint32_t DWORD;
typedef uint32_t ULONG; /* 32 bits, as on Windows */
typedef int32_t HRESULT;
typedef void *HANDLE;
typedef BYTE *PBYTE;
typedef DWORD *LPDWORD;
typedef WCHAR *LPWSTR;
typedef const WCHAR *LPCWSTR;
typedef WCHAR *PWSTR;
typedef const WCHAR *PCWSTR;
typedef DWORD *PDWORD;

#ifndef FALSE
#define FALSE 0
#define TRUE 1
#endif

typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

#define ERROR_SUCCESS 0u
#define ERROR_FILE_NOT_FOUND 2u
#define ERROR_INVALID_HANDLE 6u
#define ERROR_OUTOFMEMORY 14u
#define ERROR_WRITE_FAULT 29u
#define ERROR_INVALID_PARAMETER 87u
#define ERROR_SEM_TIMEOUT 121u
#define ERROR_INSUFFICIENT_BUFFER 122u
#define ERROR_BAD_ARGUMENTS 160u
#define ERROR_MORE_DATA 234u
#define ERROR_FAIL_NOACTION_REBOOT 350u
#define ERROR_FAIL_SHUTDOWN 351u
#define ERROR_FAIL_RESTART 352u
#define ERROR_MAX_SESSIONS_REACHED 353u
#define ERROR_REQUEST_OUT_OF_SEQUENCE 776u
#define ERROR_NOT_FOUND 1168u
#define ERROR_SESSION_CREDENTIAL_CONFLICT 1219u
#define ERROR_CANCELLED 1223u

#define S_OK ((HRESULT)0)
#define E_FAIL ((HRESULT)0x80004005)
#define E_INVALIDARG ((HRESULT)0x80070057)
#define HRESULT_FROM_WIN32(error) ((HRESULT)((error) == 0u ? 0u : 0x80070000u | ((error) & 0xFFFFu)))
#define SUCCEEDED(result) ((HRESULT)(result) >= 0)
#define FAILED(result) ((HRESULT)(result) < 0)

/* In characters, with the zero at the end. */
#define RESTART_MAX_CMD_LINE 1024

#define RESTART_NO_CRASH 1
#define RESTART_NO_HANG 2
#define RESTART_NO_PATCH 4
#define RESTART_NO_REBOOT 8

/* The calling process wants to be started again with these arguments after an installer has closed it. */
HRESULT WINAPI RegisterApplicationRestart(PCWSTR pwzCommandline, DWORD dwFlags);
HRESULT WINAPI UnregisterApplicationRestart(void);

/*
 * What a process has registered. The size counts characters and the zero at the end; with neither buffer nor
 * size it is only told. Processes of the same user can be asked about, not only the calling one.
 */
HRESULT WINAPI GetApplicationRestartSettings(HANDLE hProcess, PWSTR pwzCommandline, PDWORD pcchSize,
                                             PDWORD pdwFlags);

#define PROCESS_VM_READ 0x0010u
#define PROCESS_QUERY_INFORMATION 0x0400u
#define PROCESS_QUERY_LIMITED_INFORMATION 0x1000u

/*
 * Handles of processes, as far as the functions here take them. One stands for the process that had the id
 * when it was opened, never for a later one.
 */
HANDLE WINAPI OpenProcess(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwProcessId);
HANDLE WINAPI GetCurrentProcess(void);
DWORD WINAPI GetCurrentProcessId(void);
DWORD WINAPI GetProcessId(HANDLE hProcess);
BOOL WINAPI CloseHandle(HANDLE hObject);

/*
 * The creation time counts from the start of the system, as RM_UNIQUE_PROCESS wants it. The exit time is 0, for
 * only a process that still runs has times.
 */
BOOL WINAPI GetProcessTimes(HANDLE hProcess, LPFILETIME lpCreationTime, LPFILETIME lpExitTime,
                            LPFILETIME lpKernelTime, LPFILETIME lpUserTime);

/* Of the last of these functions that failed in this thread. */
DWORD WINAPI GetLastError(void);

#ifdef __cplusplus
}
#endif
#endif
