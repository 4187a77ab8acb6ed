import type { Context, HttpAnswer } from "@workflow/plugin-sdk";

type Metadata = Record<string, string | number | boolean>;

interface Charge {
  amount: number;
  currency: string;
  customer?: string;
  payment_method?: string;
  source?: string;
  capture: boolean;
  description?: string;
  metadata?: Metadata;
  receipt_email?: string;
  statement_descriptor_suffix?: string;
}

interface Refund {
  payment: string;
  amount?: number;
  reason?: string;
  metadata?: Metadata;
}

interface Payment {
  id: string;
  status: string;
  amount: number;
  currency: string;
  charge: string | null;
}

const API = "https://api.stripe.com/v1";
/** What the answers look like does not change with the account's settings. */
const VERSION = "2024-06-20";
/** Where an intent stands when the money is there, reserved, or on its way. */
const DONE = ["succeeded", "requires_capture", "processing"];

export async function charge(inputs: Charge, ctx: Context): Promise<Payment> {
  if (inputs.payment_method !== undefined) return byIntent(inputs, ctx);
  const { customer, source, capture } = inputs;
  if (customer === undefined && source === undefined) {
    throw new TerminalError("customer, payment_method or source must be given", { type: "invalid_input" });
  }
  const made = await post("/charges", { ...common(inputs), customer, source, capture }, ctx);
  if (made.status === "failed") {
    throw new TerminalError(`the charge ${made.id} failed: ${made.failure_message}`, { type: "card_error" });
  }
  return payment(made, made.id);
}

export async function refund({ payment: id, ...fields }: Refund, ctx: Context): Promise<Payment> {
  const target = id.startsWith("pi_") ? { payment_intent: id } : { charge: id };
  const made = await post("/refunds", { ...target, ...fields }, ctx);
  if (made.status === "failed" || made.status === "canceled") {
    const reason = made.failure_reason ?? made.status;
    throw new TerminalError(`the refund ${made.id} failed: ${reason}`, { type: "refund_failed" });
  }
  return payment(made, made.charge);
}

async function byIntent(inputs: Charge, ctx: Context): Promise<Payment> {
  const { customer, payment_method, capture } = inputs;
  const made = await post(
    "/payment_intents",
    {
      ...common(inputs),
      customer,
      payment_method,
      capture_method: capture ? "automatic" : "manual",
      confirm: true,
      off_session: customer === undefined ? undefined : true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    },
    ctx,
  );
  if (!DONE.includes(made.status)) {
    const type = made.status === "requires_action" ? "authentication_required" : "card_error";
    throw new TerminalError(`the payment ${made.id} is not made: it is in the state ${made.status}`, { type });
  }
  return payment(made, made.latest_charge);
}

function common({ amount, currency, ...rest }: Charge): Record<string, unknown> {
  const { description, metadata, receipt_email, statement_descriptor_suffix } = rest;
  const code = currency.toLowerCase();
  return { amount, currency: code, description, metadata, receipt_email, statement_descriptor_suffix };
}

function payment({ id, status, amount, currency }: Payment, charge: string | null): Payment {
  return { id, status, amount, currency, charge };
}

async function post(path: string, form: Record<string, unknown>, ctx: Context): Promise<any> {
  const answer = await ctx.http.request({
    method: "POST",
    url: `${API}${path}`,
    headers: {
      Authorization: `Bearer ${ctx.secrets.get("STRIPE_KEY")}`,
      "Idempotency-Key": ctx.task.key,
      "Stripe-Version": VERSION,
    },
    form,
    timeout: 80,
  });
  if (answer.headers["idempotent-replayed"] === "true") ctx.log("Stripe had done this already");
  if (!answer.ok) throw refused(answer);
  return answer.json();
}

function refused(answer: HttpAnswer): Error {
  const { type, code, decline_code, message, param } = faultOf(answer);
  const id = answer.headers["request-id"];
  const notes = [code, decline_code, param && `parameter ${param}`, id && `request ${id}`].filter(Boolean);
  const text = `Stripe refuses it: ${message ?? `HTTP ${answer.status}`}`;
  const whole = notes.length ? `${text} (${notes.join(", ")})` : text;
  const kind = typeOf(answer.status, type, code);
  if (!mayPass(answer, code)) return new TerminalError(whole, { type: kind });
  const retryAfter = Number(answer.headers["retry-after"]) || undefined;
  return new RetryableError(whole, { type: kind, retryAfter });
}

function typeOf(status: number, type?: string, code?: string): string {
  if (code === "lock_timeout") return code;
  if (status === 429) return "rate_limit";
  if (status === 401) return "unauthorized";
  return type ?? (status >= 500 ? "api_error" : "refused");
}

/** Whether the same request may succeed later: Stripe says so itself, or the status does. */
function mayPass({ status, headers }: HttpAnswer, code?: string): boolean {
  const told = headers["stripe-should-retry"];
  if (told === "true" || told === "false") return told === "true";
  return status === 409 || status === 429 || status >= 500 || code === "lock_timeout";
}

interface Fault {
  type?: string;
  code?: string;
  decline_code?: string;
  message?: string;
  param?: string;
}

function faultOf(answer: HttpAnswer): Fault {
  try {
    return answer.json()?.error ?? {};
  } catch {
    return {};
  }
}
