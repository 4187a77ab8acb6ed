// Text from outside, before the engine takes it for JSON or a string.
#include <string.h>

#include "glue.h"

static int is_digit(char c) { return c >= '0' && c <= '9'; }

const char *unsafe_integer(const char *text, size_t length, size_t *digits) {
  static const char LARGEST[] = "9007199254740991";
  const size_t most = sizeof LARGEST - 1;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"') {
      for (i++; i < length && text[i] != '"'; i++) i += text[i] == '\\';
    } else if (is_digit(text[i])) {
      size_t from = i;
      while (i < length && is_digit(text[i])) i++;
      *digits = i - from;
      int is_whole = i == length || !strchr(".eE", text[i]);
      int is_large = *digits > most || (*digits == most && memcmp(text + from, LARGEST, most) > 0);
      if (is_whole && is_large) return text + from;
      while (i < length && text[i] && strchr(".eE+-0123456789", text[i])) i++;
    }
  }
  return NULL;
}

// Whether a sequence of UTF-8 begins there, by the Encoding standard; if not, how much becomes one U+FFFD.
static int is_sequence(const uint8_t *at, size_t left, size_t *taken) {
  uint8_t first = at[0];
  uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  size_t whole = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  *taken = 1;
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4) return 0;
  while (*taken < whole && *taken < left && at[*taken] >= low && at[*taken] <= high) {
    ++*taken;
    low = 0x80;
    high = 0xBF;
  }
  return *taken == whole;
}

JSValue from_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length, taken, bad = 0, made = 0;
  const uint8_t *bytes = JS_GetUint8Array(c, &length, argv[0]);
  if (!bytes) return JS_EXCEPTION;
  for (size_t i = 0; i < length; i += taken) bad += !is_sequence(bytes + i, length - i, &taken);
  if (!bad) return JS_NewStringLen(c, (const char *)bytes, length);
  if (JS_ToBool(c, argv[1])) return JS_UNDEFINED;
  char *text = js_malloc(c, length + 2 * bad);
  if (!text) return JS_EXCEPTION;
  for (size_t i = 0; i < length; i += taken) {
    int is_good = is_sequence(bytes + i, length - i, &taken);
    memcpy(text + made, is_good ? (const char *)bytes + i : "\xEF\xBF\xBD", is_good ? taken : 3);
    made += is_good ? taken : 3;
  }
  JSValue value = JS_NewStringLen(c, text, made);
  js_free(c, text);
  return value;
}

JSValue to_utf8(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  const char *text = JS_ToCStringLen(c, &length, argv[0]);
  if (!text) return JS_EXCEPTION;
  JSValue bytes = JS_NewUint8ArrayCopy(c, (const uint8_t *)text, length);
  JS_FreeCString(c, text);
  return bytes;
}
