// Secrets as plugins have them: handles, for which the values are put in when a request is sent.

import { createHash, createHmac } from "node:crypto";

import type { HmacOptions, Secrets } from "../context.js";
import { bytesOf, percent } from "./encoding.js";

const HANDLE = /wfs_[0-9a-f]{32}/g;
const SHORTEST_MASKED = 4;

type Encode = (value: string) => string;

export const asIs: Encode = (value) => value;
export const inJson: Encode = (value) => JSON.stringify(value).slice(1, -1);
export const inForm: Encode = percent;

/** The secrets of one context. */
export class Vault implements Secrets {
  readonly #values: Readonly<Record<string, string>>;
  readonly #held = new Map<string, string>();

  constructor(values: Readonly<Record<string, string>>) {
    this.#values = values;
  }

  get(name: string): string {
    return this.#hold(this.#value(name));
  }

  basic(username: string, password: string): string {
    return this.#hold(Buffer.from(this.fill(`${username}:${password}`, asIs)).toString("base64"));
  }

  hmac(name: string, data: string | ArrayBuffer | ArrayBufferView, options: HmacOptions = {}): string {
    const { algorithm = "sha256", encoding = "hex" } = options;
    const content = typeof data === "string" ? data : bytesOf(data);
    return createHmac(algorithm, this.#value(name)).update(content).digest(encoding);
  }

  /** The text with the values of its handles. */
  fill(text: string, encode: Encode): string {
    return text.replace(HANDLE, (handle) => {
      const value = this.#held.get(handle);
      return value === undefined ? handle : encode(value);
    });
  }

  /** A URL with the values of its handles; a handle alone may stand for all of it. */
  fillUrl(url: string): string {
    const whole = this.#held.get(url) ?? url;
    const query = whole.indexOf("?");
    if (query < 0) return this.fill(whole, asIs);
    return this.fill(whole.slice(0, query), asIs) + this.fill(whole.slice(query), inForm);
  }

  /** The text without the values. */
  mask(text: string): string {
    const values = [...this.#held.values()].filter((value) => value.length >= SHORTEST_MASKED);
    return values.reduce((left, value) => left.replaceAll(value, "***"), text);
  }

  #value(name: string): string {
    const value = this.#values[name];
    if (value === undefined) throw new TerminalError(`the secret for ${name} is not stored`, { type: "secret" });
    return value;
  }

  #hold(value: string): string {
    const handle = `wfs_${createHash("sha256").update(value).digest("hex").slice(0, 32)}`;
    this.#held.set(handle, value);
    return handle;
  }
}
