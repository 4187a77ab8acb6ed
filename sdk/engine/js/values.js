// Values in and out: JSON with bytes as {"$bytes": base64}. `kit.write`, its text of a value, is the engine's own.
(function (kit) {
  "use strict";

  const { ArrayBuffer, Boolean, Error, Map, Number, Promise, RegExp, Set, String, Uint8Array } = kit.kept;
  const { fromBase64, isArray, isView, keys, toBase64 } = kit.kept;
  const { TerminalError } = kit;

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

  function refuse(what) {
    throw new TerminalError(what + ": it is no JSON value", { type: "output" });
  }

  // What JSON would lose of an object that has a class; undefined: nothing.
  function loss(value, isEmpty) {
    for (let i = 0; i < LOST.length; i++) if (value instanceof LOST[i][0]) return LOST[i][1];
    return isEmpty ? "an object of a class, without properties" : undefined;
  }

  kit.revive = revive;
  kit.refuseInteger = refuseInteger;
  kit.bytesOf = bytesOf;
  kit.refuse = refuse;
  kit.loss = loss;
  kit.toBase64 = (data) => toBase64(bytesOf(data));
  kit.isArray = isArray;
});
