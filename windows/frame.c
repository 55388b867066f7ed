/* Making and reading the content of frames. */
#include "frame.h"

/* The compiler calls these for structures; there is no C library here to have them. */
void *memcpy(void *to, const void *from, size_t count)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    while (count--)
        *target++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t count)
{
    unsigned char *target = to;
    while (count--)
        *target++ = (unsigned char)value;
    return to;
}

void *take_memory(size_t size)
{
    return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size ? size : 1);
}

void give_memory(void *memory)
{
    if (memory)
        HeapFree(GetProcessHeap(), 0, memory);
}

uint32_t length_of(const WCHAR *text)
{
    uint32_t length = 0;
    while (text[length])
        length++;
    return length;
}

void put_bytes(struct frame *frame, const void *bytes, uint32_t length)
{
    if (frame->failed || length > LONGEST_FRAME - frame->length) {
        frame->failed = 1;
        return;
    }
    if (frame->length + length > frame->room) {
        uint32_t room = 2 * (frame->length + length) + 256;
        unsigned char *grown = take_memory(room);
        if (!grown) {
            frame->failed = 1;
            return;
        }
        memcpy(grown, frame->bytes, frame->length);
        give_memory(frame->bytes);
        frame->bytes = grown;
        frame->room = room;
    }
    memcpy(frame->bytes + frame->length, bytes, length);
    frame->length += length;
}

void put_u8(struct frame *frame, unsigned value)
{
    unsigned char byte = (unsigned char)value;
    put_bytes(frame, &byte, 1);
}

void put_u32(struct frame *frame, uint32_t value)
{
    put_bytes(frame, &value, 4);
}

void put_text(struct frame *frame, const WCHAR *text, uint32_t length)
{
    if (length > LONGEST_FRAME / 2) {
        frame->failed = 1;
        return;
    }
    put_u32(frame, length);
    put_bytes(frame, text, length * 2);
}

void put_ascii(struct frame *frame, const char *text)
{
    uint32_t length = 0;
    while (text[length])
        length++;
    put_u32(frame, length);
    for (uint32_t i = 0; i < length; i++) {
        put_u8(frame, (unsigned char)text[i]);
        put_u8(frame, 0);
    }
}

void drop(struct frame *frame)
{
    give_memory(frame->bytes);
    frame->bytes = NULL;
    frame->length = frame->room = 0;
    frame->failed = 0;
}

const unsigned char *get_bytes(struct rest *rest, uint32_t length)
{
    const unsigned char *bytes = rest->bytes;
    if (rest->failed || length > rest->length) {
        rest->failed = 1;
        return NULL;
    }
    rest->bytes += length;
    rest->length -= length;
    return bytes;
}

uint32_t get_u8(struct rest *rest)
{
    const unsigned char *bytes = get_bytes(rest, 1);
    return bytes ? *bytes : 0;
}

uint32_t get_u32(struct rest *rest)
{
    const unsigned char *bytes = get_bytes(rest, 4);
    return bytes ? bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24 : 0;
}

WCHAR *get_text(struct rest *rest)
{
    uint32_t length = get_u32(rest);
    const unsigned char *bytes = length <= LONGEST_FRAME / 2 ? get_bytes(rest, length * 2) : NULL;
    if (!bytes) {
        rest->failed = 1;
        return NULL;
    }
    WCHAR *text = take_memory(((size_t)length + 1) * 2);
    if (text)
        memcpy(text, bytes, (size_t)length * 2);
    else
        rest->failed = 1;
    return text;
}
