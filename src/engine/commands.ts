/** Commands: each is done, and answered, in the transaction that stores it (I7). */
import type { Command, InboxItem } from "../domain/inbox-item.ts";
import { entriesShownMax } from "../domain/notices/queue.ts";
import { choosePermissions, offerAgents, offerProjects } from "./choices.ts";
import { pairByCode, showPeople } from "./people.ts";
import type { Lane, Receipt } from "./ports.ts";
import { laneFacts, laneReports, newestTranscript, usageReport } from "./reports.ts";
import { admitCron } from "./schedules.ts";
import { chooseSettings } from "./settings.ts";
import { endBackground, stopAll, stopConversation } from "./stops.ts";
import { entriesOf } from "./waiting-line.ts";
import { addButton, consult, driverNameOf, fresh, heldButtons, reply, say, seenBefore, type Work } from "./work.ts";

export async function admitCommand(work: Work, item: InboxItem, command: Command, lane: Lane): Promise<Receipt> {
  const isPending = command.name === "stop" && command.scope === "all";
  const state = command.name === "unknown" ? "rejected" : isPending ? "running" : "done";
  const id = await work.tx.addItem(item, state, work.atMs);
  if (id === null) return seenBefore(item);
  switch (command.name) {
    case "start":
      await reply(work, item, {
        kind: "welcome",
        driver: work.settings.driverName,
        workspace: lane.workspace,
        isDemo: work.settings.driverName === "demo",
      });
      break;
    case "help":
      await reply(work, item, { kind: "help" });
      break;
    case "unknown":
      await reply(work, item, { kind: "unknown-command", text: command.text });
      break;
    case "status":
      await sayStatus(work, item);
      break;
    case "queue":
      await sayQueue(work, item, lane);
      break;
    case "stop":
      await (command.scope === "all" ? stopAll(work, item, id) : stopConversation(work, item, id, lane));
      break;
    case "new":
      await beginSession(work, item, lane, command.title);
      break;
    case "switch":
      if (command.driver === null) await offerAgents(work, item, lane);
      else await consult(work, item, id, { kind: "switch", driver: command.driver });
      break;
    case "model": {
      const { choice } = command;
      await consult(work, item, id, choice === null ? { kind: "models" } : { kind: "choose-model", choice });
      break;
    }
    case "project":
      if (command.typed === null) await offerProjects(work, item, lane);
      else await consult(work, item, id, { kind: "project", typed: command.typed });
      break;
    case "permissions":
      await choosePermissions(work, item, lane, command.mode);
      break;
    case "settings":
      await chooseSettings(work, item, lane, command);
      break;
    case "cron":
      await admitCron(work, item, id, command.typed);
      break;
    case "people":
      await showPeople(work, item);
      break;
    case "pair":
      await pairByCode(work, item, command);
      break;
    case "resume":
      await consult(work, item, id, { kind: "sessions", search: command.search });
      break;
    case "fork": {
      const { driver, resume } = lane.session;
      if (driver === null || resume === null) await reply(work, item, { kind: "nothing-to-fork" });
      else await consult(work, item, id, { kind: "fork", driver, resume, title: lane.title });
      break;
    }
    case "files":
      await consult(work, item, id, { kind: "files" });
      break;
    case "terminal":
      await tellTerminal(work, item, lane);
      break;
    case "usage":
      await reply(work, item, await usageReport(work, lane));
      break;
    case "context": {
      const context = (await newestTranscript(work, lane))?.context ?? null;
      await reply(work, item, { kind: "context", driver: driverNameOf(lane, work.settings), context });
      break;
    }
    case "debug":
      await reply(work, item, { kind: "debug", facts: await laneFacts(work, lane) });
      break;
    case "logs":
      await reply(work, item, { kind: "logs", entries: work.settings.recentErrors(), atMs: work.atMs });
      break;
    default:
      command satisfies never;
  }
  return fresh(item, null);
}

async function sayStatus(work: Work, item: InboxItem): Promise<void> {
  const lanes = await laneReports(work);
  const hasBackground = lanes.some((lane) => lane.background.length > 0);
  const buttons = hasBackground ? [[await addButton(work, item.conversation, { kind: "end-background" })]] : [];
  const notice = { kind: "status" as const, lanes, runsMax: work.settings.runsMax, version: work.settings.version };
  await say(work, item.conversation, notice, { dedupe: `item:${item.key}:status`, buttons, replyTo: item.message });
}

async function sayQueue(work: Work, item: InboxItem, lane: Lane): Promise<void> {
  const { conversation } = item;
  const queued = await work.tx.items(conversation, "queued");
  const held = await work.tx.items(conversation, "held");
  const buttons = [];
  for (const [index, { id }] of queued.slice(0, entriesShownMax).entries()) {
    const named = { item: id, ordinal: index + 1 };
    const cancel = await addButton(work, conversation, { kind: "cancel", ...named });
    buttons.push(
      index === 0 ? [cancel] : [cancel, await addButton(work, conversation, { kind: "move-first", ...named })],
    );
  }
  if (queued.length > 1) buttons.push([await addButton(work, conversation, { kind: "clear-queue" })]);
  if (held.length > 0) buttons.push(...(await heldButtons(work, conversation)));
  const notice = {
    kind: "queue" as const,
    entries: entriesOf(queued),
    count: queued.length,
    held: held.length,
    isRunning: lane.state.kind !== "idle",
  };
  await say(work, conversation, notice, { dedupe: `item:${item.key}:queue`, buttons, replyTo: item.message });
}

async function beginSession(work: Work, item: InboxItem, lane: Lane, title: string | null): Promise<void> {
  await work.tx.newSession(item.conversation, work.newId(), title);
  const isRunActive = lane.state.kind !== "idle";
  if (!isRunActive) work.after.push({ kind: "forget", session: lane.session.id });
  const ended = await endBackground(work, item.conversation, item.conversation);
  await reply(work, item, { kind: "new-session", isRunActive, ended });
}

/** An agent that keeps the session open would be a second writer of it: it lets go first, unless a turn is running. */
async function tellTerminal(work: Work, item: InboxItem, lane: Lane): Promise<void> {
  const { driver, id, resume } = lane.session;
  const isRunActive = lane.state.kind !== "idle";
  const command = driver === null || resume === null ? null : work.settings.terminalCommand(driver, resume);
  const line = command === null ? null : `cd ${shellQuoted(lane.workspace)} && ${command}`;
  if (line !== null && !isRunActive) work.after.push({ kind: "forget", session: id });
  await reply(work, item, { kind: "terminal", driver: driver ?? driverNameOf(lane, work.settings), line, isRunActive });
}

function shellQuoted(path: string): string {
  return /^[\w/.@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
