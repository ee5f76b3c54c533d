/**
 * How soon the program works and what it holds in memory: from its start to its first poll at Telegram and to its readiness (it has
 * recovered from its last life and prints the page's link), after an orderly end and after a kill -9 in the middle of a run. Started as
 * `npm start` starts it, with Node's compile cache. The floor is Node doing nothing.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { createEmulator } from "../test/emulator/emulator.ts";
import { type Bridge, type BridgeOptions, spawnBridge } from "../test/e2e/bridge.ts";
import { createHome, type Home } from "../test/e2e/home.ts";
import { createModelServer } from "../test/model/model-server.ts";
import { claude as claudeCode } from "./agent.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { cpuTicks, residentMb } from "./proc.ts";
import { spreadOf } from "./spread.ts";
import { untilAgentRests } from "./stage.ts";

const rounds = 12;
const memoryRounds = 3;

const cached = {
  NODE_OPTIONS: `--import ${new URL("../scripts/compile-cache.mjs", import.meta.url).href} --max-semi-space-size=2`,
};
const quietly = { SIGNALBOX_WEB: "127.0.0.1:0", SIGNALBOX_LOG: "info" };

export const start: Section = {
  name: "start",
  title: "start, start after kill -9, idle memory; Telegram and page on",
  async measure(say) {
    return [...(await measureStarts(say)), ...(await measureMemory(say))];
  },
};

type Life = { readonly bridge: Bridge; readonly pollMs: number; readonly readyMs: number };

async function measureStarts(say: (line: string) => void): Promise<readonly Figure[]> {
  await using emulator = await createEmulator();
  await using home = createHome();
  const options: BridgeOptions = { home, emulator, driver: "demo", env: { ...quietly, ...cached } };
  const plain: Life[] = [];
  const uncached: Life[] = [];
  const rebooted: Life[] = [];
  const node: number[] = [];
  await end(await live(options)); // makes the database, and fills the compile cache
  for (let round = 0; round < rounds; round += 1) {
    say(`start: round ${round + 1} of ${rounds}`);
    node.push(await bareNodeMs());
    uncached.push(await end(await live({ ...options, env: quietly })));
    const life = await live(options);
    plain.push(life);
    emulator.owner.sends("run 300");
    await untilToolRuns(home);
    await life.bridge.kill();
    const next = await live(options);
    rebooted.push(next);
    await end(next);
  }
  await home.assertNothingRuns();
  const spread = (lives: readonly Life[], what: "pollMs" | "readyMs") => spreadOf(lives.map((life) => life[what]));
  const floor = { name: "node -e 0, start to exit", spread: spreadOf(node) };
  return [
    {
      name: "start to first poll",
      unit: "ms",
      spread: spread(plain, "pollMs"),
      beside: [floor, { name: "without the compile cache", spread: spread(uncached, "pollMs") }],
      targets: [atMost("median", 400)],
    },
    {
      name: "start after kill -9 in a run, to ready",
      unit: "ms",
      spread: spread(rebooted, "readyMs"),
      beside: [{ name: "start after an orderly end, to ready", spread: spread(plain, "readyMs") }],
      targets: [atMost("difference", 50)],
    },
    {
      name: "start after kill -9 in a run, to first poll",
      unit: "ms",
      spread: spread(rebooted, "pollMs"),
      beside: [{ name: "start after an orderly end, to first poll", spread: spread(plain, "pollMs") }],
      targets: [atMost("difference", 50)],
    },
  ];
}

async function live(options: BridgeOptions): Promise<Life> {
  const begin = performance.now();
  const bridge = spawnBridge(options);
  const { emulator } = options;
  const poll = bridge.until(() => (emulator?.updates.polls ?? 0) > 0, "its first poll").then(() => performance.now());
  const ready = bridge.printed(/^Page: /m).then(() => performance.now());
  const [polledAt, readyAt] = await Promise.all([poll, ready]);
  return { bridge, pollMs: polledAt - begin, readyMs: readyAt - begin };
}

async function end(life: Life): Promise<Life> {
  const code = await life.bridge.terminate();
  if (code !== 0) throw new Error(`the program ended with ${code}`);
  return life;
}

async function untilToolRuns(home: Home): Promise<void> {
  while ((await home.processes()).length < 2) await pause(5);
}

async function bareNodeMs(): Promise<number> {
  const begin = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - begin;
}

// ---- Memory

async function measureMemory(say: (line: string) => void): Promise<readonly Figure[]> {
  await using emulator = await createEmulator();
  await using model = await createModelServer();
  await using home = createHome();
  const demo: number[] = [];
  const visited: number[] = [];
  const claude: number[] = [];
  const node: number[] = [];
  const first = await live({ home, emulator, model, driver: "demo", env: { ...quietly, ...cached } });
  await visit(first.bridge); // fills the compile cache with what only a visitor needs
  await end(first);
  for (let round = 0; round < memoryRounds; round += 1) {
    say(`start: memory ${round + 1} of ${memoryRounds}`);
    const options = { home, emulator, model, env: { ...quietly, ...cached } };
    node.push(await bareNodeMb());
    for (const [driver, sizes] of [
      ["demo", demo],
      ["claude", claude],
    ] as const) {
      const life = await live({ ...options, driver });
      if (driver === "claude") await untilAgentRests({ home, agent: claudeCode });
      await untilRests(life.bridge.pid);
      sizes.push(residentMb(life.bridge.pid));
      if (driver === "demo") {
        await visit(life.bridge);
        await untilRests(life.bridge.pid);
        visited.push(residentMb(life.bridge.pid));
      }
      await end(life);
    }
  }
  const floor = { name: "node with nothing to do", spread: spreadOf(node) };
  return [
    {
      name: "resident memory of the program at rest, no agent running",
      unit: "MB",
      spread: spreadOf(demo),
      beside: [floor],
      targets: [atMost("median", 90)],
    },
    {
      name: "the same after a visitor of the page",
      unit: "MB",
      spread: spreadOf(visited),
      beside: [floor],
      targets: [],
    },
    {
      name: "the same beside a prepared Claude Code, without its own memory",
      unit: "MB",
      spread: spreadOf(claude),
      beside: [floor],
      targets: [],
    },
  ];
}

/** As a browser comes: by the link, then the page, then what it shows. */
async function visit({ stdout }: Bridge): Promise<void> {
  const link = /^Page: (\S+)/m.exec(stdout)?.[1] ?? "";
  const entered = await fetch(link, { redirect: "manual" });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  for (const path of ["/", "/api/overview"]) {
    const answer = await fetch(new URL(path, link), { headers: { cookie } });
    if (!answer.ok) throw new Error(`the page answered ${path} with ${answer.status}`);
    await answer.arrayBuffer();
  }
}

/** Until it has used no processor time for a second. */
async function untilRests(pid: number): Promise<void> {
  for (let before = -1; before !== cpuTicks(pid);) {
    before = cpuTicks(pid);
    await pause(1_000);
  }
}

async function bareNodeMb(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1e9)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    await once(child.stdout, "data");
    if (child.pid === undefined) throw new Error("Node could not be started");
    return residentMb(child.pid);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
