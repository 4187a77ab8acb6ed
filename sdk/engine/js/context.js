// ctx, and the call of an action with it.
(function (kit) {
  "use strict";

  const { assign, freeze, hasOwn, keys, promised } = kit.kept;
  const { TerminalError, carried, decodeUtf8, host, request, shown } = kit;

  const logger =
    (level) =>
    (...parts) => {
      let message = "";
      for (let i = 0; i < parts.length; i++) message += (i ? " " : "") + shown(parts[i]);
      host({ __proto__: null, op: "log", level, message });
    };
  const log = freeze(
    assign(logger("INFO"), {
      debug: logger("DEBUG"),
      info: logger("INFO"),
      warn: logger("WARNING"),
      error: logger("ERROR"),
    }),
  );

  const read = (path) => host({ __proto__: null, op: "fs.read", path });
  const services = {
    log,
    http: freeze({ request }),
    kv: freeze({
      get: async (key) => host({ __proto__: null, op: "kv.get", key }),
      set: async (key, value, { ttl } = {}) => {
        host({ __proto__: null, op: "kv.set", key, value: value ?? null, ttl });
      },
      delete: async (key) => host({ __proto__: null, op: "kv.delete", key }),
    }),
    files: freeze({
      read: async (path) => read(path),
      readText: async (path) => decodeUtf8(read(path), false),
      write: async (path, content) => {
        host({ __proto__: null, op: "fs.write", path, content: carried(content) });
      },
      list: async (path) => host({ __proto__: null, op: "fs.list", path }),
    }),
    env: freeze({ get: (name) => host({ __proto__: null, op: "env.get", name }) }),
    secrets: freeze({
      get: (name) => host({ __proto__: null, op: "secret.get", name }),
      basic: (username, password) => host({ __proto__: null, op: "secret.basic", username, password }),
      hmac: (name, data, { algorithm = "sha256", encoding = "hex" } = {}) =>
        host({ __proto__: null, op: "secret.hmac", name, data: carried(data), algorithm, encoding }),
    }),
    call: async (type, inputs = {}) => host({ __proto__: null, op: "action.call", type, inputs }),
  };

  function noAction(exported, action) {
    const names = keys(exported);
    let there = "";
    for (let i = 0; i < names.length; i++) {
      if (typeof exported[names[i]] === "function") there += (there ? ", " : "its exports are ") + names[i];
    }
    const wanted = action === "default" ? "a default export" : "an export " + action;
    const message = "the module lacks " + wanted + " that is a function; " + (there || "it exports no function");
    return new TerminalError(message, { type: "no_action" });
  }

  kit.start = function start(actions, { action, inputs, context }) {
    const exported = actions ?? {};
    const found = hasOwn(exported, action) ? exported[action] : undefined;
    if (typeof found !== "function") throw noAction(exported, action);
    return promised(found(inputs, freeze({ ...services, task: freeze(context) })));
  };

  kit.log = log;
});
