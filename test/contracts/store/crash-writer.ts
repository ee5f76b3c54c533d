/**
 * A process to be killed: accepts, claims and settles as fast as it can, and says each thing once its commit was reported.
 * Arguments: the database, a prefix for the keys of this life. Prints one line per fact: "accepted k", "started k", "settled k".
 */
import { writeSync } from "node:fs";
import { emptyTranscript } from "../../../src/domain/transcript.ts";
import { newId } from "../../../src/lib/ids.ts";
import { openSqliteStore } from "../../../src/store/sqlite-store.ts";
import { accept, claim, conversation, openLanes, settle } from "./kit.ts";

const [path, life] = process.argv.slice(2) as [string, string];
const store = await openSqliteStore({ path, now: () => Date.now(), newId });
const lanes = Array.from({ length: 8 }, (_, index) => conversation(`${index + 1}`));
await openLanes(store, ...lanes);
await store.transact(async (tx) => {
  for (const { owner, item } of await tx.deposeAll(0)) {
    await tx.moveItem(item, "running", "interrupted");
    await tx.settleRun(owner, { kind: "interrupted" }, emptyTranscript, 0);
  }
});

const say = (line: string): number => writeSync(1, `${line}\n`);

async function arrive(lane: (typeof lanes)[number]): Promise<never> {
  for (let index = 0; ; index += 1) {
    const keys = [`${life}/${lane}/${index}a`, `${life}/${lane}/${index}b`];
    await accept(store, lane, ...keys);
    for (const key of keys) say(`accepted ${key}`);
  }
}

async function dispatch(): Promise<never> {
  for (;;) {
    const run = await claim(store, newId(), 12);
    if (run === null) continue;
    say(`started ${run.key}`);
    await settle(store, run);
    say(`settled ${run.key}`);
  }
}

await Promise.all([...lanes.map(arrive), dispatch(), dispatch()]);
