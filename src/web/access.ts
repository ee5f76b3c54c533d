/**
 * Who may talk to the page: a browser that opened a link which this program printed, and nobody else.
 *
 * T12: a request for a host that is not ours is refused (DNS rebinding), a POST from another origin as well (CSRF), and no
 * other page may frame us (clickjacking).
 * 1. A link works once and for a short time. A browser that opened it gets a cookie that no script and no other site sees.
 *    It is signed, so whoever may read this home's secret can make one beside the running program (`signalbox link`); one from
 *    before the program's start opens nothing, because nobody knows any more whether it was used.
 * 2. Secrets are compared in constant time; neither links nor cookies are ever written to a log (I13).
 * 3. A cookie is signed, not stored: it outlives a restart, and changing the secret signs every browser out.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

import type { NewId } from "../engine/ports.ts";

/** Long enough to find the terminal and the browser; a link that lies in a scrollback is dead by then. */
export const linkLifeMs = 10 * 60 * 1000;
/** A browser is asked for a new link once a month. */
export const cookieLifeMs = 30 * 24 * 60 * 60 * 1000;
export type AccessDeps = {
  /** At least 32 random bytes, the same at every start. */
  readonly secret: Uint8Array;
  readonly newId: NewId;
  readonly now: () => number;
};

export type Access = {
  newLink(): string;
  /** Uses the token up. A wrong, used or expired one opens nothing. */
  openLink(token: string): "opened" | "refused";
  /** The value of a new cookie. */
  newCookie(): string;
  isCookieValid(value: string): boolean;
};

/** A token for one link. */
export function signLink(secret: Uint8Array, id: string, nowMs: number): string {
  const claim = `${id}.${nowMs}`;
  return `${claim}.${sign(secret, `link:${claim}`)}`;
}

export function createAccess(deps: AccessDeps): Access {
  const startedAtMs = deps.now();
  /** Digests of the links that were opened, with the end of their life. Only signed ones get here, so they are few. */
  const used = new Map<string, number>();

  return {
    newLink: () => signLink(deps.secret, deps.newId(), deps.now()),
    openLink(token) {
      const nowMs = deps.now();
      for (const [digest, expiresAtMs] of used) if (expiresAtMs <= nowMs) used.delete(digest);
      const [id, made, signature] = token.split(".");
      if (id === undefined || made === undefined || signature === undefined) return "refused";
      if (!sameText(signature, sign(deps.secret, `link:${id}.${made}`))) return "refused";
      const madeAtMs = Number(made);
      if (madeAtMs < startedAtMs || madeAtMs + linkLifeMs <= nowMs || used.has(digestOf(id))) return "refused";
      used.set(digestOf(id), madeAtMs + linkLifeMs);
      return "opened";
    },
    newCookie() {
      const claim = `${deps.newId()}.${deps.now() + cookieLifeMs}`;
      return `${claim}.${sign(deps.secret, `cookie:${claim}`)}`;
    },
    isCookieValid(value) {
      const [id, expires, signature] = value.split(".");
      if (id === undefined || expires === undefined || signature === undefined) return false;
      return sameText(signature, sign(deps.secret, `cookie:${id}.${expires}`)) && deps.now() < Number(expires);
    },
  };
}

/** Browsers do not keep cookies of two ports apart, so two instances on one machine need two names. */
export const cookieName = (port: number): string => `signalbox_${port}`;

/**
 * Whether this Host header is one of ours. A rebinding attack needs a name that its author controls, so a name is never
 * accepted; addresses are, when we listen on all of them.
 */
export function isOwnHost(
  header: string | undefined,
  listen: { readonly host: string; readonly port: number },
): boolean {
  if (header === undefined) return false;
  const match = /^(.+?)(?::(\d{1,5}))?$/.exec(header.startsWith("[") ? header : header.toLowerCase());
  const name = match?.[1];
  if (name === undefined || Number(match?.[2] ?? "80") !== listen.port) return false;
  if (["127.0.0.1", "localhost", "[::1]", listen.host, `[${listen.host}]`].includes(name)) return true;
  return isEveryAddress(listen.host) && isIP(name.replace(/^\[|\]$/g, "")) !== 0;
}

export function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** A script of another origin can make a browser send a POST; it cannot make it lie about where the POST comes from. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  return origin === `http://${host}`;
}

/** Digests have one length, so comparing them tells nothing of the length of what was asked. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(a)), Buffer.from(digestOf(b)));
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function sign(secret: Uint8Array, claim: string): string {
  return createHmac("sha256", secret).update(claim).digest("base64url");
}
