/**
 * What must hold at the end of every end-to-end test, whatever it was about: read from the emulator's journal and, once the program is
 * gone, from its database.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ConversationId, telegramAddress } from "../../src/domain/conversation.ts";
import type { Emulator } from "../emulator/emulator.ts";
import type { JournalEntry } from "../emulator/journal.ts";
import type { Home } from "./home.ts";

/**
 * I8: after "Stopped" or "interrupted" nothing is drawn in a message that is older than it, but the last line of an earlier run, whose
 * end was another and may be drawn late. Which run a message is of is read from the books. Throws with what was.
 */
export function assertStoppedIsStopped({ journal }: Emulator, home: Home): void {
  const runs = runsOfMessages(home);
  for (const said of journal.entries.filter(saysTheEnd)) {
    const ended = runs.get(`${said.chatId} ${messageId(said)}`);
    const isOfAnother = (message: number): boolean => {
      const run = runs.get(`${said.chatId} ${message}`);
      return ended !== undefined && run !== undefined && run !== ended;
    };
    const late = journal.entries.filter(
      (entry) =>
        entry.seq > said.seq &&
        entry.chatId === said.chatId &&
        entry.method.startsWith("editMessage") &&
        Number(entry.params["message_id"]) < messageId(said) &&
        !isOfAnother(Number(entry.params["message_id"])),
    );
    if (late.length > 0) {
      throw new Error(
        `I8: after "${String(said.params["text"])}" (#${said.seq}) came ${late.map((entry) => `#${entry.seq} ${entry.method} ${JSON.stringify(entry.params["text"])}`).join(", ")}`,
      );
    }
  }
}

/** By "<chat> <message>". */
function runsOfMessages(home: Home): ReadonlyMap<string, string> {
  using database = openDatabase(home);
  const rows = database
    ?.prepare("SELECT conversation, message, run FROM outbox WHERE run IS NOT NULL AND message IS NOT NULL")
    .all();
  return new Map(
    rows?.map(({ conversation, message, run }) => [
      `${telegramAddress(conversation as ConversationId)?.chat ?? 0} ${String(message)}`,
      String(run),
    ]),
  );
}

function saysTheEnd({ method, params, outcome }: JournalEntry): boolean {
  const text = String(params["text"]);
  return (
    method === "sendMessage" &&
    outcome.kind === "ok" &&
    /^(\u23F0 .*\n)?(Stopped\.|This run was interrupted|The run failed)/.test(text)
  );
}

function messageId({ outcome }: JournalEntry): number {
  return outcome.kind === "ok" ? (outcome.result as { message_id: number }).message_id : Number.POSITIVE_INFINITY;
}

/**
 * The database of a program that has ended. I4: every admission is there. I1, I2: no run is live. I6: no message was run twice, but what made
 * room for one (I11). Throws with what is wrong. Nothing is checked when the program never opened one.
 */
export function assertBooksBalance(home: Home): void {
  using database = openDatabase(home);
  if (database === null) return;
  const one = (sql: string): unknown => Object.values(database.prepare(sql).get() ?? {})[0];
  const wrong: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown): void => {
    if (found !== wanted) wrong.push(`${what}: ${String(found)}, not ${String(wanted)}`);
  };
  expect("received, less the rows", one("SELECT received - (SELECT count(*) FROM inbox) FROM instance"), 0);
  expect("live runs", one("SELECT count(*) FROM run WHERE state <> 'settled'"), 0);
  expect("running items", one("SELECT count(*) FROM inbox WHERE state = 'running'"), 0);
  const ranForGood = "SELECT item FROM run WHERE outcome ->> 'kind' IS NOT 'preempted'";
  expect("items run twice", one(`SELECT count(*) FROM (${ranForGood} GROUP BY item HAVING count(*) > 1)`), 0);
  if (wrong.length > 0) throw new Error(`the books do not balance: ${wrong.join("; ")}`);
}

/** Throws while a message is still owed to a chat. */
export function assertDelivered(home: Home): void {
  using database = openDatabase(home);
  const owed = database
    ?.prepare("SELECT kind, state FROM outbox WHERE channel = 'telegram' AND state IN ('pending', 'sending')")
    .all();
  if (owed === undefined || owed.length > 0) throw new Error(`not delivered yet: ${JSON.stringify(owed)}`);
}

/** Null when there is none. */
export function openDatabase(home: Home): (DatabaseSync & Disposable) | null {
  const file = readdirSync(home.path)
    .filter((name) => name === "state")
    .flatMap(() => readdirSync(home.state))
    .find((name) => /\.(db|sqlite)$/.test(name));
  return file === undefined ? null : new DatabaseSync(join(home.state, file), { readOnly: true });
}
