/** What a conversation works with: agent, model, directory, permissions, session and settings, shown and chosen. */
import type { AgentModel, ModelChoice } from "../agent-model.ts";
import type { StoredSession } from "../agent-session.ts";
import { settingLine, type SettingChange } from "../conversation-settings.ts";
import { describeFault, type Fault } from "../faults.ts";
import { describePermissions, type PermissionMode, permissionModes } from "../permission-mode.ts";
import { duration, excerpt, plural } from "../wording.ts";

export type ChoiceNotice =
  | { readonly kind: "new-session"; readonly isRunActive: boolean; readonly ended: number }
  | { readonly kind: "agents"; readonly current: string; readonly names: readonly string[] }
  | {
      readonly kind: "agent-chosen";
      readonly driver: string;
      readonly isRunActive: boolean;
      readonly continues: boolean;
    }
  | {
      readonly kind: "models";
      readonly driver: string;
      readonly chosen: ModelChoice | null;
      readonly models: readonly AgentModel[];
    }
  | {
      readonly kind: "model-chosen";
      readonly driver: string;
      readonly model: ModelChoice;
      readonly isRunActive: boolean;
    }
  | { readonly kind: "project"; readonly workspace: string }
  | { readonly kind: "project-chosen"; readonly workspace: string; readonly isRunActive: boolean }
  | { readonly kind: "project-refused"; readonly happened: string; readonly next: string }
  | { readonly kind: "permissions"; readonly mode: PermissionMode }
  | { readonly kind: "permissions-chosen"; readonly mode: PermissionMode; readonly isRunActive: boolean }
  | {
      readonly kind: "sessions";
      readonly driver: string;
      readonly search: string | null;
      readonly sessions: readonly StoredSession[];
      /** How many there are besides. */
      readonly more: number;
      readonly atMs: number;
    }
  /** `terminal` is the line that goes on with it in the terminal. */
  | {
      readonly kind: "session-taken";
      readonly how: "resumed" | "forked";
      readonly driver: string;
      readonly title: string | null;
      readonly terminal: string | null;
      readonly isRunActive: boolean;
    }
  | { readonly kind: "session-held"; readonly title: string | null }
  | { readonly kind: "nothing-to-fork" }
  /** `line` goes on with the present session in a terminal; null where the agent has no such thing, or no memory yet. */
  | { readonly kind: "terminal"; readonly driver: string; readonly line: string | null; readonly isRunActive: boolean }
  | {
      readonly kind: "not-a-choice";
      readonly what: string;
      readonly given: string;
      readonly choices: readonly string[];
    }
  | { readonly kind: "agent-cannot"; readonly fault: Fault }
  /** `changed` is what was just chosen; null when they are only shown. */
  | {
      readonly kind: "settings";
      readonly settings: readonly SettingChange[];
      /** Null: this machine's. Not in what older versions stored. */
      readonly zone?: string | null;
      readonly changed: SettingChange | null;
      readonly driver: string;
      readonly model: ModelChoice | null;
      readonly permissions: PermissionMode;
      readonly workspace: string;
    };

export function describeChoiceNotice(notice: ChoiceNotice): string {
  switch (notice.kind) {
    case "new-session":
      return `${notice.isRunActive ? "A new session begins with your next message. The running turn finishes in the old one." : "New session. The agent starts with an empty memory."}${notice.ended > 0 ? ` ${plural(notice.ended, "background task")} ended.` : ""}`;
    case "agents":
      return `This conversation works with ${notice.current}. It can be switched between turns; each agent keeps its own session here.`;
    case "agent-chosen":
      return `${from(notice.isRunActive)} ${notice.driver} works here${notice.continues ? ", in its session of before" : ""}.`;
    case "models":
      return models(notice);
    case "model-chosen":
      return `${from(notice.isRunActive)} ${notice.driver} uses ${modelName(notice.model)}.`;
    case "project":
      return `This conversation works in ${notice.workspace}. Another directory: /project <path>.`;
    case "project-chosen":
      return `${from(notice.isRunActive)} this conversation works in ${notice.workspace}, in a new session.`;
    case "project-refused":
      return `${notice.happened} Nothing was changed. ${notice.next}`;
    case "permissions":
      return [
        `Permissions: ${describePermissions(notice.mode)}.`,
        "",
        ...permissionModes.map((mode) => `\u2022 ${describePermissions(mode)}`),
      ].join("\n");
    case "permissions-chosen":
      return `${from(notice.isRunActive)} permissions are ${describePermissions(notice.mode)}.`;
    case "sessions":
      return sessions(notice);
    case "session-taken":
      return sessionTaken(notice);
    case "session-held":
      return `Another conversation${notice.title === null ? "" : ` (\u201c${notice.title}\u201d)`} works in that session. Two at once would damage it, so nothing was changed. You can work in a copy of it.`;
    case "terminal":
      return terminal(notice);
    case "nothing-to-fork":
      return "This session has no memory yet, so there is nothing to copy. Nothing was changed.";
    case "not-a-choice":
      return `${notice.given} is not one of the ${notice.what}: ${notice.choices.join(", ")}. Nothing was changed.`;
    case "agent-cannot":
      return `Nothing was changed. ${describeFault(notice.fault)}`;
    case "settings":
      return settings(notice);
    default:
      return notice satisfies never;
  }
}

