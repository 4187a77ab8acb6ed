import type { Context, HttpAnswer } from "@workflow/plugin-sdk";

interface Content {
  message?: string;
  blocks?: object[];
  attachments?: object[];
  thread?: string;
  unfurl?: boolean;
}

interface Message extends Content {
  channel: string;
  broadcast?: boolean;
  markdown: boolean;
  username?: string;
  icon_emoji?: string;
  icon_url?: string;
}

interface Sent {
  channel: string;
  ts: string;
  warnings: string[];
}

const POST_MESSAGE = "https://slack.com/api/chat.postMessage";

/** Errors that Slack gives when it is Slack that has trouble. */
const PASSING = new Set([
  "fatal_error",
  "internal_error",
  "rate_limited",
  "ratelimited",
  "request_timeout",
  "rollup_error",
  "service_unavailable",
  "team_added_to_org",
]);

export async function send(inputs: Message, ctx: Context): Promise<Sent> {
  const answer = await ctx.http.request({
    method: "POST",
    url: POST_MESSAGE,
    headers: {
      Authorization: `Bearer ${ctx.secrets.get("SLACK_TOKEN")}`,
      "Content-Type": "application/json; charset=utf-8",
    },
    json: {
      channel: inputs.channel,
      ...content(inputs),
      mrkdwn: inputs.markdown,
      reply_broadcast: inputs.broadcast,
      username: inputs.username,
      icon_emoji: inputs.icon_emoji,
      icon_url: inputs.icon_url,
    },
  });
  expectService(answer);
  const said = bodyOf(answer);
  if (said.ok !== true) throw refused(said.error ?? `HTTP ${answer.status}`, details(said));
  const warnings: string[] = said.response_metadata?.warnings ?? [];
  for (const warning of warnings) ctx.log.warn(`Slack warns: ${warning}`);
  return { channel: said.channel, ts: said.ts, warnings };
}

export async function webhook(inputs: Content, ctx: Context): Promise<{ sent: true }> {
  const answer = await ctx.http.request({
    method: "POST",
    url: ctx.secrets.get("SLACK_WEBHOOK"),
    json: content(inputs),
  });
  const said = answer.text().trim();
  if (answer.ok && said === "ok") return { sent: true };
  if (!PASSING.has(said)) expectService(answer);
  throw refused(/^\w{1,64}$/.test(said) ? said : `HTTP ${answer.status}`, []);
}

function content({ message, blocks, attachments, thread, unfurl }: Content) {
  if (message === undefined && !blocks && !attachments) {
    throw new TerminalError("message, blocks or attachments must be given", { type: "invalid_input" });
  }
  return { text: message, blocks, attachments, thread_ts: thread, unfurl_links: unfurl, unfurl_media: unfurl };
}

/** Throws when there is no answer of Slack's own to read. */
function expectService(answer: HttpAnswer): void {
  if (answer.status === 429) {
    const retryAfter = Number(answer.headers["retry-after"]) || 30;
    throw new RetryableError(`Slack asks to wait ${retryAfter} s`, { type: "ratelimited", retryAfter });
  }
  if (answer.status >= 500) {
    throw new RetryableError(`Slack answers with HTTP ${answer.status}`, { type: "service_unavailable" });
  }
}

function bodyOf(answer: HttpAnswer): any {
  try {
    return answer.json() ?? {};
  } catch {
    return {};
  }
}

/** What Slack tells beside the error's name. */
function details(said: any): string[] {
  const scopes = said.needed ? [`needed: ${said.needed}; provided: ${said.provided}`] : [];
  return [...scopes, ...(said.errors ?? []), ...(said.response_metadata?.messages ?? [])].map(String);
}

function refused(error: string, more: string[]): Error {
  const message = [`Slack refuses the message: ${error}`, ...more].join("; ");
  if (PASSING.has(error)) return new RetryableError(message, { type: error });
  return new TerminalError(message, { type: /^[a-z]\w*$/.test(error) ? error : "refused" });
}
