/** A program from which no file is sent. */
import type { Files } from "../src/engine/ports.ts";

export const noFiles: Files = {
  take: () => Promise.resolve({ kind: "refused", why: "Files cannot be sent from here." }),
  find: () => Promise.resolve(null),
};
