/**
 * What the crash test holds against the program: three witnesses that know nothing of each other. The ledger of what people did, the chats
 * as people see them (with the processes that were really started), and the database.
 */
import { DatabaseSync } from "node:sqlite";
import type { Emulator } from "../emulator/emulator.ts";
import { type ConversationId, telegramAddress } from "../../src/domain/conversation.ts";
import type { CrashCrowd, Deed, Member } from "./crash-crowd.ts";
import { beatMark } from "./beats.ts";

export type Verdict = {
  readonly violations: readonly string[];
  readonly figures: {
    readonly updates: number;
    readonly stored: number;
    readonly runs: number;
    readonly interrupted: number;
    readonly interruptedTold: number;
    readonly answers: number;
    readonly markedRepeated: number;
    readonly silentRepeats: number;
    readonly lost: number;
    readonly twice: number;
    readonly processes: number;
    readonly ordersChecked: number;
  };
};

export type VerdictDeps = {
  readonly emulator: Emulator;
  readonly crowd: CrashCrowd;
  readonly members: readonly Member[];
  readonly databasePath: string;
  /** Arguments of the processes that were started. */
  readonly started: readonly string[];
  /** Runs that were found live in the database after a kill. */
  readonly cut: ReadonlySet<string>;
};

type ItemRow = {
  readonly id: number;
  readonly key: string;
  readonly state: string;
  /** The person's message. */
  readonly message: string | null;
  /** The run that a merged message was handed to. */
  readonly run: string | null;
  readonly kind: string;
  readonly text: string | null;
};
type RunRow = {
  readonly id: string;
  readonly conversation: string;
  readonly item: number;
  readonly epoch: number;
  readonly outcome: string | null;
};
type ToldRow = { readonly run: string; readonly state: string; readonly message: string | null };

const tokenPattern = /t\d{6}t/g;
const repeatedMark = "(possibly repeated) ";

/** Deeds that the program must have stored, and has not. */
export function missingDeeds(databasePath: string, deeds: readonly Deed[]): readonly Deed[] {
  using database = new DatabaseSync(databasePath, { readOnly: true, timeout: 1_000 });
  const find = database.prepare("SELECT 1 FROM inbox WHERE key = ?");
  return deeds.filter(({ isOurs, update }) => isOurs && find.get(`tg:update:${update}`) === undefined);
}

/** The ids of runs that are live in the database. */
export function liveRunIds(databasePath: string): readonly string[] {
  using database = new DatabaseSync(databasePath, { readOnly: true, timeout: 1_000 });
  return database
    .prepare("SELECT id FROM run WHERE state <> 'settled'")
    .all()
    .map(({ id }) => String(id));
}

/** The marker of everything that the newest life of the program starts. */
export function lifeMarker(databasePath: string): string {
  using database = new DatabaseSync(databasePath, { readOnly: true, timeout: 1_000 });
  const { id, incarnation } = database.prepare("SELECT id, incarnation FROM instance").get() ?? {};
  return `${String(id)}.${String(incarnation)}`;
}

