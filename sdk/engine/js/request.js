// ctx.http.request: what a request is made of, and what is made of its answer.
(function (kit) {
  "use strict";

  const { String, encodeURIComponent } = kit.kept;
  const { includes, indexOf, isArray, keys, parse, replaceAll, slice, toLowerCase } = kit.kept;
  const { carried, decodeUtf8, host, write } = kit;

  // Reserved by RFC 3986, though not by encodeURIComponent.
  const RESERVED = ["!", "'", "(", ")", "*"];
  const CODES = ["%21", "%27", "%28", "%29", "%2A"];

  function percent(text) {
    let made = encodeURIComponent(text);
    for (let i = 0; i < RESERVED.length; i++) made = replaceAll(made, RESERVED[i], CODES[i]);
    return made;
  }

  // &a=1&b[c]=2&d=3&d=4: arrays repeat their name, objects put theirs in brackets, null and undefined are left out.
  function formed(value, name = "") {
    if (value === undefined || value === null) return "";
    if (typeof value !== "object") return "&" + percent(name) + "=" + percent(String(value));
    const names = keys(value);
    let text = "";
    for (let i = 0; i < names.length; i++) {
      const inner = name ? name + "[" + names[i] + "]" : names[i];
      text += formed(value[names[i]], isArray(value) ? name : inner);
    }
    return text;
  }

  function withQuery(url, query) {
    const pairs = slice(formed(query), 1);
    if (!pairs) return url;
    const hash = indexOf(url, "#");
    const address = hash < 0 ? url : slice(url, 0, hash);
    const fragment = hash < 0 ? "" : slice(url, hash);
    return address + (includes(address, "?") ? "&" : "?") + pairs + fragment;
  }

  function headersOf(given, type) {
    const headers = { __proto__: null };
    const names = keys(given ?? {});
    let isTyped = !type;
    for (let i = 0; i < names.length; i++) {
      headers[names[i]] = String(given[names[i]]);
      isTyped ||= toLowerCase(names[i]) === "content-type";
    }
    if (!isTyped) headers["Content-Type"] = type;
    return headers;
  }

  function bodyOf({ body, json, form }) {
    if (json !== undefined) return { body: write(json, "json"), type: "application/json" };
    if (form !== undefined) return { body: slice(formed(form), 1), type: "application/x-www-form-urlencoded" };
    return { body: carried(body) ?? undefined, type: "" };
  }

  kit.request = async function request(options) {
    if (typeof options === "string") options = { url: options };
    const { url, method = "GET", query, timeout, redirects } = options;
    const { body, type } = bodyOf(options);
    const headers = headersOf(options.headers, type);
    const address = withQuery(String(url), query);
    const asked = { method, url: address, headers, body, timeout, redirects };
    const answer = host({ __proto__: null, op: "http.request", ...asked });
    const text = () => (typeof answer.body === "string" ? answer.body : decodeUtf8(answer.body, false));
    return { ...answer, ok: answer.status >= 200 && answer.status < 300, text, json: () => parse(text()) };
  };
});
