import assert from "node:assert/strict";
import { test } from "node:test";

import { testContext } from "@workflow/plugin-sdk/testing";

const sent = async (options, world = {}) => {
  const ctx = testContext({ http: [{}], ...world });
  await ctx.http.request(typeof options === "function" ? options(ctx) : options);
  return ctx.requests[0];
};

test("an answer has what the engine's has", async () => {
  const http = [{ response: { status: 201, headers: { "X-Id": 7 }, json: { a: 1 } } }];
  const answer = await testContext({ http }).http.request("https://example.com/");
  assert.deepEqual([answer.status, answer.ok, answer.url], [201, true, "https://example.com/"]);
  assert.deepEqual(answer.headers, { "content-type": "application/json", "x-id": "7" });
  assert.deepEqual([answer.body, answer.text(), answer.json()], ['{"a":1}', '{"a":1}', { a: 1 }]);
});

test("without more, the answer is 200 and empty", async () => {
  const answer = await testContext({ http: [{}] }).http.request({ url: "https://example.com/" });
  assert.deepEqual([answer.status, answer.body], [200, ""]);
});

test("bytes stay bytes", async () => {
  const http = [{ response: { body: Uint8Array.of(104, 105) } }];
  const answer = await testContext({ http }).http.request("https://example.com/");
  assert.deepEqual([answer.body, answer.text()], [Uint8Array.of(104, 105), "hi"]);
});

test("a failure of the network may pass", async () => {
  const { http } = testContext({ http: [{ response: { error: "connection reset" } }] });
  await assert.rejects(http.request("https://example.com/"), { name: "RetryableError", type: "network" });
});

test("bodies and queries are encoded as the engine does it", async () => {
  const url = "https://example.com/a?b=1#top";
  const json = await sent({ url, method: "post", json: { a: undefined, b: "ä" } });
  assert.deepEqual([json.method, json.body, json.headers], ["POST", '{"b":"ä"}', { "content-type": "application/json" }]);
  const form = { a: "x y!", b: { c: 1, d: { e: true } }, f: [1, 2], g: null, h: undefined };
  const posted = await sent({ url, form, headers: { "Content-Type": "text/plain" } });
  assert.equal(posted.body, "a=x%20y%21&b%5Bc%5D=1&b%5Bd%5D%5Be%5D=true&f=1&f=2");
  assert.equal(posted.headers["content-type"], "text/plain");
  assert.equal((await sent({ url, query: { q: "(a)" } })).url, "https://example.com/a?b=1&q=%28a%29#top");
  assert.deepEqual((await sent({ url, body: Uint8Array.of(1).buffer })).body, Uint8Array.of(1));
});

test("secrets are put in where they stand, encoded for the place, and masked in answers", async () => {
  const world = { secrets: { KEY: 'a/b"c&d' }, http: [{ response: { body: 'you are a/b"c&d' } }] };
  const handle = (ctx) => ctx.secrets.get("KEY");
  const header = await sent((ctx) => ({ url: "https://example.com/", headers: { "X-Key": handle(ctx) } }), world);
  assert.equal(header.headers["x-key"], 'a/b"c&d');
  const query = await sent((ctx) => ({ url: "https://example.com/", query: { k: handle(ctx) } }), world);
  assert.equal(query.url, "https://example.com/?k=a%2Fb%22c%26d");
  const form = await sent((ctx) => ({ url: "https://example.com/", form: { k: handle(ctx) } }), world);
  assert.equal(form.body, "k=a%2Fb%22c%26d");
  const json = await sent((ctx) => ({ url: "https://example.com/", json: { k: handle(ctx) } }), world);
  assert.deepEqual(JSON.parse(json.body), { k: 'a/b"c&d' });
  const ctx = testContext(world);
  const answer = await ctx.http.request({ url: "https://example.com/", body: ctx.secrets.get("KEY") });
  assert.equal(answer.text(), "you are ***");
});

test("a handle may be a whole URL, a part of a path, and Basic credentials", async () => {
  const secrets = { HOOK: "https://hooks.example.com/a?b=c", TOKEN: "1:x" };
  const whole = await sent((ctx) => ({ url: ctx.secrets.get("HOOK") }), { secrets });
  assert.equal(whole.url, secrets.HOOK);
  const path = await sent((ctx) => ({ url: `https://example.com/bot${ctx.secrets.get("TOKEN")}/send` }), { secrets });
  assert.equal(path.url, "https://example.com/bot1:x/send");
  const basic = await sent(
    (ctx) => ({
      url: "https://example.com/",
      headers: { Authorization: `Basic ${ctx.secrets.basic("u", ctx.secrets.get("TOKEN"))}` },
    }),
    { secrets },
  );
  assert.equal(basic.headers.authorization, `Basic ${btoa("u:1:x")}`);
});

test("what is otherwise than expected is told", async () => {
  const request = {
    method: "PUT",
    url: "https://example.com/other",
    headers: { "X-A": "1" },
    json: { a: { b: 1 } },
  };
  const ctx = testContext({ http: [{ request }, { request: { url: "https://example.com/next" } }] });
  await ctx.http.request({ url: "https://example.com/", json: { a: { b: 2, c: 3 } } });
  const told = [
    "the method should be PUT",
    "the URL should be https://example.com/other",
    "the header X-A should be 1, is undefined",
    'the json should have {"a":{"b":1}}, is {"a":{"b":2,"c":3}}',
  ].map((text) => `GET https://example.com/: ${text}`);
  const missing = "the request https://example.com/next was not made";
  assert.throws(() => ctx.verify(), { name: "AssertionError", message: [...told, missing].join("\n") });
});

test("what has more than expected is as expected", async () => {
  const request = { method: "post", form: { a: "1" }, body: "a=1&b=2" };
  const ctx = testContext({ http: [{ request }] });
  await ctx.http.request({ url: "https://example.com/", method: "POST", form: { a: 1, b: 2 } });
  ctx.verify();
});

test("a request that is not expected fails", async () => {
  const ctx = testContext();
  await assert.rejects(ctx.http.request("https://example.com/"), { type: "test" });
  assert.throws(() => ctx.verify(), /the request GET https:\/\/example.com\/ is not expected/);
});
