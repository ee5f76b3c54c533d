/**
 * For each row the guarantee that makes its race impossible, taken away: exact replacements in `src/`. The row's test must be red
 * with each of them, or it shows nothing. `npm run audit:mutants` tries all; `npm run audit:mutants -- H-4 DR-2` those of some rows.
 */
import type { Edit } from "../planted-fault.ts";

export type Mutant = {
  /** Rows, each with the test file `<row>.test.ts` (or `<row>.cli.test.ts`); the mutant must be caught by each of them. */
  readonly rows: readonly [string, ...string[]];
  readonly name: string;
  readonly edits: readonly Edit[];
};

/** A run that settles without asking its turn again whether it is quiet. */
const withoutProof: readonly Edit[] = [
  { file: "engine/run.ts", find: "const { adopted } = await started.quiet;", replace: "const adopted: never[] = [];" },
  { file: "engine/run.ts", find: "await started[Symbol.asyncDispose]();", replace: "" },
];

/** A conversation with a live run counts as free, and the database lets a second one in. */
const laneNeverTaken: readonly Edit[] = [
  {
    file: "domain/lane-machine.ts",
    find: 'return state.kind === "idle"\n        ? {',
    replace: "return state !== null\n        ? {",
  },
  {
    file: "store/migrations.ts",
    find: "CREATE UNIQUE INDEX run_one_per_lane ON run (conversation) WHERE ${isLive}",
    replace: "CREATE INDEX run_one_per_lane ON run (conversation) WHERE ${isLive}",
  },
  {
    file: "store/readiness.ts",
    find: "iif(EXISTS (SELECT 1 FROM run WHERE conversation = lane.conversation AND ${isLive}), NULL,",
    replace: "iif(1 = 0, NULL,",
  },
];

/** A directory with a live run counts as free, and the database lets a second one in. */
const workspaceNeverTaken: readonly Edit[] = [
  {
    file: "store/migrations.ts",
    find: "CREATE UNIQUE INDEX run_one_per_workspace ON run (workspace) WHERE ${isLive}",
    replace: "CREATE INDEX run_one_per_workspace ON run (workspace) WHERE ${isLive}",
  },
  {
    file: "store/readiness.ts",
    find: "WHEN EXISTS (SELECT 1 FROM run WHERE workspace = workspace.path AND ${isLive}) THEN NULL",
    replace: "WHEN 1 = 0 THEN NULL",
  },
];

