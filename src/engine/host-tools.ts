/**
 * The tools that Signalbox gives to agents. A call acts for the run that made it, whatever else is running, and for nothing once that run
 * is over or being stopped.
 *
 * I3: everything that a call changes is written under the run's owner.
 * I14: an agent may speak and send a bounded number of times in a run.
 */
import type { Ask, AskAnswer, Question } from "../domain/ask.ts";
import { optionsMax } from "../domain/ask.ts";
import type { HostTool, HostToolResult } from "../domain/host-tool.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { RunOwner } from "../domain/run.ts";
import { parseScheduleName } from "../domain/schedule.ts";
import { type ScheduleCommand, type ScheduleOptions, splitWhen } from "../domain/schedule-words.ts";
import { askAgent, type Consultation } from "./choices.ts";
import type { Driver, Files, HostTools, IncomingFiles } from "./ports.ts";
import { laneReports } from "./reports.ts";
import { carryOutCron } from "./schedules.ts";
import { type Commit, Deposed, type EngineSettings, say, type Work } from "./work.ts";

export type HostToolDeps = {
  readonly owner: RunOwner;
  /** A real path. */
  readonly workspace: string;
  /** What the run may do without asking. */
  readonly permissions: PermissionMode;
  readonly commit: Commit;
  /** Null when the run was over before a person answered. */
  readonly ask: (ask: Ask, signal: AbortSignal) => Promise<AskAnswer | null>;
  readonly files: Files;
  readonly incoming: IncomingFiles;
  readonly workspaces: Consultation["workspaces"];
  readonly openDriver: (name: string) => Promise<Driver | null>;
  readonly settings: EngineSettings;
};

/** More than this in one run is noise, or an agent that was talked into it (T8). */
const noticesMax = 10;
const filesMax = 10;
/** Longer texts are answers or files. In UTF-16 units. */
const noticeCharsMax = 2_000;

const text = (description: string) => ({ type: "string", description });

export const hostToolList: readonly HostTool[] = [
  {
    name: "send_file",
    description:
      "Send a file of the workspace to the person in the chat. Not for secrets; at most 50 MB, 10 in a turn. Files that belong together: call it for all of them at once, and they arrive as one album.",
    input: {
      type: "object",
      properties: { path: text("Path of the file, inside the workspace"), caption: text("One line about it") },
      required: ["path"],
    },
  },
  {
    name: "ask_user",
    description:
      "Ask the person a question and wait for the answer. Use it when you cannot go on without their decision.",
    input: {
      type: "object",
      properties: {
        question: text("The question"),
        options: {
          type: "array",
          items: { type: "string" },
          description: "Answers to choose from; they may also write their own",
        },
        multiple: { type: "boolean", description: "Whether several options may be chosen" },
      },
      required: ["question"],
    },
  },
  {
    name: "notify",
    description: "Tell the person something now, while you go on working. Use it sparingly.",
    input: { type: "object", properties: { text: text("What to say, in plain text") }, required: ["text"] },
  },
  {
    name: "new_session",
    description: "Begin a new session with an empty memory at the person's next message. This turn goes on as it is.",
    input: { type: "object", properties: { title: text("A name for the new session") } },
  },
  {
    name: "switch_model",
    description: "Choose the model of the next turns of this conversation.",
    input: {
      type: "object",
      properties: { model: text("The model's id"), effort: text("How hard it thinks, where the model has that") },
      required: ["model"],
    },
  },
  {
    name: "schedule",
    description:
      "Schedules of this conversation: prompts that you get later or again and again, or reminders for the person. Adding and deleting may have to be allowed by the person.",
    input: {
      type: "object",
      properties: {
        action: { type: "string", enum: ["add", "list", "delete"], description: "What to do" },
        when: text(
          'When to fire, for add: "in 20m", "tomorrow 7:00", "every 2h", "daily 7:00", or cron: "0 7 * * 1-5"',
        ),
        text: text("For add: the prompt, or the words of the reminder"),
        reminder: { type: "boolean", description: "The person is told the text, and no agent runs" },
        silent: { type: "boolean", description: "Nothing of its runs is shown unless they call notify" },
        name: text("A short name; needed for delete"),
      },
      required: ["action"],
    },
  },
  {
    name: "status",
    description: "What runs where in this Signalbox, and who waits for what.",
    input: { type: "object", properties: {} },
  },
];

