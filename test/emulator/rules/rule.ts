// A rule of Telegram, as something that can be checked: against the emulator it holds, against its mutation it must fail.

import type { ApiResponse } from "grammy/types";
import type { Emulator, EmulatorOptions } from "../emulator.ts";
import type { Mutation } from "../mutations.ts";

export interface Rule {
  /** "F1 ..." */
  readonly sentence: string;
  /** The ways to break this rule; each must make the check fail. */
  readonly mutations: readonly [Mutation, ...Mutation[]];
  readonly options?: EmulatorOptions;
  check(emulator: Emulator): Promise<void>;
}

/** Calls a method with plain fetch, so that no library's habits stand between. Rejects when the network does. */
export async function ask(
  emulator: Emulator,
  method: string,
  params: object = {},
  signal?: AbortSignal,
): Promise<ApiResponse<never>> {
  const response = await fetch(`${emulator.apiRoot}/bot${emulator.token}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(params),
    ...(signal === undefined ? {} : { signal }),
  });
  return (await response.json()) as ApiResponse<never>;
}

/** The result of a call that must succeed. */
export async function get<T>(
  emulator: Emulator,
  method: string,
  params: object = {},
  signal?: AbortSignal,
): Promise<T> {
  const answer: ApiResponse<T> = await ask(emulator, method, params, signal);
  if (!answer.ok) throw new Error(`${method}: ${answer.error_code} ${answer.description}`);
  return answer.result;
}

/** The refusal of a call that must fail: "400 Bad Request: ...". */
export async function refusal(emulator: Emulator, method: string, params: object = {}): Promise<string> {
  const answer = await ask(emulator, method, params);
  return answer.ok ? "ok" : `${answer.error_code} ${answer.description}`;
}

/** A refusal, or "ok", of a call with files: `attach://name` names one of them. */
export async function upload(
  emulator: Emulator,
  method: string,
  params: Readonly<Record<string, string | number>>,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
): Promise<string> {
  const boundary = "a-boundary-that-no-file-holds";
  const head = (disposition: string) => `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`;
  // By hand and in one piece: FormData takes seconds for the largest files.
  const body = Buffer.concat([
    ...Object.entries(params).map(([name, value]) => Buffer.from(`${head(`name="${name}"`)}${value}\r\n`)),
    ...Object.entries(files).flatMap(([name, bytes]) => [
      Buffer.from(head(`name="${name}"; filename="${name}.bin"`)),
      bytes,
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
  const response = await fetch(`${emulator.apiRoot}/bot${emulator.token}/${method}`, {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body,
  });
  const answer = (await response.json()) as ApiResponse<never>;
  return answer.ok ? "ok" : `${answer.error_code} ${answer.description}`;
}

/** The head of a PNG of that shape; nobody here looks at its pixels. */
export function pngOf(width: number, height: number, bytes = 64): Uint8Array<ArrayBuffer> {
  const png = Buffer.alloc(bytes);
  png.write("\u0089PNG\r\n\u001a\n", "latin1");
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}
