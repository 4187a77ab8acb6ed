// The JavaScript engine of the sandbox: quickjs-ng as a core module of the ABI wf/1 that needs no WASI.
//
// The build runs wf_init, and wf_setup with each of its scripts, and what they leave in memory becomes the module's
// data: a fresh instance starts with its engine ready. Both are no exports of the finished module.
//
// A result is ptr << 32 | len of a byte (0: ok, 1: error) and a text; see sdk/abi/README.md.
#include <stdlib.h>
#include <string.h>

#include "glue.h"

#define EXPORT(name) __attribute__((export_name(name)))

// Deep recursion of scripts becomes a RangeError well before the module's own stack is at its end.
enum { SCRIPT_STACK = 256 * 1024, COLLECT_AT = 4 * 1024 * 1024 };

static const char FILE_NAME[] = "plugin.js";
static const char NO_MEMORY[] = "{\"type\":\"memory\",\"message\":\"the code needs more memory than it may use\"}";
static const char NEVER_SETTLED[] =
    "{\"type\":\"never_settled\",\"message\":\"the promise is pending and nothing is left to do\"}";
static const char UNREADABLE[] =
    "{\"type\":\"error\",\"message\":\"what was thrown cannot be read\",\"frames\":[]}";

static JSRuntime *runtime;
static JSValue actions; // the module's namespace, or what a script of the build gave

// --- values from outside

// The value of a JSON text, which has a zero behind it.
static JSValue value_of(const char *text, size_t length) {
  size_t digits;
  const char *number = unsafe_integer(text, length, &digits);
  if (number) {
    JSValue shown = JS_NewStringLen(context, number, digits);
    JSValue refused = ours(REFUSE_INTEGER, 1, &shown);
    JS_FreeValue(context, shown);
    return refused;
  }
  JSValue value = JS_ParseJSON(context, text, length, "<answer>");
  if (JS_IsException(value) || !memmem(text, length, "\"$bytes\"", 8)) return value;
  JSValue revived = ours(REVIVE, 1, &value);
  JS_FreeValue(context, value);
  return revived;
}

// --- what the prelude is given

// The host's answer to an envelope, which errors call by the second argument; undefined when it is too large.
static JSValue ask_host(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  const char *name = JS_ToCString(c, argv[1]);
  char *request = name ? json_of(c, argv[0], name, &length) : NULL;
  JS_FreeCString(c, name);
  if (!request) return JS_EXCEPTION;
  int32_t answered = host_call((const uint8_t *)request, (int32_t)length);
  js_free(c, request);
  if (answered < 0) return JS_UNDEFINED;
  char *answer = js_malloc(c, (size_t)answered + 1);
  if (!answer) return JS_EXCEPTION;
  host_take((uint8_t *)answer);
  answer[answered] = 0;
  JSValue value = value_of(answer, (size_t)answered);
  js_free(c, answer);
  return value;
}

static JSValue draw(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  return JS_NewFloat64(c, (double)(next_random() >> 11) * 0x1p-53);
}

// --- results

#define FIXED(text) result(1, text, sizeof text - 1)

static uint64_t result(uint8_t status, const void *text, size_t length) {
  uint8_t *out = malloc(length + 1);
  if (!out) { // the one text that needs no room
    static uint8_t fallback[sizeof NO_MEMORY];
    fallback[0] = 1;
    memcpy(fallback + 1, NO_MEMORY, sizeof NO_MEMORY - 1);
    return ((uint64_t)(uintptr_t)fallback << 32) | (sizeof NO_MEMORY);
  }
  out[0] = status;
  memcpy(out + 1, text, length);
  return ((uint64_t)(uintptr_t)out << 32) | (uint32_t)(length + 1);
}

static uint64_t error_of(JSValue value) {
  size_t length;
  const char *text = JS_IsException(value) ? NULL : JS_ToCStringLen(context, &length, value);
  JS_FreeValue(context, value);
  if (!text) {
    JS_FreeValue(context, JS_GetException(context));
    return memory_was_short ? FIXED(NO_MEMORY) : FIXED(UNREADABLE);
  }
  uint64_t packed = result(1, text, length);
  JS_FreeCString(context, text);
  return packed;
}

static uint64_t explained(int of_source) {
  JSValue error = JS_GetException(context);
  if (memory_was_short && JS_IsNull(error)) return FIXED(NO_MEMORY);
  JSValue arguments[] = {error, JS_NewBool(context, of_source)};
  JSValue text = ours(EXPLAIN, 2, arguments);
  JS_FreeValue(context, error);
  return error_of(text);
}

static uint64_t failed(void) { return explained(0); }

static int run_jobs(void) {
  JSContext *where;
  int more;
  while ((more = JS_ExecutePendingJob(runtime, &where)) > 0) continue;
  return more;
}

// The value of a promise once all jobs have run; takes over the value. JS_EXCEPTION when it was rejected.
static JSValue settled(JSValue value, int *pending) {
  *pending = 0;
  if (!JS_IsPromise(value)) return value;
  if (run_jobs() < 0) return JS_EXCEPTION;
  JSPromiseStateEnum state = JS_PromiseState(context, value);
  *pending = state == JS_PROMISE_PENDING;
  JSValue inner = *pending ? JS_UNDEFINED : JS_PromiseResult(context, value);
  JS_FreeValue(context, value);
  return state == JS_PROMISE_REJECTED ? JS_Throw(context, inner) : inner;
}

// --- exports

EXPORT("wf_alloc") uint8_t *wf_alloc(int32_t length) {
  return length < 0 ? NULL : malloc((size_t)length + 1); // a byte more: parsers want a zero behind the text
}

