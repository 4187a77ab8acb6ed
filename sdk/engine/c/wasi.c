// What the C library asks of WASI, answered within the module: time and randomness are those of the call.
#include "glue.h"

#define WASI(name) __imported_wasi_snapshot_preview1_##name
enum { BAD_DESCRIPTOR = 8, NOT_SUPPORTED = 52, NO_SEEK = 70 };

static uint64_t now_ns, seed;

void set_call(uint64_t now_ms, uint64_t random) {
  now_ns = now_ms * 1000000;
  seed = random;
}

uint64_t next_random(void) { // splitmix64
  uint64_t z = (seed += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

int32_t WASI(clock_time_get)(int32_t id, int64_t precision, int32_t out) {
  *(uint64_t *)out = now_ns;
  return 0;
}
int32_t WASI(clock_res_get)(int32_t id, int32_t out) {
  *(uint64_t *)out = 1000000;
  return 0;
}
int32_t WASI(random_get)(int32_t buffer, int32_t length) {
  for (int32_t i = 0; i < length; i++) ((uint8_t *)buffer)[i] = (uint8_t)next_random();
  return 0;
}
int32_t WASI(fd_write)(int32_t fd, int32_t vectors, int32_t count, int32_t out) {
  uint32_t total = 0;
  for (int32_t i = 0; i < count; i++) total += ((uint32_t *)vectors)[2 * i + 1];
  *(uint32_t *)out = total;
  return 0;
}
int32_t WASI(fd_read)(int32_t fd, int32_t vectors, int32_t count, int32_t out) {
  *(uint32_t *)out = 0;
  return 0;
}
int32_t WASI(environ_sizes_get)(int32_t count, int32_t size) {
  *(uint32_t *)count = *(uint32_t *)size = 0;
  return 0;
}
int32_t WASI(environ_get)(int32_t pointers, int32_t buffer) { return 0; }
int32_t WASI(fd_seek)(int32_t fd, int64_t offset, int32_t whence, int32_t out) { return NO_SEEK; }
int32_t WASI(fd_close)(int32_t fd) { return BAD_DESCRIPTOR; }
int32_t WASI(fd_fdstat_get)(int32_t fd, int32_t out) { return BAD_DESCRIPTOR; }
int32_t WASI(fd_fdstat_set_flags)(int32_t fd, int32_t flags) { return BAD_DESCRIPTOR; }
int32_t WASI(fd_prestat_get)(int32_t fd, int32_t out) { return BAD_DESCRIPTOR; }
int32_t WASI(fd_prestat_dir_name)(int32_t fd, int32_t path, int32_t length) { return BAD_DESCRIPTOR; }
int32_t WASI(poll_oneoff)(int32_t in, int32_t out, int32_t count, int32_t done) { return NOT_SUPPORTED; }
int32_t WASI(sched_yield)(void) { return 0; }
int close(int fd) { return -1; } // the C library's own asks for its import by another way
_Noreturn void WASI(proc_exit)(int32_t code) { __builtin_trap(); }
