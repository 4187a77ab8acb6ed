#pragma once
#include <stdint.h>

#include "quickjs.h"

extern const JSMallocFunctions ALLOCATOR;
// While it is, what is given back is zeroed: the finished module holds all that is not zero.
extern int is_building;
// Some memory was asked for and not there. The engine may throw null for that.
extern int memory_was_short;

// The time in milliseconds since the epoch, and where the random numbers begin.
void set_call(uint64_t now_ms, uint64_t random);
uint64_t next_random(void);

#define IMPORT(name) __attribute__((import_module("workflow"), import_name(name)))

IMPORT("host_call") int32_t host_call(const uint8_t *request, int32_t length);
IMPORT("host_take") void host_take(uint8_t *answer);

// The one context, and what the scripts of the build share; of the functions that they give each has a number.
extern JSContext *context;
extern JSValue kit;
extern JSValue plain_prototype; // of objects without a class
enum { START, EXPLAIN, REVIVE, REFUSE_INTEGER, REFUSE, LOSS, BASE64, IS_ARRAY, FUNCTIONS };
JSValue ours(int which, int argc, JSValueConst *argv);
// The build's: begin the kit, give it a function, and take the scripts' functions from it.
void make_kit(void);
void give(const char *name, JSCFunction *function, int count);
void take_functions(void);
// The value; what was thrown instead ends the build.
JSValue must(JSValue value);

// JSON text of a value, to be freed by js_free; NULL when something was thrown. `root` is the value's name in errors.
char *json_of(JSContext *c, JSValueConst value, const char *root, size_t *length);
JSValue write_json(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);

// The first integer of a JSON text that a double may not hold, and its length; NULL when there is none.
const char *unsafe_integer(const char *text, size_t length, size_t *digits);

// Functions of JavaScript. Bytes as text: what is no UTF-8 becomes U+FFFD, or makes the result undefined if the
// second argument is true. And the bytes of a text that has no lone surrogates.
JSValue from_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);
JSValue to_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);
