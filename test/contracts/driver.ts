/**
 * What every driver promises the engine, held against each of them with whatever the agent really starts.
 *
 * 1. Proof is checked by another road than the driver's own: this file reads /proc itself (ps elsewhere). A child is looked for by
 *    its command line, `sleep <seconds>` with seconds that no other test uses, so a lost marker or a lost parent hides nothing.
 * 2. The look happens at the moment `quiet` resolves, before anything else can run.
 * 3. No sleeps and no retries: a test waits for an event of the turn or for a process to exist. `waitFor` looks again at a pace and
 *    is bounded by the test's own timeout.
 *
 * A harness says how to make its agent do each thing. What its agent can never do is null, with the reason in a comment beside it;
 * the suite then holds no test of it.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pace } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { AgentImage } from "../../src/domain/agent-prompt.ts";
import type { AgentEvent, TurnEnd } from "../../src/domain/agent-event.ts";
import { webConversation } from "../../src/domain/conversation.ts";
import type { RunId } from "../../src/domain/run.ts";
import type { Driver, Quiet, Turn } from "../../src/engine/ports.ts";
import { pngPicture } from "../emulator/pictures.ts";
import { noTools } from "../no-tools.ts";

/** Prompts that make the agent do something. `seconds` goes unchanged into the command line `sleep <seconds>`. */
export type DriverPrompts = {
  /** Ends by itself with an answer that holds `word`. */
  readonly answer: (word: string) => string;
  /** Says some text and then goes on, with text or in silence, until it is stopped. */
  readonly endless: string;
  /** Runs `sleep <seconds>` as a tool in the foreground. */
  readonly tool: ((seconds: string) => string) | null;
  /** The same, with SIGTERM ignored by the sleep as well. */
  readonly stubbornTool: ((seconds: string) => string) | null;
  /** The same, but the sleep is in a session of its own (setsid), and the tool waits for it. */
  readonly detachedTool: ((seconds: string) => string) | null;
  /** A tool starts `sleep <seconds>` in the background on purpose; then the turn ends with an answer. */
  readonly background: ((seconds: string) => string) | null;
  /**
   * `hold` runs `sleep <seconds>` (short: it is waited for) as a tool and then answers; when `add(word)` is steered in
   * meanwhile, the answer holds `word`.
   */
  readonly steer: { readonly hold: (seconds: string) => string; readonly add: (word: string) => string } | null;
  /** `second`, in a resumed session, gives an answer that matches `recalls`; in a new session it does not. */
  readonly resume: { readonly first: string; readonly second: string; readonly recalls: RegExp } | null;
  /** Images reach a model. Null: there is none, or the agent says that it takes none. */
  readonly images: "seen" | null;
  /** The agent's process ends in the middle of the turn, without a result. */
  readonly dies: string | null;
};

export type DriverHarness = AsyncDisposable & {
  /** Where turns run: an existing directory, a real path. */
  readonly workspace: string;
  readonly prompts: DriverPrompts;
  /** The images of the newest request that brought tools to the model, in base64; never asked where `prompts.images` is null. */
  imagesSeen(): readonly string[];
  /** A driver as after a start of the program; all have the same home of the agent. The harness disposes it at the latest. */
  create(): Driver;
};

export type DriverContractOptions = {
  /** The bound of each test; a real CLI starts in a second. */
  readonly timeoutMs: number;
  /** "essential": only what a person's work depends on most, for agents whose whole suite takes minutes. "whole" unless told. */
  readonly scope?: "whole" | "essential";
};

/**
 * Declares the suite. Each test has a driver of its own, and so agents of its own; the harness is made once, because a fresh home
 * costs some agents as much as a test.
 */
