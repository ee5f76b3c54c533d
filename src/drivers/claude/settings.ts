/**
 * What a turn may want to be different from the one before: model, effort, permissions and tools of ours.
 *
 * 1. Only what differs is told to the CLI, and it counts as told when the CLI has confirmed it: what failed is asked for again by the next turn.
 * 2. What counts is what turns have wanted. A mode that the person has changed by an answer ("for this session") stays until a turn wants another
 *    one than the turn before.
 */
import type { Query } from "@anthropic-ai/claude-agent-sdk";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { HostTool } from "../../domain/host-tool.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { HostToolServer } from "./host-tools.ts";
import { isEffort } from "./models.ts";
import { claudeModes } from "./permissions.ts";

export type TurnSettings = {
  readonly permissions: PermissionMode;
  readonly model: ModelChoice | null;
  readonly tools: readonly HostTool[];
};

export type Outcome = { readonly kind: "settled" } | { readonly kind: "refused"; readonly detail: string };

export type Settings = {
  /** What the newest turn has wanted. */
  readonly permissions: PermissionMode;
  /** Resolves when the CLI has answered, or never when it is gone; never rejects. */
  settle(wanted: TurnSettings): Promise<Outcome>;
};

/** To bypass needs a word at the start, and is told when the process is ready: the SDK warns of being asked about what is bypassed. */
export function startPermissions({ permissions }: TurnSettings): PermissionMode {
  return permissions === "bypass" ? "ask" : permissions;
}

/** `start` is what the process was started with: its model without an effort, and its permissions as `startPermissions` has them. */
export function createSettings(
  query: Pick<Query, "setPermissionMode" | "setModel" | "applyFlagSettings">,
  start: TurnSettings,
  hostTools: HostToolServer,
  ownModel: () => Promise<ModelChoice>,
): Settings {
  let permissions = startPermissions(start);
  let model: ModelChoice | null = start.model && { id: start.model.id, effort: null };

  async function settlePermissions(wanted: PermissionMode): Promise<void> {
    if (wanted === permissions) return;
    await query.setPermissionMode(claudeModes[wanted]);
    permissions = wanted;
  }

  /** Nothing is told while nothing was ever chosen: the CLI then follows the user's own settings, and a resumed session its own model. */
  async function settleModel(wanted: ModelChoice | null): Promise<void> {
    if (wanted === null && model === null) return;
    const next = wanted ?? (await ownModel());
    const { effort } = next;
    if (effort !== null && !isEffort(effort)) throw new Error(`there is no effort "${effort}"`);
    if (next.id !== model?.id) await query.setModel(next.id);
    model = { id: next.id, effort: model?.effort ?? null };
    if (effort !== model.effort) await query.applyFlagSettings({ effortLevel: effort });
    model = wanted;
  }

  return {
    get permissions() {
      return permissions;
    },
    async settle(wanted) {
      try {
        await settlePermissions(wanted.permissions);
        await settleModel(wanted.model);
        await hostTools.offer(wanted.tools);
        return { kind: "settled" };
      } catch (error) {
        return { kind: "refused", detail: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}
