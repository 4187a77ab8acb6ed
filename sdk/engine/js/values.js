// Values in and out: JSON with bytes as {"$bytes": base64}.
(function (kit) {
  "use strict";

  const { ArrayBuffer, Boolean, Error, Map, Number, Promise, RegExp, Set, String, Uint8Array } = kit.kept;
  const { fromBase64, isArray, isFinite, isView, list, plainPrototype, stringify, toBase64 } = kit.kept;
  const { getPrototypeOf, keys } = kit.kept;
  const { TerminalError } = kit;

  const DEEPEST = 200;
  const LONGEST_PATH = 12;

  // {"$bytes": base64} as bytes, wherever it stands.
  function revive(value) {
    if (value === null || typeof value !== "object") return value;
    const names = keys(value);
    if (names.length === 1 && names[0] === "$bytes" && typeof value.$bytes === "string") {
      return fromBase64(value.$bytes);
    }
    for (let i = 0; i < names.length; i++) {
      const inner = value[names[i]];
      if (inner !== null && typeof inner === "object") value[names[i]] = revive(inner);
    }
    return value;
  }

  function refuseInteger(digits) {
    const message = "the integer " + digits + " is beyond 2^53: JavaScript would change it; pass it as text";
    throw new TerminalError(message, { type: "unsafe_integer" });
  }

  function bytesOf(data) {
    if (data instanceof Uint8Array) return data;
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    return isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
  }

  // What JSON would make {} or text of, and what to do about it.
  const LOST = [
    [Map, "a Map (use Object.fromEntries)"],
    [Set, "a Set (use an array)"],
    [Promise, "a promise (await it)"],
    [Error, "an error (throw it, or give its message)"],
    [String, "a String object (use a plain string)"],
    [Number, "a Number object (use a plain number)"],
    [Boolean, "a Boolean object (use a plain boolean)"],
    [RegExp, "a regular expression"],
  ];

  function refuse(what, trail, depth) {
    let path = trail.root;
    for (let i = 0; i < depth && i < LONGEST_PATH; i++) {
      const step = trail.steps[i];
      path += typeof step === "number" ? "[" + step + "]" : "." + step;
    }
    if (depth > LONGEST_PATH) path += "…";
    throw new TerminalError(path + " is " + what + ": it is no JSON value", { type: "output" });
  }

  // JSON text of a value; what JSON would drop or change silently is refused. `root` is its name in errors.
  function write(value, root) {
    return written(value, { __proto__: null, root, above: list(), steps: list() }, 0);
  }

  function written(value, trail, depth) {
    switch (typeof value) {
      case "string":
        return stringify(value);
      case "number":
        return isFinite(value) ? "" + value : refuse("" + value, trail, depth);
      case "boolean":
        return value ? "true" : "false";
      case "undefined":
        return "null";
      case "object":
        return value === null ? "null" : writtenObject(value, trail, depth);
      default:
        return refuse(typeof value === "bigint" ? "a BigInt" : "a " + typeof value, trail, depth);
    }
  }

  function writtenObject(value, trail, depth) {
    const bytes = bytesOf(value);
    if (bytes !== null) return '{"$bytes":"' + toBase64(bytes) + '"}';
    if (typeof value.toJSON === "function") {
      value = value.toJSON();
      if (value === null || typeof value !== "object") return written(value, trail, depth);
    }
    for (let i = 0; i < depth; i++) if (trail.above[i] === value) refuse("a cycle", trail, depth);
    if (depth === DEEPEST) refuse("more than " + DEEPEST + " levels deep", trail, depth);
    trail.above[depth] = value;
    return isArray(value) ? writtenArray(value, trail, depth) : writtenMembers(value, trail, depth);
  }

  function writtenArray(value, trail, depth) {
    let text = "[";
    for (let i = 0; i < value.length; i++) {
      trail.steps[depth] = i;
      if (i) text += ",";
      text += written(value[i], trail, depth + 1);
    }
    return text + "]";
  }

  function writtenMembers(value, trail, depth) {
    const prototype = getPrototypeOf(value);
    const names = keys(value);
    if (prototype !== plainPrototype && prototype !== null) expectPlain(value, names, trail, depth);
    let text = "{";
    for (let i = 0; i < names.length; i++) {
      const inner = value[names[i]];
      if (inner === undefined) continue;
      trail.steps[depth] = names[i];
      if (text.length > 1) text += ",";
      text += stringify(names[i]) + ":" + written(inner, trail, depth + 1);
    }
    return text + "}";
  }

  function expectPlain(value, names, trail, depth) {
    for (let i = 0; i < LOST.length; i++) if (value instanceof LOST[i][0]) refuse(LOST[i][1], trail, depth);
    if (!names.length) refuse("an object of a class, without properties", trail, depth);
  }

  kit.revive = revive;
  kit.refuseInteger = refuseInteger;
  kit.bytesOf = bytesOf;
  kit.write = write;
  kit.encode = (value) => write(value, "result");
});
