/* Passing on calls: parameters into a frame, the answer into the caller's buffers.
 *
 * The rules for buffers are those of the documented functions: the caller gets what fits, ended by a zero, and
 * ERROR_MORE_DATA with the whole length when that is not all. The installer always sends the whole value. */
#include "frame.h"
#include "forward.h"

/* The host's own function: sends a call and gives the answer, to be given back with ReseatDrop. `status` is the caller's
 * function that is told of progress, or nothing. */
typedef int (*call_function)(const struct frame *call, struct frame *answer, void *status);
typedef void (*drop_function)(struct frame *frame);

static call_function call_host;
static drop_function drop_answer;

#define E_NOTIMPL_RESULT 0x80004001u
/* MSIDBERROR_MOREDATA */
#define VIEW_MORE_DATA ((uint32_t)-3)

/* A GUID or a feature's name with its closing zero; a session key with its own. */
#define GUID_ROOM 39
#define KEY_ROOM 33

/* RM_UNIQUE_PROCESS and RM_PROCESS_INFO in bytes, the same for 32 and 64 bit. */
#define PROCESS_SIZE 12
#define APPLICATION_SIZE 668

void forward_through(void *call, void *drop)
{
    call_host = (call_function)call;
    drop_answer = (drop_function)drop;
}

/* ---- what goes to the installer ---- */

static void put_wide(struct frame *frame, const WCHAR *text)
{
    if (!text) {
        put_u8(frame, 'n');
        return;
    }
    put_u8(frame, 's');
    put_text(frame, text, length_of(text));
}

static void put_ansi(struct frame *frame, const char *text)
{
    int length = text ? MultiByteToWideChar(CP_ACP, 0, text, -1, NULL, 0) : 0;
    WCHAR *wide = length > 0 ? take_memory((size_t)length * 2) : NULL;
    if (wide)
        MultiByteToWideChar(CP_ACP, 0, text, -1, wide, length);
    else if (text)
        frame->failed = 1;
    put_wide(frame, wide);
    give_memory(wide);
}

static void put_number(struct frame *frame, word value)
{
    put_u8(frame, 'i');
    put_u32(frame, (uint32_t)value);
}

static void put_block(struct frame *frame, const void *bytes, uint32_t length)
{
    put_u8(frame, 'b');
    put_u32(frame, length);
    put_bytes(frame, bytes, length);
}

/* Several texts as one, each ended by a zero. */
static void put_texts(struct frame *frame, uint32_t count, const WCHAR *const *texts)
{
    uint32_t units = 0;
    for (uint32_t i = 0; texts && i < count; i++)
        units += texts[i] ? length_of(texts[i]) + 1 : 0;
    put_u8(frame, 's');
    put_u32(frame, units);
    for (uint32_t i = 0; texts && i < count; i++)
        if (texts[i])
            put_bytes(frame, texts[i], (length_of(texts[i]) + 1) * 2);
}

/* How many parameters a letter stands for. */
static int parameters_of(char letter)
{
    switch (letter) {
    case '.':
        return 0;
    case 'B':
    case 'V':
    case 'r':
    case 'T':
    case 'U':
        return 2;
    case 'L':
        return 3;
    case 'N':
        return 4;
    default:
        return 1;
    }
}

/* Puts one argument and gives 1, or 0 for what only comes back. */
static int put_argument(struct frame *frame, char letter, const word *given, int ansi)
{
    switch (letter) {
    case 'i':
        put_number(frame, given[0]);
        break;
    case 'd':
        if (given[0] < 0x10000) {
            put_number(frame, given[0]);
            break;
        }
        /* fall through */
    case 's':
        if (ansi)
            put_ansi(frame, (const char *)given[0]);
        else
            put_wide(frame, (const WCHAR *)given[0]);
        break;
    case 't':
        if (given[0])
            put_block(frame, (const void *)given[0], sizeof(FILETIME));
        else
            put_u8(frame, 'n');
        break;
    case 'u':
        if (given[0])
            put_block(frame, (const void *)given[0], PROCESS_SIZE);
        else
            put_u8(frame, 'n');
        break;
    case 'U':
        if (given[1] && (uint32_t)given[0] <= LONGEST_FRAME / PROCESS_SIZE)
            put_block(frame, (const void *)given[1], (uint32_t)given[0] * PROCESS_SIZE);
        else
            put_u8(frame, 'n');
        break;
    case 'T':
        put_texts(frame, (uint32_t)given[0], (const WCHAR *const *)given[1]);
        break;
    case 'r':
        /* Without a buffer the caller asks how much there is. */
        if (given[0] && given[1])
            put_number(frame, *(const uint32_t *)given[1]);
        else
            put_u8(frame, 'n');
        break;
    default:
        return 0;
    }
    return 1;
}

