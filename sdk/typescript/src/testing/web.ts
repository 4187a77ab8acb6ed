// A network that answers as told.

import { isDeepStrictEqual } from "node:util";

import type { Http, HttpAnswer, HttpRequest } from "../http.js";
import { bodyOf, headersOf, withQuery } from "./encoding.js";
import { asIs, inForm, inJson, type Vault } from "./vault.js";

/** A request as the host would get it: with the secrets in it, header names in lower case. */
export interface SentRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
}

/** What a request must have; it may have more. */
export interface WantedRequest {
  method?: string;
  url?: string;
  headers?: Record<string, string>;
  json?: unknown;
  form?: Record<string, string>;
  body?: string;
}

/** `error` is a failure of the network with this message. The status is 200 unless said otherwise. */
export interface GivenAnswer {
  status?: number;
  headers?: Record<string, string | number>;
  json?: unknown;
  body?: string | Uint8Array;
  error?: string;
}

/** One request and its answer, as in `plugin.test.yaml`. */
export interface Exchange {
  request?: WantedRequest;
  response?: GivenAnswer;
}

export class Web implements Http {
  readonly requests: SentRequest[] = [];
  /** What was otherwise than expected. */
  readonly faults: string[] = [];
  readonly #left: Exchange[];
  readonly #vault: Vault;

  constructor(exchanges: readonly Exchange[], vault: Vault) {
    this.#left = [...exchanges];
    this.#vault = vault;
  }

  async request(options: HttpRequest | string): Promise<HttpAnswer> {
    const sent = this.#sent(typeof options === "string" ? { url: options } : options);
    this.requests.push(sent);
    const line = `${sent.method} ${sent.url}`;
    const exchange = this.#left.shift();
    if (!exchange) {
      this.faults.push(`the request ${line} is not expected`);
      throw new TerminalError(`the request ${line} is not expected`, { type: "test" });
    }
    for (const difference of differences(exchange.request ?? {}, sent)) {
      this.faults.push(`${line}: ${difference}`);
    }
    return this.#answer(exchange.response ?? {}, sent.url);
  }

  /** The requests that are expected and were not made. */
  missing(): string[] {
    return this.#left.map(({ request }) => {
      const line = [request?.method, request?.url].filter(Boolean).join(" ");
      return `the request ${line || "that is expected next"} was not made`;
    });
  }

  #sent(options: HttpRequest): SentRequest {
    const vault = this.#vault;
    const { body, type } = bodyOf(options);
    const headers = headersOf(options.headers, type);
    const kind = headers["content-type"] ?? "";
    const encode = /[/+]json/.test(kind) ? inJson : kind.startsWith("application/x-www-form") ? inForm : asIs;
    return {
      method: (options.method ?? "GET").toUpperCase(),
      url: vault.fillUrl(withQuery(options.url, options.query)),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, vault.fill(value, asIs)])),
      body: typeof body === "string" ? vault.fill(body, encode) : body,
    };
  }

  #answer({ status = 200, headers = {}, json, body = "", error }: GivenAnswer, url: string): HttpAnswer {
    if (error !== undefined) throw new RetryableError(error, { type: "network" });
    const content = json === undefined ? body : JSON.stringify(json);
    const shown = typeof content === "string" ? this.#vault.mask(content) : content;
    const text = () => (typeof shown === "string" ? shown : new TextDecoder().decode(shown));
    const type = json === undefined ? "" : "application/json";
    return {
      status,
      ok: status >= 200 && status < 300,
      headers: headersOf(headers, type),
      body: shown,
      url: this.#vault.mask(url),
      text,
      json: () => JSON.parse(text()),
    };
  }
}

function* differences(wanted: WantedRequest, sent: SentRequest): Generator<string> {
  const { method, url, headers = {} } = wanted;
  if (method !== undefined && method.toUpperCase() !== sent.method) yield `the method should be ${method}`;
  if (url !== undefined && url !== sent.url) yield `the URL should be ${url}`;
  for (const [name, value] of Object.entries(headers)) {
    const got = sent.headers[name.toLowerCase()];
    if (got !== value) yield `the header ${name} should be ${value}, is ${got}`;
  }
  const text = typeof sent.body === "string" ? sent.body : new TextDecoder().decode(sent.body);
  const kinds: Record<string, () => unknown> = {
    body: () => text,
    json: () => parsed(text),
    form: () => Object.fromEntries(new URLSearchParams(text)),
  };
  for (const [kind, read] of Object.entries(kinds)) {
    const expected = wanted[kind as keyof WantedRequest];
    if (expected === undefined || isWithin(expected, read())) continue;
    yield `the ${kind} should have ${JSON.stringify(expected)}, is ${JSON.stringify(read())}`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether it has all that is wanted: objects may have more keys. */
function isWithin(wanted: unknown, got: unknown): boolean {
  if (!isPlain(wanted) || !isPlain(got)) return isDeepStrictEqual(wanted, got);
  return Object.entries(wanted).every(([key, value]) => key in got && isWithin(value, got[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
