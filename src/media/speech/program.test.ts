import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { survivors } from "../../lib/process-group.ts";
import { createScan } from "../../lib/process-scan.ts";
import { type Program, type ProgramDeps, type ProgramEnd, runProgram, withoutSecrets } from "./program.ts";

const scan = createScan();
const deps: ProgramDeps = { scan, newId: () => "test", environment: { PATH: process.env["PATH"] ?? "" } };
const never = new AbortController().signal;

function node(script: string, rest: Partial<Program> = {}): Program {
  const args = ["-e", script];
  return { command: process.execPath, args, cwd: tmpdir(), patienceMs: 30_000, stdoutBytesMax: 1_000, ...rest };
}

async function alive(id: string): Promise<number> {
  return (await survivors({ marker: `speech-${id}`, roots: [] }, [], scan)).length;
}

test("what a program prints and how it ended is told, with the end of its complaint", async () => {
  const script = `process.stdout.write("Gr\\u00fc\\u00dfe"); process.stderr.write("x".repeat(5000) + "why"); process.exitCode = 3`;
  const end = await runProgram(node(script), deps, never);
  expect(end).toMatchObject({ kind: "ended", code: 3, stdout: "Grüße" });
  expect(end.kind === "ended" && end.complaint).toMatch(/^x{1997}why$/);
});

test("a program that is not there is told by the system's code", async () => {
  expect(await runProgram(node("", { command: "/no/such/program" }), deps, never)).toEqual({
    kind: "missing",
    code: "ENOENT",
  });
});

const hangs = "setInterval(() => {}, 1000)";
/** Starts a child that ignores a polite end and lives in a session of its own, says so, and goes on. */
const leavesBehind = (then: string): string =>
  `const { spawn } = require("node:child_process");
   spawn(process.execPath, ["-e", 'process.on("SIGTERM", () => {}); console.log("up"); ${hangs}'], { detached: true, stdio: ["ignore", "inherit", "ignore"] }).unref();
   ${then}`;

test.each<[string, string, Partial<Program>, ProgramEnd["kind"]]>([
  ["takes too long", hangs, { patienceMs: 300 }, "late"],
  ["prints without end", `${leavesBehind("")} setInterval(() => console.log("x".repeat(100)), 1)`, {}, "flooded"],
  ["ends and leaves something behind that holds its output", leavesBehind("process.exit(0)"), {}, "ended"],
])("of a program that %s nothing is alive when its end is told", async (_name, script, rest, kind) => {
  const id = `test-${kind}`;
  const end = await runProgram(node(script, rest), { ...deps, newId: () => id }, never);
  expect(end.kind).toBe(kind);
  expect(await alive(id)).toBe(0);
});

test("a stop ends the program with everything that it started, before it is answered", async () => {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-program-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const fifo = join(directory, "up");
  const stop = new AbortController();
  const script = leavesBehind(`require("node:fs").writeFileSync(${JSON.stringify(fifo)}, "up"); ${hangs}`);
  const ended = runProgram(node(script), { ...deps, newId: () => "test-stop" }, stop.signal);
  await expect.poll(() => readFileSync(fifo, { encoding: "utf8", flag: "a+" })).toBe("up");
  expect(await alive("test-stop")).toBeGreaterThan(0);
  stop.abort();
  expect(await ended).toEqual({ kind: "stopped" });
  expect(await alive("test-stop")).toBe(0);
});

test("a program is not started for somebody who has already stopped", async () => {
  expect(await runProgram(node("", { command: "/no/such/program" }), deps, AbortSignal.abort())).toEqual({
    kind: "stopped",
  });
});

test("a program gets nothing that is called like a secret (I13)", async () => {
  const environment = {
    PATH: "/bin",
    LANG: "C.UTF-8",
    SSH_AUTH_SOCK: "/tmp/agent",
    LD_LIBRARY_PATH: "/opt",
    OPENAI_API_KEY: "canary",
    GITHUB_TOKEN: "canary",
    AWS_SECRET_ACCESS_KEY: "canary",
    PGPASSWORD: "canary",
    GOOGLE_APPLICATION_CREDENTIALS: "/canary",
    DATABASE_URL: "canary",
  };
  expect(withoutSecrets(environment)).toEqual({ PATH: "/bin", LANG: "C.UTF-8", LD_LIBRARY_PATH: "/opt" });
  const end = await runProgram(node("console.log(JSON.stringify(process.env))"), { ...deps, environment }, never);
  expect(end).toMatchObject({ kind: "ended", stdout: expect.not.stringContaining("canary") as string });
});
