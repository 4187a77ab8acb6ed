/** How an error is told: `type` is what `retry.for` and `error.type` see, `[a-z][a-z0-9_]{0,63}`. */
export interface ErrorOptions {
  type?: string;
}

/** `retryAfter`: seconds that the next attempt waits at least. */
export interface RetryOptions extends ErrorOptions {
  retryAfter?: number | undefined;
}

declare global {
  /** A failure that no other attempt would mend. */
  class TerminalError extends Error {
    constructor(message: string, options?: import("./errors.js").ErrorOptions);
    readonly type: string;
    readonly retryable: false;
  }

  /** A failure that may pass: the task's `retry` decides whether and when it is tried again. */
  class RetryableError extends Error {
    constructor(message: string, options?: import("./errors.js").RetryOptions);
    readonly type: string;
    readonly retryable: true;
    readonly retryAfter: number | undefined;
  }
}
