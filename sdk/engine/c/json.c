// JSON text of a value: bytes become {"$bytes": base64}, and what JSON would drop or change silently is refused.
//
// Plugins may watch (getters, toJSON, proxies): each property is read once, in order, before the next.
#include <string.h>

#include "glue.h"

enum { DEEPEST = 200, LONGEST_PATH = 12, FIRST_ROOM = 1024 };

struct step {
  JSAtom name; // JS_ATOM_NULL: of an array
  uint32_t index;
};

struct writer {
  JSContext *c;
  char *text;
  size_t length, room;
  const char *root;            // the value's name in errors
  JSValueConst above[DEEPEST]; // what is being written, and in it
  struct step steps[DEEPEST];  // which of theirs
};

static int put_value(struct writer *w, JSValueConst value, int depth);

// All that is named put returns 0, or -1 when something was thrown.
static int put(struct writer *w, const char *text, size_t length) {
  if (w->length + length > w->room) {
    size_t room = 2 * w->room + length + FIRST_ROOM;
    char *larger = js_realloc(w->c, w->text, room);
    if (!larger) return -1;
    w->text = larger;
    w->room = room;
  }
  memcpy(w->text + w->length, text, length);
  w->length += length;
  return 0;
}

static int put_text(struct writer *w, const char *text) { return put(w, text, strlen(text)); }

static int put_integer(struct writer *w, int64_t number) {
  char digits[24], *at = digits + sizeof digits;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do *--at = '0' + rest % 10;
  while (rest /= 10);
  if (number < 0) *--at = '-';
  return put(w, at, digits + sizeof digits - at);
}

// --- strings

static int is_plain(const uint8_t *at) { return *at >= ' ' && *at != '"' && *at != '\\' && *at != 0xED; }

// What stands for some bytes, and for how many: control characters, and lone surrogates (ECMA-262, QuoteJSONString).
static int put_escape(struct writer *w, const uint8_t *at, size_t *taken) {
  static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt", HEX[] = "0123456789abcdef";
  *taken = 1;
  for (const char *pair = SHORT; *pair; pair += 2) {
    if (*at == (uint8_t)*pair) return put(w, (char[]){'\\', pair[1]}, 2);
  }
  unsigned code = *at;
  if (code == 0xED) {
    *taken = 3;
    if (at[1] < 0xA0) return put(w, (const char *)at, 3); // a character
    code = 0xD000 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
  }
  char made[] = {'\\', 'u', HEX[code >> 12], HEX[code >> 8 & 15], HEX[code >> 4 & 15], HEX[code & 15]};
  return put(w, made, sizeof made);
}

static int put_quoted(struct writer *w, const char *string, size_t length) {
  const uint8_t *at = (const uint8_t *)string, *end = at + length;
  size_t taken;
  if (put(w, "\"", 1)) return -1;
  while (at < end) {
    const uint8_t *from = at;
    while (at < end && is_plain(at)) at++;
    if (put(w, (const char *)from, at - from)) return -1;
    if (at == end) break;
    if (put_escape(w, at, &taken)) return -1;
    at += taken;
  }
  return put(w, "\"", 1);
}

// Puts what the engine gave as text, if it did, and gives that back.
static int put_taken(struct writer *w, const char *text, size_t length, int is_quoted) {
  int failed = !text ? -1 : is_quoted ? put_quoted(w, text, length) : put(w, text, length);
  JS_FreeCString(w->c, text);
  return failed;
}

static int put_own(struct writer *w, JSValueConst value) {
  size_t length;
  const char *text = JS_ToCStringLen(w->c, &length, value);
  return put_taken(w, text, length, 0);
}

static int put_string(struct writer *w, JSValueConst value) {
  size_t length;
  const char *text = JS_ToCStringLen(w->c, &length, value);
  return put_taken(w, text, length, 1);
}

static int put_name(struct writer *w, JSAtom name, int is_quoted) {
  size_t length;
  const char *text = JS_AtomToCStringLen(w->c, &length, name);
  return put_taken(w, text, length, is_quoted);
}

