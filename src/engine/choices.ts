/**
 * What a person chooses for a conversation: the agent, its model, its permissions, its session. All of it takes effect where the next run
 * begins, and never touches a live one.
 *
 * Some of it has to be asked of an agent first. That happens after the commit that stored the command and before the one that answers
 * it (a consultation); until then the command's row is `running`, so that a crash in between is told (I4).
 */
import type { AgentModel, ModelChoice } from "../domain/agent-model.ts";
import type { StoredSession } from "../domain/agent-session.ts";
import type { Button } from "../domain/button.ts";
import type { Fault } from "../domain/faults.ts";
import type { ItemId, ItemKey } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import { excerpt } from "../domain/wording.ts";
import type { ScheduleCommand } from "../domain/schedule-words.ts";
import { parsePermissionMode, type PermissionMode, permissionModes } from "../domain/permission-mode.ts";
import { offerFiles, removeFiles } from "./kept-files.ts";
import type { Driver, IncomingFiles, Lane, Workspaces } from "./ports.ts";
import { carryOutCron } from "./schedules.ts";
import { addButton, type Addressee, driverNameOf, type EngineSettings, reply, type Work } from "./work.ts";

/** What is asked of an agent, or of the machine, on a person's behalf. */
export type Question =
  | { readonly kind: "switch"; readonly driver: string }
  | { readonly kind: "continue-with"; readonly driver: string; readonly item: ItemId }
  | { readonly kind: "project"; readonly typed: string }
  | { readonly kind: "models" }
  | { readonly kind: "choose-model"; readonly choice: ModelChoice }
  | { readonly kind: "sessions"; readonly search: string | null }
  | { readonly kind: "fork"; readonly driver: string; readonly resume: string; readonly title: string | null }
  | { readonly kind: "files" }
  /** The directory that a schedule is to work in. */
  | { readonly kind: "schedule-in"; readonly typed: string; readonly user: string; readonly command: ScheduleCommand }
  /** The id of a file, or `all`. */
  | { readonly kind: "remove-files"; readonly which: string };

/** Buttons that fit on a phone without scrolling away the list above them. */
const sessionsShownMax = 8;
/** Asked of the agent: what a search goes through. */
const sessionsReadMax = 200;
const modelsShownMax = 12;
const projectsShownMax = 6;

export async function offerAgents(work: Work, to: Addressee, lane: Lane): Promise<Notice> {
  const current = driverNameOf(lane, work.settings);
  const buttons: Button[][] = [];
  for (const driver of work.settings.driverNames) {
    if (driver !== current) buttons.push([await addButton(work, lane.conversation, { kind: "switch", driver })]);
  }
  return reply(work, to, { kind: "agents", current, names: work.settings.driverNames }, buttons);
}

/** The directories that other conversations work in: one of them is what a person most often means. */
export async function offerProjects(work: Work, to: Addressee, lane: Lane): Promise<Notice> {
  const known = new Set((await work.tx.lanes()).map((other) => other.workspace));
  known.add(work.settings.workspace);
  known.delete(lane.workspace);
  const buttons: Button[][] = [];
  for (const typed of [...known].slice(0, projectsShownMax)) {
    const label = typed.split("/").slice(-2).join("/");
    buttons.push([await addButton(work, lane.conversation, { kind: "project", typed, label })]);
  }
  return reply(work, to, { kind: "project", workspace: lane.workspace }, buttons);
}

async function setProject(work: Work, to: Addressee, lane: Lane, workspace: string): Promise<Notice> {
  const isRunActive = lane.state.kind !== "idle";
  if (workspace !== lane.workspace) {
    await work.tx.chooseWorkspace(lane.conversation, workspace, work.newId());
    if (!isRunActive) work.after.push({ kind: "forget", session: lane.session.id });
  }
  return reply(work, to, { kind: "project-chosen", workspace, isRunActive });
}

