// What the engine has besides ECMAScript, for projects without the types of a browser or of Node.

interface Console {
  log(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  debug(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
}

/** Writes to the execution's log, as `ctx.log` does. */
declare var console: Console;

interface TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
}

declare var TextEncoder: { new (): TextEncoder };

interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(data?: ArrayBuffer | ArrayBufferView): string;
}

declare var TextDecoder: {
  /** UTF-8 is the one encoding that there is. */
  new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder;
};

interface DOMException extends Error {
  readonly code: number;
}

declare var DOMException: { new (message?: string, name?: string): DOMException };

/** Stands still: both give the time at which the task began. */
declare var performance: { now(): number; readonly timeOrigin: number };

declare function atob(text: string): string;
declare function btoa(text: string): string;
declare function queueMicrotask(callback: () => void): void;