export function driverContract(
  name: string,
  create: () => Promise<DriverHarness>,
  /** The prompts, to know what to skip before a harness exists. */
  prompts: DriverPrompts,
  { timeoutMs, scope = "whole" }: DriverContractOptions,
): void {
  describe(`driver contract: ${name}`, { timeout: timeoutMs }, () => {
    let harness: DriverHarness;
    let driver: Driver;
    let serial = 0;

    beforeAll(async () => {
      harness = await create();
    }, timeoutMs);
    afterAll(async () => {
      await harness[Symbol.asyncDispose]();
    }, timeoutMs);
    beforeEach(() => {
      driver = harness.create();
    });
    afterEach(async () => {
      await driver[Symbol.asyncDispose]();
    }, timeoutMs);

    /** Starts a turn; it is stopped, and its tool children are swept, when the test ends however it ends. */
    function start(text: string, session: SessionRef = newSession(), images: readonly AgentImage[] = []): Watched {
      const turn = driver.start({
        owner: { conversation: webConversation(session.id), run: `run-${(serial += 1)}` as RunId, epoch: serial },
        session,
        workspace: harness.workspace,
        prompt: images.length === 0 ? { text } : { text, images },
        permissions: "bypass",
        model: null,
        tools: noTools,
      });
      const watched = watch(turn);
      onTestFinished(() => turn[Symbol.asyncDispose](), timeoutMs);
      return watched;
    }

    type Declare = (title: string, body: () => Promise<void>) => void;
    const essential: Declare = test;
    const more: Declare = scope === "whole" ? test : () => undefined;
    const needs =
      <T>(capability: T | null, declare: Declare) =>
      (title: string, body: (capability: T) => Promise<void>): void => {
        if (capability !== null) declare(title, () => body(capability));
      };

    // ---- the stream

    essential(
      "a turn that goes well ends once, last, with its answer, and becomes quiet with nothing left",
      async () => {
        const turn = start(prompts.answer("marigold"));
        expect(answerOf(await turn.end)).toContain("marigold");
        expect(await turn.turn.quiet).toEqual({ adopted: [] });
        expect(turn.text()).toContain("marigold");
        expect((await turn.turn.survivors()).processes).toEqual([]);
      },
    );

    more("a turn names the session that resumes it", async () => {
      const turn = start(prompts.answer("marigold"));
      await turn.end;
      expect(turn.events.filter((event) => event.kind === "session").at(-1)?.resume).toMatch(/./);
    });

    essential("a second turn of the same session answers as the first did", async () => {
      const session = newSession();
      const first = start(prompts.answer("marigold"), session);
      await first.end;
      await first.turn.quiet;
      const second = start(prompts.answer("foxglove"), { ...session, resume: first.resume() });
      expect(answerOf(await second.end)).toContain("foxglove");
      await second.turn.quiet;
    });

    needs(prompts.resume, essential)(
      "a resumed session remembers, also after a restart; a new one does not",
      async (resume) => {
        const session = newSession();
        const first = start(resume.first, session);
        await first.end;
        await first.turn.quiet;
        await driver[Symbol.asyncDispose]();
        driver = harness.create();
        const resumed = start(resume.second, { ...session, resume: first.resume() });
        const fresh = start(resume.second);
        expect(answerOf(await resumed.end)).toMatch(resume.recalls);
        expect(answerOf(await fresh.end)).not.toMatch(resume.recalls);
      },
    );

    needs(prompts.images, more)(
      "the images of a prompt are seen by the model, in their order, with its text; the next turn has none of its own",
      async () => {
        const colours = ["first", "second"].map((name, at) => {
          const path = join(harness.workspace, `${name}.png`);
          writeFileSync(path, pngPicture(8, 8, [at * 200, 40, 90]));
          return { path, mediaType: "image/png" };
        });
        const session = newSession();
        const turn = start(prompts.answer("marigold"), session, colours);
        expect(answerOf(await turn.end)).toContain("marigold");
        const whole = colours.map(({ path }) => readFileSync(path, "base64"));
        expect(harness.imagesSeen()).toEqual(whole);
        await turn.turn.quiet;
        const next = start(prompts.answer("foxglove"), { ...session, resume: turn.resume() });
        expect(answerOf(await next.end)).toContain("foxglove");
        expect(harness.imagesSeen().length).toBeLessThanOrEqual(whole.length);
      },
    );

    needs(prompts.images, more)(
      "an image that is gone costs the turn nothing: its text comes all the same",
      async () => {
        const gone = { path: join(harness.workspace, "never-there.png"), mediaType: "image/png" };
        const turn = start(prompts.answer("marigold"), newSession(), [gone]);
        expect(answerOf(await turn.end)).toContain("marigold");
        expect(harness.imagesSeen()).toEqual([]);
      },
    );

    more("start does not throw where it cannot work: the turn ends as failed and is quiet", async () => {
      await driver[Symbol.asyncDispose]();
      const turn = start(prompts.answer("marigold"));
      expect((await turn.end).kind).toBe("failed");
      expect(await turn.turn.quiet).toEqual({ adopted: [] });
    });

    more("health resolves, with a version when it is ready", async () => {
      const health = await driver.health(AbortSignal.timeout(timeoutMs));
      expect(health).toEqual({ kind: "ready", version: expect.stringMatching(/./) });
    });

    // ---- stopping

    more("stopped before the agent is there: nothing of the turn happens, and it is quiet", async () => {
      const turn = start(prompts.endless);
      turn.turn.interrupt("ask");
      expect(await turn.end).toEqual({ kind: "interrupted" });
      expect(await turn.turn.quiet).toEqual({ adopted: [] });
      expect(turn.text()).toBe("");
    });

    more(
      "stopped right after the push to a warm agent, 0 to 100 turns of the event loop later, it ends and does not run on",
      async () => {
        const session = newSession();
        const warm = start(prompts.answer("marigold"), session);
        await warm.end;
        await warm.turn.quiet;
        let resume = warm.resume();
        for (const turnsOfLoop of [0, 1, 3, 10, 30, 100]) {
          const turn = start(prompts.endless, { ...session, resume });
          for (let i = 0; i < turnsOfLoop; i += 1) await new Promise(setImmediate);
          turn.turn.interrupt("ask");
          expect(await turn.end, `${turnsOfLoop} turns later`).toEqual({ kind: "interrupted" });
          expect(await turn.turn.quiet, `${turnsOfLoop} turns later`).toEqual({ adopted: [] });
          resume = turn.resume() ?? resume;
        }
      },
    );

    essential(
      "stopped while it writes, it ends as interrupted, and the session goes on with the next turn",
      async () => {
        const session = newSession();
        const turn = start(prompts.endless, session);
        await turn.first((event) => event.kind === "text");
        turn.turn.interrupt("ask");
        expect(await turn.end).toEqual({ kind: "interrupted" });
        await turn.turn.quiet;
        const next = start(prompts.answer("foxglove"), { ...session, resume: turn.resume() });
        expect(answerOf(await next.end)).toContain("foxglove");
      },
    );

    more("stopped twice, and again when it is over: one end, quiet once", async () => {
      const turn = start(prompts.endless);
      await turn.first((event) => event.kind === "text");
      turn.turn.interrupt("ask");
      turn.turn.interrupt("ask");
      turn.turn.interrupt("terminate");
      expect(await turn.end).toEqual({ kind: "interrupted" });
      await turn.turn.quiet;
      turn.turn.interrupt("kill");
      expect((await turn.turn.survivors()).processes).toEqual([]);
    });

    for (const level of ["ask", "terminate", "kill"] as const)
      more(`${level} as the first word ends a turn`, async () => {
        const turn = start(prompts.endless);
        await turn.first((event) => event.kind === "text");
        turn.turn.interrupt(level);
        expect(await turn.end).toEqual({ kind: "interrupted" });
        await turn.turn.quiet;
      });

    more("after a kill the session's next turn works", async () => {
      const session = newSession();
      const turn = start(prompts.endless, session);
      await turn.first((event) => event.kind === "text");
      turn.turn.interrupt("kill");
      await turn.turn.quiet;
      const next = start(prompts.answer("foxglove"), { ...session, resume: turn.resume() });
      expect(answerOf(await next.end)).toContain("foxglove");
    });

    more("a turn whose events nobody reads can be stopped and disposed", async () => {
      const session = newSession();
      const turn = driver.start({
        owner: { conversation: webConversation(session.id), run: "unread" as RunId, epoch: 1 },
        session,
        workspace: harness.workspace,
        prompt: { text: prompts.endless },
        permissions: "bypass",
        model: null,
        tools: noTools,
      });
      turn.interrupt("ask");
      await turn[Symbol.asyncDispose]();
      expect(await turn.quiet).toEqual({ adopted: [] });
    });

    needs(prompts.tool, essential)(
      "stopped during a tool: survivors names the child, and quiet means that it is gone",
      async (tool) => {
        const seconds = uniqueSeconds();
        const turn = start(tool(seconds));
        const [child] = await sleepers(seconds);
        // An agent may tell of it just after it has begun.
        await turn.first((event) => event.kind === "tool-started");
        expect(turn.isQuiet()).toBe(false);
        expect((await turn.turn.survivors()).processes).toContainEqual(expect.objectContaining({ pid: child }));
        turn.turn.interrupt("ask");
        expect(await turn.end).toEqual({ kind: "interrupted" });
        expect(await turn.aliveWhenQuiet(seconds)).toEqual([]);
        expect((await turn.turn.survivors()).processes).toEqual([]);
      },
    );

    needs(prompts.stubbornTool, essential)(
      "a child that ignores TERM is never called quiet while it lives",
      async (stubbornTool) => {
        const seconds = uniqueSeconds();
        const turn = start(stubbornTool(seconds));
        await sleepers(seconds);
        const whenQuiet = turn.aliveWhenQuiet(seconds);
        turn.turn.interrupt("ask");
        turn.turn.interrupt("terminate");
        const { processes } = await turn.turn.survivors();
        const alive = sleepersNow(seconds);
        expect(processes.map((process) => process.pid)).toEqual(expect.arrayContaining([...alive]));
        turn.turn.interrupt("kill");
        expect(await turn.end).toEqual({ kind: "interrupted" });
        expect(await whenQuiet).toEqual([]);
      },
    );

    needs(prompts.stubbornTool, more)(
      "disposing a turn in the middle of a tool that ignores TERM ends it with proof",
      async (stubbornTool) => {
        const seconds = uniqueSeconds();
        const turn = start(stubbornTool(seconds));
        await sleepers(seconds);
        const whenQuiet = turn.aliveWhenQuiet(seconds);
        await turn.turn[Symbol.asyncDispose]();
        expect(sleepersNow(seconds)).toEqual([]);
        expect(turn.isQuiet()).toBe(true);
        expect(await whenQuiet).toEqual([]);
        expect(await turn.end).toEqual({ kind: "interrupted" });
      },
    );

    needs(prompts.detachedTool, essential)(
      "a child in a session of its own (setsid) does not outlive the stop",
      async (detachedTool) => {
        const seconds = uniqueSeconds();
        const turn = start(detachedTool(seconds));
        await sleepers(seconds);
        const whenQuiet = turn.aliveWhenQuiet(seconds);
        turn.turn.interrupt("ask");
        await turn.end;
        turn.turn.interrupt("terminate");
        expect(await whenQuiet).toEqual([]);
      },
    );

    needs(prompts.tool, more)("a stop ends its own turn and leaves another session's tool alone", async (tool) => {
      const [mine, theirs] = [uniqueSeconds(), uniqueSeconds()];
      const [stopped, other] = [start(tool(mine)), start(tool(theirs))];
      const [, survivor] = await Promise.all([sleepers(mine), sleepers(theirs)]);
      stopped.turn.interrupt("ask");
      expect(await stopped.aliveWhenQuiet(mine)).toEqual([]);
      expect(sleepersNow(theirs)).toEqual(survivor);
      expect(other.isQuiet()).toBe(false);
    });

    // ---- steering

    needs(prompts.steer, more)("what is steered into a turn shows in its answer", async (steer) => {
      const seconds = uniqueSeconds("1");
      const turn = start(steer.hold(seconds));
      await sleepers(seconds);
      expect(await turn.turn.steer({ text: steer.add("larkspur") })).toBe("accepted");
      expect(answerOf(await turn.end)).toContain("larkspur");
    });

    more("steering a turn that has ended is too late", async () => {
      const turn = start(prompts.answer("marigold"));
      await turn.end;
      expect(await turn.turn.steer({ text: "larkspur" })).toBe("too-late");
    });

    more("steering a turn that was told to stop is too late (its text must not run on its own)", async () => {
      const turn = start(prompts.endless);
      await turn.first((event) => event.kind === "text");
      turn.turn.interrupt("ask");
      expect(await turn.turn.steer({ text: "larkspur" })).toBe("too-late");
      expect(await turn.end).toEqual({ kind: "interrupted" });
    });

    // ---- what stays on purpose

    needs(prompts.background, more)(
      "what a finished turn leaves on purpose is adopted, and a later stop leaves it alone",
      async (background) => {
        const [left, seconds] = [uniqueSeconds(), uniqueSeconds()];
        const session = newSession();
        const turn = start(background(left), session);
        answerOf(await turn.end);
        const { adopted } = await turn.turn.quiet;
        const alive = await sleepers(left);
        expect(adopted.map((process) => process.pid)).toEqual(expect.arrayContaining([...alive]));
        await turn.turn[Symbol.asyncDispose]();
        expect(sleepersNow(left)).toEqual(alive);

        if (prompts.tool === null) return;
        const later = start(prompts.tool(seconds), { ...session, resume: turn.resume() });
        await sleepers(seconds);
        later.turn.interrupt("ask");
        expect(await later.aliveWhenQuiet(seconds)).toEqual([]);
        expect(sleepersNow(left)).toEqual(alive);
      },
    );

    // ---- accidents and ends

    needs(prompts.dies, essential)(
      "an agent that dies in the middle fails its turn, which is quiet, and the next turn works",
      async (dies) => {
        const session = newSession();
        const turn = start(dies, session);
        expect(await turn.end).toEqual({ kind: "failed", fault: expect.objectContaining({ kind: "agent-died" }) });
        await turn.turn.quiet;
        const next = start(prompts.answer("foxglove"), { ...session, resume: turn.resume() });
        expect(answerOf(await next.end)).toContain("foxglove");
      },
    );

    more("a forgotten session can be used again, and forgetting an unknown one is harmless", async () => {
      const session = newSession();
      const turn = start(prompts.answer("marigold"), session);
      await turn.end;
      await turn.turn.quiet;
      await driver.forget(session.id);
      await driver.forget("never-seen");
      const next = start(prompts.answer("foxglove"), { ...session, resume: turn.resume() });
      expect(answerOf(await next.end)).toContain("foxglove");
    });

    more("a prewarm neither throws nor disturbs the turn that follows", async () => {
      driver.prewarm(harness.workspace);
      driver.prewarm(join(tmpdir(), "signalbox-does-not-exist"));
      const turn = start(prompts.answer("marigold"));
      expect(answerOf(await turn.end)).toContain("marigold");
    });

    more("disposing the driver ends its live turns: each has its one end and is quiet", async () => {
      const [one, two] = [start(prompts.endless), start(prompts.endless)];
      await Promise.all([one, two].map((turn) => turn.first((event) => event.kind === "text")));
      await driver[Symbol.asyncDispose]();
      expect([one.isQuiet(), two.isQuiet()]).toEqual([true, true]);
      expect([(await one.end).kind, (await two.end).kind]).not.toContain("completed");
    });

    needs(prompts.background, more)(
      "disposing the driver ends what its turns left in the background",
      async (background) => {
        const seconds = uniqueSeconds();
        const turn = start(background(seconds));
        answerOf(await turn.end);
        await turn.turn.quiet;
        await sleepers(seconds);
        await driver[Symbol.asyncDispose]();
        expect(sleepersNow(seconds)).toEqual([]);
      },
    );

    needs(prompts.tool, more)("disposing the driver during a tool leaves no child", async (tool) => {
      const seconds = uniqueSeconds();
      const turn = start(tool(seconds));
      await sleepers(seconds);
      await driver[Symbol.asyncDispose]();
      expect(sleepersNow(seconds)).toEqual([]);
      expect(turn.isQuiet()).toBe(true);
    });
  });
}

