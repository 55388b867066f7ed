/* The host's beginning and its one loop: a request, its result, the next request. It uses no C library: one that began
 * with the process would keep the channel's handles as its own standard input and output. */
#include "forward.h"
#include "script.h"

#define PROTOCOL_VERSION 1

void WINAPI start(void)
{
    struct frame hello = {0};
    struct frame request = {0};

    open_channel();
    report_crashes();
    forward_through((void *)ReseatCall, (void *)ReseatDrop);
    put_u32(&hello, PROTOCOL_VERSION);
    put_u32(&hello, 8 * sizeof(void *));
    put_u32(&hello, GetCurrentProcessId());
    send_frame('H', &hello);
    drop(&hello);

    for (;;) {
        char kind = receive(&request);
        struct rest rest = {request.bytes, request.length, 0};
        switch (kind) {
        case 'M':
            run_library(&rest);
            break;
        case 'T':
            tidy_up();
            break;
        case 'S':
            run_script(&rest);
            break;
        case 'P':
            run_program(&rest);
            break;
        case 'E':
        case 'N':
            list_programs(&rest, kind);
            break;
        case 'e':
            forget_programs(get_u32(&rest));
            send_done(ERROR_SUCCESS);
            break;
        case 'W':
            ask_windows(&rest);
            break;
        case 'K':
            save_registry(&rest);
            break;
        case 'Y':
            change_registry(&rest);
            break;
        case 'V':
            order_service(&rest);
            break;
        case 'v':
            announce_environment();
            break;
        case 'Q':
        case 0:
            /* Not ExitProcess: what an action left loaded has no say in this. */
            TerminateProcess(GetCurrentProcess(), 0);
            break;
        default:
            send_failed(ERROR_INVALID_FUNCTION, L"request");
        }
    }
}