/* Whether a value of the answer is for this parameter. */
static int comes_back(char letter)
{
    return letter == 'o' || letter == 'f' || letter == 'B' || letter == 'V' || letter == 'G' || letter == 'K' || letter == 'r';
}

/* ---- what comes back ---- */

/* One value of an answer. */
struct value {
    char tag;
    uint32_t number;
    WCHAR *text;
    const unsigned char *bytes;
    uint32_t length;
};

static int get_value(struct rest *rest, struct value *value)
{
    value->tag = (char)get_u8(rest);
    value->text = NULL;
    value->bytes = NULL;
    value->number = value->length = 0;
    switch (value->tag) {
    case 'i':
        value->number = get_u32(rest);
        break;
    case 's':
        value->text = get_text(rest);
        break;
    case 'b':
        value->length = get_u32(rest);
        value->bytes = get_bytes(rest, value->length);
        break;
    case 'n':
        break;
    default:
        rest->failed = 1;
    }
    return !rest->failed;
}

/* Copies a text to a buffer whose size, in characters with the closing zero, is in *size; whether it fits. */
static int give_text(const WCHAR *text, int ansi, word buffer, uint32_t *size)
{
    uint32_t length = length_of(text);
    char *narrow = NULL;
    if (ansi) {
        int needed = WideCharToMultiByte(CP_ACP, 0, text, -1, NULL, 0, NULL, NULL);
        narrow = needed > 0 ? take_memory((size_t)needed) : NULL;
        if (!narrow)
            return 1;
        WideCharToMultiByte(CP_ACP, 0, text, -1, narrow, needed, NULL, NULL);
        length = (uint32_t)needed - 1;
    }
    uint32_t room = *size;
    int fits = !buffer || length < room;
    if (buffer && room) {
        uint32_t copied = length < room ? length : room - 1;
        if (ansi) {
            memcpy((char *)buffer, narrow, copied);
            ((char *)buffer)[copied] = 0;
        } else {
            memcpy((WCHAR *)buffer, text, (size_t)copied * 2);
            ((WCHAR *)buffer)[copied] = 0;
        }
    }
    *size = length;
    give_memory(narrow);
    return fits;
}

static void give_fixed(const WCHAR *text, int ansi, word buffer, uint32_t room)
{
    if (buffer)
        give_text(text, ansi, buffer, &room);
}

/* Writes one output; gives the code that the function returns. */
static uint32_t give_value(const struct value *value, char letter, const word *given, int ansi, uint32_t code)
{
    const WCHAR *text = value->text ? value->text : L"";
    switch (letter) {
    case 'o':
        if (given[0] && value->tag == 'i')
            *(uint32_t *)given[0] = value->number;
        break;
    case 'f':
        if (given[0] && value->length >= sizeof(FILETIME))
            memcpy((void *)given[0], value->bytes, sizeof(FILETIME));
        break;
    case 'B':
    case 'V':
        if (value->tag != 's')
            break;
        if (!given[1])
            return given[0] && code == ERROR_SUCCESS && letter == 'B' ? ERROR_INVALID_PARAMETER : code;
        if (!give_text(text, ansi, given[0], (uint32_t *)given[1]) && (code == ERROR_SUCCESS || letter == 'V'))
            return letter == 'V' ? VIEW_MORE_DATA : ERROR_MORE_DATA;
        break;
    case 'G':
        if (value->tag == 's')
            give_fixed(text, ansi, given[0], GUID_ROOM);
        break;
    case 'K':
        if (value->tag == 's')
            give_fixed(text, ansi, given[0], KEY_ROOM);
        break;
    case 'r':
        if (!given[1])
            break;
        if (value->tag == 'i') {
            *(uint32_t *)given[1] = value->number;
        } else if (value->tag == 'b' && given[0] && value->length <= *(uint32_t *)given[1]) {
            memcpy((void *)given[0], value->bytes, value->length);
            *(uint32_t *)given[1] = value->length;
        }
        break;
    }
    return code;
}

/* RmGetList: the number needed, room and number given, the applications, the reasons for a restart of the machine. The
 * answer has the applications as bytes and the reasons. */
static uint32_t give_list(struct rest *rest, const word *given, uint32_t code)
{
    struct value list, reasons;
    if (!get_value(rest, &list) || !get_value(rest, &reasons) || !given[0] || !given[1])
        return code ? code : ERROR_BAD_ARGUMENTS;
    uint32_t count = list.length / APPLICATION_SIZE;
    uint32_t room = *(uint32_t *)given[1];
    *(uint32_t *)given[0] = count;
    if (given[3])
        *(uint32_t *)given[3] = reasons.number;
    if (count > room || (count && !given[2]))
        return ERROR_MORE_DATA;
    *(uint32_t *)given[1] = count;
    if (count)
        memcpy((void *)given[2], list.bytes, count * APPLICATION_SIZE);
    return code;
}

