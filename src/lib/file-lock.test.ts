import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tryFileLock } from "./file-lock.ts";

let directory: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "file lock "));
  path = join(directory, "a.lock");
});

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, "SIGKILL");
  rmSync(directory, { recursive: true });
});

describe("a file lock", () => {
  it("has one holder in one process", async () => {
    const lock = tryFileLock(path);
    expect(lock).not.toBeNull();
    expect(tryFileLock(path)).toBeNull();
    await lock?.[Symbol.asyncDispose]();
    await lock?.[Symbol.asyncDispose]();
    await tryFileLock(path)?.[Symbol.asyncDispose]();
  });

  it("is not lost when another attempt in the same process fails", async () => {
    await using _lock = tryFileLock(path);
    expect(tryFileLock(path)).toBeNull();
    const { answer } = await otherProcess();
    expect(answer).toBe("taken");
  });

  it("has one holder among processes, and passes on when it is released", async () => {
    const { child, answer } = await otherProcess();
    expect(answer).toBe("held");
    expect(tryFileLock(path)).toBeNull();
    await end(child, "SIGTERM");
    await using lock = tryFileLock(path);
    expect(lock).not.toBeNull();
  });

  it("is free at once when its holder was killed, and the file that stayed says nothing", async () => {
    const { child } = await otherProcess();
    expect(tryFileLock(path)).toBeNull();
    await end(child, "SIGKILL");
    await using lock = tryFileLock(path);
    expect(lock).not.toBeNull();
    expect(readFileSync(join(directory, "a.lock"))).toHaveLength(0);
  });

  it("does not pass to a child of the holder", async () => {
    const lock = tryFileLock(path);
    const heir = spawn("sleep", ["60"]);
    children.push(heir);
    await once(heir, "spawn");
    await lock?.[Symbol.asyncDispose]();
    await using again = tryFileLock(path);
    expect(again).not.toBeNull();
  });

  it("can be taken on a file with any content", async () => {
    writeFileSync(path, "4711\n".repeat(1000));
    await using lock = tryFileLock(path);
    expect(lock).not.toBeNull();
    expect((await otherProcess()).answer).toBe("taken");
  });

  it("throws, and does not say 'taken', where there is no directory", () => {
    expect(() => tryFileLock(join(directory, "missing", "a.lock"))).toThrow(/unable to open/);
  });

  it("throws, and does not say 'taken', where the file may not be written", async () => {
    writeFileSync(path, "");
    chmodSync(path, 0o444);
    chmodSync(directory, 0o755);
    expect((await otherProcess("nobody")).answer).toMatch(/readonly/);
  });
});

/**
 * A second process that tries the lock, says how it went, and keeps what it got until it is ended. Root may write everything:
 * permissions are tried as nobody, whom it becomes once the code is read.
 */
async function otherProcess(user: "same" | "nobody" = "same"): Promise<{ child: ChildProcess; answer: string }> {
  const script = `
    const { tryFileLock } = await import(${JSON.stringify(new URL("file-lock.ts", import.meta.url).href)});
    ${user === "nobody" ? "if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }" : ""}
    try {
      globalThis.lock = tryFileLock(${JSON.stringify(path)});
      console.log(globalThis.lock === null ? "taken" : "held");
    } catch (error) {
      console.log(error.message);
    }
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, answer: chunk.toString().trim() };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
