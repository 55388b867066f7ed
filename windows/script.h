/* Scripts: the objects that JScript and VBScript see, and running them. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "host.h"

#include <objbase.h>
#include <oleauto.h>

/* What is used of the system's libraries for objects. They are loaded for scripts only: other hosts begin sooner without. */
struct object_library {
    HRESULT(WINAPI *initialize)(void *);
    HRESULT(WINAPI *create_instance)(const GUID *, IUnknown *, DWORD, const GUID *, void **);
    BSTR(WINAPI *new_text)(const WCHAR *, UINT);
    void(WINAPI *free_text)(BSTR);
    HRESULT(WINAPI *change_type)(VARIANT *, const VARIANT *, USHORT, VARTYPE);
    HRESULT(WINAPI *clear)(VARIANT *);
};

extern struct object_library objects;

/* ---- objects.c ---- */
/* The object `Session` for a handle; its reference is the caller's. */
IDispatch *new_session(uint32_t handle);

/* ---- script.c ---- */
void run_script(struct rest *request);

#endif
