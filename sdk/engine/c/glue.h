#pragma once
#include <stdint.h>

#include "quickjs.h"

extern const JSMallocFunctions ALLOCATOR;
// While it is, what is given back is zeroed: the finished module holds all that is not zero.
extern int is_building;
// Some memory was asked for and not there. The engine may throw null for that.
extern int memory_was_short;

// The time in nanoseconds since the epoch, and where the random numbers begin.
void set_call(uint64_t now, uint64_t random);
uint64_t next_random(void);

// The first integer of a JSON text that a double may not hold, and its length; NULL when there is none.
const char *unsafe_integer(const char *text, size_t length, size_t *digits);

// Functions of JavaScript. Bytes as text: what is no UTF-8 becomes U+FFFD, or makes the result undefined if the
// second argument is true. And the bytes of a text that has no lone surrogates.
JSValue from_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);
JSValue to_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);