export const mutants: readonly Mutant[] = [
  {
    rows: ["DQ-1"],
    name: "the end of a run wakes nobody: only new traffic does",
    edits: [
      {
        file: "engine/engine.ts",
        find: "const value = await decide(work);\n        await work.claim();",
        replace: "const value = await decide(work);",
      },
    ],
  },
  {
    rows: ["TX-1"],
    name: "a run that was replaced is tried again",
    edits: [{ file: "engine/settlement.ts", find: 'return "cancelled";', replace: 'return "queued";' }],
  },
  {
    rows: ["TX-1", "DR-2", "H-1"],
    name: "a stop is over when its time is",
    edits: [
      {
        file: "engine/quiescence.ts",
        find: "AbortSignal.any([signal, over.signal])).then(() => undefined);",
        replace:
          'AbortSignal.any([signal, over.signal])).then(() => ({ kind: "quiet" as const, quiet: { adopted: [] } }));',
      },
      ...withoutProof,
    ],
  },
  {
    rows: ["TX-2"],
    name: "the last message is one variable of the process",
    edits: [
      {
        file: "engine/prompts.ts",
        find: "work.waiting.push(id);",
        replace: "work.waiting.push(id);\n  Object.assign(globalThis, { lastPrompt: request.prompt });",
      },
      {
        file: "engine/presses.ts",
        find: "const prompt = joined(before, steered);",
        replace: "const prompt = steered.length < 0 ? joined(before, []) : (globalThis as never)['lastPrompt'];",
      },
    ],
  },
  {
    rows: ["DR-1"],
    name: "the handle of a run is there a moment after its row",
    edits: [
      {
        file: "engine/engine.ts",
        find: "runs.set(claim.owner.run, run);",
        replace: "setImmediate(() => runs.set(claim.owner.run, run));",
      },
    ],
  },
  {
    rows: ["DR-1"],
    name: "a stop before the agent is started is not looked for",
    edits: [
      {
        file: "engine/run.ts",
        find: "await using _lock = hold.lock;\n    if (stopAsked.signal.aborted) return nothingStarted;",
        replace: "await using _lock = hold.lock;",
      },
    ],
  },
  {
    rows: ["DR-3"],
    name: "a stop reaches the newest run instead of the one it names",
    edits: [
      {
        file: "engine/engine.ts",
        find: "runs.get(effect.owner.run)?.stop();",
        replace: "[...runs.values()].at(-1)?.stop();",
      },
    ],
  },
  {
    rows: ["N-3", "SP-1", "H-5", "FLD-4"],
    name: "a stop is noted, and no driver hears of it",
    edits: [{ file: "engine/engine.ts", find: "runs.get(effect.owner.run)?.stop();", replace: "" }],
  },
  {
    rows: ["N-3"],
    name: "one of the drivers cannot be interrupted",
    edits: [{ file: "drivers/demo/driver.ts", find: "if (!isQuiet) stop.strengthen(level);", replace: "void level;" }],
  },
  {
    rows: ["SP-1"],
    name: "a stop of everything says at once that it is done",
    edits: [
      {
        file: "engine/stops.ts",
        find: 'await reply(work, item, { kind: "stopping-all", runs });',
        replace: 'await reply(work, item, { kind: "stopped-all", stopped: runs, quarantined: 0 });',
      },
    ],
  },
  {
    rows: ["SP-1"],
    name: "a stop of everything is done with its first run",
    edits: [{ file: "store/stop-waits.ts", find: "if (tally.open > 0) return null;", replace: "" }],
  },
  {
    rows: ["SP-2"],
    name: "the first sign of life of a turn erases the stop that waits for it",
    edits: [
      {
        file: "store/runs.ts",
        find: "UPDATE run SET state = iif(state = 'starting', 'running', state) WHERE",
        replace: "UPDATE run SET state = 'running', stop_why = NULL WHERE",
      },
    ],
  },
  {
    rows: ["SP-2", "H-3", "N-14"],
    name: "a stop is not on the row of its run",
    edits: [{ file: "engine/stops.ts", find: "await work.tx.markStopping(owner, why, work.atMs);", replace: "" }],
  },
  {
    rows: ["ST-1"],
    name: "the tools of a transcript are one list, added to",
    edits: [
      {
        file: "domain/transcript.ts",
        find: 'tools: [...before.tools, { ...event.tool, state: "running" as const }].slice(-transcriptToolsMax),',
        replace:
          'tools: ((before.tools as ToolRecord[]).push({ ...event.tool, state: "running" as const }), before.tools),',
      },
    ],
  },
  {
    rows: ["ST-1"],
    name: "late events of a run that is over are shown",
    edits: [{ file: "engine/run.ts", find: "if (over.signal.aborted) break;", replace: "" }],
  },
  {
    rows: ["ST-1"],
    name: "what is heard after a stop puts its message back in line",
    edits: [
      {
        file: "engine/intake.ts",
        find: 'if (isAsked) await work.tx.moveItem(item.id, "queued", "held");',
        replace:
          'if (item.state === "held") await work.tx.moveItem(item.id, "held", "queued");\n  if (isAsked) await work.tx.moveItem(item.id, "queued", "held");',
      },
    ],
  },
  {
    rows: ["ST-1"],
    name: "what comes of a file is told, whatever became of its message",
    edits: [
      {
        file: "engine/intake.ts",
        find: 'if (item === null || !isIncomplete(item) || item.request.kind !== "prompt") return "whole";',
        replace: 'if (item === null || item.request.kind !== "prompt") return "whole";',
      },
    ],
  },
  {
    rows: ["ST-1"],
    name: "what a run says of its memory is written to the session that its conversation has now",
    edits: [
      {
        file: "store/runs.ts",
        find: '(SELECT session FROM run WHERE id = ?)", resume, owner.run)',
        replace: '(SELECT session FROM lane WHERE conversation = ?)", resume, owner.conversation)',
      },
    ],
  },
  {
    rows: ["ST-1"],
    name: "an album that was whole begins without the picture that has come since",
    edits: [
      { file: "engine/intake.ts", find: "if (whole.isReady) await work.tx.setReady(whole.id, false);", replace: "" },
    ],
  },
  {
    rows: ["VC-1", "N-1", "N-2", "FLD-12"],
    name: "nothing asks whether a run is live in the conversation or its directory",
    edits: [...laneNeverTaken, ...workspaceNeverTaken],
  },
  {
    rows: ["N-1"],
    name: "each picture of an album is a message of its own",
    edits: [
      {
        file: "engine/intake.ts",
        find: "for (const of of groupsOf(item, lane)) {",
        replace: "for (const of of groupsOf(item, lane).slice(9)) {",
      },
    ],
  },
  {
    rows: ["N-1"],
    name: "a message may begin before it is whole",
    edits: [
      {
        file: "store/readiness.ts",
        find: "(SELECT iif(is_ready = 1, priority, NULL) FROM inbox",
        replace: "(SELECT priority FROM inbox",
      },
    ],
  },
  {
    rows: ["VC-1"],
    name: "a press puts its message in line past the admission",
    edits: [
      {
        file: "engine/presses.ts",
        find: "await admitPrompt(work, again, request, lane, new Set());",
        replace: 'await work.tx.addItem(again, "queued", work.atMs);',
      },
    ],
  },
  {
    rows: ["N-4"],
    name: "the end that an agent gives is taken for proof",
    edits: [
      {
        file: "engine/quiescence.ts",
        find: "const overdue = ended.then(() => clock.sleep(endedMs, over.signal)).then(() => undefined);",
        replace: 'const overdue = ended.then(() => ({ kind: "quiet" as const, quiet: { adopted: [] } }));',
      },
      ...withoutProof,
    ],
  },
  {
    rows: ["N-5"],
    name: "a tool that is denied runs, and the denial is shown",
    edits: [
      {
        file: "drivers/claude/session.ts",
        find: "return resultOf(call, turn === sink && !turn.isStopping ? answer : null);",
        replace: 'return { behavior: "allow", updatedInput: toolInput };',
      },
    ],
  },
  {
    rows: ["N-6"],
    name: "a short answer is left to the live message",
    edits: [
      {
        file: "engine/settlement.ts",
        find: "await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);",
        replace:
          "if (text.length > 20) await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);",
      },
    ],
  },
  {
    rows: ["N-6"],
    name: "the answer to what came with files is left to the live message",
    edits: [
      {
        file: "engine/settlement.ts",
        find: "await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);",
        replace:
          'if (item.request.kind !== "prompt" || item.request.prompt.files === undefined) await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);',
      },
    ],
  },
  {
    rows: ["N-6"],
    name: "a short word that is spoken is taken for noise",
    edits: [
      {
        file: "engine/intake.ts",
        find: 'return said.length === 0 ? null : said.join("\\n\\n");',
        replace: 'return said.join("").length < 5 ? null : said.join("\\n\\n");',
      },
    ],
  },
  {
    rows: ["N-7"],
    name: "two programs write one database",
    edits: [
      {
        file: "store/sqlite-store.ts",
        find: "if (newest === incarnation) return;",
        replace: "if (newest >= incarnation) return;",
      },
    ],
  },
  {
    rows: ["N-7"],
    name: "a decision that fails half-way is kept as far as it came",
    edits: [
      {
        file: "store/writer.ts",
        find: 'if (result.kind === "undone") sql.run("ROLLBACK TO decision");',
        replace: "",
      },
    ],
  },
  {
    rows: ["N-10"],
    name: "a button works as often as it is pressed",
    edits: [
      {
        file: "store/buttons.ts",
        find: "AND used_at_ms IS NULL AND expires_at_ms > ?",
        replace: "AND expires_at_ms > ?",
      },
    ],
  },
  {
    rows: ["N-11"],
    name: "runs are claimed during a shutdown",
    edits: [
      { file: "engine/engine.ts", find: 'if (phase !== "open") return;', replace: 'if (phase === "booting") return;' },
    ],
  },
  {
    rows: ["N-12"],
    name: "a button works in whatever conversation it is pressed",
    edits: [
      {
        file: "store/buttons.ts",
        find: "WHERE id = ?1 AND ${isShownIn} AND used_at_ms IS NULL",
        replace: "WHERE id = ?1 AND length(?2) > 0 AND used_at_ms IS NULL",
      },
    ],
  },
  {
    rows: ["N-12"],
    name: "what a run says goes to the conversation that was active last",
    edits: [
      {
        file: "engine/prompts.ts",
        find: "work.waiting.push(id);",
        replace: "work.waiting.push(id);\n  Object.assign(globalThis, { lastChat: item.conversation });",
      },
      {
        file: "engine/settlement.ts",
        find: "const { conversation, run } = live.owner;",
        replace: "const { run } = live.owner;\n  const conversation = (globalThis as never)['lastChat'];",
      },
    ],
  },
  {
    rows: ["N-13"],
    name: "a run that did not finish costs the session",
    edits: [
      {
        file: "engine/settlement.ts",
        find: "const isSummed = await addSummary(work, live, effect.outcome, transcript);",
        replace:
          'if (effect.outcome.kind !== "finished") await work.tx.newSession(owner.conversation, work.newId(), null);\n  const isSummed = await addSummary(work, live, effect.outcome, transcript);',
      },
    ],
  },
  {
    rows: ["N-14"],
    name: "the reply to a stop is given with the stop",
    edits: [
      {
        file: "engine/stops.ts",
        find: 'await reply(work, item, { kind: "stopping" });',
        replace: 'await reply(work, item, { kind: "stopped", why: "user", held: 0, forced: false });',
      },
    ],
  },
  {
    rows: ["N-16"],
    name: "an interrupt that is refused has stopped the run already",
    edits: [
      {
        file: "engine/prompts.ts",
        find: 'await reply(work, item, { kind: "lane-full", capacity: laneCapacity });',
        replace:
          'if (lane.state.kind === "running") work.after.push({ kind: "stop", owner: lane.state.owner });\n    await reply(work, item, { kind: "lane-full", capacity: laneCapacity });',
      },
    ],
  },
  {
    rows: ["N-16"],
    name: "a stop acts before it is stored",
    edits: [
      {
        file: "engine/engine.ts",
        find: "const value = await decide(work);",
        replace: "const value = await decide(work);\n        for (const effect of work.after) carryOut(effect);",
      },
    ],
  },
  {
    rows: ["H-1", "FLD-3"],
    name: "a run that outlives its kill is called stopped",
    edits: [
      {
        file: "engine/quiescence.ts",
        find: 'return { kind: "unconfirmed", evidence: await evidenceOf(turn, clock) };',
        replace: 'return { kind: "quiet", quiet: { adopted: [] } };',
      },
      ...withoutProof,
    ],
  },
  {
    rows: ["H-2"],
    name: "the clean-up of a run forgets all handles",
    edits: [
      {
        file: "engine/engine.ts",
        find: "} finally {\n      runs.delete(run.owner.run);",
        replace: "} finally {\n      runs.clear();",
      },
    ],
  },
  {
    rows: ["H-2"],
    name: "whoever names a run may write about it, in whatever life",
    edits: [
      {
        file: "domain/lane-machine.ts",
        find: 'return state.kind === "idle" || input.owner === null || !sameOwner(state.owner, input.owner);',
        replace: 'return state.kind === "idle" || input.owner === null;',
      },
      {
        file: "store/sqlite-store.ts",
        find: "if (newest === incarnation) return;",
        replace: "if (newest >= incarnation) return;",
      },
      {
        file: "store/runs.ts",
        find: "id = ? AND conversation = ? AND epoch = ? AND ${isLive}\n  AND epoch = (SELECT epoch FROM lane WHERE conversation = run.conversation)",
        replace: "id = ? AND conversation = ? AND epoch >= ?",
      },
    ],
  },
  {
    rows: ["H-3"],
    name: "a turn that completes in the middle of its stop has finished",
    edits: [
      {
        file: "domain/lane-machine.ts",
        find: 'return { kind: "stopped", why }; // I8',
        replace: 'return end.kind === "completed" ? { kind: "finished" } : { kind: "stopped", why }; // I8',
      },
    ],
  },
  {
    rows: ["H-4"],
    name: "a stop ends the direct child alone",
    edits: [
      {
        file: "lib/process-group.ts",
        find: "const alive = unspared(now, belonging(now, { marker: query.marker, roots }), spared);",
        replace:
          "const alive = unspared(now, belonging(now, { marker: query.marker, roots }), spared).filter(({ parent }) => parent === process.pid);",
      },
    ],
  },
  {
    rows: ["H-5"],
    name: "a second stop is swallowed",
    edits: [{ file: "engine/run.ts", find: "before.abort();", replace: "" }],
  },
  {
    rows: ["H-5", "FLD-1"],
    name: "what is delivered twice is admitted twice",
    edits: [
      {
        file: "store/inbox.ts",
        find: "ON CONFLICT (key) DO NOTHING",
        replace: "ON CONFLICT (key) DO UPDATE SET state = excluded.state",
      },
    ],
  },
  {
    rows: ["FLD-1"],
    name: "the offset moves before the messages are stored",
    edits: [
      {
        file: "telegram/poll.ts",
        find: "if (!(await admit(deps, outcome.value, signal))) break;",
        replace: "void admit(deps, outcome.value, signal);",
      },
    ],
  },
  {
    rows: ["FLD-2"],
    name: "the first poll forgets all but the newest",
    edits: [
      {
        file: "telegram/poll.ts",
        find: "let offset: number | null = null;",
        replace: "let offset: number | null = -1;",
      },
    ],
  },
  {
    rows: ["FLD-2"],
    name: "what waited too long is dropped",
    edits: [{ file: "engine/prompts.ts", find: 'isLate ? "held"', replace: 'isLate ? "cancelled"' }],
  },
  {
    rows: ["FLD-3"],
    name: "a settlement that fails once is given up",
    edits: [
      {
        file: "engine/run.ts",
        find: "return await persist(deps, decide, released.signal);",
        replace: "return await commit(decide);",
      },
    ],
  },
  {
    rows: ["FLD-3"],
    name: "a quarantine offers no way out",
    edits: [
      {
        file: "engine/settlement.ts",
        find: "await sayQuarantined(work, owner, evidence, `run:${owner.run}:quarantined`);",
        replace: "",
      },
    ],
  },
  {
    rows: ["FLD-4"],
    name: "a stop is a message like the others",
    edits: [
      {
        file: "domain/typed-text.ts",
        find: 'return { kind: "command", command: { name: "stop", scope: stopScope(trimmed) } };',
        replace: 'return { kind: "prompt", placement: "queue", prompt: { text: trimmed } };',
      },
    ],
  },
  {
    rows: ["FLD-4"],
    name: "the answer to a stop goes behind all acknowledgements",
    edits: [
      {
        file: "store/outbox.ts",
        find: "(other.acknowledges IS NOT NULL, other.id) < (due.acknowledges IS NOT NULL, due.id)",
        replace: "other.id < due.id",
      },
      {
        file: "store/outbox.ts",
        find: "\"UPDATE outbox SET state = 'superseded' WHERE acknowledges = ? AND state = 'pending'\"",
        replace: "\"UPDATE outbox SET state = state WHERE acknowledges = ? AND state = 'pending'\"",
      },
    ],
  },
  {
    rows: ["FLD-5"],
    name: "a stop drops what waits",
    edits: [
      {
        file: "engine/waiting-line.ts",
        find: 'for (const waiting of queued) await work.tx.moveItem(waiting.id, "queued", "held");',
        replace: 'for (const waiting of queued) await work.tx.moveItem(waiting.id, "queued", "cancelled");',
      },
    ],
  },
  {
    rows: ["FLD-6", "FLD-12"],
    name: "a directory takes a run without asking whether one is live",
    edits: workspaceNeverTaken,
  },
  {
    rows: ["FLD-6"],
    name: "the lock on a directory is a lease of half an hour",
    edits: [
      {
        file: "drivers/workspaces.ts",
        find: "const taken = { lock, holds: 0 };",
        replace:
          "const taken = { lock, holds: 0 };\n    setTimeout(() => void lock[Symbol.asyncDispose](), 30 * 60_000).unref();",
      },
    ],
  },
  {
    rows: ["FLD-7"],
    name: "recovery does not wait for the old life's processes",
    edits: [
      {
        file: "engine/recovery.ts",
        find: 'if (verdict.kind === "quiet") {',
        replace: 'if (verdict.kind !== "gone") {',
      },
    ],
  },
  {
    rows: ["FLD-7"],
    name: "recovery runs again by itself what the crash cut",
    edits: [{ file: "engine/settlement.ts", find: 'return "interrupted";', replace: 'return "queued";' }],
  },
  {
    rows: ["FLD-8"],
    name: "a repetition is not marked",
    edits: [
      {
        file: "telegram/delivery.ts",
        find: "send(to, isRepetition ? marked(part) : part)",
        replace: "send(to, part)",
      },
    ],
  },
  {
    rows: ["FLD-8"],
    name: "an unknown delivery is repeated until it is known",
    edits: [{ file: "telegram/delivery.ts", find: "if (!isRepetition) return mayPass(", replace: "return mayPass(" }],
  },
  {
    rows: ["FLD-9"],
    name: "a press is held against the chat, not the person",
    edits: [
      {
        file: "telegram/parse.ts",
        find: 'if (!context.allowedUsers.has(from.id)) return denied("stranger", null, query.id);',
        replace:
          'if (message?.chat.type === "private" && !context.allowedUsers.has(from.id)) return denied("stranger", null, query.id);',
      },
    ],
  },
  {
    rows: ["FLD-9"],
    name: "in a group everybody may speak",
    edits: [
      {
        file: "telegram/parse.ts",
        find: "if (!allowedUsers.has(from.id)) return denied(",
        replace: 'if (chat.type === "private" && !allowedUsers.has(from.id)) return denied(',
      },
    ],
  },
  {
    rows: ["FLD-10"],
    name: "two programs fight over a bot for ever",
    edits: [
      {
        file: "telegram/poll.ts",
        find: "if (conflicts.failures >= conflictsMax - 1) {",
        replace: "if (conflicts.failures < 0) {",
      },
    ],
  },
  {
    rows: ["FLD-11"],
    name: "a lock file with something in it is a lock",
    edits: [
      { file: "lib/file-lock.ts", find: "if (!isForeignContent(error)) throw error;", replace: "throw error;" },
      {
        file: "lib/file-lock.ts",
        find: "primaryCode(error) === 5;",
        replace: "primaryCode(error) === 5 || primaryCode(error) === 26;",
      },
    ],
  },
  {
    rows: ["FLD-11"],
    name: "a process is named by its pid alone",
    edits: [
      {
        file: "lib/process-scan.ts",
        find: "return a.pid === b.pid && a.startTime === b.startTime;",
        replace: "return a.pid === b.pid;",
      },
      {
        file: "lib/process-scan.ts",
        find: "return snapshot.byPid.get(ref.pid)?.startTime === ref.startTime;",
        replace: "return snapshot.byPid.has(ref.pid);",
      },
    ],
  },
  {
    rows: ["FLD-12"],
    name: "what was steered stays in line",
    edits: [
      {
        file: "engine/steering.ts",
        find: 'await work.tx.moveItem(id, "queued", "running", owner.run);',
        replace: "",
      },
    ],
  },
  {
    rows: ["N-10"],
    name: "an ask is answered as often as a button of it is pressed",
    edits: [
      {
        file: "domain/ask.ts",
        find: 'if (state.kind !== "open") return { kind: "ignored", toast: closedToast(state) };',
        replace:
          'if (state.kind !== "open" && state.kind !== "answered") return { kind: "ignored", toast: closedToast(state) };',
      },
    ],
  },
  {
    rows: ["N-11"],
    name: "an answer is taken although its run is told to stop",
    edits: [
      {
        file: "engine/asks.ts",
        find: 'if (live === null || (live.state !== "starting" && live.state !== "running"))',
        replace: "if (live === null)",
      },
    ],
  },
  {
    rows: ["N-12"],
    name: "an ask is answered from whatever conversation",
    edits: [{ file: "engine/asks.ts", find: "asked.owner.conversation !== conversation", replace: "asked.id !== id" }],
  },
  {
    rows: ["N-13"],
    name: "a further attempt begins in an empty memory",
    edits: [
      {
        file: "engine/run.ts",
        find: "session: { id: lane.session.id, resume },",
        replace: "session: { id: lane.session.id, resume: retries > 0 ? null : resume },",
      },
    ],
  },
  {
    rows: ["CR-1"],
    name: "a claim takes a schedule as it was when it was due",
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "  const { id: scheduleId, lane, name, plan } = schedule;",
        replace:
          "  const { id: scheduleId, lane, name, plan } = schedule;\n  Object.assign(globalThis, { [`stale${scheduleId}`]: schedule });",
      },
      {
        file: "engine/occurrences.ts",
        find: 'if (schedule === null || schedule.state === "deleted") return null;',
        replace: "if (schedule === null) return null;",
      },
      {
        file: "engine/occurrences.ts",
        find: "  const { plan, name } = schedule;\n  if (plan.work",
        replace: "  const { plan, name } = (globalThis as never)[`stale${schedule.id}`] as Schedule;\n  if (plan.work",
      },
    ],
  },
  {
    rows: ["CR-1"],
    name: "what waits of a schedule that is deleted or paused stays in line",
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "if (isOf(item.request, id) && (await work.tx.moveItem",
        replace: "if (!isOf(item.request, id) && (await work.tx.moveItem",
      },
      {
        file: "engine/occurrences.ts",
        find: 'if (schedule === null || schedule.state === "deleted") return null;',
        replace: "if (schedule === null) return null;",
      },
      {
        file: "engine/occurrences.ts",
        find: 'if (schedule.state === "paused" && request.trigger === "timer") return null;',
        replace: "",
      },
    ],
  },
  {
    rows: ["CR-2"],
    name: "what made room is counted as over",
    edits: [
      {
        file: "engine/settlement.ts",
        find: 'return "queued"; // I11',
        replace: 'return "cancelled"; // I11',
      },
    ],
  },
  {
    rows: ["CR-2"],
    name: "a message stops background work as a person's stop does",
    edits: [
      {
        file: "engine/claims.ts",
        find: 'await stopRun(work, owner, "preempted");',
        replace: 'await stopRun(work, owner, "user");',
      },
    ],
  },
  {
    rows: ["CR-2"],
    name: "what ended by itself while it made room runs again",
    edits: [
      {
        file: "domain/lane-machine.ts",
        find: 'return end.kind === "completed" ? { kind: "finished" } : { kind: "preempted" };',
        replace: 'return { kind: "preempted" };',
      },
    ],
  },
  {
    rows: ["N-8"],
    name: "a tick leaves the schedule where it stands, and the database takes a time twice",
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "if (!(await work.tx.advanceSchedule(schedule.id, schedule.nextAtMs, next))) return null;",
        replace: "",
      },
      {
        file: "engine/occurrences.ts",
        find: "by === undefined ? `schedule:${scheduleId}:${new Date(dueAtMs).toISOString()}`",
        replace: "by === undefined ? `schedule:${work.newId()}`",
      },
      {
        file: "store/migrations.ts",
        find: "CREATE UNIQUE INDEX occurrence_once ON",
        replace: "CREATE INDEX occurrence_once ON",
      },
    ],
  },
  {
    rows: ["N-8"],
    name: "the next time is counted from the last one, not from now",
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "const next = timetable.next(timing, zone, work.atMs);",
        replace: "const next = timetable.next(timing, zone, schedule.nextAtMs);",
      },
    ],
  },
  {
    rows: ["N-8"],
    name: "any interval is one",
    edits: [
      {
        file: "domain/schedule-words.ts",
        find: "split.when.everyMs < everyMsMin",
        replace: "split.when.everyMs < 0",
      },
    ],
  },
  {
    rows: ["N-18"],
    name: "a schedule runs in the conversation itself",
    edits: [
      {
        file: "engine/schedules.ts",
        find: 'return sideConversation(home, session === "own" ? name : session);',
        replace: "return home;",
      },
    ],
  },
  {
    rows: ["N-18"],
    name: "the schedules of a conversation share a session",
    edits: [
      {
        file: "engine/schedules.ts",
        find: 'return sideConversation(home, session === "own" ? name : session);',
        replace: 'return sideConversation(home, session === "own" ? "schedules" : session);',
      },
    ],
  },
  {
    rows: ["N-18"],
    name: "the agent takes it for words that somebody typed",
    edits: [
      {
        file: "domain/agent-prompt.ts",
        find: 'schedule === undefined ? "" : scheduleText(schedule),',
        replace: "",
      },
    ],
  },
];
