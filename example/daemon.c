/* The demo's daemon: it uses a file until it is asked to end, and can be started again.
 *
 *   daemon --map FILE STATUS    keeps FILE mapped, without an open descriptor
 *   daemon --hold FILE STATUS   keeps FILE open
 *
 * It reads the version from the first line of FILE, registers itself for restart with the Restart Manager
 * (program "reseat" named by RESEAT), writes "PID VERSION running" to STATUS, and waits. On SIGTERM it writes
 * "PID VERSION stopped" and ends with 0. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "daemon: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_status(const char *path, const char *version, const char *state) {
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
    FILE *file = fopen(temporary, "w");
    if (!file) fail(temporary);
    fprintf(file, "%d %s %s\n", (int)getpid(), version, state);
    if (fclose(file) || rename(temporary, path)) fail(path);
}

/* reseat rm register-restart --pid PID -- MODE FILE STATUS */
static void register_for_restart(char **arguments) {
    const char *reseat = getenv("RESEAT");
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        execlp(reseat ? reseat : "reseat", "reseat", "rm", "register-restart", "--pid", pid, "--", arguments[1],
               arguments[2], arguments[3], (char *)NULL);
        fail("reseat");
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) fail("waitpid");
    if (status != 0) {
        fprintf(stderr, "daemon: registering for restart failed\n");
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 4 || (strcmp(arguments[1], "--map") && strcmp(arguments[1], "--hold"))) {
        fprintf(stderr, "usage: daemon --map|--hold FILE STATUS\n");
        return 2;
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);

    int file = open(arguments[2], O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (file < 0 || fstat(file, &facts)) fail(arguments[2]);
    size_t size = facts.st_size > 0 ? (size_t)facts.st_size : 1;
    const char *content = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    if (content == MAP_FAILED) fail(arguments[2]);

    char version[32] = "";
    size_t length = 0;
    while (length < (size_t)facts.st_size && length < sizeof version - 1 && content[length] != '\n') length++;
    memcpy(version, content, length);
    if (!strcmp(arguments[1], "--map"))
        close(file);
    else
        munmap((void *)content, size);

    register_for_restart(arguments);
    write_status(arguments[3], version, "running");
    int signal;
    sigwait(&end, &signal);
    write_status(arguments[3], version, "stopped");
    return 0;
}