/** To be asked when everything has come to rest and the program has ended. */
export function judge(deps: VerdictDeps): Verdict {
  const { emulator, crowd, members, started, cut } = deps;
  const { items, runs, told } = read(deps.databasePath);
  const violations: string[] = [];
  const byId = new Map(items.map((item) => [item.id, item]));
  const byKey = new Map(items.map((item) => [item.key, item]));
  const ran = (token: string): readonly RunRow[] =>
    runs.filter((run) => byId.get(run.item)?.text?.includes(token) === true);

  /** Also those that the token was steered into. */
  const heardOf = (token: string): readonly RunRow[] => {
    const steered = items.filter(({ state, text }) => state === "merged" && text?.includes(token) === true);
    return [...new Set([...ran(token), ...runs.filter(({ id }) => steered.some(({ run }) => run === id))])];
  };

  // ---- I4: what people did is there, once, and nothing else is
  const lost = crowd.deeds.filter(({ isOurs, update }) => isOurs && !byKey.has(`tg:update:${update}`));
  for (const deed of lost) violations.push(`I4 lost: ${describeDeed(deed)}`);
  const ours = new Set(crowd.deeds.filter(({ isOurs }) => isOurs).map(({ update }) => `tg:update:${update}`));
  const againAllowed = new Set(
    crowd.deeds
      .filter(({ label }) => label === "Run again")
      .flatMap(({ update }) => [`again:tg:update:${update}`, `now:tg:update:${update}`]), // a message, or a schedule's
  );
  for (const { key, kind } of items) {
    if (!ours.has(key) && !againAllowed.has(key) && !key.startsWith("schedule:"))
      violations.push(`I4 stored, but nobody did it: ${key}, ${kind}`);
  }

  // ---- I6: nothing runs or answers twice in silence
  let twice = 0;
  let silentRepeats = 0;
  let answers = 0;
  let markedRepeated = 0;
  const starts = Map.groupBy(started, (argument) => argument);
  for (const deed of crowd.deeds) {
    const { token, member } = deed;
    if (token === null || member === null) continue;
    const allowed = member.kind === "plain" ? 1 : ran(token).length;
    const startedTimes = deed.sleeps === null ? 0 : (starts.get(deed.sleeps)?.length ?? 0);
    if (ran(token).length > 1 && member.kind === "plain") violations.push(`I6 run twice: ${describeDeed(deed)}`);
    if (startedTimes <= allowed) continue;
    twice += 1;
    violations.push(`I6 its process was started ${startedTimes} times, ${allowed} allowed: ${describeDeed(deed)}`);
  }
  for (const member of members) {
    const said = member.person.chat().fromBot.map(({ text }) => text);
    const all = said.filter((text) => text.replace(repeatedMark, "").startsWith("This is the demo agent"));
    const unmarked = all.filter((text) => !text.startsWith(repeatedMark));
    answers += all.length;
    markedRepeated += said.filter((text) => text.startsWith(repeatedMark)).length;
    for (const [token, times] of countTokens(unmarked)) {
      const finished = heardOf(token).filter(({ outcome }) => outcome === "finished").length;
      if (times <= finished) continue;
      silentRepeats += 1;
      violations.push(`I6 answered ${times} times by ${finished} finished runs: ${token}`);
    }
  }

  // ---- I6: every run that a crash cut is told, once or with the mark
  const interrupted = runs.filter(({ outcome }) => outcome === "interrupted");
  for (const member of members) {
    const said = member.person.chat().fromBot.filter(({ text }) => text.startsWith("This run was interrupted"));
    for (const [message, notices] of Map.groupBy(said, ({ replyTo }) => String(replyTo))) {
      const own = interrupted.filter(({ conversation }) => conversation === `telegram:${member.person.chatId}`);
      const due = own.filter(({ item }) => byId.get(item)?.message === message).length;
      if (notices.length <= due) continue;
      silentRepeats += 1;
      violations.push(`I6 ${member.person.user.first_name} is told ${notices.length} times of ${due} interruptions`);
    }
  }
  for (const member of members) {
    const own = interrupted.filter(({ conversation }) => conversation.startsWith(`telegram:${member.person.chatId}~`));
    const said = member.person
      .chat()
      .fromBot.filter(({ text }) => text.startsWith(`${beatMark}This run was interrupted`));
    if (said.length <= own.length) continue;
    silentRepeats += 1;
    violations.push(
      `I6 ${member.person.user.first_name} is told ${said.length} times of ${own.length} cut scheduled runs`,
    );
  }
  let interruptedTold = 0;
  for (const run of interrupted) {
    const chat = emulator.chat(telegramAddress(run.conversation as ConversationId)?.chat ?? 0);
    const row = told.get(run.id);
    const message = row?.state === "sent" ? chat.message(Number(row.message)) : undefined;
    if (message?.text.includes("This run was interrupted") === true) interruptedTold += 1;
    else
      violations.push(`I6 interrupted and not told: run ${run.id} in ${run.conversation} (${row?.state ?? "no row"})`);
  }
  for (const id of cut) {
    const outcome = runs.find((run) => run.id === id)?.outcome;
    if (outcome !== "interrupted")
      violations.push(`I6 run ${id} was alive at a kill and ended as ${outcome ?? "nothing"}`);
  }

  // ---- I9, as plain people see it
  let ordersChecked = 0;
  const stopAlls = crowd.deeds.filter(({ kind }) => kind === "stop-all").map(({ update }) => update);
  for (const member of members) {
    if (member.kind !== "plain") continue;
    const written = crowd.deeds.filter((deed) => deed.member === member && deed.token !== null);
    const order = new Map(written.map(({ token, update }) => [token ?? "", update]));
    const outcomes = outcomesSeen(member, written);
    ordersChecked += outcomes.length;
    for (const [index, token] of outcomes.entries()) {
      const next = outcomes[index + 1];
      const [here, there] = [order.get(token) ?? 0, order.get(next ?? "") ?? Infinity];
      // A stop of everything in between put the older one on hold.
      if (there >= here || stopAlls.some((stop) => stop > there && stop < here)) continue;
      violations.push(`I9 ${member.person.user.first_name} heard of ${token} before ${next}`);
    }
    const heard = new Set(outcomes);
    for (const deed of written) {
      const state = byKey.get(`tg:update:${deed.update}`)?.state;
      const isStopped = stopAlls.length > 0 && (state === "held" || state === "cancelled");
      if (!heard.has(deed.token ?? "") && !isStopped)
        violations.push(`I4 ${member.person.user.first_name} never heard of ${describeDeed(deed)} (${state})`);
    }
  }

  const figures = {
    ...{ updates: crowd.deeds.length, stored: items.length, runs: runs.length },
    ...{ interrupted: interrupted.length, interruptedTold, answers, markedRepeated, silentRepeats },
    ...{ lost: lost.length, twice, processes: started.length, ordersChecked },
  };
  return { violations, figures };
}

