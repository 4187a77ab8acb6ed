// The errors that plugins throw, as the engine has them. Importing this makes them global.

import type { ErrorOptions, RetryOptions } from "../errors.js";

class TestTerminalError extends Error implements TerminalError {
  override readonly name = "TerminalError";
  readonly type: string;
  readonly retryable = false;
  constructor(message: string, { type = "error" }: ErrorOptions = {}) {
    super(message);
    this.type = type;
  }
}

class TestRetryableError extends Error implements RetryableError {
  override readonly name = "RetryableError";
  readonly type: string;
  readonly retryable = true;
  readonly retryAfter: number | undefined;
  constructor(message: string, { type = "error", retryAfter }: RetryOptions = {}) {
    super(message);
    this.type = type;
    this.retryAfter = retryAfter;
  }
}

Object.assign(globalThis, { TerminalError: TestTerminalError, RetryableError: TestRetryableError });
