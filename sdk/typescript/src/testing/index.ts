// A context in memory, to call actions in the tests of Node: it does as the engine does, without permissions.

import "./errors.js";

import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";

import type { Context, Files, Log, Records, Secrets, Task } from "../context.js";
import { bytesOf } from "./encoding.js";
import { Vault } from "./vault.js";
import { Web, type Exchange, type SentRequest } from "./web.js";

export type { Exchange, GivenAnswer, SentRequest, WantedRequest } from "./web.js";

/** A call of another action, and what it gives. */
export interface ExpectedCall {
  type: string;
  inputs?: object;
  output?: unknown;
  error?: { type: string; message: string };
}

/** What there is around the action; nothing of it has to be there. */
export interface World {
  task?: Partial<Task>;
  /** The requests that are expected, in this order, with their answers. */
  http?: readonly Exchange[];
  kv?: Readonly<Record<string, unknown>>;
  files?: Readonly<Record<string, string | Uint8Array>>;
  env?: Readonly<Record<string, string>>;
  /** The plain values; the action gets handles. */
  secrets?: Readonly<Record<string, string>>;
  /** The calls that are expected, in this order. */
  calls?: readonly ExpectedCall[];
}

export interface TestContext extends Context {
  /** What was logged: `INFO greeting Ada`. */
  readonly logs: string[];
  /** What was sent, with the secrets in it. */
  readonly requests: readonly SentRequest[];
  /** What is stored now. */
  readonly stored: ReadonlyMap<string, unknown>;
  /** The files that are there now. */
  readonly written: ReadonlyMap<string, Uint8Array>;
  /** Throws an AssertionError when requests or calls were other than expected, or are missing. */
  verify(): void;
}

const TASK: Task = { execution: "test", workflow: "default/test", task: "task", attempt: 1, key: "test/task/0" };

/** A context for one call of an action. */
export function testContext(world: World = {}): TestContext {
  const vault = new Vault(world.secrets ?? {});
  const web = new Web(world.http ?? [], vault);
  const calls = [...(world.calls ?? [])];
  const logs: string[] = [];
  const stored = new Map(Object.entries(world.kv ?? {}));
  const written = new Map(Object.entries(world.files ?? {}).map(([path, content]) => [path, contentOf(content)]));
  return {
    task: { ...TASK, ...world.task },
    log: logTo(logs, vault),
    http: { request: (options) => web.request(options) },
    kv: recordsIn(stored),
    files: filesIn(written),
    env: { get: (name) => world.env?.[name] ?? null },
    secrets: secretsOf(vault),
    call: async (type, inputs = {}) => called(calls.shift(), type, inputs, web.faults),
    logs,
    requests: web.requests,
    stored,
    written,
    verify() {
      const missing = calls.map((call) => `the call of ${call.type} was not made`);
      const faults = [...web.faults, ...web.missing(), ...missing];
      if (faults.length) throw new AssertionError({ message: faults.join("\n") });
    },
  };
}

// Functions that need no `this`, as those of the engine.
const secretsOf = (vault: Vault): Secrets => ({
  get: (name) => vault.get(name),
  basic: (username, password) => vault.basic(username, password),
  hmac: (name, data, options) => vault.hmac(name, data, options),
});

function logTo(logs: string[], vault: Vault): Log {
  const shown = (part: unknown) =>
    typeof part === "string" ? part : part instanceof Error ? String(part) : (JSON.stringify(part) ?? String(part));
  const at =
    (level: string) =>
    (...parts: unknown[]) => {
      logs.push(`${level} ${vault.mask(parts.map(shown).join(" "))}`);
    };
  const levels = { debug: at("DEBUG"), info: at("INFO"), warn: at("WARNING"), error: at("ERROR") };
  return Object.assign(at("INFO"), levels);
}

function recordsIn(stored: Map<string, unknown>): Records {
  return {
    get: async (key) => (structuredClone(stored.get(key)) ?? null) as any,
    set: async (key, value) => {
      stored.set(key, structuredClone(value) ?? null);
    },
    delete: async (key) => stored.delete(key),
  };
}

function filesIn(written: Map<string, Uint8Array>): Files {
  const read = (path: string) => {
    const content = written.get(path);
    if (content === undefined) throw new TerminalError(`there is no file ${path}`, { type: "not_found" });
    return content.slice();
  };
  return {
    read: async (path) => read(path),
    readText: async (path) => new TextDecoder().decode(read(path)),
    write: async (path, content) => {
      written.set(path, contentOf(content));
    },
    list: async (path) => [...written.keys()].filter((name) => name.startsWith(`${path.replace(/\/$/, "")}/`)).sort(),
  };
}

const contentOf = (content: string | ArrayBuffer | ArrayBufferView) =>
  typeof content === "string" ? new TextEncoder().encode(content) : bytesOf(content);

function called(call: ExpectedCall | undefined, type: string, inputs: object, faults: string[]): any {
  if (call?.type !== type) {
    faults.push(`the call of ${type} is not expected`);
    throw new TerminalError(`the call of ${type} is not expected`, { type: "test" });
  }
  if (call.inputs && !isDeepStrictEqual(call.inputs, inputs)) {
    faults.push(`the inputs of ${type} should be ${JSON.stringify(call.inputs)}, are ${JSON.stringify(inputs)}`);
  }
  if (call.error) throw new TerminalError(call.error.message, { type: call.error.type });
  return call.output ?? null;
}