// ---- A turn with its consumer

type SessionRef = { readonly id: string; readonly resume: string | null };

type Watched = {
  readonly turn: Turn;
  /** All events so far, in order. */
  readonly events: readonly AgentEvent[];
  /** Resolves when the stream is over; rejects when it did not hold exactly one `ended`, last. */
  readonly end: Promise<TurnEnd>;
  /** Resolves with the first event (also a past one) of which `is` is true; rejects when the turn ends before. */
  first(is: (event: AgentEvent) => boolean): Promise<AgentEvent>;
  text(): string;
  /** The newest session id that the agent named. */
  resume(): string | null;
  isQuiet(): boolean;
  /** Resolves when the turn is quiet, with the children that were alive at that very moment. */
  aliveWhenQuiet(seconds: string): Promise<readonly number[]>;
};

function watch(turn: Turn): Watched {
  const events: AgentEvent[] = [];
  const watchers = new Set<() => void>();
  let quiet: Quiet | null = null;
  void turn.quiet.then((value) => (quiet = value)); // never rejects
  const end = consume(turn, events, () => watchers.forEach((look) => look()));
  end.catch(() => undefined); // every test that cares awaits it
  return {
    turn,
    events,
    end,
    first: (is) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find(is);
          if (found !== undefined) resolve(found);
          else if (events.at(-1)?.kind === "ended")
            reject(new Error(`the turn ended: ${JSON.stringify(events.at(-1))}`));
          else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      }),
    text: () => events.flatMap((event) => (event.kind === "text" ? [event.delta] : [])).join(""),
    resume: () => events.findLast((event) => event.kind === "session")?.resume ?? null,
    isQuiet: () => quiet !== null,
    aliveWhenQuiet: (seconds) => turn.quiet.then(() => sleepersNow(seconds)),
  };
}

