import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { defineAction } from "@workflow/plugin-sdk";
import { testContext } from "@workflow/plugin-sdk/testing";

const greet = defineAction(async ({ name }, ctx) => {
  const times = ((await ctx.kv.get(name)) ?? 0) + 1;
  await ctx.kv.set(name, times);
  ctx.log(`greeting ${name}`, { times });
  return { text: `Hello ${name}!`, times };
});

test("an action is a function of its inputs and the context", async () => {
  const ctx = testContext({ kv: { Ada: 2 } });
  assert.deepEqual(await greet({ name: "Ada" }, ctx), { text: "Hello Ada!", times: 3 });
  assert.deepEqual([...ctx.stored], [["Ada", 3]]);
  assert.deepEqual(ctx.logs, ['INFO greeting Ada {"times":3}']);
  ctx.verify();
});

test("the task can be told", () => {
  const { task } = testContext({ task: { attempt: 3 } });
  assert.deepEqual(task, { execution: "test", workflow: "default/test", task: "task", attempt: 3, key: "test/task/0" });
});

test("levels, errors and what is no text are logged as the engine shows them", () => {
  const ctx = testContext();
  ctx.log.debug("a", 1, null, undefined);
  ctx.log.warn(new TypeError("no"));
  ctx.log.error({ a: [1] });
  assert.deepEqual(ctx.logs, ["DEBUG a 1 null undefined", "WARNING TypeError: no", 'ERROR {"a":[1]}']);
});

test("records are copies", async () => {
  const ctx = testContext();
  const value = { a: [1] };
  await ctx.kv.set("k", value);
  value.a.push(2);
  assert.deepEqual(await ctx.kv.get("k"), { a: [1] });
  assert.equal(await ctx.kv.delete("k"), true);
  assert.equal(await ctx.kv.delete("k"), false);
  assert.equal(await ctx.kv.get("k"), null);
});

test("files are bytes", async () => {
  const ctx = testContext({ files: { "/in/a.txt": "grüße", "/in/b/c": new Uint8Array([255]) } });
  assert.equal(await ctx.files.readText("/in/a.txt"), "grüße");
  await ctx.files.write("/out/d", new Uint8Array([1, 2]).buffer);
  assert.deepEqual(await ctx.files.read("/out/d"), new Uint8Array([1, 2]));
  assert.deepEqual(await ctx.files.list("/in"), ["/in/a.txt", "/in/b/c"]);
  assert.deepEqual([...ctx.written.keys()], ["/in/a.txt", "/in/b/c", "/out/d"]);
  await assert.rejects(ctx.files.read("/none"), { name: "TerminalError", type: "not_found" });
});

test("environment variables", () => {
  const { env } = testContext({ env: { REGION: "eu" } });
  assert.deepEqual([env.get("REGION"), env.get("NONE")], ["eu", null]);
});

test("the errors of the engine are global", () => {
  const terminal = new TerminalError("no");
  const retryable = new RetryableError("later", { type: "busy", retryAfter: 5 });
  assert.deepEqual([terminal.name, terminal.type, terminal.retryable], ["TerminalError", "error", false]);
  assert.deepEqual([retryable.type, retryable.retryable, retryable.retryAfter], ["busy", true, 5]);
  assert.ok(terminal instanceof Error);
});

test("calls of other actions", async () => {
  const expected = [
    { type: "a/b.c", inputs: { x: 1 }, output: 2 },
    { type: "a/b.d", error: { type: "gone", message: "not there" } },
  ];
  const ctx = testContext({ calls: expected });
  assert.throws(() => ctx.verify(), /the call of a\/b\.c was not made/);
  assert.equal(await ctx.call("a/b.c", { x: 1 }), 2);
  await assert.rejects(ctx.call("a/b.d"), { type: "gone", message: "not there" });
  ctx.verify();
  await assert.rejects(ctx.call("a/b.e"), { type: "test" });
  assert.throws(() => ctx.verify(), /the call of a\/b\.e is not expected/);
});

test("inputs of a call that are otherwise are told", async () => {
  const ctx = testContext({ calls: [{ type: "a/b.c", inputs: { x: 1 } }] });
  assert.equal(await ctx.call("a/b.c", { x: 2 }), null);
  assert.throws(() => ctx.verify(), /the inputs of a\/b\.c should be \{"x":1\}, are \{"x":2\}/);
});

test("secrets are handles", () => {
  const { secrets, logs, log } = testContext({ secrets: { KEY: "s3cret" } });
  assert.match(secrets.get("KEY"), /^wfs_[0-9a-f]{32}$/);
  assert.match(secrets.basic("user", secrets.get("KEY")), /^wfs_[0-9a-f]{32}$/);
  assert.equal(secrets.hmac("KEY", "data"), createHmac("sha256", "s3cret").update("data").digest("hex"));
  const options = { algorithm: "sha1", encoding: "base64" };
  const signed = createHmac("sha1", "s3cret").update(Buffer.of(1)).digest("base64");
  assert.equal(secrets.hmac("KEY", Uint8Array.of(1), options), signed);
  assert.throws(() => secrets.get("NONE"), { type: "secret" });
  log("it is s3cret");
  assert.deepEqual(logs, ["INFO it is ***"]);
});
