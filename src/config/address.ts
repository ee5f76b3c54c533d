/** Addresses as people write them: `host:port` to listen on, and the root of a Bot API server. */
import { isIPv4 } from "node:net";

export type Address = { readonly host: string; readonly port: number };

/** Null when `text` is not `host:port`. An IPv6 host is written in brackets and returned without them. */
export function parseAddress(text: string): Address | null {
  const parts = /^(?<host>\[[\da-fA-F:.]+\]|[\w.-]+):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(parts?.["port"]);
  if (parts?.["host"] === undefined || port > 65_535) return null;
  return { host: parts["host"].replace(/^\[|\]$/g, ""), port };
}

/** Whether only this machine reaches it. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

export function isApiRoot(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === "";
}