export async function choosePermissions(work: Work, to: Addressee, lane: Lane, text: string | null): Promise<Notice> {
  const { conversation } = lane;
  const now = lane.permissions ?? work.settings.permissions;
  if (text === null) {
    const others = permissionModes.filter((mode) => mode !== now);
    const row: Button[] = [];
    for (const mode of others) row.push(await addButton(work, conversation, { kind: "permissions", mode }));
    return reply(work, to, { kind: "permissions", mode: now }, [row]);
  }
  const mode = parsePermissionMode(text);
  if (mode === null)
    return reply(work, to, { kind: "not-a-choice", what: "permissions", given: text, choices: permissionModes });
  return setPermissions(work, to, lane, mode);
}

export async function setPermissions(work: Work, to: Addressee, lane: Lane, mode: PermissionMode): Promise<Notice> {
  await work.tx.choosePermissions(lane.conversation, mode);
  return reply(work, to, { kind: "permissions-chosen", mode, isRunActive: isRunActive(lane) });
}

export async function setModel(
  work: Work,
  to: Addressee,
  lane: Lane,
  driver: string,
  model: ModelChoice,
): Promise<Notice> {
  const current = driverNameOf(lane, work.settings);
  if (current !== driver)
    return reply(work, to, { kind: "not-a-choice", what: "agents at work here", given: driver, choices: [current] });
  await work.tx.sessionFor(lane.conversation, driver, work.newId());
  await work.tx.chooseModel(lane.conversation, model);
  return reply(work, to, { kind: "model-chosen", driver, model, isRunActive: isRunActive(lane) });
}

/** One writer per memory: what another conversation works in, or may work in, can only be copied. */
export async function takeSession(
  work: Work,
  to: Addressee,
  lane: Lane,
  session: { readonly driver: string; readonly resume: string; readonly title: string | null },
): Promise<Notice> {
  const { driver, resume, title } = session;
  const holder =
    (await work.tx.holderOf(driver, resume)) ?? (await work.tx.possibleHolderOf(driver, resume, lane.workspace));
  if (holder !== null && holder !== lane.conversation) {
    const other = await work.tx.lane(holder);
    const copy = await addButton(work, lane.conversation, { kind: "fork", driver, resume, title });
    return reply(work, to, { kind: "session-held", title: other?.title ?? null }, [[copy]]);
  }
  return enter(work, to, lane, { driver, resume, title, how: "resumed" });
}

async function enter(
  work: Work,
  to: Addressee,
  lane: Lane,
  { how, ...session }: { driver: string; resume: string; title: string | null; how: "resumed" | "forked" },
): Promise<Notice> {
  const { driver, resume, title } = session;
  await work.tx.takeSession(lane.conversation, { ...session, id: work.newId() });
  await work.tx.chooseDriver(lane.conversation, driver);
  if (!isRunActive(lane)) work.after.push({ kind: "forget", session: lane.session.id });
  const terminal = work.settings.terminalCommand(driver, resume);
  return reply(work, to, { kind: "session-taken", how, driver, title, terminal, isRunActive: isRunActive(lane) });
}

// ---------------------------------------------------------------- consultations

export type Consultation = {
  readonly lane: Lane;
  readonly settings: EngineSettings;
  /** Null for an agent that is not known. Resolves, never rejects. */
  readonly open: (driver: string) => Promise<Driver | null>;
  readonly workspaces: Pick<Workspaces, "choose">;
  readonly incoming: IncomingFiles;
};

/** What is to be done with the agent's answer, in one transaction. Resolves with what the person was told. */
export type Reply = (work: Work, to: Addressee, lane: Lane) => Promise<Notice>;

