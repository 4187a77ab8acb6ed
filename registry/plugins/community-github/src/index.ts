import type { Context, HttpAnswer, HttpRequest } from "@workflow/plugin-sdk";

interface Issue {
  repo: string;
  title: string;
  body?: string;
  labels?: string[];
  assignees?: string[];
  milestone?: number;
}

interface Dispatch {
  repo: string;
  workflow?: string | number;
  ref?: string;
  inputs?: object;
  event?: string;
  payload?: object;
}

interface Listing {
  repo: string;
  limit: number;
  prereleases: boolean;
}

interface Release {
  id: number;
  tag: string;
  name: string;
  url: string;
  draft: boolean;
  prerelease: boolean;
  published_at: string | null;
  body: string;
  assets: { name: string; size: number; url: string }[];
}

const API = "https://api.github.com";
const PAGE = 100;
/** What GitHub asks to wait after a secondary limit that says no time of its own. */
const SECONDARY_PAUSE = 60;

export async function issue({ repo, ...fields }: Issue, ctx: Context) {
  const made = (await ask(ctx, { method: "POST", url: `${repository(repo)}/issues`, json: fields })).json();
  return { number: made.number, id: made.id, url: made.html_url, state: made.state };
}

export async function dispatch(given: Dispatch, ctx: Context): Promise<{ sent: true }> {
  const base = repository(given.repo);
  if (given.workflow !== undefined) {
    const url = `${base}/actions/workflows/${encodeURIComponent(given.workflow)}/dispatches`;
    await ask(ctx, { method: "POST", url, json: { ref: given.ref ?? "main", inputs: given.inputs ?? {} } });
  } else if (given.event !== undefined) {
    const json = { event_type: given.event, client_payload: given.payload ?? {} };
    await ask(ctx, { method: "POST", url: `${base}/dispatches`, json });
  } else {
    throw new TerminalError("workflow or event must be given", { type: "invalid_input" });
  }
  return { sent: true };
}

export async function releases({ repo, limit, prereleases }: Listing, ctx: Context) {
  const found: Release[] = [];
  let url: string | undefined = `${repository(repo)}/releases?per_page=${Math.min(limit, PAGE)}`;
  while (url !== undefined) {
    const answer: HttpAnswer = await ask(ctx, { url });
    for (const one of answer.json()) {
      if (one.prerelease && !prereleases) continue;
      if (found.length === limit) return { releases: found, complete: false };
      found.push(release(one));
    }
    url = nextPage(answer);
    if (found.length === limit && url !== undefined) return { releases: found, complete: false };
  }
  return { releases: found, complete: true };
}

function release(one: any): Release {
  return {
    id: one.id,
    tag: one.tag_name,
    name: one.name ?? one.tag_name,
    url: one.html_url,
    draft: one.draft,
    prerelease: one.prerelease,
    published_at: one.published_at,
    body: one.body ?? "",
    assets: one.assets.map((asset: any) => ({
      name: asset.name,
      size: asset.size,
      url: asset.browser_download_url,
    })),
  };
}

function repository(repo: string): string {
  if (!/^[\w.-]+\/(?!\.{1,2}$)[\w.-]+$/.test(repo)) {
    throw new TerminalError(`repo: ${repo} is not owner/name`, { type: "invalid_input" });
  }
  return `${API}/repos/${repo}`;
}

/** The address of the page after this one (RFC 8288). */
function nextPage(answer: HttpAnswer): string | undefined {
  return /<([^<>]*)>\s*;[^,<]*\brel="?next"?/.exec(answer.headers["link"] ?? "")?.[1];
}

async function ask(ctx: Context, request: HttpRequest): Promise<HttpAnswer> {
  const answer = await ctx.http.request({
    ...request,
    headers: {
      Authorization: `Bearer ${ctx.secrets.get("GITHUB_TOKEN")}`,
      Accept: "application/vnd.github+json",
      "X-GitHub-Api-Version": "2022-11-28",
    },
  });
  if (!answer.ok) throw refused(answer);
  return answer;
}

const TYPES: Record<number, string> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  410: "gone",
  422: "validation_failed",
};

function refused(answer: HttpAnswer): Error {
  const said = bodyOf(answer);
  const reasons = (said.errors ?? []).map((one: any) => one.message ?? [one.field, one.code].join(" "));
  const message = ["GitHub refuses", said.message ?? `HTTP ${answer.status}`, ...reasons].join(": ");
  if (answer.status >= 500) return new RetryableError(message, { type: "service" });
  if (answer.status === 403 || answer.status === 429) {
    const limit = limitOf(answer, said.message ?? "");
    if (limit !== undefined) return new RetryableError(message, limit);
  }
  return new TerminalError(message, { type: TYPES[answer.status] ?? "refused" });
}

/** Which limit was reached and how long to wait; undefined when it is something else. */
function limitOf({ status, headers }: HttpAnswer, message: string): Limit | undefined {
  const wait = Number(headers["retry-after"]);
  if (wait > 0) return { type: "secondary_rate_limit", retryAfter: wait };
  if (headers["x-ratelimit-remaining"] === "0") {
    // By GitHub's clock: Date.now() is when the task began.
    const now = Date.parse(headers["date"] ?? "") || Date.now();
    const pause = Number(headers["x-ratelimit-reset"]) - Math.floor(now / 1000);
    return { type: "rate_limit", retryAfter: Math.max(pause, 1) || SECONDARY_PAUSE };
  }
  const isSecondary = status === 429 || /secondary rate limit|abuse/i.test(message);
  return isSecondary ? { type: "secondary_rate_limit", retryAfter: SECONDARY_PAUSE } : undefined;
}

interface Limit {
  type: string;
  retryAfter: number;
}

function bodyOf(answer: HttpAnswer): any {
  try {
    return answer.json() ?? {};
  } catch {
    return {};
  }
}
