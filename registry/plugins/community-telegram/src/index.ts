import type { Context, HttpAnswer } from "@workflow/plugin-sdk";

interface Message {
  chat: number | string;
  message: string;
  format?: "HTML" | "MarkdownV2" | "Markdown";
  thread?: number;
  reply_to?: number;
  silent: boolean;
  protect: boolean;
  preview: boolean;
  markup?: object;
}

interface Sent {
  message_id: number;
  chat_id: number;
  date: number;
}

/** Telegram's own `{ok, result}` or `{ok, error_code, description, parameters}`. */
interface Said {
  ok?: boolean;
  result?: any;
  error_code?: number;
  description?: string;
  parameters?: { retry_after?: number; migrate_to_chat_id?: number };
}

const TYPES: Record<number, string> = {
  400: "bad_request",
  401: "unauthorized",
  403: "forbidden",
  404: "unauthorized", // what a malformed token gets
  409: "conflict",
};

export async function send(inputs: Message, ctx: Context): Promise<Sent> {
  const answer = await ctx.http.request({
    method: "POST",
    url: `https://api.telegram.org/bot${ctx.secrets.get("TELEGRAM_TOKEN")}/sendMessage`,
    json: {
      chat_id: inputs.chat,
      text: inputs.message,
      parse_mode: inputs.format,
      message_thread_id: inputs.thread,
      reply_parameters: inputs.reply_to === undefined ? undefined : { message_id: inputs.reply_to },
      disable_notification: inputs.silent,
      protect_content: inputs.protect,
      link_preview_options: { is_disabled: !inputs.preview },
      reply_markup: inputs.markup,
    },
  });
  const said = bodyOf(answer);
  if (said.ok !== true) throw refused(said, answer);
  return { message_id: said.result.message_id, chat_id: said.result.chat.id, date: said.result.date };
}

function bodyOf(answer: HttpAnswer): Said {
  try {
    return answer.json() ?? {};
  } catch {
    return {};
  }
}

function refused(said: Said, answer: HttpAnswer): Error {
  const code = said.error_code ?? answer.status;
  const message = `Telegram refuses the message: ${said.description ?? `HTTP ${code}`}`;
  if (code === 429) {
    const retryAfter = said.parameters?.retry_after ?? (Number(answer.headers["retry-after"]) || 30);
    return new RetryableError(message, { type: "rate_limit", retryAfter });
  }
  if (code >= 500) return new RetryableError(message, { type: "service" });
  const moved = said.parameters?.migrate_to_chat_id;
  if (moved !== undefined) {
    return new TerminalError(`${message}; it is the chat ${moved} now`, { type: "chat_migrated" });
  }
  return new TerminalError(message, { type: TYPES[code] ?? "refused" });
}