static JSValue compiled(char *source, int32_t length) {
  source[length] = 0;
  return JS_Eval(context, source, length, FILE_NAME, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
}

// Bytecode of a module's source, for the host's cache; only this very engine can read it.
EXPORT("wf_compile") uint64_t wf_compile(char *source, int32_t length) {
  JS_UpdateStackTop(runtime);
  JSValue module = compiled(source, length);
  if (JS_IsException(module)) return explained(1);
  size_t size;
  uint8_t *bytecode =
      JS_WriteObject(context, &size, module, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
  JS_FreeValue(context, module);
  if (!bytecode) return failed();
  uint64_t packed = result(0, bytecode, size);
  js_free(context, bytecode);
  return packed;
}

// Evaluate a module, from source or bytecode; its exports are the actions of wf_invoke.
EXPORT("wf_load")
uint64_t wf_load(char *code, int32_t length, int32_t is_bytecode, int64_t now_ms, int64_t random) {
  set_call((uint64_t)now_ms, (uint64_t)random);
  JS_UpdateStackTop(runtime);
  JSValue module = is_bytecode ? JS_ReadObject(context, (const uint8_t *)code, length, JS_READ_OBJ_BYTECODE)
                               : compiled(code, length);
  if (JS_IsException(module)) return explained(!is_bytecode);
  if (is_bytecode && JS_ResolveModule(context, module) < 0) return failed();
  JSModuleDef *definition = JS_VALUE_GET_PTR(module);
  int pending;
  JSValue value = settled(JS_EvalFunction(context, module), &pending);
  if (JS_IsException(value)) return failed();
  JS_FreeValue(context, value);
  if (pending) return FIXED(NEVER_SETTLED);
  actions = JS_GetModuleNamespace(context, definition);
  return JS_IsException(actions) ? failed() : result(0, "null", 4);
}

EXPORT("wf_invoke") uint64_t wf_invoke(char *request, int32_t length, int64_t now_ms, int64_t random) {
  set_call((uint64_t)now_ms, ~(uint64_t)random); // not the numbers again that the module drew when it was loaded
  JS_UpdateStackTop(runtime);
  request[length] = 0;
  JSValue given = value_of(request, (size_t)length);
  if (JS_IsException(given)) return failed();
  JSValue arguments[] = {actions, given};
  int pending;
  JSValue value = settled(ours(START, 2, arguments), &pending);
  JS_FreeValue(context, given);
  if (JS_IsException(value)) return failed();
  if (pending) return FIXED(NEVER_SETTLED);
  size_t written;
  char *text = json_of(context, value, "result", &written);
  JS_FreeValue(context, value);
  if (!text) return failed();
  uint64_t packed = result(0, text, written);
  js_free(context, text);
  return packed;
}

// All of a call, as it lies in memory: so the host enters the engine once.
struct call {
  int64_t now_ms, random;
  int32_t code_length, unused;
  uint8_t code_and_request[];
};

// Evaluate a module from bytecode and invoke its action.
EXPORT("wf_run") uint64_t wf_run(struct call *call, int32_t length) {
  char *code = (char *)call->code_and_request;
  uint64_t loaded = wf_load(code, call->code_length, 1, call->now_ms, call->random);
  if (*(uint8_t *)(uintptr_t)(loaded >> 32)) return loaded;
  int32_t request_length = length - (int32_t)sizeof *call - call->code_length;
  return wf_invoke(code + call->code_length, request_length, call->now_ms, call->random);
}

// --- the build's

static JSModuleDef *no_module(JSContext *c, const char *name, void *opaque) {
  JS_ThrowReferenceError(c, "there is no module '%s': the code must be one file, with all it needs", name);
  return NULL;
}

EXPORT("wf_init") void wf_init(void) {
  is_building = 1;
  runtime = JS_NewRuntime2(&ALLOCATOR, NULL);
  JS_SetMaxStackSize(runtime, SCRIPT_STACK);
  JS_UpdateStackTop(runtime);
  JS_SetGCThreshold(runtime, COLLECT_AT);
  JS_SetModuleLoaderFunc(runtime, NULL, no_module, NULL);
  context = JS_NewContext(runtime);
  actions = JS_UNDEFINED;
  make_kit();
  give("ask", ask_host, 2);
  give("write", write_json, 2);
  give("random", draw, 0);
  give("encodeUtf8", to_utf8, 1);
  give("decodeUtf8", from_utf8, 2);
}

// The script as bytecode and back, which leaves its text behind.
static JSValue condensed(JSValue script) {
  size_t size;
  int flags = JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE;
  uint8_t *bytecode = JS_WriteObject(context, &size, must(script), flags);
  JS_FreeValue(context, script);
  JSValue read = must(JS_ReadObject(context, bytecode, size, JS_READ_OBJ_BYTECODE));
  js_free(context, bytecode);
  return read;
}

// A script of the build: a function of the kit. An object that it gives has the actions of the engine itself.
EXPORT("wf_setup") void wf_setup(char *script, int32_t length) {
  is_building = 1;
  script[length] = 0;
  JS_UpdateStackTop(runtime);
  int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY;
  JSValue code = condensed(JS_Eval(context, script, length, "<engine>", flags));
  JSValue make = must(JS_EvalFunction(context, code));
  JSValue made = must(JS_Call(context, make, JS_UNDEFINED, 1, &kit));
  JS_FreeValue(context, make);
  if (JS_IsObject(made)) actions = made;
  take_functions();
  JS_RunGC(runtime);
  ALLOCATOR.js_free(NULL, script);
  is_building = 0;
}
