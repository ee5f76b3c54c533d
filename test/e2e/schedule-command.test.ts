/**
 * `signalbox schedule` beside a running program: the real command line, a program with the demo agent and its page, and, where it is about
 * Telegram, the emulator.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { OccurrenceView, ScheduleView } from "../../src/web/wire.ts";
import { createEmulator } from "../emulator/emulator.ts";
import { type Bridge, startBridge } from "./bridge.ts";
import { createHome, type Home } from "./home.ts";

const cli = join(import.meta.dirname, "../../src/cli.ts");

type Printed = { readonly code: number | null; readonly out: string; readonly error: string };

type Running = { readonly bridge: Bridge; schedule(...args: readonly string[]): Promise<Printed> };

async function schedule(home: Home, web: string, args: readonly string[]): Promise<Printed> {
  const child = spawn(process.execPath, [cli, "schedule", ...args], {
    env: { PATH: "/usr/bin:/bin", HOME: home.path, SIGNALBOX_HOME: home.state, SIGNALBOX_WEB: web },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, error] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, error };
}

/** Ends with the scope that opened it. */
async function run(
  stack: AsyncDisposableStack,
  home: Home,
  more: Partial<Parameters<typeof startBridge>[0]> = {},
): Promise<Running> {
  const env = { SIGNALBOX_WEB: "127.0.0.1:0", SIGNALBOX_PERMISSIONS: "ask" };
  const bridge = stack.use(await startBridge({ home, driver: "demo", env, ...more }));
  const [, web = ""] = await bridge.printed(/^Page: http:\/\/([^/]+)\//m);
  return { bridge, schedule: (...args) => schedule(home, web, args) };
}

test("a schedule is added, looked at, changed, run, paused and deleted from a terminal", async () => {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(createHome());
  const program = await run(stack, home);
  expect(await program.schedule("list")).toMatchObject({
    code: 0,
    out: expect.stringContaining("Nothing is scheduled."),
  });

  const added = await program.schedule(
    "add",
    "--name",
    "news",
    "--zone",
    "Europe/Berlin",
    "daily",
    "7:00",
    "am Montag lesen",
  );
  expect(added).toMatchObject({ code: 0, error: "" });
  expect(added.out).toContain("Scheduled as news");
  const list = await program.schedule();
  expect(list.out).toMatch(
    /^NAME +WHEN +NEXT +STATE +CONVERSATION\nnews +daily at 07:00 .* Europe\/Berlin +active +web:main\n$/,
  );
  const [one] = JSON.parse((await program.schedule("list", "--json")).out) as ScheduleView[];
  expect(one).toMatchObject({ name: "news", work: { text: "am Montag lesen" }, home: "web:main" });

  expect((await program.schedule("edit", "news", "--silent", "when", "weekdays 8:30")).out).toContain("Changed: news");
  expect((await program.schedule("edit", "news", "text", "sleep 0")).code).toBe(0);
  const shown = await program.schedule("show", "news");
  expect(shown.out).toContain("news: weekdays at 08:30 (Europe/Berlin), active\nsleep 0\n");
  expect(shown.out).toContain("repeated failures");

  expect((await program.schedule("run", "news")).out).toContain("in line now");
  await expect
    .poll(async () => JSON.parse((await program.schedule("history", "news", "--json")).out) as OccurrenceView[], {
      timeout: 20_000,
    })
    .toMatchObject([{ trigger: "person", outcome: "done" }]);
  expect((await program.schedule("history", "news")).out).toMatch(
    /^news, newest first \(Europe\/Berlin\):\n.*\(run now\): done\n$/,
  );

  expect((await program.schedule("pause", "news")).out).toContain("Paused: news");
  expect((await program.schedule("resume", "news")).out).toContain("goes on");
  expect((await program.schedule("rm", "news")).out).toContain("Deleted: news");
  expect(JSON.parse((await program.schedule("list", "--json")).out)).toEqual([]);
});

test("what is wrong is said, with what to do, and told by the exit code", async () => {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(createHome());
  const program = await run(stack, home);
  const wrong = await program.schedule("add", "sometimes", "x");
  expect(wrong).toMatchObject({ code: 1, out: "" });
  expect(wrong.error).toContain('"sometimes" is no time.');
  expect(wrong.error).toContain("Like this: signalbox schedule add");
  expect(await program.schedule("pause", "nobody")).toMatchObject({
    code: 1,
    error: 'signalbox: there is no schedule "nobody"; nothing is scheduled.\n',
  });
  expect(await program.schedule("remember")).toMatchObject({
    code: 2,
    error: expect.stringContaining("unknown: remember"),
  });
  expect((await program.schedule("add", "--conversation", "telegram:99", "daily", "7:00", "x")).code).toBe(1);
  expect((await program.schedule("--help")).out).toContain("signalbox schedule <what>");

  // Of another home: it has another secret.
  const other = stack.use(createHome());
  mkdirSync(other.state, { recursive: true });
  const [, web = ""] = await program.bridge.printed(/^Page: http:\/\/([^/]+)\//m);
  expect(await schedule(other, web, ["list"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("is not the one of"),
  });
  expect(await schedule(home, "off", ["list"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("the page is off"),
  });
  await program.bridge.terminate();
  expect(await schedule(home, web, ["list"])).toMatchObject({
    code: 1,
    error: expect.stringContaining("signalbox start"),
  });
});

test("a new one belongs to its owner's private chat, which hears of it; the same name elsewhere is asked about", async () => {
  await using stack = new AsyncDisposableStack();
  const emulator = stack.use(await createEmulator());
  const home = stack.use(createHome());
  const program = await run(stack, home, { emulator });
  emulator.owner.sends("/status");
  await program.bridge.until(() => emulator.owner.chat().fromBot.length > 0, "the answer to /status");
  expect((await program.schedule("add", "--name", "tea", "--remind", "daily", "16:00", "Tea")).code).toBe(0);
  const said = (wanted: string) => () => emulator.owner.chat().fromBot.some(({ text }) => text.includes(wanted));
  await program.bridge.until(said("Scheduled as tea"), "the answer in the chat");
  // Reading says nothing there.
  const before = emulator.owner.chat().fromBot.length;
  await program.schedule("show", "tea");
  await program.schedule("history", "tea");
  expect((await program.schedule("run", "tea")).code).toBe(0);
  await program.bridge.until(said("\u23F0 Tea"), "the reminder");
  expect(
    emulator.owner
      .chat()
      .fromBot.slice(before)
      .map(({ text }) => text.split("\n")[0]),
  ).toEqual(expect.not.arrayContaining([expect.stringContaining("tea:")]));

  const main = ["--conversation", "web:main"];
  expect((await program.schedule("add", ...main, "--name", "tea", "--remind", "daily", "17:00", "Tea")).code).toBe(0);
  const several = await program.schedule("pause", "tea");
  expect(several).toMatchObject({ code: 1, error: expect.stringContaining("--conversation web:main") });
  expect((await program.schedule("pause", "tea", ...main)).code).toBe(0);
  const all = JSON.parse((await program.schedule("list", "--json")).out) as ScheduleView[];
  expect(all.map((one) => [one.home, one.state])).toEqual([
    [`telegram:${emulator.owner.id}`, "active"],
    ["web:main", "paused"],
  ]);
});
