// What a request is made of, encoded as the engine does it.

import type { HttpRequest } from "../http.js";

/** A body as it is sent, with the type that it has unless the headers say another. */
export interface Body {
  body: string | Uint8Array | undefined;
  type: string;
}

export function percent(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `a=1&b[c]=2&d=3&d=4`; null and undefined are left out. */
export function formed(value: unknown): string {
  return pairs(value, "").join("&");
}

function pairs(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object") return [`${percent(name)}=${percent(String(value))}`];
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([key, inner]) =>
    pairs(inner, isList ? name : name ? `${name}[${key}]` : key),
  );
}

export function withQuery(url: string, query: object | undefined): string {
  const text = formed(query);
  if (!text) return url;
  const [address = "", ...fragment] = url.split(/(?=#)/);
  return `${address}${address.includes("?") ? "&" : "?"}${text}${fragment.join("")}`;
}

export function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

export function bodyOf({ json, form, body }: HttpRequest): Body {
  if (json !== undefined) return { body: JSON.stringify(json), type: "application/json" };
  if (form !== undefined) return { body: formed(form), type: "application/x-www-form-urlencoded" };
  return { body: typeof body === "object" ? bytesOf(body) : body, type: "" };
}

/** Names in lower case, with a content type. */
export function headersOf(given: HttpRequest["headers"], type: string): Record<string, string> {
  const headers = Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return { ...(type && { "content-type": type }), ...Object.fromEntries(headers) };
}
