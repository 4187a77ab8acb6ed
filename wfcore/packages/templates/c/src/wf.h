// The plugin ABI wf/1 for C, in one file without a library: include it once, and write wf_action.
//
// Texts are JSON as it came; nothing is freed, since each call has a fresh instance.
#ifndef WF_H
#define WF_H

#include <stddef.h>
#include <stdint.h>

#define WF_IMPORT(name) __attribute__((import_module("workflow"), import_name(name)))
#define WF_EXPORT(name) __attribute__((export_name(name)))

// A piece of text: not ended by a zero. `at` is null for what is not there.
typedef struct {
  char *at;
  size_t size;
} wf_text;

// What the plugin does: the action's name and its inputs (JSON) to a result of wf_ok or wf_error.
int64_t wf_action(wf_text action, wf_text inputs, int64_t now, int64_t seed);

WF_IMPORT("host_call") int32_t wf_host_call(const char *request, int32_t size);
WF_IMPORT("host_take") void wf_host_take(char *answer);

// --- memory and texts

extern unsigned char __heap_base;

static void *wf_room(size_t size) {
  static size_t next;
  if (!next) next = (size_t)&__heap_base;
  size_t place = (next + 15) & ~(size_t)15;
  size_t pages = (place + size + 65535) / 65536, there = __builtin_wasm_memory_size(0);
  if (place + size < place) return 0;
  if (pages > there && __builtin_wasm_memory_grow(0, pages - there) == (size_t)-1) return 0;
  next = place + size;
  return (void *)place;
}

static wf_text wf_text_of(const char *text) {
  size_t size = 0;
  while (text[size]) size++;
  return (wf_text){(char *)text, size};
}

static int wf_is(wf_text text, const char *word) {
  size_t i = 0;
  for (; i < text.size && word[i]; i++)
    if (text.at[i] != word[i]) return 0;
  return i == text.size && !word[i];
}

// Room for text that grows; `failed` when there was none.
typedef struct {
  char *at;
  size_t size, room;
  int failed;
} wf_out;

static void wf_put(wf_out *out, wf_text text) {
  if (out->size + text.size > out->room) {
    size_t room = (out->size + text.size) * 2 + 256;
    char *at = wf_room(room);
    if (!at) {
      out->failed = 1;
      return;
    }
    for (size_t i = 0; i < out->size; i++) at[i] = out->at[i];
    out->at = at;
    out->room = room;
  }
  for (size_t i = 0; i < text.size; i++) out->at[out->size + i] = text.at[i];
  out->size += text.size;
}

static void wf_say(wf_out *out, const char *text) { wf_put(out, wf_text_of(text)); }

// --- reading JSON that is known to be well formed: what comes from the host always is

static const char *wf_skip(const char *at, const char *end); // past one value

static const char *wf_blank(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
  return at;
}

static const char *wf_skip_text(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++)
    if (*at == '\\') at++;
  return at + 1;
}

static const char *wf_skip(const char *at, const char *end) {
  int depth = 0;
  for (at = wf_blank(at, end); at < end; at = wf_blank(at, end)) {
    if (*at == '"') {
      at = wf_skip_text(at, end);
    } else if (*at == '{' || *at == '[') {
      depth++, at++;
      continue;
    } else if (*at == '}' || *at == ']') {
      depth--, at++;
    } else if (*at == ',' || *at == ':') {
      at++;
      continue;
    } else {
      while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\n') at++;
    }
    if (depth <= 0) break;
  }
  return at;
}

// The member of an object, as JSON; `at` is null without it.
static wf_text wf_member(wf_text json, const char *name) {
  const char *at = json.at, *end = json.at + json.size;
  at = wf_blank(at, end);
  if (!at || at >= end || *at != '{') return (wf_text){0, 0};
  for (at = wf_blank(at + 1, end); at < end && *at == '"';) {
    const char *key = at + 1;
    at = wf_skip_text(at, end);
    wf_text found = {(char *)key, (size_t)(at - 1 - key)};
    const char *value = wf_blank(wf_blank(at, end) + 1, end);
    at = wf_blank(wf_skip(value, end), end);
    if (wf_is(found, name)) {
      const char *last = at;
      while (last > value && (last[-1] == ' ' || last[-1] == '\n')) last--;
      return (wf_text){(char *)value, (size_t)(last - value)};
    }
    if (at < end && *at == ',') at = wf_blank(at + 1, end);
  }
  return (wf_text){0, 0};
}

// What is between the quotes of a text in JSON, its escapes as they are; `at` is null for no text.
static wf_text wf_quoted(wf_text json) {
  if (!json.at || json.size < 2 || json.at[0] != '"') return (wf_text){0, 0};
  return (wf_text){json.at + 1, json.size - 2};
}

// --- results and host calls

static int64_t wf_result(char status, wf_text text) {
  char *out = wf_room(text.size + 1);
  if (!out) __builtin_trap();
  out[0] = status;
  for (size_t i = 0; i < text.size; i++) out[i + 1] = text.at[i];
  return (int64_t)(((uint64_t)(size_t)out << 32) | (uint64_t)(text.size + 1));
}

static int64_t wf_ok(wf_text json) { return wf_result(0, json); }

static int64_t wf_fail(wf_text error) { return wf_result(1, error); }

// An error of a type ([a-z][a-z0-9_]*) with a message that needs no escapes.
static int64_t wf_error(const char *type, const char *message) {
  wf_out out = {0};
  wf_say(&out, "{\"type\":\"");
  wf_say(&out, type);
  wf_say(&out, "\",\"message\":\"");
  wf_say(&out, message);
  wf_say(&out, "\",\"retryable\":false}");
  return wf_fail((wf_text){out.at, out.size});
}

// The host's answer to a request: an object with `value` or `error`; `at` is null when it refuses to listen.
static wf_text wf_ask(wf_text request) {
  int32_t size = wf_host_call(request.at, (int32_t)request.size);
  char *answer = size < 0 ? 0 : wf_room((size_t)size);
  if (!answer) return (wf_text){0, 0};
  wf_host_take(answer);
  return (wf_text){answer, (size_t)size};
}

// A line for the log of the execution; the message needs no escapes.
static void wf_log(wf_text message) {
  wf_out out = {0};
  wf_say(&out, "{\"op\":\"log\",\"message\":\"");
  wf_put(&out, message);
  wf_say(&out, "\"}");
  wf_ask((wf_text){out.at, out.size});
}

// --- exports

WF_EXPORT("wf_alloc") void *wf_alloc(int32_t size) { return size < 0 ? 0 : wf_room((size_t)size); }

WF_EXPORT("wf_invoke") int64_t wf_invoke(char *at, int32_t size, int64_t now, int64_t seed) {
  wf_text request = {at, (size_t)size};
  return wf_action(wf_quoted(wf_member(request, "action")), wf_member(request, "inputs"), now, seed);
}

#endif
