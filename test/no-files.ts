/** A program that no file leaves, and none enters. */
import type { Files, IncomingFiles } from "../src/engine/ports.ts";

export const noFiles: Files = {
  take: () => Promise.resolve({ kind: "refused", why: "Files cannot be sent from here." }),
  find: () => Promise.resolve(null),
};

export const noIncomingFiles: IncomingFiles = {
  read: () => Promise.resolve({ kind: "refused", why: "Files cannot be received here.", again: false }),
  list: () => Promise.resolve([]),
  remove: () => Promise.resolve(0),
};
