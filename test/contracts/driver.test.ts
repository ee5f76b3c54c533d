/** The driver contract, held against the drivers that need no agent: the demo (real processes) and the scripted one. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDemoDriver } from "../../src/drivers/demo/driver.ts";
import type { Clock } from "../../src/engine/ports.ts";
import { createSystemClock } from "../../src/lib/clock.ts";
import { createScan } from "../../src/lib/process-scan.ts";
import { createScriptedDriver, type ScriptedTurn } from "../scripted-driver.ts";
import { driverContract, type DriverHarness, type DriverPrompts } from "./driver.ts";

const timeoutMs = 10_000;

const demoPrompts: DriverPrompts = {
  answer: (word) => `say ${word}`,
  endless: "count to 10000",
  tool: (seconds) => `run ${seconds}`,
  stubbornTool: (seconds) => `run ${seconds} stubborn`,
  detachedTool: (seconds) => `run ${seconds} detached`,
  background: (seconds) => `run ${seconds} in the background`,
  steer: { hold: (seconds) => `run ${seconds}`, add: (word) => `and ${word}` },
  resume: { first: "hello", second: "hello again", recalls: /turn 2/ },
  // The demo asks no model.
  images: null,
  // The demo has no process of its own that could die.
  dies: null,
};

driverContract("demo", demoHarness, demoPrompts, { timeoutMs });

async function demoHarness(): Promise<DriverHarness> {
  const workspace = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-demo-")));
  const scan = createScan();
  const environment = { PATH: process.env["PATH"] ?? "" };
  const drivers = new AsyncDisposableStack();
  const create = () => drivers.use(createDemoDriver({ clock: quickClock(), scan, environment }));
  return {
    workspace,
    prompts: demoPrompts,
    imagesSeen: () => [],
    create,
    async [Symbol.asyncDispose]() {
      await drivers.disposeAsync();
      rmSync(workspace, { recursive: true });
    },
  };
}

/** The demo's pace is for people; here each pause is a turn of the timers. */
function quickClock(): Clock {
  const clock = createSystemClock();
  return { now: () => clock.now(), sleep: (_ms, signal) => clock.sleep(1, signal) };
}

// ---- The scripted driver, played by an agent of a few lines

const scriptedPrompts: DriverPrompts = {
  answer: (word) => `answer ${word}`,
  endless: "endless",
  tool: null,
  stubbornTool: null,
  detachedTool: null,
  background: null,
  steer: null,
  resume: { first: "answer one", second: "recall", recalls: /resumed from session-answer one/ },
  images: null,
  dies: "die",
};

driverContract("scripted", scriptedHarness, scriptedPrompts, { timeoutMs });

async function scriptedHarness(): Promise<DriverHarness> {
  const drivers = new AsyncDisposableStack();
  const create = () => drivers.use(createScriptedDriver({ onTurn: play }));
  return {
    workspace: tmpdir(),
    prompts: scriptedPrompts,
    imagesSeen: () => [],
    create,
    [Symbol.asyncDispose]: () => drivers.disposeAsync(),
  };
}

function play(turn: ScriptedTurn): void {
  const { prompt, session } = turn.request;
  turn.obey("ask");
  // One step later, as every agent: a stop right after the start comes first.
  queueMicrotask(() => {
    if (turn.isEnded) return;
    turn.emit({ kind: "session", resume: `session-${prompt.text}` });
    if (prompt.text === "endless") return turn.emit({ kind: "text", delta: "on and on " });
    if (prompt.text !== "die") return turn.finish(`${prompt.text}, resumed from ${session.resume}`);
    turn.end({ kind: "failed", fault: { kind: "agent-died", agent: "scripted", detail: "as it was told" } });
    turn.becomeQuiet();
  });
}
