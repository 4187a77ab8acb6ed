import type { Http } from "./http.js";

/** What an action may ask of the engine. What the permissions do not have fails with the type `permission`. */
export interface Context {
  readonly task: Task;
  readonly log: Log;
  readonly http: Http;
  readonly kv: Records;
  readonly files: Files;
  readonly env: Environment;
  readonly secrets: Secrets;
  /** The output of another plugin's action, such as `community/slack.send`. */
  call<T = any>(type: string, inputs?: object): Promise<T>;
}

/** The task that the action runs for. */
export interface Task {
  /** The id of the execution. */
  readonly execution: string;
  /** `namespace/id` of the workflow. */
  readonly workflow: string;
  /** The name of the task. */
  readonly task: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The idempotency key: the same for every attempt, another for an explicit retry. */
  readonly key: string;
}

/** Writes a line to the execution's log; what is no text is shown as JSON. */
export interface Log {
  (...parts: unknown[]): void;
  debug(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
}

/** Durable values by key, the plugin's own, for later executions too. Permission: `kv`. */
export interface Records {
  /** The value, or null when there is none or it has expired. */
  get<T = any>(key: string): Promise<T | null>;
  /** Stores a JSON value or bytes, for `ttl` seconds when given. */
  set(key: string, value: unknown, options?: { ttl?: number }): Promise<void>;
  /** Whether there was one. */
  delete(key: string): Promise<boolean>;
}

/** The virtual files of the task. Permission: `filesystem`. */
export interface Files {
  read(path: string): Promise<Uint8Array>;
  /** As UTF-8. */
  readText(path: string): Promise<string>;
  write(path: string, content: string | ArrayBuffer | ArrayBufferView): Promise<void>;
  /** The paths below one. */
  list(path: string): Promise<string[]>;
}

/** Environment variables. Permission: `env`. */
export interface Environment {
  get(name: string): string | null;
}

/** Secrets, as handles. Permission: `secrets`. */
export interface Secrets {
  /**
   * Text that stands for the secret. The engine puts the value in its place in the URL, the headers and the body of
   * a request to a host that was granted for it, encoded as the place needs it; a handle alone may be a whole URL.
   */
  get(name: string): string;
  /** A handle for the credentials of the Basic scheme: `Authorization: Basic ${…}`. Both parts may be handles. */
  basic(username: string, password: string): string;
  /** The HMAC of the data under the secret. */
  hmac(name: string, data: string | ArrayBuffer | ArrayBufferView, options?: HmacOptions): string;
}

/** `sha256` and `hex` unless said otherwise. */
export interface HmacOptions {
  algorithm?: "sha256" | "sha1" | "sha512";
  encoding?: "hex" | "base64";
}
