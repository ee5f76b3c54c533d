/**
 * The buttons of a conversation that can still do something, and where they stand.
 *
 * 1. What waits is shown in one place, with the buttons that act on it, wherever the notice that carried them stands.
 * 2. A button that can no longer do anything is not shown: its item is not waiting, its run is over, it was pressed.
 */
import { type Button, type ButtonAction, type ButtonId, buttonLabel } from "../domain/button.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import type { LiveRun, Outgoing, OutboxRow, StoredItem } from "../engine/ports.ts";
import type { LaneRow } from "./lane-view.ts";
import type { AskButton, ButtonView } from "./wire.ts";

export type LiveButtons = {
  ofItem(item: ItemId): readonly ButtonView[];
  ofNotice(rows: readonly (readonly Button[])[]): readonly (readonly ButtonView[])[];
  ofHeld(): readonly ButtonView[];
  ofAsk(asked: Outgoing & { kind: "ask" }): readonly AskButton[];
  /** An open ask of a run that is not live any more has nobody who waits for the answer. */
  isWaiting(asked: Outgoing & { kind: "ask" }): boolean;
};

export function findLiveButtons(
  items: readonly StoredItem[],
  rows: readonly OutboxRow[],
  run: LiveRun | null,
  lane: LaneRow | null,
): LiveButtons {
  const pressed = new Set(items.flatMap(({ request }) => (request.kind === "press" ? [request.button] : [])));
  const byItem = new Map<ItemId, Map<ItemAction["kind"], ButtonView>>();
  /** Of two lists to choose from, the newer one counts: the buttons of it, by what they choose. */
  const newestLists = new Map<ButtonAction["kind"], ReadonlySet<ButtonId>>();
  let held: readonly ButtonView[] = [];
  for (const { body } of rows) {
    if (body.kind !== "notice") continue;
    const buttons = body.buttons.flat();
    for (const button of buttons) {
      if (isItemAction(button.action) && !pressed.has(button.id)) addItemButton(byItem, button.action, button);
    }
    const choice = buttons.find(({ action }) => isChoice(action));
    if (choice !== undefined) newestLists.set(choice.action.kind, new Set(buttons.map(({ id }) => id)));
    for (const kind of madeBy(body.notice)) newestLists.delete(kind);
    const offer = buttons.filter(({ action }) => action.kind === "held");
    if (offer.length > 0) held = offer.map(buttonView);
  }
  const states = new Map(items.map(({ id, state }) => [id, state]));

  function isAlive({ id, action }: Button): boolean {
    switch (action.kind) {
      case "switch":
      case "model":
      case "permissions":
      case "resume":
      case "fork":
      case "settings":
      case "remove-person":
        return newestLists.get(action.kind)?.has(id) ?? false;
      case "answer":
        return false; // shown with what is asked
      case "stop":
      case "force-release":
        return run?.owner.run === action.owner.run && (action.kind === "stop" || run.state === "quarantined");
      case "run-again":
      case "continue-with":
        return ["interrupted", "failed", "cancelled"].includes(states.get(action.item) ?? "");
      case "project":
        return action.typed !== lane?.workspace;
      case "clear-queue":
        return (lane?.queued ?? 0) > 0;
      case "held-item":
        return states.get(action.item) === "held";
      case "details":
      case "changes":
        return true;
      case "held":
        return false; // shown with the messages on hold
      case "end-background":
      case "remove-file":
      case "schedule":
      case "pair": // one that was answered elsewhere says so
        return true;
      case "steer":
      case "stop-and-run":
      case "cancel":
      case "move-first":
        return false; // shown with the waiting message
      default:
        return action satisfies never;
    }
  }

  /** Steering and stopping need a turn that runs, and what is on hold is decided on as a whole. */
  function isUseful(kind: ItemAction["kind"], item: ItemId): boolean {
    if (kind === "cancel") return true;
    return states.get(item) === "queued" && (kind === "move-first" || run?.state === "running");
  }

  return {
    ofItem(item) {
      const found = byItem.get(item);
      return itemActions.filter((kind) => isUseful(kind, item)).flatMap((kind) => found?.get(kind) ?? []);
    },
    ofNotice: (buttonRows) =>
      buttonRows
        .map((row) => row.filter((button) => !pressed.has(button.id) && isAlive(button)).map(buttonView))
        .filter((row) => row.length > 0),
    ofHeld: () => ((lane?.held ?? 0) > 0 ? held : []),
    isWaiting: ({ state, run: asking }) => state.kind === "open" && asking === run?.owner.run,
    ofAsk: ({ buttons }) =>
      buttons.flat().flatMap((button) => {
        const { action } = button;
        return action.kind === "answer"
          ? [{ ...buttonView(button), step: action.step, isSpent: pressed.has(button.id) }]
          : [];
      }),
  };
}

