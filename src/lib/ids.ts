/**
 * Ids that cannot be guessed and never meet: 48 bits of time, then 128 random bits, as base64url, 30 characters.
 *
 * The time is for the database alone: ids of one hour are neighbours in an index, so that a message costs the same whether a thousand
 * or a hundred thousand are stored. Nothing may read it back.
 */
import { randomBytes } from "node:crypto";

/** 2^48 ms reach into the year 10889. */
const timeBytes = 6;
/** 128 bits cannot be guessed, whatever else is known of the id. */
const randomBytesOfId = 16;

export function newId(): string {
  const bytes = randomBytes(timeBytes + randomBytesOfId);
  bytes.writeUIntBE(Date.now(), 0, timeBytes);
  return bytes.toString("base64url");
}
