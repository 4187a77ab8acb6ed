// The memory of the engine: the module's own, with two things to know about it.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"

int is_building, memory_was_short;

static void *noted(void *made) {
  if (!made) memory_was_short = 1;
  return made;
}

static void *take(void *opaque, size_t size) { return noted(malloc(size)); }
static void *take_zeroed(void *opaque, size_t count, size_t size) { return noted(calloc(count, size)); }
static size_t size_of(const void *place) { return malloc_usable_size((void *)place); }

static void give_back(void *opaque, void *place) {
  if (is_building && place) {
    memset(place, 0, size_of(place));
    __asm__ volatile("" ::: "memory"); // else the compiler leaves it out: nobody reads what is freed
  }
  free(place);
}

static void *resize(void *opaque, void *place, size_t size) {
  if (!is_building || !place) return noted(realloc(place, size));
  void *made = take(opaque, size);
  if (!made) return NULL;
  memcpy(made, place, size < size_of(place) ? size : size_of(place));
  give_back(opaque, place);
  return made;
}

const JSMallocFunctions ALLOCATOR = {take_zeroed, take, give_back, resize, size_of};
