/**
 * What a rule of the simulation may look at: the rows (through the mirror of the journal), the ledger of what is alive, and
 * what people asked for. Never the engine's memory.
 */
import type { RunLimits } from "../../src/engine/run-watch.ts";
import type { ItemId } from "../../src/domain/inbox-item.ts";
import type { Change } from "./journal.ts";
import type { Mirror } from "./mirror.ts";
import type { World } from "./world.ts";

/** What people pressed so far; a press counts from the moment it is sent. */
export type Asked = {
  /** Runs that somebody force-released. */
  readonly released: ReadonlySet<string>;
  /** How often "Run again" was pressed for an item. */
  readonly again: ReadonlyMap<ItemId, number>;
  /** Items that somebody moved to the front, by whatever button. */
  readonly moved: ReadonlySet<ItemId>;
};

export type RuleContext = {
  readonly mirror: Mirror;
  readonly world: World;
  readonly asked: Asked;
  readonly runsMax: number;
  readonly limits: RunLimits;
  readonly downtimeMs: number;
  /** When the newest life began, by the wall clock: the earliest that it said during the boot. */
  readonly bootedAtMs: () => number;
  /** The newest life of the program. */
  readonly life: () => number;
  readonly violated: (invariant: string, what: string) => void;
};

/** `before` sees the mirror as it was before the change, `after` as it is with it; `end` when nothing more will happen. */
export type Rule = {
  readonly before?: (change: Change) => void;
  readonly after?: (change: Change) => void;
  readonly end?: () => void;
};
