/*
 * An application that holds a file and wants to be started again when an installer has closed it.
 *
 *     waiter FILE
 */
#include <stdio.h>
#include <unistd.h>
#include <windows.h>

int main(int argc, char **argv)
{
    /* Its arguments after a restart: the same working directory, and a file that says that it was one. */
    HRESULT result = RegisterApplicationRestart(u"\"the held file\" again", RESTART_NO_REBOOT);
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    char line[80] = "";

    if (result != S_OK || !file || !fgets(line, sizeof line, file)) {
        fprintf(stderr, "waiter: cannot register or read\n");
        return 1;
    }
    printf("%s %s\n", argc > 2 ? argv[2] : "first", line);
    fflush(stdout);
    for (;;)
        pause();
}