// --- what has no form

static int put_step(struct writer *w, const struct step *step) {
  int failed = step->name == JS_ATOM_NULL ? put(w, "[", 1) || put_integer(w, step->index) || put(w, "]", 1)
                                          : put(w, ".", 1) || put_name(w, step->name, 0);
  return failed ? -1 : 0;
}

// Throw: the value at these steps is `what`.
static int refuse(struct writer *w, int depth, const char *what) {
  w->length = 0;
  int failed = put_text(w, w->root);
  for (int i = 0; i < depth && i < LONGEST_PATH && !failed; i++) failed = put_step(w, &w->steps[i]);
  if (failed || (depth > LONGEST_PATH && put_text(w, "…")) || put_text(w, " is ") || put_text(w, what)) return -1;
  JSValue message = JS_NewStringLen(w->c, w->text, w->length);
  JS_FreeValue(w->c, ours(REFUSE, 1, (JSValueConst[]){message})); // which throws
  JS_FreeValue(w->c, message);
  return -1;
}

static int refuse_number(struct writer *w, JSValueConst value, int depth) {
  const char *text = JS_ToCString(w->c, value);
  int failed = text ? refuse(w, depth, text) : -1;
  JS_FreeCString(w->c, text);
  return failed;
}

// An object of a class is one only when JSON loses nothing of it.
static int expect_plain(struct writer *w, JSValueConst value, int is_empty, int depth) {
  JSValue prototype = JS_GetPrototype(w->c, value);
  if (JS_IsException(prototype)) return -1;
  int is_plain = JS_IsNull(prototype) || JS_IsStrictEqual(w->c, prototype, plain_prototype);
  JS_FreeValue(w->c, prototype);
  if (is_plain) return 0;
  JSValueConst arguments[] = {value, JS_NewBool(w->c, is_empty)};
  JSValue loss = ours(LOSS, 2, arguments);
  if (JS_IsUndefined(loss)) return 0;
  const char *what = JS_IsException(loss) ? NULL : JS_ToCString(w->c, loss);
  if (what) refuse(w, depth, what);
  JS_FreeCString(w->c, what);
  JS_FreeValue(w->c, loss);
  return -1;
}

// --- objects

static int is_bytes(JSValueConst value) {
  return JS_GetTypedArrayType(value) >= 0 || JS_IsArrayBuffer(value) || JS_IsDataView(value);
}

static int put_bytes(struct writer *w, JSValueConst value) {
  JSValue base64 = ours(BASE64, 1, &value);
  int failed = JS_IsException(base64) || put_text(w, "{\"$bytes\":\"") || put_own(w, base64) || put_text(w, "\"}");
  JS_FreeValue(w->c, base64);
  return failed ? -1 : 0;
}

static int put_array(struct writer *w, JSValueConst value, int depth) {
  int64_t length;
  if (JS_GetLength(w->c, value, &length) < 0 || put(w, "[", 1)) return -1;
  for (int64_t i = 0; i < length; i++) {
    w->steps[depth] = (struct step){JS_ATOM_NULL, (uint32_t)i};
    if (i && put(w, ",", 1)) return -1;
    JSValue inner = JS_GetPropertyInt64(w->c, value, i);
    int failed = JS_IsException(inner) || put_value(w, inner, depth + 1);
    JS_FreeValue(w->c, inner);
    if (failed) return -1;
  }
  return put(w, "]", 1);
}

static int put_member(struct writer *w, JSValueConst value, JSAtom name, int *is_first, int depth) {
  JSValue inner = JS_GetProperty(w->c, value, name);
  if (JS_IsUndefined(inner)) return 0;
  w->steps[depth] = (struct step){name, 0};
  int failed = JS_IsException(inner) || (!*is_first && put(w, ",", 1)) || put_name(w, name, 1) || put(w, ":", 1) ||
               put_value(w, inner, depth + 1);
  *is_first = 0;
  JS_FreeValue(w->c, inner);
  return failed ? -1 : 0;
}

