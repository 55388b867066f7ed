/* What a program has registered by RegisterApplicationRestart, as the keeper in it and the host share it. */
#ifndef RESTART_H
#define RESTART_H

#include <windows.h>

/* A section of this name with the process id behind it. */
#define KEPT_NAME L"Global\\ReseatRestart-"
#define KEPT_MAGIC 0x4b505352u
/* RESTART_MAX_CMD_LINE. */
#define MOST_CHARACTERS 1024

struct kept {
    DWORD magic;
    /* 0 while there is no registration, or one is being written. */
    volatile LONG registered;
    DWORD flags, length;
    WCHAR text[MOST_CHARACTERS];
};

/* Writes the section's name for a process; `name` has room for 40 characters. */
static inline void kept_name(WCHAR *name, DWORD pid)
{
    static const WCHAR digits[] = L"0123456789abcdef";
    const WCHAR *from = KEPT_NAME;
    while (*from)
        *name++ = *from++;
    for (int shift = 28; shift >= 0; shift -= 4)
        *name++ = digits[pid >> shift & 15];
    *name = 0;
}

#endif
