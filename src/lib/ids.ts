/**
 * Ids that cannot be guessed and never meet: 48 bits of time, then a random UUID (122 random bits), as base64url, 30 characters.
 *
 * The time is for the database alone: ids of one hour are neighbours in an index, so that a message costs the same whether a thousand
 * or a hundred thousand are stored. Nothing may read it back.
 */
import { randomUUID } from "node:crypto";

/** 2^48 ms reach into the year 10889. */
const timeBytes = 6;
const uuidBytes = 16;

/** Node draws the randomness of many UUIDs at a time, which costs a tenth of a draw for each id. */
export function newId(): string {
  const bytes = Buffer.allocUnsafe(timeBytes + uuidBytes);
  bytes.writeUIntBE(Date.now(), 0, timeBytes);
  bytes.write(randomUUID().replaceAll("-", ""), timeBytes, "hex");
  return bytes.toString("base64url");
}