/* RM_FILTER_INFO, whose size is another for 32 and 64 bit. */
struct filter {
    uint32_t action, trigger, next;
    union {
        const WCHAR *text;
        uint32_t process[PROCESS_SIZE / 4];
    } subject;
};

#define TRIGGER_PROCESS 2

/* RmGetFilterList: a buffer, its size and the size needed. The answer has of each filter what it forbids, what it is for,
 * and a process or a text; behind the structures come the texts. */
static uint32_t give_filters(struct rest *rest, const word *given, uint32_t code)
{
    struct value list;
    if (code || !get_value(rest, &list))
        return code ? code : ERROR_BAD_ARGUMENTS;
    uint32_t count = 0, units = 0;
    for (struct rest left = {list.bytes, list.length, 0}; left.length && !left.failed; count++) {
        get_u32(&left);
        if (get_u32(&left) == TRIGGER_PROCESS) {
            get_bytes(&left, PROCESS_SIZE);
        } else {
            uint32_t length = get_u32(&left);
            get_bytes(&left, length * 2);
            units += length + 1;
        }
    }
    uint32_t needed = count * (uint32_t)sizeof(struct filter) + units * 2;
    if (!given[0] && (uint32_t)given[1])
        return ERROR_BAD_ARGUMENTS;
    if (!given[2])
        return ERROR_MORE_DATA;
    *(uint32_t *)given[2] = needed;
    if ((uint32_t)given[1] < needed)
        return ERROR_MORE_DATA;
    struct filter *filters = (struct filter *)given[0];
    WCHAR *text = (WCHAR *)(filters + count);
    struct rest left = {list.bytes, list.length, 0};
    for (uint32_t i = 0; i < count; i++) {
        filters[i].action = get_u32(&left);
        filters[i].trigger = get_u32(&left);
        filters[i].next = i + 1 < count ? (uint32_t)sizeof(struct filter) : 0;
        if (filters[i].trigger == TRIGGER_PROCESS) {
            memcpy(filters[i].subject.process, get_bytes(&left, PROCESS_SIZE), PROCESS_SIZE);
        } else {
            uint32_t length = get_u32(&left);
            memcpy(text, get_bytes(&left, length * 2), (size_t)length * 2);
            text[length] = 0;
            filters[i].subject.text = text;
            text += length + 1;
        }
    }
    return ERROR_SUCCESS;
}

static int name_length(const char *name)
{
    int length = 0;
    while (name[length])
        length++;
    return length;
}

static uint32_t exchange(const struct frame *call, const char *shape, const word *given, int ansi, void *status)
{
    struct frame answer = {0};
    if (call->failed || !call_host || !drop_answer || !call_host(call, &answer, status))
        return ERROR_CALL_NOT_IMPLEMENTED;
    struct rest rest = {answer.bytes, answer.length, 0};
    uint32_t code = get_u32(&rest);
    uint32_t values = get_u8(&rest);
    for (; *shape && values; shape++) {
        if (*shape == 'N') {
            code = give_list(&rest, given, code);
            break;
        }
        if (*shape == 'L') {
            code = give_filters(&rest, given, code);
            break;
        }
        if (comes_back(*shape)) {
            struct value value;
            if (!get_value(&rest, &value))
                break;
            code = give_value(&value, *shape, given, ansi, code);
            give_memory(value.text);
            values--;
        }
        given += parameters_of(*shape);
    }
    drop_answer(&answer);
    return code;
}

uint32_t forward(const char *name, const char *shape, const word *given)
{
    int length = name_length(name);
    int ansi = name[length - 1] == 'A';
    int bare = ansi || name[length - 1] == 'W' ? length - 1 : length;
    struct frame call = {0};
    int count = 0;
    void *status = NULL;

    put_u32(&call, (uint32_t)bare);
    for (int i = 0; i < bare; i++) {
        put_u8(&call, (unsigned char)name[i]);
        put_u8(&call, 0);
    }
    uint32_t place = call.length;
    put_u8(&call, 0);
    uint32_t code;
    if (*shape == '-' || *shape == 'x' || *shape == 'z') {
        /* The installer writes down that somebody wanted it. */
        code = exchange(&call, ".", given, ansi, NULL);
        code = *shape == 'x' ? E_NOTIMPL_RESULT : *shape == 'z' ? 0 : code;
    } else {
        const word *next = given;
        for (const char *letter = shape; *letter; letter++) {
            count += put_argument(&call, *letter, next, ansi);
            if (*letter == 'k')
                status = (void *)next[0];
            next += parameters_of(*letter);
        }
        if (!call.failed)
            call.bytes[place] = (unsigned char)count;
        code = exchange(&call, shape, given, ansi, status);
    }
    give_memory(call.bytes);
    return code;
}
