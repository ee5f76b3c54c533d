/** One request to the server; what goes wrong is a value with words for a person. */
import type { Problem } from "../wire.ts";

export type Failure = Problem["error"] | { code: "unreachable"; happened: string; kept: string; next: string };

export type Answer<T> = { kind: "ok"; value: T } | { kind: "failed"; failure: Failure };

/** A local server answers in milliseconds; a request that takes this long will not be answered. */
const requestMaxMs = 20_000;

/** 20 MiB over a slow line (150 kB/s). */
const uploadMaxMs = 150_000;

/** Resolves, never rejects. */
export function request<T>(path: string, body?: object): Promise<Answer<T>> {
  const signal = AbortSignal.timeout(requestMaxMs);
  return ask(
    path,
    body === undefined
      ? { signal }
      : { signal, method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
  );
}

/** Sends a file as it is. Resolves, never rejects. */
export function upload<T>(path: string, body: Blob): Promise<Answer<T>> {
  const headers = { "Content-Type": "application/octet-stream" };
  return ask(path, { signal: AbortSignal.timeout(uploadMaxMs), method: "POST", headers, body });
}

async function ask<T>(path: string, init: RequestInit): Promise<Answer<T>> {
  try {
    const response = await fetch(path, init);
    const value: unknown = await response.json();
    return response.ok
      ? { kind: "ok", value: value as T }
      : { kind: "failed", failure: (value as Partial<Problem>).error ?? unreachable };
  } catch {
    // No connection, no answer in time, or an answer that is not ours: for the person it is the same.
    return { kind: "failed", failure: unreachable };
  }
}

const unreachable: Failure = {
  code: "unreachable",
  happened: "Signalbox did not answer.",
  kept: "Your text is kept here.",
  next: "Check that Signalbox is running, then send it again: it is never run twice.",
};

/** 128 random bits: what makes sending the same message twice harmless. `randomUUID` is missing on plain http. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function conversationPath(conversation: string): string {
  return `/api/conversations/${encodeURIComponent(conversation)}`;
}
