// An answer with ok: false, worded as the real server words it (public source of the Bot API server and of TDLib).

import type { ResponseParameters } from "grammy/types";

/** What kind of rule the caller broke, for the journal; "fault" is an answer the test asked for. */
export type BrokenRule =
  | "token"
  | "schema"
  | "text"
  | "edit"
  | "callback"
  | "rate"
  | "access"
  | "conflict"
  | "missing"
  | "file"
  | "unknown-method"
  | "unmodelled"
  | "fault";

export class BotApiError extends Error {
  readonly code: number;
  readonly description: string;
  readonly rule: BrokenRule;
  readonly parameters: ResponseParameters | undefined;

  constructor(code: number, description: string, rule: BrokenRule, parameters?: ResponseParameters) {
    super(`${code} ${description}`);
    this.name = "BotApiError";
    this.code = code;
    this.description = description;
    this.rule = rule;
    this.parameters = parameters;
  }
}

export function badRequest(text: string, rule: BrokenRule, parameters?: ResponseParameters): BotApiError {
  return new BotApiError(400, `Bad Request: ${text}`, rule, parameters);
}

export function forbidden(text: string): BotApiError {
  return new BotApiError(403, `Forbidden: ${text}`, "access");
}

export function tooManyRequests(retryAfterSeconds: number, rule: BrokenRule, told = true): BotApiError {
  const parameters = told ? { retry_after: retryAfterSeconds } : undefined;
  const text = told ? `Too Many Requests: retry after ${retryAfterSeconds}` : "Too Many Requests";
  return new BotApiError(429, text, rule, parameters);
}
