// The two errors that plugins throw, and how any error is told to the host.
(function (kit) {
  "use strict";

  const { Error, InternalError, RangeError, String, SyntaxError } = kit.kept;
  const { exec, includes, isFinite, list, slice, split, stringify } = kit.kept;

  const LONGEST_MESSAGE = 8192;
  const MOST_FRAMES = 32;
  const TYPE = /^[a-z][a-z0-9_]{0,63}$/;
  const FRAME = /^\s*at (?:(.*) \()?plugin\.js:(\d+)(?::(\d+))?\)?$/;

  class TerminalError extends Error {
    constructor(message, { type = "error" } = {}) {
      super(message);
      this.name = "TerminalError";
      this.type = type;
      this.retryable = false;
    }
  }

  class RetryableError extends Error {
    constructor(message, { type = "error", retryAfter } = {}) {
      super(message);
      this.name = "RetryableError";
      this.type = type;
      this.retryable = true;
      this.retryAfter = retryAfter;
    }
  }

  function frames(error) {
    const found = list();
    const lines = split(String(error.stack ?? ""), "\n", MOST_FRAMES);
    for (let i = 0; i < lines.length; i++) {
      const match = exec(FRAME, lines[i]);
      if (match === null) continue;
      const name = match[1] === "<anonymous>" || match[1] === "<eval>" ? "" : (match[1] ?? "");
      const place = { line: +match[2], column: +(match[3] ?? 1) };
      found[found.length] = { __proto__: null, function: name, file: "plugin.js", ...place };
    }
    return found;
  }

  function typeOf(error, ofSource) {
    if (typeof error.type === "string" && exec(TYPE, error.type) !== null) return error.type;
    if (ofSource && error instanceof SyntaxError) return "syntax";
    if (error instanceof RangeError && error.message === "Maximum call stack size exceeded") return "stack";
    if (error instanceof InternalError && includes(error.message, "memory")) return "memory";
    return "error";
  }

  const named = ({ name, message }) => (message ? String(name) + ": " + String(message) : String(name));

  // The text of what was thrown, whatever it is; `ofSource` when code was read, not run.
  function explain(thrown, ofSource) {
    const said = { __proto__: null, type: "error", message: "", retryable: false, frames: list() };
    if (thrown instanceof Error) {
      said.type = typeOf(thrown, ofSource);
      const isNamed = said.type === "error" && thrown.type !== "error" && thrown.name !== "Error";
      said.message = isNamed ? named(thrown) : String(thrown.message);
      said.retryable = thrown.retryable === true;
      if (said.retryable && isFinite(thrown.retryAfter)) said.retry_after = thrown.retryAfter;
      said.frames = frames(thrown);
    } else said.message = shown(thrown);
    if (said.message.length > LONGEST_MESSAGE) said.message = slice(said.message, 0, LONGEST_MESSAGE) + "…";
    return kit.write(said, "error");
  }

  // A value in words, for messages and the log.
  function shown(value) {
    if (typeof value === "string") return value;
    try {
      return value instanceof Error ? named(value) : (stringify(value) ?? String(value));
    } catch {
      return typeof value === "bigint" ? String(value) : "[" + typeof value + "]";
    }
  }

  kit.TerminalError = TerminalError;
  kit.RetryableError = RetryableError;
  kit.explain = explain;
  kit.shown = shown;
});