/** The tokens of answers and of interruptions, in the order of the chat. */
function outcomesSeen({ person }: Member, written: readonly Deed[]): readonly string[] {
  const tokenOf = new Map(written.map(({ message, token }) => [message ?? 0, token ?? ""]));
  return person.chat().fromBot.flatMap(({ text, replyTo }) => {
    const plain = text.replace(repeatedMark, "");
    if (plain.startsWith("This is the demo agent")) return plain.match(tokenPattern)?.slice(0, 1) ?? [];
    return plain.startsWith("This run was interrupted") ? [tokenOf.get(replyTo ?? 0) ?? "?"] : [];
  });
}

function countTokens(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const token of new Set(text.match(tokenPattern) ?? [])) counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return counts;
}

function read(path: string): { items: ItemRow[]; runs: RunRow[]; told: ReadonlyMap<string, ToldRow> } {
  using database = new DatabaseSync(path, { readOnly: true });
  const items = database
    .prepare(
      "SELECT id, key, state, message, run, request ->> '$.kind' AS kind, request ->> '$.prompt.text' AS text FROM inbox",
    )
    .all();
  const runs = database
    .prepare("SELECT id, conversation, item, epoch, outcome ->> 'kind' AS outcome FROM run ORDER BY started_at_ms")
    .all();
  const told = database
    .prepare("SELECT run, state, message FROM outbox WHERE dedupe = 'run:' || run || ':outcome'")
    .all() as unknown as ToldRow[];
  return {
    items: items as unknown as ItemRow[],
    runs: runs as unknown as RunRow[],
    told: new Map(told.map((row) => [row.run, row])),
  };
}

function describeDeed({ update, kind, token, label, member }: Deed): string {
  const who = member?.person.user.first_name ?? "a stranger";
  return [`update ${update}`, who, kind, token ?? label].filter(Boolean).join(", ");
}
