// What the scripts of the build share with the engine: an object of theirs, and the functions that it has.
#include "glue.h"

JSContext *context;
JSValue kit, plain_prototype;

static const char *const NAMES[] = {"start",  "explain", "revive",   "refuseInteger",
                                    "refuse", "loss",    "toBase64", "isArray"};
static JSValue functions[FUNCTIONS];

JSValue must(JSValue value) {
  if (!JS_IsException(value)) return value;
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, JS_GetException(context));
  if (text) host_call((const uint8_t *)text, (int32_t)length); // the build shows it
  __builtin_trap();
}

JSValue ours(int which, int argc, JSValueConst *argv) {
  return JS_Call(context, functions[which], JS_UNDEFINED, argc, argv);
}

void give(const char *name, JSCFunction *function, int count) {
  JS_SetPropertyStr(context, kit, name, JS_NewCFunction(context, function, name, count));
}

void make_kit(void) {
  kit = must(JS_NewObject(context));
  plain_prototype = JS_GetPrototype(context, kit);
}

void take_functions(void) {
  for (int i = 0; i < FUNCTIONS; i++) functions[i] = must(JS_GetPropertyStr(context, kit, NAMES[i]));
}
