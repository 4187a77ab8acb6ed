// Plugins may replace whatever they can reach: what the engine's own scripts need is kept here, before any of them.
// And of the language they use nothing that looks for a method: no template literal (concat), no for…of (an iterator).
(function (kit) {
  "use strict";

  const { assign, defineProperty, freeze, hasOwn, keys, setPrototypeOf } = Object;

  // A method as a function of the object and its arguments.
  const method = Function.prototype.bind.bind(Function.prototype.call);

  kit.kept = {
    ...{ assign, defineProperty, freeze, hasOwn, keys, setPrototypeOf },
    ...{ ArrayBuffer, Boolean, Map, Number, Promise, RegExp, Set, String, Uint8Array, encodeURIComponent },
    ...{ Error, InternalError, RangeError, SyntaxError, TypeError },
    isArray: Array.isArray,
    isFinite: Number.isFinite,
    isView: ArrayBuffer.isView,
    parse: JSON.parse,
    stringify: JSON.stringify,
    fromBase64: Uint8Array.fromBase64.bind(Uint8Array),
    toBase64: method(Uint8Array.prototype.toBase64),
    exec: method(RegExp.prototype.exec),
    includes: method(String.prototype.includes),
    indexOf: method(String.prototype.indexOf),
    replaceAll: method(String.prototype.replaceAll),
    slice: method(String.prototype.slice),
    split: method(String.prototype.split),
    toLowerCase: method(String.prototype.toLowerCase),
    toWellFormed: method(String.prototype.toWellFormed),
    trim: method(String.prototype.trim),
    promised: Promise.resolve.bind(Promise),
    // An array that nobody else's setters or toJSON are seen by.
    list: () => setPrototypeOf([], null),
  };
});
