// The way to the host and back.
(function (kit) {
  "use strict";

  const { String, hasOwn } = kit.kept;
  const { RetryableError, TerminalError, ask, bytesOf } = kit;

  kit.host = function host(envelope) {
    const answer = ask(envelope, envelope.op);
    if (answer === undefined) {
      throw new TerminalError(envelope.op + " was given more than 8 MiB", { type: "too_large" });
    }
    if (!hasOwn(answer, "error")) return answer.value;
    const { type, message, retryable, retry_after: retryAfter } = answer.error;
    throw retryable ? new RetryableError(message, { type, retryAfter }) : new TerminalError(message, { type });
  };

  // Content to send: text or bytes.
  kit.carried = (data) => (data === undefined || data === null ? data : (bytesOf(data) ?? String(data)));
});