export function createHostTools(deps: HostToolDeps): HostTools {
  const { owner, commit, settings } = deps;
  let notices = 0;
  let files = 0;
  let calls = 0;

  return { list: hostToolList, call };

  async function call(name: string, input: unknown, signal: AbortSignal): Promise<HostToolResult> {
    calls += 1;
    try {
      return await act(name, read(input), signal);
    } catch (error) {
      if (error instanceof Deposed) return failed("This turn is being stopped, or is over. Nothing was done.");
      return failed(error instanceof Misuse ? error.message : "Signalbox could not do that. Nothing was changed.");
    }
  }

  function act(name: string, input: Input, signal: AbortSignal): Promise<HostToolResult> {
    switch (name) {
      case "send_file":
        return sendFile(input.text("path"), input.optional("caption"));
      case "ask_user":
        return askUser(input, signal);
      case "notify":
        return notify(input.text("text"));
      case "new_session":
        return newSession(input.optional("title"));
      case "switch_model":
        return switchModel(input.text("model"), input.optional("effort"), signal);
      case "schedule":
        return schedule(input, signal);
      case "status":
        return status();
      default:
        return Promise.resolve(failed(`There is no tool ${name}.`));
    }
  }

  /** Inside a transaction: throws `Deposed` unless the run goes on. */
  async function demandLive(work: Work): Promise<void> {
    const live = await work.tx.run(owner);
    if (live === null || (live.state !== "starting" && live.state !== "running")) throw new Deposed(owner);
    work.touched.add(owner.conversation);
  }

  async function sendFile(path: string, caption: string | null): Promise<HostToolResult> {
    if (files >= filesMax) return failed(`At most ${filesMax} files in a turn. It was not sent.`);
    const taken = await deps.files.take(path, deps.workspace);
    if (taken.kind === "refused") return failed(`${taken.why} It was not sent.`);
    files += 1;
    const number = calls;
    await commit(async (work) => {
      await demandLive(work);
      const body = {
        kind: "file" as const,
        run: owner.run,
        file: taken.file,
        caption: caption?.slice(0, noticeCharsMax) ?? null,
      };
      const row = { conversation: owner.conversation, run: owner.run, dedupe: `run:${owner.run}:file:${number}` };
      await work.tx.addOutgoing({ ...row, body, notBeforeMs: 0 }, work.atMs);
    });
    return ok(`Sent: ${taken.file.name} (${taken.file.bytes} bytes).`);
  }

  async function askUser(input: Input, signal: AbortSignal): Promise<HostToolResult> {
    const options = input.list("options").slice(0, optionsMax);
    const question: Question = {
      header: "",
      text: input.text("question"),
      options: [...new Set(options)].map((label) => ({ label, description: "" })),
      choice: input.flag("multiple") && options.length > 0 ? "many" : "one",
      takesText: true,
    };
    const answer = await deps.ask({ kind: "questions", questions: [question] }, signal);
    if (answer === null) return failed("The turn ended before the person answered.");
    if (answer.kind !== "answers") return ok("The person does not want to answer this.");
    return ok(answer.answers.flat().join("\n"));
  }

  async function notify(words: string): Promise<HostToolResult> {
    if (notices >= noticesMax) return failed(`At most ${noticesMax} notices in a turn. Say the rest in your answer.`);
    notices += 1;
    const number = calls;
    await commit(async (work) => {
      await demandLive(work);
      const notice: Notice = { kind: "from-agent", text: words.slice(0, noticeCharsMax) };
      await say(work, owner.conversation, notice, { dedupe: `run:${owner.run}:notify:${number}`, run: owner.run });
    });
    return ok("The person is told.");
  }

  async function newSession(title: string | null): Promise<HostToolResult> {
    const number = calls;
    await commit(async (work) => {
      await demandLive(work);
      await work.tx.newSession(owner.conversation, work.newId(), title);
      const notice: Notice = { kind: "new-session", isRunActive: true, ended: 0 };
      await say(work, owner.conversation, notice, { dedupe: `run:${owner.run}:new-session:${number}`, run: owner.run });
    });
    return ok("The person's next message begins a new session.");
  }

  async function switchModel(id: string, effort: string | null, signal: AbortSignal): Promise<HostToolResult> {
    const number = calls;
    const lane = await commit(async (work) => {
      await demandLive(work);
      return work.tx.lane(owner.conversation);
    });
    if (lane === null) throw new Deposed(owner);
    const about: Consultation = {
      lane,
      settings,
      open: deps.openDriver,
      workspaces: deps.workspaces,
      incoming: deps.incoming,
    };
    const reply = await askAgent(about, { kind: "choose-model", choice: { id, effort } }, signal);
    const told = await commit(async (work) => {
      await demandLive(work);
      const now = await work.tx.lane(owner.conversation);
      if (now === null) throw new Deposed(owner);
      const key = `tool:${owner.run}:${number}` as ItemKey;
      return reply(work, { key, conversation: owner.conversation, message: null }, now);
    });
    const words = describeNotice(told, "web");
    return told.kind === "model-chosen" ? ok(words) : failed(words);
  }

  async function schedule(input: Input, signal: AbortSignal): Promise<HostToolResult> {
    const command = readSchedule(input);
    const number = calls;
    if (command.kind !== "list" && deps.permissions !== "bypass") {
      const asked = { kind: "tool" as const, name: "schedule", input: spelled(input) };
      const answer = await deps.ask({ kind: "approval", action: asked, reason: null, scopes: ["once"] }, signal);
      if (answer === null) return failed("The turn ended before the person answered. Nothing was changed.");
      if (answer.kind !== "allow") return failed("The person does not want that. Nothing was changed.");
    }
    const told = await commit(async (work) => {
      await demandLive(work);
      const live = await work.tx.run(owner);
      const item = live === null ? null : await work.tx.item(live.item);
      if (item === null) throw new Deposed(owner);
      const key = `tool:${owner.run}:${number}` as ItemKey;
      const to = { key, conversation: owner.conversation, message: null, user: item.user };
      return carryOutCron(work, to, command, null);
    });
    const words = describeNotice(told, "web");
    return told.kind === "schedule-wrong" || told.kind === "schedule-unknown" ? failed(words) : ok(words);
  }

  async function status(): Promise<HostToolResult> {
    const lanes = await commit(laneReports);
    const { runsMax, version } = settings;
    return ok(describeNotice({ kind: "status", lanes, runsMax, version }, "web"));
  }
}

