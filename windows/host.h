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
/* Calls one of the installer's functions; what the proxies do is found by the name ReseatCall. */
int call_installer(const struct frame *call, struct frame *answer);
int ReseatCall(const struct frame *call, struct frame *answer);
void ReseatDrop(struct frame *frame);

/* ---- library.c, program.c ---- */
void run_library(struct rest *request);
void run_program(struct rest *request);

/* ---- identify.c ---- */
void mark_process(struct rest *request);
void unmark_process(void);

/* ---- programs.c, window.c ---- */
void list_programs(struct rest *request);
/* Takes away what list_programs has mapped into them. */
void forget_programs(uint32_t milliseconds);
void ask_windows(struct rest *request);

/* ---- registry.c ---- */
void save_registry(struct rest *request);
void change_registry(struct rest *request);

/* ---- crash.c, redirect.c ---- */
void report_crashes(void);
/* Loads the libraries that stand in for the system's, and leads whoever asks for those by their path to ours. */
int load_proxies(void);

#endif
