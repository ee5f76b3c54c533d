/**
 * What a form says of a schedule, as the words that would be typed after `/cron`: there is one way to make or change one, and this is how the
 * page goes it. Pure.
 */
import type { ScheduleView } from "../wire.ts";

/** As it stands in the form's fields; empty is as usual. */
export type ScheduleDraft = {
  readonly when: string;
  readonly kind: "prompt" | "reminder" | "digest";
  readonly text: string;
  /** The conversation; empty: the usual one. */
  readonly home: string;
  readonly name: string;
  readonly zone: string;
  readonly session: "own" | "conversation" | "named";
  readonly sessionName: string;
  readonly view: "shown" | "silent";
  readonly memory: "kept" | "fresh";
  readonly missed: "latest" | "skip" | "all";
  /** "6h" */
  readonly missedWindow: string;
  readonly overlap: "skip" | "queue";
  readonly mode: "" | "plan" | "ask" | "edit" | "bypass";
  readonly agent: string;
  readonly model: string;
  readonly project: string;
  /** "30m", "none" */
  readonly limit: string;
};

export const emptyDraft: ScheduleDraft = {
  when: "",
  kind: "prompt",
  text: "",
  home: "",
  name: "",
  zone: "",
  session: "own",
  sessionName: "",
  view: "shown",
  memory: "kept",
  missed: "latest",
  missedWindow: "24h",
  overlap: "skip",
  mode: "",
  agent: "",
  model: "",
  project: "",
  limit: "",
};

/** The form as an existing one fills it. Agent, model and directory stay empty: what is not named stays as it is. */
export function draftOf(schedule: ScheduleView): ScheduleDraft {
  const { work, session } = schedule;
  return {
    ...emptyDraft,
    when: schedule.typed,
    kind: work.kind,
    text: work.kind === "digest" ? "" : work.text,
    home: schedule.home,
    name: schedule.name,
    zone: schedule.zone,
    session: session.kind,
    sessionName: session.kind === "named" ? session.name : "",
    view: schedule.view,
    memory: schedule.memory,
    missed: schedule.missed,
    missedWindow: schedule.missedWindow ?? emptyDraft.missedWindow,
    overlap: schedule.overlap,
    mode: schedule.permissions,
    limit: schedule.limit ?? "",
  };
}

export type Typed =
  | { readonly kind: "typed"; readonly lines: readonly string[] }
  | { readonly kind: "wrong"; readonly what: string };

export function typedAdd(draft: ScheduleDraft): Typed {
  if (draft.when.trim() === "") return wrong("When? Write a time first.");
  if (draft.kind !== "digest" && draft.text.trim() === "") return wrong("It needs a text.");
  const options = optionsOf(draft, emptyDraft);
  if (typeof options === "string") return wrong(options);
  const kind = { prompt: [], reminder: ["--remind"], digest: ["--digest"] }[draft.kind];
  const text = draft.kind === "digest" ? "" : textAfterWhen(draft.text.trim());
  if (text === null) return wrong("A text that begins with a dash must not have quotes in it.");
  return { kind: "typed", lines: [["add", ...kind, ...options, quotedWhen(draft.when), text].join(" ").trim()] };
}

/** One line for the time and the options, another for the text, each only if something of it changed. */
export function typedEdit(name: string, before: ScheduleDraft, now: ScheduleDraft): Typed {
  if (now.when.trim() === "") return wrong("When? Write a time first.");
  if (now.kind !== "digest" && now.text.trim() === "") return wrong("It needs a text.");
  const options = optionsOf({ ...now, name: "" }, { ...before, name: "" });
  if (typeof options === "string") return wrong(options);
  const when = now.when.trim() === before.when ? [] : ["when", quotedWhen(now.when)];
  const text = now.text.trim() === before.text.trim() ? [] : [`edit ${name} text ${now.text.trim()}`];
  const rest = [...options, ...when];
  const lines = [...(rest.length === 0 ? [] : [["edit", name, ...rest].join(" ")]), ...text];
  return lines.length === 0 ? wrong("Nothing of it is different.") : { kind: "typed", lines };
}

function wrong(what: string): Typed {
  return { kind: "wrong", what };
}

/** Those that differ from `before`; a sentence when one cannot be said. */
function optionsOf(draft: ScheduleDraft, before: ScheduleDraft): readonly string[] | string {
  const now = draft.session === "conversation" ? { ...draft, ...notInConversations } : draft;
  const plain = [
    ["name", now.name.trim(), before.name],
    ["zone", now.zone.trim(), before.zone],
    ["missed", missedOf(now), missedOf(before)],
  ] as const;
  const ofAgents = [
    ["session", sessionOf(now), sessionOf(before)],
    ["overlap", now.overlap, before.overlap],
    ["mode", now.mode, before.mode],
    ["agent", now.agent.trim(), before.agent],
    ["model", now.model.trim(), before.model],
    ["project", now.project.trim(), before.project],
    ["limit", now.limit.trim() === "" ? "none" : now.limit.trim(), before.limit === "" ? "none" : before.limit],
  ] as const;
  if (now.kind === "prompt" && now.session === "named" && now.sessionName.trim() === "")
    return "Give the session that several share a name.";
  const options = now.kind === "prompt" ? [...plain, ...ofAgents] : plain;
  const changed = options.filter(([, value, old]) => value !== old && value !== "");
  const quoted = changed.find(([, value]) => quotes.test(value));
  if (quoted !== undefined) return `There must be no quotes in the ${quoted[0]}.`;
  const said = changed.map(([name, value]) => `--${name} ${quotedWord(value)}`);
  if (now.kind !== "prompt") return said;
  const view = now.view === before.view ? [] : [`--${now.view}`];
  const memory = now.memory === before.memory ? [] : [now.memory === "fresh" ? "--fresh" : "--remember"];
  return [...said, ...view, ...memory];
}

/** The conversation's session is not a schedule's to change; what was written before that was chosen stays in the fields. */
const notInConversations = { agent: "", model: "", project: "", memory: "kept" } as const;

function missedOf({ missed, missedWindow }: ScheduleDraft): string {
  return missed === "all" ? `all:${missedWindow.replace(/\s+/g, "")}` : missed;
}

function sessionOf({ session, sessionName }: ScheduleDraft): string {
  return session === "named" ? sessionName.trim() : session;
}

const quotes = /["\u201c\u201d\u201e]/;

function quotedWord(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}

/** In quotes, so that no word of the text is taken for a part of the time ("daily 7:00 am Montag"). */
function quotedWhen(when: string): string {
  const inner = when.trim().replace(/^["\u201c\u201e'](.*)["\u201c\u201d']$/s, "$1");
  return `"${inner}"`;
}

/** What begins with a dash would be an option. */
function textAfterWhen(text: string): string | null {
  if (!/^(--|[\u2013\u2014])/.test(text)) return text;
  return quotes.test(text) ? null : `"${text}"`;
}