async function consume(turn: Turn, events: AgentEvent[], changed: () => void): Promise<TurnEnd> {
  for await (const event of turn.events) {
    events.push(event);
    changed();
  }
  const ends = events.filter((event) => event.kind === "ended");
  const last = events.at(-1);
  expect(ends).toHaveLength(1);
  if (last?.kind !== "ended") throw new Error(`the last event is ${JSON.stringify(last)}`);
  return last.end;
}

function answerOf(end: TurnEnd): string {
  if (end.kind !== "completed") throw new Error(`the turn did not complete: ${JSON.stringify(end)}`);
  return end.answer;
}

let sessions = 0;

/** Our id of a session is random in life; here it is only unique. */
function newSession(): SessionRef {
  return { id: `contract-${process.pid}-${(sessions += 1)}`, resume: null };
}

// ---- Children, seen without the driver's help

let sleeps = 0;

/** Seconds that no other child of this machine sleeps: `sleep 1000.<pid><serial>`. What is left of it ends with the test. */
function uniqueSeconds(whole = "1000"): string {
  const seconds = `${whole}.${process.pid}${String((sleeps += 1)).padStart(3, "0")}`;
  onTestFinished(() => sleepersNow(seconds).forEach((pid) => process.kill(pid, "SIGKILL")));
  return seconds;
}

/** Waits until `sleep <seconds>` runs. Bounded by the test's timeout. */
async function sleepers(seconds: string): Promise<readonly number[]> {
  for (;;) {
    const found = sleepersNow(seconds);
    if (found.length > 0) return found;
    await pace(5);
  }
}

/** The living processes whose program is `sleep <seconds>`; a zombie is not alive. Synchronous, so nothing slips in between. */
function sleepersNow(seconds: string): readonly number[] {
  if (process.platform !== "linux") return sleepersOfPs(seconds);
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && commandLine(pid) === `sleep\0${seconds}\0`);
}

function sleepersOfPs(seconds: string): readonly number[] {
  const lines = execFileSync("ps", ["-axo", "pid=,stat=,command="], { encoding: "utf8" }).split("\n");
  return lines
    .map((line) => /^\s*(?<pid>\d+)\s+(?<state>\S+)\s+(?<command>.*)$/.exec(line)?.groups)
    .filter((found) => found?.["command"] === `sleep ${seconds}` && found["state"]?.startsWith("Z") === false)
    .map((found) => Number(found?.["pid"]));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended since the list was made.
    return "";
  }
}
