/* Work that waits for other programs, which may never answer: each piece in a thread of its own. */
#include "window.h"

struct piece {
    void (*work)(void *item);
    void *item;
};

static DWORD WINAPI run(void *given)
{
    const struct piece *piece = given;
    piece->work(piece->item);
    return 0;
}

int beside(void *items, uint32_t count, size_t size, void (*work)(void *item), uint32_t milliseconds)
{
    ULONGLONG until = GetTickCount64() + milliseconds;
    struct piece *pieces = take_memory(count * sizeof *pieces);
    HANDLE *threads = take_memory(count * sizeof *threads);
    int all_done = pieces && threads;
    for (uint32_t i = 0; all_done && i < count; i++) {
        pieces[i].work = work;
        pieces[i].item = (unsigned char *)items + i * size;
        threads[i] = CreateThread(NULL, 1 << 16, run, &pieces[i], STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    }
    for (uint32_t i = 0; threads && i < count; i++) {
        ULONGLONG now = GetTickCount64();
        DWORD left = until > now ? (DWORD)(until - now) : 0;
        if (!threads[i])
            continue;
        if (WaitForSingleObject(threads[i], left))
            all_done = 0;
        CloseHandle(threads[i]);
    }
    give_memory(threads);
    if (all_done)
        give_memory(pieces);
    return all_done;
}
