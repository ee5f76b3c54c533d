// Reads a Bot API request the way the real server does: query string, JSON, urlencoded or multipart, GET or POST,
// and turns form fields (always strings) into the types the method's schema names.

import type { IncomingMessage } from "node:http";
import type { Params } from "./journal.ts";

export interface Upload {
  readonly field: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

export interface RawRequest {
  readonly fields: Params;
  readonly uploads: ReadonlyMap<string, Upload>;
}

/** What a bot may upload, with room for the other fields. */
const bodyBytesMax = 51 * 1024 * 1024;

export class BodyTooLarge extends Error {}
export class BodyUnreadable extends Error {}

/** Rejects with BodyTooLarge, BodyUnreadable, or whatever broke the connection. */
export async function readRequest(request: IncomingMessage, query: URLSearchParams): Promise<RawRequest> {
  const fields: { [name: string]: unknown } = Object.fromEntries(query);
  const uploads = new Map<string, Upload>();
  const body = await readBody(request);
  const contentType = request.headers["content-type"] ?? "";
  if (body.length === 0) return { fields, uploads };
  if (contentType.startsWith("application/json")) {
    Object.assign(fields, parseObject(body.toString("utf8")));
  } else if (contentType.startsWith("application/x-www-form-urlencoded")) {
    Object.assign(fields, Object.fromEntries(new URLSearchParams(body.toString("utf8"))));
  } else if (contentType.startsWith("multipart/form-data")) {
    const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
    if (boundary === undefined) throw new BodyUnreadable("boundary not found");
    readParts(body, boundary, fields, uploads);
  }
  return { fields, uploads };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BodyUnreadable("can't parse JSON object");
  }
  if (typeof value !== "object" || value === null) throw new BodyUnreadable("expected an Object");
  return value;
}

function readParts(
  body: Buffer,
  boundary: string,
  fields: { [name: string]: unknown },
  uploads: Map<string, Upload>,
): void {
  const delimiter = Buffer.from(`--${boundary}`);
  let at = body.indexOf(delimiter);
  while (at >= 0) {
    const next = body.indexOf(delimiter, at + delimiter.length);
    if (next < 0) return;
    readPart(body.subarray(at + delimiter.length + 2, next - 2), fields, uploads);
    at = next;
  }
}

function readPart(part: Buffer, fields: { [name: string]: unknown }, uploads: Map<string, Upload>): void {
  const headerEnd = part.indexOf("\r\n\r\n");
  if (headerEnd < 0) throw new BodyUnreadable("wrong multipart body");
  const head = part.subarray(0, headerEnd).toString("utf8");
  const bytes = part.subarray(headerEnd + 4);
  const disposition = /content-disposition:([^\r\n]*)/i.exec(head)?.[1] ?? "";
  const field = attribute(disposition, "name");
  if (field === undefined) return;
  const fileName = attribute(disposition, "filename");
  if (fileName === undefined) {
    fields[field] = bytes.toString("utf8");
    return;
  }
  const mimeType = /content-type:\s*([^\r\n;]+)/i.exec(head)?.[1]?.trim() ?? "application/octet-stream";
  uploads.set(field, { field, name: decodeName(fileName), mimeType, bytes });
}

/** Quoted up to the quote, unquoted up to the semicolon: a name with `;` that is not encoded is cut, as by the real server. */
function attribute(disposition: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|[;\\s])${name}=(?:"([^"]*)"|([^;]*))`, "i").exec(disposition);
  return match?.[1] ?? match?.[2]?.trim();
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // Not encoded at all: the name is meant as it stands.
    return name;
  }
}