static int put_members(struct writer *w, JSValueConst value, int depth) {
  JSPropertyEnum *names;
  uint32_t count;
  if (JS_GetOwnPropertyNames(w->c, &names, &count, value, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY)) return -1;
  int is_first = 1, failed = expect_plain(w, value, !count, depth) || put(w, "{", 1);
  for (uint32_t i = 0; i < count && !failed; i++) failed = put_member(w, value, names[i].atom, &is_first, depth);
  JS_FreePropertyEnum(w->c, names, count);
  return failed ? -1 : put(w, "}", 1);
}

// -1: the proxy does not say.
static int is_array(struct writer *w, JSValueConst value) {
  return JS_IsArray(value) || (JS_IsProxy(value) ? JS_ToBool(w->c, ours(IS_ARRAY, 1, &value)) : 0);
}

static int put_content(struct writer *w, JSValueConst value, int depth) {
  for (int i = 0; i < depth; i++) {
    if (JS_VALUE_GET_PTR(w->above[i]) == JS_VALUE_GET_PTR(value)) return refuse(w, depth, "a cycle");
  }
  if (depth == DEEPEST) return refuse(w, depth, "more than 200 levels deep");
  w->above[depth] = value;
  int has_items = is_array(w, value);
  if (has_items < 0) return -1;
  return has_items ? put_array(w, value, depth) : put_members(w, value, depth);
}

static int put_object(struct writer *w, JSValueConst value, int depth) {
  if (is_bytes(value)) return put_bytes(w, value);
  JSValue to_json = JS_GetPropertyStr(w->c, value, "toJSON");
  if (JS_IsException(to_json)) return -1;
  if (!JS_IsFunction(w->c, to_json)) {
    JS_FreeValue(w->c, to_json);
    return put_content(w, value, depth);
  }
  JSValue given = JS_Call(w->c, to_json, value, 0, NULL);
  JS_FreeValue(w->c, to_json);
  int is_content = JS_IsObject(given) && !JS_IsFunction(w->c, given);
  int failed = is_content ? put_content(w, given, depth) : put_value(w, given, depth);
  JS_FreeValue(w->c, given);
  return failed;
}

static int put_value(struct writer *w, JSValueConst value, int depth) {
  switch (JS_VALUE_GET_NORM_TAG(value)) {
  case JS_TAG_STRING:
  case JS_TAG_STRING_ROPE:
    return put_string(w, value);
  case JS_TAG_INT:
    return put_integer(w, JS_VALUE_GET_INT(value));
  case JS_TAG_FLOAT64:
    return __builtin_isfinite(JS_VALUE_GET_FLOAT64(value)) ? put_own(w, value) : refuse_number(w, value, depth);
  case JS_TAG_BOOL:
    return put_text(w, JS_VALUE_GET_BOOL(value) ? "true" : "false");
  case JS_TAG_NULL:
  case JS_TAG_UNDEFINED:
    return put_text(w, "null");
  case JS_TAG_OBJECT:
    return JS_IsFunction(w->c, value) ? refuse(w, depth, "a function") : put_object(w, value, depth);
  case JS_TAG_EXCEPTION:
    return -1;
  default:
    return refuse(w, depth, JS_IsSymbol(value) ? "a symbol" : "a BigInt");
  }
}

char *json_of(JSContext *c, JSValueConst value, const char *root, size_t *length) {
  struct writer *w = js_mallocz(c, sizeof *w);
  if (!w) return NULL;
  w->c = c;
  w->root = root;
  char *text = put_value(w, value, 0) ? NULL : w->text;
  if (!text) js_free(c, w->text);
  *length = w->length;
  js_free(c, w);
  return text;
}

JSValue write_json(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  const char *root = JS_ToCString(c, argv[1]);
  char *text = root ? json_of(c, argv[0], root, &length) : NULL;
  JS_FreeCString(c, root);
  if (!text) return JS_EXCEPTION;
  JSValue made = JS_NewStringLen(c, text, length);
  js_free(c, text);
  return made;
}
