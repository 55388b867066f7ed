/* The exported functions of msi.dll and rstrtmgr.dll: each passes its call on to the installer. */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdint.h>

/* Without the system's headers: they declare some of these functions with types of their own. */

/* Every parameter of every function here is a number of 32 bits or a pointer, and fills one of these. */
typedef uintptr_t word;

/* Says what sends a call to the installer and gives its answer, and what gives that back: ReseatCall and ReseatDrop. */
void forward_through(void *call, void *drop);

/* Passes on the call of a function with the parameters that `shape` describes, see msi.functions. */
uint32_t forward(const char *name, const char *shape, const word *given);

#endif
