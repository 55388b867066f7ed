/* Holds the file of its first argument, and says so by the event of its second one; with a third one it is not ended by
 * CTRL_C_EVENT. */
#include <windows.h>

int wmain(int count, WCHAR **arguments)
{
    char byte;
    DWORD got;
    HANDLE file = CreateFileW(arguments[1], GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE || !ReadFile(file, &byte, 1, &got, NULL))
        return 1;
    if (count > 3)
        SetConsoleCtrlHandler(NULL, TRUE);
    SetEvent(OpenEventW(EVENT_MODIFY_STATE, FALSE, arguments[2]));
    Sleep(120000);
    return 0;
}