/** What a person is asked to allow: all that the call would do, as they would say it (T5). */
function spelled(input: Input): string {
  const name = input.optional("name");
  if (input.text("action") === "delete") return `delete ${name}`;
  const how = [...(input.flag("reminder") ? ["a reminder"] : []), ...(input.flag("silent") ? ["silent"] : [])];
  const head = [`add ${input.text("when")}`, ...(name === null ? [] : [`as ${name}`]), ...how].join(", ");
  return `${head}\n${input.text("text")}`;
}

/** A longer text is a file that the prompt can name. In UTF-16 units; what is asked about is shown whole (T5). */
const scheduleCharsMax = 2_000;

function readSchedule(input: Input): ScheduleCommand {
  const action = input.text("action");
  switch (action) {
    case "list":
      return { kind: "list" };
    case "delete":
      return { kind: "delete", name: input.text("name").toLowerCase() };
    case "add": {
      const split = splitWhen(input.text("when"));
      if (typeof split === "string") throw new Misuse(`${split} Nothing was scheduled.`);
      if (split.rest !== "")
        throw new Misuse(`"${split.rest}" after the time is no part of it. Nothing was scheduled.`);
      const words = input.text("text");
      if (words.length > scheduleCharsMax)
        throw new Misuse(
          `The text has at most ${scheduleCharsMax} characters: put more into a file. Nothing was scheduled.`,
        );
      const typed = input.optional("name");
      const name = typed === null ? null : parseScheduleName(typed);
      const options: ScheduleOptions = {
        ...(name === null ? {} : { name }),
        ...(input.flag("silent") ? { view: "silent" as const } : {}),
        ...(input.flag("reminder") ? { work: "reminder" as const } : {}),
      };
      return { kind: "add", when: split.when, text: words, options };
    }
    default:
      throw new Misuse(`action is add, list or delete: not "${action}". Nothing was done.`);
  }
}

function ok(words: string): HostToolResult {
  return { kind: "ok", text: words };
}

function failed(words: string): HostToolResult {
  return { kind: "failed", text: words };
}

/** The agent called a tool with something else than it takes. Its message is for the agent. */
class Misuse extends Error {}

type Input = {
  text(name: string): string;
  optional(name: string): string | null;
  list(name: string): readonly string[];
  flag(name: string): boolean;
};

function read(input: unknown): Input {
  const given: Readonly<Record<string, unknown>> =
    typeof input === "object" && input !== null ? (input as Record<string, unknown>) : {};
  const optional = (name: string): string | null => {
    const value = given[name] ?? null;
    if (value !== null && typeof value !== "string") throw new Misuse(`${name} has to be a text. Nothing was done.`);
    return value === null || value.trim() === "" ? null : value;
  };
  return {
    optional,
    text(name) {
      const value = optional(name);
      if (value === null) throw new Misuse(`${name} is missing. Nothing was done.`);
      return value;
    },
    list(name) {
      const value = given[name] ?? [];
      if (!Array.isArray(value) || value.some((one) => typeof one !== "string"))
        throw new Misuse(`${name} has to be a list of texts. Nothing was done.`);
      return value as readonly string[];
    },
    flag: (name) => given[name] === true,
  };
}
