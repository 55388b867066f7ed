/* The windows of other programs, and work that another program may keep from its end. */
#ifndef WINDOWS_OF_OTHERS_H
#define WINDOWS_OF_OTHERS_H

#include "host.h"

#define LONGEST_TITLE 200

/* A top-level window. */
struct window {
    HWND handle;
    uint32_t pid;
    /* One that its user sees, and that is not another's. */
    int is_main;
    WCHAR title[LONGEST_TITLE + 1];
};

/* The top-level windows of all programs, on all desktops; gives their number. */
uint32_t find_windows(const struct window **windows);

/* Does the work for each item in a thread of its own and waits for all of them, for so long in total; whether all are
 * done. The items must stay where they are if not. */
int beside(void *items, uint32_t count, size_t size, void (*work)(void *item), uint32_t milliseconds);

#endif
