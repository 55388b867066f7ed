/* The content of frames: how it is made and read. PROTOCOL.md says what frames hold. */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>
#include <windows.h>

/* A frame's longest content, in bytes. */
#define LONGEST_FRAME (64u << 20)

/* What grows while a frame is made. `failed` is set when there was no memory or too much to say. */
struct frame {
    unsigned char *bytes;
    uint32_t length, room;
    int failed;
};

/* What is left of a frame that is read. `failed` is set when it ends too early. */
struct rest {
    const unsigned char *bytes;
    uint32_t length;
    int failed;
};

void *take_memory(size_t size);
void give_memory(void *memory);
/* These stand in for the C library, which the host does without. */
uint32_t length_of(const WCHAR *text);

void put_bytes(struct frame *frame, const void *bytes, uint32_t length);
void put_u8(struct frame *frame, unsigned value);
void put_u32(struct frame *frame, uint32_t value);
/* The text without its tag: a number of UTF-16 units and the units. */
void put_text(struct frame *frame, const WCHAR *text, uint32_t length);
void put_ascii(struct frame *frame, const char *text);
void drop(struct frame *frame);

uint32_t get_u8(struct rest *rest);
uint32_t get_u32(struct rest *rest);
const unsigned char *get_bytes(struct rest *rest, uint32_t length);
/* A copy that ends in a zero and is to be given back, or nothing. */
WCHAR *get_text(struct rest *rest);

#endif
