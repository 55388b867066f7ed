/* The custom actions of ./bench: each export is one. What they measure they add to C:\bench-actions.txt, a line for each. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <stdio.h>

#define EXPORT __declspec(dllexport) UINT __stdcall
#define CALLS 2000

static UINT note(const char *what, unsigned long long number)
{
    FILE *file = fopen("C:\\bench-actions.txt", "a");
    if (!file) return ERROR_INSTALL_FAILURE;
    fprintf(file, "%s %llu\n", what, number);
    return fclose(file) ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}

static unsigned long long nanoseconds(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (unsigned long long)(count.QuadPart * (1e9 / frequency.QuadPart));
}

/* When it was called: the next action notes its time when this one has returned and the next one was called. */
EXPORT Tick(MSIHANDLE session)
{
    (void)session;
    return note("tick", nanoseconds());
}

/* How long it takes to read a property, and to set one, in nanoseconds. */
EXPORT Ask(MSIHANDLE session)
{
    WCHAR text[64];
    unsigned long long begin = nanoseconds(), middle;
    int i;
    for (i = 0; i < CALLS; i++) {
        DWORD size = 64;
        if (MsiGetPropertyW(session, L"ProductName", text, &size)) return ERROR_INSTALL_FAILURE;
    }
    middle = nanoseconds();
    for (i = 0; i < CALLS; i++)
        if (MsiSetPropertyW(session, L"BENCH", i % 2 ? L"odd" : L"even")) return ERROR_INSTALL_FAILURE;
    if (note("set", (nanoseconds() - middle) / CALLS)) return ERROR_INSTALL_FAILURE;
    return note("get", (middle - begin) / CALLS);
}