/** Asks the agent; resolves with the reply, never rejects. `signal` bounds it. */
export async function askAgent(about: Consultation, question: Question, signal: AbortSignal): Promise<Reply> {
  const { lane, settings } = about;
  const current = driverNameOf(lane, settings);
  switch (question.kind) {
    case "switch":
      return switched(about, question.driver, signal);
    case "continue-with":
      return switched(about, question.driver, signal, (work, to) => handOver(work, to, question.item, question.driver));
    case "project": {
      const chosen = await about.workspaces.choose(question.typed);
      if (chosen.kind === "ok") return (work, to, now) => setProject(work, to, now, chosen.path);
      const { happened, next } = chosen;
      return (work, to) => reply(work, to, { kind: "project-refused", happened, next });
    }
    case "schedule-in": {
      const chosen = await about.workspaces.choose(question.typed);
      const { user, command } = question;
      if (chosen.kind === "ok") return (work, to) => carryOutCron(work, { ...to, user }, command, chosen.path);
      const { happened, next } = chosen;
      return (work, to) => reply(work, to, { kind: "project-refused", happened, next });
    }
    case "models":
    case "choose-model": {
      const driver = await about.open(current);
      if (driver === null) return cannot(unknownAgent(current));
      const models = await driver.models(lane.workspace, signal);
      if (models.kind === "unavailable") return cannot(models.fault);
      return question.kind === "models"
        ? (work, to, now) => offerModels(work, to, now, current, models.value)
        : chooseModel(question.choice, current, models.value);
    }
    case "sessions": {
      const driver = await about.open(current);
      if (driver === null) return cannot(unknownAgent(current));
      const sessions = await driver.sessions(lane.workspace, sessionsReadMax, signal);
      if (sessions.kind === "unavailable") return cannot(sessions.fault);
      return (work, to) => offerSessions(work, to, current, question.search, sessions.value);
    }
    case "fork": {
      const driver = await about.open(question.driver);
      if (driver === null) return cannot(unknownAgent(question.driver));
      const copy = await driver.fork(question.resume, lane.workspace, signal);
      if (copy.kind === "unavailable") return cannot(copy.fault);
      const session = { driver: question.driver, resume: copy.value, title: question.title, how: "forked" as const };
      return (work, to, now) => enter(work, to, now, session);
    }
    case "files":
      return offerFiles(about.incoming, lane.conversation);
    case "remove-files":
      return removeFiles(about.incoming, lane.conversation, question.which);
    default:
      return question satisfies never;
  }
}

/** An agent that cannot work is not switched to. */
async function switched(
  { open, settings }: Consultation,
  name: string,
  signal: AbortSignal,
  afterwards: (work: Work, to: Addressee) => Promise<unknown> = () => Promise.resolve(),
): Promise<Reply> {
  if (!settings.driverNames.includes(name)) {
    return (work, to) =>
      reply(work, to, { kind: "not-a-choice", what: "agents", given: name, choices: settings.driverNames });
  }
  const driver = await open(name);
  if (driver === null) return cannot(unknownAgent(name));
  const health = await driver.health(signal);
  if (health.kind === "unavailable") return cannot(health.fault);
  return async (work, to, lane) => {
    await work.tx.chooseDriver(lane.conversation, name);
    const after = await work.tx.sessionFor(lane.conversation, name, work.newId());
    const continues = after.session.resume !== null;
    await afterwards(work, to);
    return reply(work, to, { kind: "agent-chosen", driver: name, isRunActive: isRunActive(lane), continues });
  };
}

/** The last words of the agent before: enough to know what it was about, in UTF-16 units. */
const lastWordsMax = 1_500;

/** The request goes to another agent, in a new session: what the one before remembers cannot be given on, so it is told in short. */
async function handOver(work: Work, to: Addressee, id: ItemId, driver: string): Promise<void> {
  const before = await work.tx.item(id);
  if (before === null || before.conversation !== to.conversation || before.request.kind !== "prompt") return;
  await work.tx.newSession(to.conversation, work.newId(), null);
  const said = before.run === null ? "" : ((await work.tx.transcriptOf(before.run))?.text.slice(-lastWordsMax) ?? "");
  const head =
    "Another agent worked on the request below in this directory and could not go on, because its account is used up. " +
    "First look at the present state of the files; then finish it." +
    (said.trim() === "" ? "" : `\n\nIts last words were:\n\n${said.trim()}`);
  const text = `${head}\n\nThe request:\n\n${before.request.prompt.text}`;
  const key = `with:${driver}:${to.key}` as ItemKey;
  const { conversation, message, user } = before;
  const request = { kind: "prompt" as const, placement: "queue" as const, prompt: { ...before.request.prompt, text } };
  const again = { key, conversation, user, message, priority: before.priority, request, sentAtMs: work.atMs };
  const queued = await work.tx.addItem(again, "queued", work.atMs);
  if (queued !== null) work.waiting.push(queued);
}

