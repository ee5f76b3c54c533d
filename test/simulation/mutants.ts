/**
 * Ways to break a guarantee, as exact replacements in the sources of the engine and the store. The simulation must find each:
 * that is what shows that its checks can see.
 */
import type { Edit } from "../planted-fault.ts";

export type Mutant = {
  readonly name: string;
  /** The guarantees that it breaks, one of which must be named by the failure. */
  readonly breaks: readonly string[];
  /** The seed to begin with, for a mutant that few seeds find: a hint, which costs nothing but time when it does not fit any more. */
  readonly from?: number;
  readonly edits: readonly Edit[];
};

/** A run that settles without asking its turn again. */
const withoutProof: readonly Edit[] = [
  { file: "engine/run.ts", find: "const { adopted } = await started.quiet;", replace: "const adopted: never[] = [];" },
  { file: "engine/run.ts", find: "await started[Symbol.asyncDispose]();", replace: "" },
];

export const mutants: readonly Mutant[] = [
  {
    name: "a stop frees the lane at once, without proof",
    breaks: ["I1", "I2", "I8"],
    edits: [
      { file: "engine/quiescence.ts", find: "quiet: await turn.quiet", replace: "quiet: { adopted: [] }" },
      ...withoutProof,
    ],
  },
  {
    name: "a quarantine ends by the clock",
    breaks: ["I1", "I2", "I8"],
    edits: [
      {
        file: "engine/run.ts",
        find: 'Promise.race([quiet.then(() => "quiet" as const)',
        replace: 'Promise.race([clock.sleep(60_000, released.signal).then(() => "quiet" as const)',
      },
      {
        file: "engine/run.ts",
        find: "const { adopted } = await started.quiet;",
        replace: 'const { adopted } = state === "quarantined" ? { adopted: [] } : await started.quiet;',
      },
      {
        file: "engine/run.ts",
        find: "await started[Symbol.asyncDispose]();",
        replace: 'if (state !== "quarantined") await started[Symbol.asyncDispose]();',
      },
    ],
  },
  {
    name: "orphans of a crash are not looked for",
    breaks: ["I1", "I2"],
    from: 10,
    edits: [
      {
        file: "engine/recovery.ts",
        find: 'const verdict = await deps.processes.endOrphans(signal);\n  if (verdict.kind === "quiet") {',
        replace: "{",
      },
      {
        file: "engine/recovery.ts",
        find: "deps.log.warn({ evidence: verdict.evidence }",
        replace:
          "const verdict = { evidence: { processes: [], note: '' } };\n  deps.log.warn({ evidence: verdict.evidence }",
      },
    ],
  },
  {
    name: "a process that was succeeded goes on writing",
    breaks: ["I3"],
    edits: [
      {
        file: "store/sqlite-store.ts",
        find: "if (newest === incarnation) return;",
        replace: "if (newest > 0) return;",
      },
    ],
  },
  {
    name: "neither the process nor the owner of a run is asked for",
    breaks: ["I3"],
    edits: [
      {
        file: "store/sqlite-store.ts",
        find: "if (newest === incarnation) return;",
        replace: "if (newest > 0) return;",
      },
      {
        file: "store/runs.ts",
        find: "id = ? AND conversation = ? AND epoch = ? AND ${isLive}\n  AND epoch = (SELECT epoch FROM lane WHERE conversation = run.conversation)",
        replace: "id = ? AND conversation = ? AND epoch >= ?",
      },
    ],
  },
  {
    name: "an earlier owner of a run goes on writing, in the same life of the program",
    breaks: ["I3"],
    edits: [
      {
        file: "store/runs.ts",
        find: "AND epoch = ? AND ${isLive}",
        replace: "AND ? > 0 AND ${isLive}",
      },
    ],
  },
  {
    name: "a run that has settled is written again",
    breaks: ["I3"],
    edits: [{ file: "store/runs.ts", find: "AND epoch = ? AND ${isLive}", replace: "AND epoch = ?" }],
  },
  {
    name: "a settlement that throws by itself is tried for ever",
    breaks: ["liveness"],
    edits: [{ file: "engine/work.ts", find: "failures >= decisionFailuresMax", replace: "failures < 0" }],
  },
  {
    name: "an update is acknowledged before it is stored",
    breaks: ["I5"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "return commit(async (work) => {\n      await work.tx.dropAdopted(dead);\n      return admit(work, items, chosen);\n    });",
        replace:
          "void commit(async (work) => {\n      await work.tx.dropAdopted(dead);\n      return admit(work, items, chosen);\n    }).catch(() => {});\n    return [];",
      },
    ],
  },
  {
    name: "a settlement wakes nobody",
    breaks: ["I9"],
    from: 105,
    edits: [
      {
        file: "engine/claims.ts",
        find: "else claims.push(await claim(work, next, task, driverFor));",
        replace: "else claims.push(await claim(work, next, task, driverFor));\n    return claims;",
      },
    ],
  },
  {
    name: "a conversation runs its newest message first",
    breaks: ["I9"],
    edits: [
      {
        file: "store/inbox.ts",
        find: "WHERE conversation = ? AND state = 'queued' ORDER BY rank, position LIMIT 1",
        replace: "WHERE conversation = ? AND state = 'queued' ORDER BY rank, position DESC LIMIT 1",
      },
    ],
  },
  {
    name: "background work goes before a person's message",
    breaks: ["I9"],
    edits: [
      {
        file: "store/inbox.ts",
        find: "WHERE conversation = ? AND state = 'queued' ORDER BY rank, position LIMIT 1",
        replace: "WHERE conversation = ? AND state = 'queued' ORDER BY rank DESC, position LIMIT 1",
      },
    ],
  },
  {
    name: "background work makes no room",
    breaks: ["K6"],
    edits: [{ file: "engine/engine.ts", find: "await makeRoom(work);", replace: "" }],
  },
  {
    name: "background work makes room in its own conversation alone",
    breaks: ["K6"],
    edits: [{ file: "store/claims.ts", find: " || isWaitedFor(sql, workspace));", replace: ");" }],
  },
  {
    name: "background work keeps the last slot",
    breaks: ["K6"],
    edits: [{ file: "store/claims.ts", find: "...others.slice(0, Math.max(0, missing))", replace: "" }],
  },
  {
    name: "background work draws its tickets among those of people's messages",
    breaks: ["K6"],
    edits: [
      {
        file: "store/readiness.ts",
        find: 'drawTicket(sql) + (head === "background" ? backgroundTickets : 0)',
        replace: "drawTicket(sql)",
      },
    ],
  },
  {
    name: "the newest ticket is served first",
    breaks: ["I9"],
    from: 80,
    edits: [
      {
        file: "store/claims.ts",
        find: "SELECT min(head_ticket) FROM workspace",
        replace: "SELECT max(head_ticket) FROM workspace",
      },
    ],
  },
  {
    name: "what a crash cut is run again by itself",
    breaks: ["I6"],
    edits: [{ file: "engine/settlement.ts", find: 'return "interrupted";', replace: 'return "queued";' }],
  },
  {
    name: "the reply to a stop says that it is done",
    breaks: ["I8"],
    edits: [
      {
        file: "engine/stops.ts",
        find: 'await reply(work, item, { kind: "stopping" });',
        replace: 'await reply(work, item, { kind: "stopped", why: "user", held: 0, forced: false });',
      },
    ],
  },
  {
    name: "a stop is not recorded on the run",
    breaks: ["I8"],
    edits: [
      {
        file: "engine/stops.ts",
        find: "await work.tx.markStopping(owner, why, work.atMs);",
        replace: "",
      },
    ],
  },
  {
    name: "a stop does not reach the turn",
    breaks: ["I7"],
    edits: [{ file: "engine/engine.ts", find: "runs.get(effect.owner.run)?.stop();", replace: "" }],
  },
  {
    name: "a stop leaves the queue running",
    breaks: ["S2"],
    edits: [
      {
        file: "engine/waiting-line.ts",
        find: 'for (const waiting of queued) await work.tx.moveItem(waiting.id, "queued", "held");',
        replace: "",
      },
    ],
  },
  {
    name: "an interrupt waits at the end of the line",
    breaks: ["I9"],
    edits: [
      {
        file: "engine/stops.ts",
        find: 'if (effect.place === "front") await work.tx.moveItemFirst(id);',
        replace: "",
      },
    ],
  },
  {
    name: "what was being steered is forgotten when its run ends",
    breaks: ["I4", "liveness"],
    from: 10,
    edits: [
      {
        file: "engine/settlement.ts",
        find: 'await work.tx.moveItem(item.id, "running", "held", null);',
        replace: "",
      },
    ],
  },
  {
    name: "an answer is not stored with its settlement",
    breaks: ["I4"],
    edits: [
      {
        file: "engine/settlement.ts",
        find: "await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);",
        replace: "void body;",
      },
    ],
  },
  {
    name: "a button works as often as it is pressed",
    breaks: ["I6"],
    from: 20,
    edits: [
      {
        file: "store/buttons.ts",
        find: "AND used_at_ms IS NULL AND expires_at_ms > ?",
        replace: "AND expires_at_ms > ?",
      },
    ],
  },
  {
    name: "the same update is admitted twice",
    breaks: ["I4", "I6"],
    edits: [
      {
        file: "store/inbox.ts",
        find: "ON CONFLICT (key) DO NOTHING",
        replace: "ON CONFLICT (key) DO UPDATE SET state = excluded.state",
      },
    ],
  },
  {
    name: "an unknown delivery is repeated in silence",
    breaks: ["I6"],
    from: 20,
    edits: [{ file: "store/outbox.ts", find: 'outcome === "unknown" ? 1 : 0,', replace: "0," }],
  },
  {
    name: "a message is begun whatever became of it meanwhile",
    breaks: ["I6", "I8"],
    edits: [
      {
        file: "store/outbox.ts",
        find: "attempts = attempts + 1 WHERE id = ?1 AND state = 'pending'",
        replace: "attempts = attempts + 1 WHERE id = ?1",
      },
    ],
  },
  {
    name: "a message cut by a crash is repeated in silence",
    breaks: ["I6"],
    from: 65,
    edits: [
      {
        file: "store/outbox.ts",
        find: "is_uncertain = 1 WHERE channel",
        replace: "is_uncertain = is_uncertain WHERE channel",
      },
    ],
  },
  {
    name: "nothing waits through a long time off",
    breaks: ["L6"],
    from: 15,
    edits: [
      {
        file: "engine/recovery.ts",
        find: "work.atMs - item.acceptedAtMs > work.settings.downtimeMs",
        replace: "item.acceptedAtMs < 0",
      },
    ],
  },
  {
    name: "late events of a finished run are shown",
    breaks: ["I12"],
    from: 45,
    edits: [{ file: "engine/run.ts", find: "if (over.signal.aborted) break;", replace: "" }],
  },
  {
    name: "the directory is let go as soon as it is held",
    breaks: ["I1"],
    edits: [
      {
        file: "engine/run.ts",
        find: "await using _lock = hold.lock;",
        replace: "await hold.lock[Symbol.asyncDispose]();",
      },
    ],
  },
  {
    name: "a task left behind is recorded nowhere",
    breaks: ["I2"],
    edits: [
      {
        file: "engine/run.ts",
        find: "await work.tx.adopt(owner.conversation, owner.run, adopted);",
        replace: "void adopted;",
      },
    ],
  },
  {
    name: "a run that is stopped after its proof leaves its tasks behind",
    breaks: ["I8"],
    from: 460,
    edits: [{ file: "engine/run.ts", find: "live.stopWhy !== null", replace: "live.stopWhy === undefined" }],
  },
  {
    name: "an admission is not counted",
    breaks: ["I4"],
    edits: [{ file: "store/inbox.ts", find: "SET received = received + 1", replace: "SET received = received" }],
  },
  {
    name: "a drain does not wait for its runs",
    breaks: ["I2"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "await commit(stopForShutdown);\n    await allSettled();",
        replace: "await commit(stopForShutdown);",
      },
    ],
  },
  {
    name: "an ask is answered from any conversation",
    breaks: ["ask"],
    from: 30,
    edits: [{ file: "engine/asks.ts", find: "asked.owner.conversation !== conversation", replace: "asked.id !== id" }],
  },
  {
    name: "an ask is answered although its run is told to stop",
    breaks: ["ask"],
    edits: [
      {
        file: "engine/asks.ts",
        find: 'if (live === null || (live.state !== "starting" && live.state !== "running"))',
        replace: "if (live === null)",
      },
    ],
  },
  {
    name: "what a run asked stays open when it is settled",
    breaks: ["ask"],
    edits: [{ file: "engine/settlement.ts", find: "await expireAsks(work, owner);", replace: "" }],
  },
  {
    name: "an ask is answered as often as somebody likes",
    breaks: ["ask"],
    from: 10,
    edits: [
      {
        file: "domain/ask.ts",
        find: 'if (state.kind !== "open") return { kind: "ignored", toast: closedToast(state) };',
        replace:
          'if (state.kind !== "open" && state.kind !== "answered") return { kind: "ignored", toast: closedToast(state) };',
      },
      {
        file: "domain/ask.ts",
        find: "const number = state.answers.length;",
        replace: "const number = state.answers?.length ?? 0;",
      },
    ],
  },
  {
    name: "an answer is given to whatever turn of the run is present",
    breaks: ["ask"],
    from: 820,
    edits: [
      { file: "engine/run.ts", find: "|| !openAsks.delete(ask)", replace: "" },
      { file: "engine/run.ts", find: "return `${retries}/${ask}`;", replace: "return `0/${ask}`;" },
      { file: "engine/run.ts", find: "await keep((work) => withdrawAsks(work, owner));", replace: "" },
    ],
  },
  {
    name: "an answer is handed over before it is stored",
    breaks: ["ask"],
    edits: [
      {
        file: "engine/asks.ts",
        find: 'await put(work, asked, { kind: "answered", answer: decision.answer });',
        replace: "",
      },
    ],
  },
  {
    name: "the card of an ask is not drawn again",
    breaks: ["card"],
    edits: [
      {
        file: "engine/asks.ts",
        find: "await draw(work, { ...asked, state, drawn: asked.drawn + 1 });",
        replace: "",
      },
    ],
  },
  {
    name: "a run begins in the session of another agent",
    breaks: ["choice"],
    edits: [
      { file: "engine/claims.ts", find: "next.lane.session.driver === driver.name", replace: "next.lane !== null" },
    ],
  },
  {
    name: "a session is taken whoever works in it",
    breaks: ["memory"],
    from: 30,
    edits: [
      {
        file: "engine/choices.ts",
        find: "if (holder !== null && holder !== lane.conversation) {",
        replace: "if (holder !== null && holder === to.key) {",
      },
    ],
  },
  {
    name: "a conversation that works with another agent has let go of its session",
    breaks: ["memory"],
    from: 290,
    edits: [
      {
        file: "store/lanes.ts",
        find: "SELECT conversation FROM session WHERE driver = ?1 AND resume = ?2 AND rowid =",
        replace:
          "SELECT lane.conversation FROM session JOIN lane ON lane.session = session.id WHERE session.driver = ?1 AND session.resume = ?2 AND session.rowid =",
      },
    ],
  },
  {
    name: "an agent is switched to before it has answered",
    breaks: ["choice"],
    edits: [
      {
        file: "engine/commands.ts",
        find: 'else await consult(work, item, id, { kind: "switch", driver: command.driver });',
        replace:
          'else {\n        await work.tx.chooseDriver(item.conversation, "beta");\n        await consult(work, item, id, { kind: "switch", driver: command.driver });\n      }',
      },
    ],
  },
  {
    name: "a command whose agent was asked at a crash is never told",
    breaks: ["liveness"],
    edits: [
      {
        file: "engine/recovery.ts",
        find: "for (const item of await work.tx.unansweredCommands()) await tellUnanswered(work, item);",
        replace: "",
      },
    ],
  },
  {
    name: "a consultation waits without a bound",
    breaks: ["liveness"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "await Promise.race([askAgent(about, question, signal), silence]);",
        replace: "await askAgent(about, question, closed.signal);",
      },
    ],
  },
  {
    name: "a command whose conversation could not be read is forgotten",
    breaks: ["liveness"],
    from: 20,
    edits: [
      {
        file: "engine/engine.ts",
        find: "await persist(keeping, (work) => work.tx.lane(item.conversation), closed.signal);",
        replace: "await store.transact((tx) => tx.lane(item.conversation));",
      },
    ],
  },
  {
    name: "a run tries again without a look at its row",
    breaks: ["I10"],
    edits: [
      {
        file: "engine/run.ts",
        find: "stopAsked.signal.aborted || !(await isStillOurs())",
        replace: "stopAsked.signal.aborted",
      },
    ],
  },
  {
    name: "a stop does not end the wait for a further attempt, nor the attempt",
    breaks: ["I10"],
    from: 15,
    edits: [
      {
        file: "engine/run.ts",
        find: "await clock.sleep(delayMs, stopAsked.signal);",
        replace: "await clock.sleep(delayMs, released.signal);",
      },
      {
        file: "engine/run.ts",
        find: "stopAsked.signal.aborted || !(await isStillOurs())",
        replace: "!(await isStillOurs())",
      },
      { file: "engine/run.ts", find: "return live.stopWhy === null;", replace: "return true;" },
      {
        file: "engine/run.ts",
        find: "if (stopAsked.signal.aborted) return nothingStarted;\n    const hold",
        replace: "const hold",
      },
    ],
  },
  {
    name: "a run that was in quarantine is tried again",
    breaks: ["I10"],
    from: 30,
    edits: [{ file: "engine/run.ts", find: '|| state === "quarantined") return last;', replace: ") return last;" }],
  },
  {
    name: "a run is tried again for ever",
    breaks: ["I10"],
    from: 200,
    edits: [
      { file: "domain/retry.ts", find: "retryDelaysMs[retries];", replace: "retryDelaysMs[Math.min(retries, 1)];" },
      { file: "domain/retry.ts", find: "|| retries >= allowed", replace: "|| allowed === 0" },
    ],
  },
  {
    name: "what will not pass is tried again",
    breaks: ["I10"],
    edits: [
      { file: "domain/retry.ts", find: 'case "agent-error":', replace: 'case "agent-error":\n      return delayMs;' },
    ],
  },
  {
    name: "a further attempt begins in an empty memory",
    breaks: ["I10"],
    edits: [
      {
        file: "engine/run.ts",
        find: "session: { id: lane.session.id, resume },",
        replace: "session: { id: lane.session.id, resume: retries > 0 ? null : resume },",
      },
    ],
  },
  {
    name: "what a failed attempt left running is forgotten",
    breaks: ["I2", "I8"],
    from: 430,
    edits: [{ file: "engine/run.ts", find: "const last = { ...word, adopted };", replace: "const last = word;" }],
  },
  {
    name: "a tool of ours acts for a run that is told to stop",
    breaks: ["I8"],
    edits: [
      {
        file: "engine/host-tools.ts",
        find: 'if (live === null || (live.state !== "starting" && live.state !== "running")) throw',
        replace: "if (live === null) throw",
      },
    ],
  },
  {
    name: "each attempt counts the calls of its tools anew",
    breaks: ["I4"],
    from: 330,
    edits: [
      {
        file: "engine/run.ts",
        find: "      tools,\n",
        replace: "      tools: deps.tools(lane, owner, (ask, signal) => toolAsks.ask(ask, signal)),\n",
      },
    ],
  },
  {
    name: "a tool of ours asks a person for a run that is over",
    breaks: ["I12"],
    from: 520,
    edits: [
      {
        file: "engine/run.ts",
        find: "AbortSignal.any([stopAsked.signal, over.signal])",
        replace: "stopAsked.signal",
      },
    ],
  },
  {
    name: "a message is claimed before it is whole",
    breaks: ["whole", "TX-2"],
    edits: [
      {
        file: "store/readiness.ts",
        find: "(SELECT iif(is_ready = 1, priority, NULL) FROM inbox",
        replace: "(SELECT priority FROM inbox",
      },
    ],
  },
  {
    name: "a part is put into its whole again",
    breaks: ["whole", "I4"],
    edits: [
      {
        file: "store/inbox.ts",
        find: "UPDATE inbox SET is_ready = 1 WHERE part_of = ?",
        replace: "UPDATE inbox SET is_ready = 0 WHERE part_of = ?",
      },
    ],
  },
  {
    name: "a picture that comes late is left behind",
    breaks: ["whole"],
    edits: [
      {
        file: "engine/intake.ts",
        find: "if (whole.isReady) await work.tx.setReady(whole.id, false);",
        replace: "",
      },
    ],
  },
  {
    name: "what a crash kept from being whole stays so",
    breaks: ["liveness"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "for (const { id } of await store.transact((tx) => tx.unready())) intake.complete(id);",
        replace: "",
      },
    ],
  },
  {
    name: "a message on hold that is not whole is forgotten when it comes back",
    breaks: ["liveness"],
    edits: [
      {
        file: "engine/waiting-line.ts",
        find: 'if (item?.isReady === false) work.after.push({ kind: "complete", item: id });',
        replace: "",
      },
    ],
  },
  {
    name: "a message whose files cannot be had stays in line",
    breaks: ["liveness"],
    edits: [
      {
        file: "engine/intake.ts",
        find: 'if (item.state === "queued") await work.tx.moveItem(id, "queued", "held");',
        replace: "",
      },
    ],
  },
  {
    name: "what becomes whole is told to nobody",
    breaks: ["I9", "liveness"],
    edits: [
      {
        file: "store/inbox.ts",
        find: "if (changed > 0) queueChanged(sql, conversationOf(sql, id));",
        replace: "",
      },
    ],
  },
  {
    name: "the pictures of an album are in the order of their coming",
    breaks: ["whole"],
    edits: [
      {
        file: "engine/waiting-line.ts",
        find: ".toSorted((a, b) => Number(a.message) - Number(b.message))",
        replace: "",
      },
    ],
  },
  {
    name: "messages that are joined on hold are whole with the files of the first",
    breaks: ["whole", "TX-2"],
    from: 310,
    edits: [
      {
        file: "engine/intake.ts",
        find: 'if (prompt.files?.some((file) => file.state === "sent" && !fetched.has(file.file.source))) return "grown";',
        replace: "",
      },
    ],
  },
  {
    name: "an edit rewrites what runs",
    breaks: ["whole"],
    edits: [
      {
        file: "engine/edits.ts",
        find: "if (isWaiting(target) || isPart(target)) {",
        replace: "if (isWaiting(target) || isPart(target) || target.state === 'running') {",
      },
      {
        file: "store/inbox.ts",
        find: "(state IN ('queued', 'held') OR",
        replace: "(state IN ('queued', 'held', 'running') OR",
      },
    ],
  },
  {
    name: "an edit replaces the words of others that were joined with it",
    breaks: ["whole"],
    edits: [
      {
        file: "engine/edits.ts",
        find: "if (prompt.isJoined === true) return null;",
        replace: "if (prompt.isJoined === true) return { ...prompt, text };",
      },
    ],
  },
  {
    name: "a change to a message without words replaces those of another one",
    breaks: ["whole"],
    edits: [
      {
        file: "engine/edits.ts",
        find: 'if (prompt.text !== "" && wordsOf !== message) return null;',
        replace: "",
      },
    ],
  },
  {
    name: "a stop that is spoken is a prompt",
    breaks: ["S1"],
    edits: [
      {
        file: "engine/intake.ts",
        find: 'request.command.name === "stop" && item.state',
        replace: 'request.command.name === "help" && item.state',
      },
    ],
  },
  {
    name: "a stop of everything that is spoken stops one conversation",
    breaks: ["S1"],
    edits: [
      {
        file: "engine/intake.ts",
        find: 'const isForAll = request.command.scope === "all";',
        replace: "const isForAll = false;",
      },
    ],
  },
  {
    name: "collect takes what is spoken for words among others",
    breaks: ["S1"],
    from: 1_460,
    edits: [
      {
        file: "engine/intake.ts",
        find: 'file.file.kind === "voice"',
        replace: 'file.file.source === ""',
      },
    ],
  },
  // ---- schedules
  {
    name: "a claim does not ask whether the schedule still stands",
    breaks: ["I11"],
    from: 181,
    edits: [
      {
        file: "engine/occurrences.ts",
        find: 'if (schedule === null || schedule.state === "deleted") return null;\n  if (schedule.state === "paused" && request.trigger === "timer") return null;',
        replace: "if (schedule === null) return null;",
      },
    ],
  },
  {
    name: "what a schedule asks for is copied when it fires",
    breaks: ["I11"],
    edits: [
      {
        file: "engine/occurrences.ts",
        find: 'request: { kind: "occurrence", schedule: scheduleId, name, trigger, dueAtMs },',
        replace:
          'request: { kind: "occurrence", schedule: scheduleId, name: plan.work.kind === "prompt" ? plan.work.text : name, trigger, dueAtMs },',
      },
      { file: "engine/occurrences.ts", find: "const { text } = plan.work;", replace: "const text = request.name;" },
    ],
  },
  {
    name: "a schedule fires in one transaction and moves on in the next",
    breaks: ["I11"],
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "if (!(await work.tx.advanceSchedule(schedule.id, schedule.nextAtMs, next))) return null;",
        replace: "if (next === undefined) return null;",
      },
      {
        file: "engine/engine.ts",
        find: 'if ((await commit(fireDue)) === "all")',
        replace: `const more = await commit(fireDue);
      await commit(async ({ tx, atMs }) => {
        for (const { id, nextAtMs, plan } of await tx.dueSchedules(atMs, 250))
          await tx.advanceSchedule(id, nextAtMs, settings.timetable.next(plan.timing, plan.zone, atMs));
      });
      if (more === "all")`,
      },
    ],
  },
  {
    name: "work that made room counts as cancelled",
    breaks: ["I11"],
    edits: [{ file: "engine/settlement.ts", find: 'return "queued"; // I11', replace: 'return "cancelled"; // I11' }],
  },
  {
    name: "room is made when a message comes, and at no other moment",
    breaks: ["K6"],
    from: 79,
    edits: [
      {
        file: "engine/engine.ts",
        find: "await makeRoom(work);",
        replace: "if (work.waiting.length > 0) await makeRoom(work);",
      },
    ],
  },
  {
    name: "a time fires although the one before is not over",
    breaks: ["I11"],
    edits: [
      {
        file: "domain/schedule.ts",
        find: "if (waiting === 0 && !isRunning) return dueTimesMax;",
        replace: "if (waiting >= 0) return dueTimesMax;",
      },
    ],
  },
  {
    name: "the timer sleeps until the next time, wherever the clock is set",
    breaks: ["liveness"],
    from: 620,
    edits: [
      {
        file: "schedule/timer.ts",
        find: "Math.min(Math.max(0, nextAtMs - clock.now()), lookAgainMs)",
        replace: "Math.max(0, nextAtMs - clock.now())",
      },
    ],
  },
  {
    name: "every time that was missed fires",
    breaks: ["I11"],
    edits: [
      {
        file: "domain/schedule.ts",
        find: 'case "latest":\n      return isNewest;',
        replace: 'case "latest":\n      return true;',
      },
    ],
  },
  {
    name: "what waits of a schedule outlives its deletion",
    breaks: ["I11"],
    from: 44,
    edits: [
      {
        file: "engine/schedules.ts",
        find: "const cancelled = await endWaiting(work, schedule);",
        replace: "const cancelled = 0;",
      },
    ],
  },
  {
    name: "a time that has passed is forgotten when its schedule is changed",
    breaks: ["I11"],
    from: 41,
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "if (schedule.nextAtMs === null || schedule.nextAtMs > work.atMs) return schedule;",
        replace: "if (work.atMs > 0) return schedule;",
      },
    ],
  },
  {
    name: "a schedule that is changed goes back with the clock",
    breaks: ["I11", "liveness"],
    from: 258,
    edits: [
      {
        file: "engine/schedules.ts",
        find: "return Math.max(work.atMs, (await work.tx.reachedBy(id)) ?? work.atMs);",
        replace: "return id === 0 ? 0 : work.atMs;",
      },
    ],
  },
  {
    name: "a skipped time leaves no record",
    breaks: ["I11"],
    edits: [{ file: "engine/occurrences.ts", find: "await addSkipped(work, schedule, record);\n", replace: "" }],
  },
  {
    name: "missed times are told one by one",
    breaks: ["K4"],
    edits: [
      {
        file: "engine/occurrences.ts",
        find: "for (const [home, schedules] of missed)\n",
        replace:
          "for (const [home, schedules] of [...missed].flatMap(([one, all]) => all.map((line) => [one, [line]] as const)))\n",
      },
    ],
  },
  {
    name: "the answer of a silent schedule is said",
    breaks: ["K3"],
    from: 74,
    edits: [
      {
        file: "engine/occurrences.ts",
        find: 'return isSilent ? "silent" : "told";',
        replace: 'return "told";',
      },
    ],
  },
  {
    name: "a schedule that keeps failing goes on",
    breaks: ["I11"],
    from: 66,
    edits: [
      { file: "engine/occurrences.ts", find: "if (failures < failuresMax ||", replace: "if (failures < 1_000 ||" },
    ],
  },
  {
    name: "a schedule acts for somebody who was removed",
    breaks: ["I11", "T16"],
    from: 70,
    edits: [
      {
        file: "engine/occurrences.ts",
        find: 'return role === "operator" || role === "owner";',
        replace: 'return role !== "viewer";',
      },
    ],
  },
];
