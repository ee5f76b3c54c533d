/** Ids that cannot be guessed and never meet: 128 random bits as base64url, 22 characters. */
import { randomBytes } from "node:crypto";

export function newId(): string {
  return randomBytes(16).toString("base64url");
}
