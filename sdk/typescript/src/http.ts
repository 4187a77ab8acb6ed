/** Requests to the hosts that the permissions name. Permission: `network`. */
export interface Http {
  /**
   * Sends a request; a status of any kind is an answer, not an error. Without an answer it throws a RetryableError
   * of the type `network` or `timeout`.
   */
  request(options: HttpRequest | string): Promise<HttpAnswer>;
}

/** At most one of `json`, `form` and `body` is sent, in this order. */
export interface HttpRequest {
  url: string;
  /** `GET` unless said otherwise. */
  method?: string;
  headers?: Record<string, string | number>;
  /** Added to the URL's query: arrays repeat their name, objects put theirs in brackets. */
  query?: object;
  json?: unknown;
  /** Sent as `application/x-www-form-urlencoded`, written as `query` is. */
  form?: object;
  body?: string | ArrayBuffer | ArrayBufferView;
  /** Seconds for all of it; 30 unless said otherwise. */
  timeout?: number;
  /** How many redirects are followed, 5 unless said otherwise; with 0 a redirect is the answer. */
  redirects?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Text when it is UTF-8, else bytes. */
  readonly body: string | Uint8Array;
  /** The URL that was asked last. */
  readonly url: string;
  text(): string;
  json<T = any>(): T;
}
