/* The host: a program that carries out the installer's requests under Wine, see PROTOCOL.md. */
#ifndef HOST_H
#define HOST_H

#include "frame.h"

/* ---- channel.c ---- */
void open_channel(void);
/* Waits for a request; gives its kind, or 0 when the installer is gone. */
char receive(struct frame *request);
/* Sends a frame whole, whatever other threads do. */
void send_frame(char kind, const struct frame *content);
void send_done(uint32_t result);
/* A line for the log. */
void send_line(const WCHAR *text);
/* The request could not be carried out: an error of the system, and at what. */
void send_failed(uint32_t error, const WCHAR *what);
/* Calls one of the installer's functions; what the proxies do is found by the name ReseatCall. `status` is a function that
 * is told of progress, or nothing. */
int call_installer(const struct frame *call, struct frame *answer, void *status);
int ReseatCall(const struct frame *call, struct frame *answer, void *status);
void ReseatDrop(struct frame *frame);

/* ---- library.c, program.c ---- */
void run_library(struct rest *request);
void tidy_up(void);
void run_program(struct rest *request);

/* ---- programs.c, command_line.c, window.c ---- */
/* Requests E and N. */
void list_programs(struct rest *request, char kind);
/* Takes away what list_programs has mapped into them. */
void forget_programs(uint32_t milliseconds);
/* The command line that a program was started with; gives its length, 0 if it cannot be read. */
uint32_t command_line_of(HANDLE process, WCHAR *to, uint32_t room);
void ask_windows(struct rest *request);

/* ---- registry.c ---- */
void save_registry(struct rest *request);
void change_registry(struct rest *request);

/* ---- service.c ---- */
void order_service(struct rest *request);
void announce_environment(void);
void put_services(struct frame *answer);

/* ---- crash.c, redirect.c ---- */
void report_crashes(void);
/* Loads the libraries that stand in for the system's, and leads whoever asks for those by their path to ours. */
int load_proxies(void);

#endif