function isChoice({ kind }: ButtonAction): boolean {
  return ["switch", "model", "permissions", "resume", "fork", "settings", "remove-person"].includes(kind);
}

/** What a notice tells to be chosen: the list before it stands for a choice that was made. */
function madeBy(notice: Notice): readonly ButtonAction["kind"][] {
  switch (notice.kind) {
    case "agent-chosen":
      return ["switch", "model"];
    case "model-chosen":
      return ["model"];
    case "permissions-chosen":
      return ["permissions"];
    case "session-taken":
      return ["resume", "fork"];
    default:
      return [];
  }
}

type ItemAction = ButtonAction & { kind: "steer" | "stop-and-run" | "cancel" | "move-first" };

/** The order in which a waiting message's buttons stand, whichever notice brought them. */
const itemActions = ["steer", "stop-and-run", "move-first", "cancel"] as const;

function isItemAction(action: ButtonAction): action is ItemAction {
  return itemActions.some((kind) => kind === action.kind);
}

/** Later rows replace earlier ones: their buttons live longer. */
function addItemButton(
  byItem: Map<ItemId, Map<ItemAction["kind"], ButtonView>>,
  action: ItemAction,
  button: Button,
): void {
  const found = byItem.get(action.item) ?? new Map<ItemAction["kind"], ButtonView>();
  found.set(action.kind, buttonView(button));
  byItem.set(action.item, found);
}

function buttonView({ id, action }: Button): ButtonView {
  // Here a button stands beside its message, whichever list brought it.
  const label = isItemAction(action) ? buttonLabel({ kind: action.kind, item: action.item }) : roomyLabel(action);
  return { id, label, weight: weightOf(action) };
}

/** There is room here for the name of what a number stands for. */
function roomyLabel(action: ButtonAction): string {
  const label = buttonLabel(action);
  return action.kind === "resume" && action.title !== null ? `${label}. ${action.title}` : label;
}

function weightOf(action: ButtonAction): ButtonView["weight"] {
  switch (action.kind) {
    case "steer":
    case "run-again":
    case "continue-with":
      return "main";
    case "held":
      return action.how === "discard" ? "quiet" : "main";
    case "cancel":
    case "clear-queue":
      return "quiet";
    case "stop":
    case "force-release":
      return "danger";
    case "permissions":
      return action.mode === "bypass" ? "danger" : "plain";
    case "remove-person":
      return "danger";
    case "schedule":
      return action.how === "run" || action.how === "resume" ? "main" : action.how === "delete" ? "quiet" : "plain";
    case "answer":
      return (action.step.kind === "allow" && action.step.scope === "once") || action.step.kind === "ticked"
        ? "main"
        : "plain";
    case "stop-and-run":
    case "move-first":
    case "held-item":
    case "end-background":
    case "remove-file":
    case "switch":
    case "project":
    case "model":
    case "resume":
    case "fork":
    case "settings":
    case "pair":
    case "details":
    case "changes":
      return "plain";
    default:
      return action satisfies never;
  }
}
