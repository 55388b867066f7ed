/*
 * Replaces a file that is in use: closes who uses it, renames the new file over it, starts them again.
 *
 *     replace FILE NEW-FILE
 *
 * Written against the Restart Manager as Windows documents it; only the strings are made the way of Linux.
 *
 *     cargo build --release -p reseat-api
 *     cc -I crates/api/include example/c/replace.c -o replace -L target/release -lrstrtmgr
 *     LD_LIBRARY_PATH=target/release ./replace FILE NEW-FILE
 */
#include <locale.h>
#include <restartmanager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <windows.h>

/* UTF-16 of a text in the locale's encoding; NULL if it is not in that. */
static WCHAR *wide(const char *text)
{
    size_t left = strlen(text) + 1;
    WCHAR *result = calloc(left, sizeof(WCHAR));
    WCHAR *place = result;
    mbstate_t state = {0};

    while (result && left > 0) {
        size_t used = mbrtoc16(place, text, left, &state);
        if (used == (size_t)-1 || used == (size_t)-2) {
            free(result);
            return NULL;
        }
        place++;
        if (used == (size_t)-3)
            continue; /* the second half of a pair */
        if (used == 0)
            break; /* the end */
        text += used;
        left -= used;
    }
    return result;
}

static void print_wide(const WCHAR *text)
{
    mbstate_t state = {0};
    char bytes[16];

    for (; *text; text++) {
        size_t count = c16rtomb(bytes, *text, &state);
        if (count != (size_t)-1)
            fwrite(bytes, 1, count, stdout);
    }
}

static void print_progress(UINT percent)
{
    fprintf(stderr, "%u %%\n", percent);
}

/* Gets the list: once for its length, and again until it fits. */
static DWORD get_list(DWORD session, RM_PROCESS_INFO **list, UINT *count, DWORD *reasons)
{
    UINT needed = 0;
    DWORD error;

    *list = NULL;
    *count = 0;
    while ((error = RmGetList(session, &needed, count, *list, reasons)) == ERROR_MORE_DATA) {
        free(*list);
        *count = needed;
        *list = calloc(needed, sizeof(RM_PROCESS_INFO));
        if (!*list)
            return ERROR_OUTOFMEMORY;
    }
    return error;
}

int main(int argc, char **argv)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1] = {0};
    RM_PROCESS_INFO *list = NULL;
    DWORD session, error, restarted, reasons = RmRebootReasonNone;
    UINT count = 0;
    LPCWSTR files[1];

    setlocale(LC_ALL, "");
    if (argc != 3) {
        fprintf(stderr, "usage: replace FILE NEW-FILE\n");
        return 2;
    }
    files[0] = wide(argv[1]);
    error = RmStartSession(&session, 0, key);
    if (error != ERROR_SUCCESS) {
        fprintf(stderr, "RmStartSession: error %u\n", error);
        return 1;
    }
    error = RmRegisterResources(session, 1, files, 0, NULL, 0, NULL);
    if (error == ERROR_SUCCESS)
        error = get_list(session, &list, &count, &reasons);
    for (UINT i = 0; error == ERROR_SUCCESS && i < count; i++) {
        print_wide(list[i].strAppName);
        printf(" (process %u)%s\n", list[i].Process.dwProcessId,
               list[i].bRestartable ? "" : ", which will not be started again");
    }
    if (error == ERROR_SUCCESS && reasons != RmRebootReasonNone)
        error = ERROR_FAIL_NOACTION_REBOOT;
    if (error == ERROR_SUCCESS) {
        error = RmShutdown(session, 0, print_progress);
        if (error == ERROR_SUCCESS && rename(argv[2], argv[1]) != 0) {
            perror(argv[1]);
            error = ERROR_WRITE_FAULT;
        }
        /* Also when some did not close: the others did. */
        restarted = RmRestart(session, 0, print_progress);
        if (error == ERROR_SUCCESS && restarted != ERROR_REQUEST_OUT_OF_SEQUENCE)
            error = restarted;
    }
    if (error != ERROR_SUCCESS)
        fprintf(stderr, "error %u\n", error);
    free(list);
    free((void *)files[0]);
    RmEndSession(session);
    return error == ERROR_SUCCESS ? 0 : 1;
}
