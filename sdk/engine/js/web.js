// Globals: the errors, the console, and those of the web that are missed most.
(function (kit) {
  "use strict";

  const { RangeError, String, TypeError, Uint8Array } = kit.kept;
  const { defineProperty, slice, toLowerCase, toWellFormed, trim } = kit.kept;
  const { RetryableError, TerminalError, bytesOf, decodeUtf8, encodeUtf8, log } = kit;

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return encodeUtf8(toWellFormed(String(text)));
    }
  }

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      const name = toLowerCase(trim(String(label)));
      if (name !== "utf-8" && name !== "utf8") {
        throw new RangeError("the encoding " + label + " is not supported; utf-8 is");
      }
      this.#fatal = fatal;
      this.#ignoreBOM = ignoreBOM;
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(data = new Uint8Array(), { stream = false } = {}) {
      if (stream) throw new TypeError("decoding in parts is not supported; join the bytes first");
      const bytes = bytesOf(data);
      if (bytes === null) throw new TypeError("decode takes an ArrayBuffer or a view of one");
      const text = decodeUtf8(bytes, this.#fatal);
      if (text === undefined) throw new TypeError("the bytes are not UTF-8");
      return text[0] === "\ufeff" && !this.#ignoreBOM ? slice(text, 1) : text;
    }
  }

  const console = { log, info: log.info, debug: log.debug, warn: log.warn, error: log.error };
  const globals = { TerminalError, RetryableError, TextEncoder, TextDecoder, console };
  for (const [name, value] of Object.entries(globals)) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  Math.random = kit.random;
});
