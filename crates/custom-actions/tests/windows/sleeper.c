/* A program that writes down its process id and does nothing. */
#include <stdio.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

int main(void)
{
    FILE *said = fopen("C:\\sleeper.new", "w");
    fprintf(said, "%lu", GetCurrentProcessId());
    fclose(said);
    MoveFileExA("C:\\sleeper.new", "C:\\sleeper.txt", MOVEFILE_REPLACE_EXISTING);
    Sleep(INFINITE);
    return 0;
}