/** Settings take effect at a turn's boundary. */
function from(isRunActive: boolean): string {
  return isRunActive ? "The running turn goes on as it is. From the next one on," : "From now on";
}

function modelName(model: ModelChoice): string {
  return model.effort === null ? model.id : `${model.id} (${model.effort})`;
}

function models(notice: ChoiceNotice & { kind: "models" }): string {
  const chosen = notice.chosen === null ? "its default" : modelName(notice.chosen);
  const lines = notice.models.map((model) => {
    const efforts = model.efforts.length === 0 ? "" : ` (${model.efforts.join(", ")})`;
    return `\u2022 ${model.id}${model.isDefault ? ", the default" : ""}${efforts}`;
  });
  return [`${notice.driver} uses ${chosen}. Choose below, or write /model <id> [effort].`, "", ...lines].join("\n");
}

function sessions(notice: ChoiceNotice & { kind: "sessions" }): string {
  const found = notice.search === null ? "" : ` with \u201c${notice.search}\u201d`;
  if (notice.sessions.length === 0) return `${notice.driver} has no session${found} in this directory.`;
  const lines = notice.sessions.map((session, index) => {
    const name = session.title ?? session.preview ?? session.resume;
    const preview = session.preview === null || session.preview === name ? "" : `\n    ${excerpt(session.preview)}`;
    return `${index + 1}. ${excerpt(name)}, ${duration(notice.atMs - session.updatedAtMs)} ago${preview}`;
  });
  const more = notice.more > 0 ? [`\u2026 and ${notice.more} more; /resume <words> searches.`] : [];
  return [`Sessions of ${notice.driver} in this directory${found}:`, ...lines, ...more].join("\n");
}

function terminal({ driver, line, isRunActive }: ChoiceNotice & { kind: "terminal" }): string {
  if (line === null) return `This session of ${driver} cannot be continued in the terminal (yet).`;
  const head = isRunActive
    ? "Wait until the running turn is over; two at once would damage the session. Then, on the machine:"
    : "On the machine that Signalbox runs on:";
  return `${head}\n${line}\nWhat happens there is part of the session: your next message here goes on from it.`;
}

function sessionTaken(notice: ChoiceNotice & { kind: "session-taken" }): string {
  const name = notice.title === null ? "that session" : `\u201c${excerpt(notice.title)}\u201d`;
  const what = notice.how === "resumed" ? name : `a copy of ${name}`;
  const terminal = notice.terminal === null ? [] : [`In the terminal: ${notice.terminal}`];
  return [`${from(notice.isRunActive)} ${notice.driver} goes on in ${what}.`, ...terminal].join("\n");
}

function settings(notice: ChoiceNotice & { kind: "settings" }): string {
  const head =
    notice.changed === null ? "Settings of this conversation:" : `From now on: ${settingLine(notice.changed)}`;
  const model = notice.model === null ? "its default" : modelName(notice.model);
  return [
    head,
    "",
    ...notice.settings.map(settingLine),
    `Times of day are those of: ${notice.zone ?? "this machine"} (zone Europe/Berlin)`,
    "",
    `Agent: ${notice.driver} (/switch), model: ${model} (/model)`,
    `Permissions: ${notice.permissions} (/permissions)`,
    `Project: ${notice.workspace} (/project)`,
    "",
    "Choose below, or write /settings <word> <value>.",
  ].join("\n");
}
