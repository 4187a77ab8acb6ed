// The actions of the conformance suite, in C; wf.h is the one of `workflow plugin init --language c`.
#include "wf.h"

// The value of an answer of the host, or its error, as the result of the action.
static int64_t answered(wf_text answer) {
  if (!answer.at) return wf_error("refused", "the host does not listen");
  wf_text value = wf_member(answer, "value");
  return value.at ? wf_ok(value) : wf_fail(wf_member(answer, "error"));
}

static void say_number(wf_out *out, int64_t number) {
  char digits[20];
  int at = sizeof digits;
  uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  do digits[--at] = (char)('0' + left % 10);
  while (left /= 10);
  if (number < 0) wf_say(out, "-");
  wf_put(out, (wf_text){digits + at, sizeof digits - (size_t)at});
}

static int64_t clock(int64_t now, int64_t seed) {
  wf_out out = {0};
  wf_say(&out, "{\"now\":\"");
  say_number(&out, now);
  wf_say(&out, "\",\"seed\":\"");
  say_number(&out, seed);
  wf_say(&out, "\"}");
  return wf_ok((wf_text){out.at, out.size});
}

int64_t wf_action(wf_text action, wf_text inputs, int64_t now, int64_t seed) {
  if (wf_is(action, "echo")) return wf_ok(inputs);
  if (wf_is(action, "fail")) return wf_fail(inputs);
  if (wf_is(action, "ask")) return answered(wf_ask(inputs));
  if (wf_is(action, "clock")) return clock(now, seed);
  return wf_error("no_action", "there is no such action");
}