async function offerModels(
  work: Work,
  to: Addressee,
  lane: Lane,
  driver: string,
  models: readonly AgentModel[],
): Promise<Notice> {
  const buttons: Button[][] = [];
  for (const { id, name } of models.slice(0, modelsShownMax)) {
    const model = { id, effort: null };
    buttons.push([await addButton(work, lane.conversation, { kind: "model", driver, model, label: name })]);
  }
  const chosen = models.find((model) => model.id === lane.model?.id) ?? models.find((model) => model.isDefault);
  const efforts: Button[] = [];
  for (const effort of chosen?.efforts ?? []) {
    const model = { id: chosen?.id ?? "", effort };
    efforts.push(await addButton(work, lane.conversation, { kind: "model", driver, model, label: effort }));
  }
  if (efforts.length > 0) buttons.push(efforts);
  return reply(
    work,
    to,
    { kind: "models", driver, chosen: lane.model, models: models.slice(0, modelsShownMax) },
    buttons,
  );
}

function chooseModel(choice: ModelChoice, driver: string, models: readonly AgentModel[]): Reply {
  const model = models.find((one) => one.id.toLowerCase() === choice.id.toLowerCase());
  const refuse = (what: string, given: string, choices: readonly string[]): Reply => {
    return (work, to) => reply(work, to, { kind: "not-a-choice", what, given, choices });
  };
  if (model === undefined)
    return refuse(
      `models of ${driver}`,
      choice.id,
      models.map((one) => one.id),
    );
  const effort = choice.effort?.toLowerCase() ?? null;
  if (effort !== null && !model.efforts.includes(effort))
    return refuse(`efforts of ${model.id}`, effort, model.efforts);
  return (work, to, lane) => setModel(work, to, lane, driver, { id: model.id, effort });
}

async function offerSessions(
  work: Work,
  to: Addressee,
  driver: string,
  search: string | null,
  all: readonly StoredSession[],
): Promise<Notice> {
  const words = search?.toLowerCase() ?? "";
  const found = all.filter((session) =>
    `${session.title ?? ""} ${session.preview ?? ""} ${session.resume}`.toLowerCase().includes(words),
  );
  const shown = found.slice(0, sessionsShownMax);
  const buttons: Button[][] = [];
  for (const [index, { resume, title, preview }] of shown.entries()) {
    const name = title ?? preview;
    const named = { title: name === null ? null : excerpt(name), label: `${index + 1}` };
    const button = await addButton(work, to.conversation, { kind: "resume", driver, resume, ...named });
    if (index % 4 === 0) buttons.push([]);
    buttons.at(-1)?.push(button);
  }
  const notice = { kind: "sessions" as const, driver, search, sessions: shown, more: found.length - shown.length };
  return reply(work, to, { ...notice, atMs: work.atMs }, buttons);
}

/** The agent has not answered within the bound. */
export function noAnswer(agent: string): Reply {
  return cannot({ kind: "agent-error", agent, detail: "it did not answer in time. Try again, or look at /logs." });
}

function cannot(fault: Fault): Reply {
  return (work, to) => reply(work, to, { kind: "agent-cannot", fault });
}

function unknownAgent(agent: string): Fault {
  return { kind: "agent-missing", agent, remedy: "It is not in the configuration any more; /switch shows what is." };
}

function isRunActive(lane: Lane): boolean {
  return lane.state.kind !== "idle";
}
