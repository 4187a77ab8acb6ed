#include "wf.h"

static int64_t greet(wf_text inputs) {
  wf_text name = wf_quoted(wf_member(inputs, "name"));
  wf_out line = {0}, out = {0};
  wf_say(&line, "greeting ");
  wf_put(&line, name);
  wf_log((wf_text){line.at, line.size});
  wf_say(&out, "{\"text\":\"Hello ");
  wf_put(&out, name);
  wf_say(&out, "!\"}");
  return wf_ok((wf_text){out.at, out.size});
}

// plugin.yaml says which actions there are, what they take and what they give.
int64_t wf_action(wf_text action, wf_text inputs, int64_t now, int64_t seed) {
  (void)now, (void)seed;
  if (wf_is(action, "greet")) return greet(inputs);
  return wf_error("no_action", "there is no such action");
}
