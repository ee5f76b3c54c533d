/**
 * What people say when they do not ask for work, in all the words that mean it: the same in both crowds. How often they do it, and
 * what they ask for, is each crowd's own.
 */
import type { Random } from "../simulation/random.ts";

/** What somebody does next, or asks for, by how often. */
export type Habits<T> = readonly { readonly value: T; readonly weight: number }[];

export function wordsFor(act: "stop" | "stop-all" | "command", random: Random): string {
  switch (act) {
    case "stop":
      return random.pick(["/stop", "stop", "!"]);
    case "stop-all":
      return "/stop all";
    case "command":
      return random.pick(["/status", "/queue", "/help", "/new"]);
    default:
      return act satisfies never;
  }
}
