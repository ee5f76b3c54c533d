/** What may leave the machine as a file, and what may not (V6, T6, T8). */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Files } from "../engine/ports.ts";
import { cleanName } from "./file-name.ts";
import { createOutgoingFiles } from "./outgoing-files.ts";
import { fileBytesMax, locate, openLocated } from "./workspace-file.ts";

let root = "";
let workspace = "";
let directory = "";
let files: Files;

const logged: string[] = [];
const note = (_fields: object, message: string): void => void logged.push(message);
const log = { debug: note, info: note, warn: note, error: note };
const clockAt = (nowMs: number) => ({ now: () => nowMs, sleep: () => Promise.resolve() });

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "signalbox-files-")));
  workspace = join(root, "workspace");
  directory = join(root, "home", "outgoing");
  fs.mkdirSync(workspace);
  logged.length = 0;
  files = createOutgoingFiles({ directory, clock: clockAt(Date.now()), log });
});

afterEach(() => fs.rmSync(root, { recursive: true }));

function write(name: string, content: string | Uint8Array = "content"): string {
  const path = join(workspace, name);
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, content);
  return path;
}

async function take(path: string): Promise<{ readonly id: string; readonly name: string; readonly bytes: number }> {
  const taken = await files.take(path, workspace);
  if (taken.kind === "refused") throw new Error(taken.why);
  return taken.file;
}

/** The words of a refusal; nothing of the file was copied. */
async function refusal(path: string): Promise<string> {
  const before = fs.readdirSync(directory);
  const taken = await files.take(path, workspace);
  expect(fs.readdirSync(directory)).toEqual(before);
  return taken.kind === "refused" ? taken.why : "taken";
}

describe("a file of the workspace", () => {
  it("is copied under a random name, for its owner's eyes only, and found by it", async () => {
    const path = write("deep/report.pdf", "as it is now");
    const file = await take("deep/report.pdf");
    fs.writeFileSync(path, "changed afterwards");
    expect(file).toEqual({ id: expect.stringMatching(/^[\w-]{22}$/), name: "report.pdf", bytes: 12 });
    const copy = await files.find(file.id);
    expect(copy).toBe(join(directory, file.id));
    expect(fs.readFileSync(copy ?? "", "utf8")).toBe("as it is now");
    expect(fs.statSync(copy ?? "").mode & 0o777).toBe(0o600);
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
  });

  it("may be named absolutely, and be as large as Telegram takes", async () => {
    const large = write("large.bin", Buffer.alloc(fileBytesMax, 7));
    const file = await take(large);
    expect(file.bytes).toBe(fileBytesMax);
    expect(fs.readFileSync(join(directory, file.id)).equals(Buffer.alloc(fileBytesMax, 7))).toBe(true);
  });

  it("may be reached by a link that stays inside", async () => {
    write("real.txt");
    fs.symlinkSync("real.txt", join(workspace, "link.txt"));
    expect((await take("link.txt")).name).toBe("real.txt");
  });
});

describe("refused, with a sentence for the agent:", () => {
  const outside = "Only files inside the workspace can be sent.";

  it("what is outside of the workspace, however it is named", async () => {
    fs.writeFileSync(join(root, "outside.txt"), "secret");
    fs.mkdirSync(`${workspace}-twin`);
    fs.writeFileSync(`${workspace}-twin/a.txt`, "secret");
    fs.symlinkSync(join(root, "outside.txt"), join(workspace, "link.txt"));
    fs.symlinkSync(root, join(workspace, "up"));
    const names = [
      "../outside.txt",
      join(root, "outside.txt"),
      "link.txt",
      "up/outside.txt",
      `${workspace}-twin/a.txt`,
    ];
    for (const name of [...names, "/etc/hostname"]) expect([name, await refusal(name)]).toEqual([name, outside]);
  });

  it.each([
    ".env",
    ".env.local",
    ".envrc",
    "prod.env",
    ".ENV",
    "id_rsa",
    "id_ed25519.pub",
    "server.pem",
    "tls.KEY",
    "store.p12",
    ".npmrc",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".git/config",
    "sub/.git/HEAD",
    ".ssh/config",
    ".aws/credentials",
    ".kube/config",
    "wallet.kdbx",
  ])("what is a secret by its name: %s", async (name) => {
    write(name);
    expect(await refusal(name)).toBe("Its name says that it may hold a secret.");
  });

  it("a secret under another name, by a link", async () => {
    write(".env");
    fs.symlinkSync(".env", join(workspace, "notes.txt"));
    expect(await refusal("notes.txt")).toBe("Its name says that it may hold a secret.");
  });

  it("what is no regular file, without waiting for it", async () => {
    fs.mkdirSync(join(workspace, "folder"));
    execFileSync("/usr/bin/mkfifo", [join(workspace, "pipe")]);
    const server = createServer().listen(join(workspace, "socket"));
    await new Promise((resolve) => void server.once("listening", resolve));
    for (const name of ["folder", ".", "pipe", "socket"])
      expect([name, await refusal(name)]).toEqual([name, "That is not a regular file."]);
    await new Promise((resolve) => void server.close(resolve));
  });

  it("what is too large, empty, missing, unreadable or no path", async () => {
    write("large.bin");
    fs.truncateSync(join(workspace, "large.bin"), fileBytesMax + 1);
    write("empty.txt", "");
    expect(await refusal("large.bin")).toBe(
      `The file has ${fileBytesMax + 1} bytes; at most ${fileBytesMax} can be sent.`,
    );
    expect(await refusal("empty.txt")).toBe("The file is empty.");
    expect(await refusal("missing.txt")).toBe("There is no such file.");
    expect(await refusal("empty.txt/below")).toBe("There is no such file.");
    expect(await refusal("a\0b")).toBe("That is no path.");
    expect(await refusal("x".repeat(5000))).toBe("That is no path.");
  });

  it("a file that became a link between the look and the opening", async () => {
    fs.writeFileSync(join(root, "outside.txt"), "secret");
    const path = write("notes.txt");
    const located = await locate("notes.txt", workspace);
    if (located.kind === "refused") throw new Error(located.why);
    fs.rmSync(path);
    fs.symlinkSync(join(root, "outside.txt"), path);
    expect(await openLocated(located)).toEqual({ kind: "refused", why: "The path changed while it was read." });
  });

  it("a file of which a directory became a link between the look and the opening", async () => {
    fs.mkdirSync(join(root, "elsewhere"));
    fs.writeFileSync(join(root, "elsewhere", "notes.txt"), "secret");
    write("sub/notes.txt");
    const located = await locate("sub/notes.txt", workspace);
    if (located.kind === "refused") throw new Error(located.why);
    fs.renameSync(join(workspace, "sub"), join(workspace, "old"));
    fs.symlinkSync(join(root, "elsewhere"), join(workspace, "sub"));
    expect(await openLocated(located)).toEqual({ kind: "refused", why: "The path changed while it was read." });
  });
});

describe("the copies", () => {
  it("are dropped when they are too old, at the next start", async () => {
    write("a.txt");
    const file = await take("a.txt");
    const inDays = (days: number) => clockAt(Date.now() + days * 24 * 60 * 60 * 1000);
    expect(await createOutgoingFiles({ directory, clock: inDays(2), log }).find(file.id)).not.toBeNull();
    expect(await createOutgoingFiles({ directory, clock: inDays(4), log }).find(file.id)).toBeNull();
  });

  it("make room for new ones, the oldest first", async () => {
    write("a.txt");
    const [oldest, newer] = [await take("a.txt"), await take("a.txt")];
    const past = new Date(Date.now() - 60_000);
    // Sparse, so that the test needs no room of its own.
    fs.truncateSync(join(directory, oldest.id), 20 * fileBytesMax - 10);
    fs.utimesSync(join(directory, oldest.id), past, past);
    const latest = await take("a.txt");
    expect(await files.find(oldest.id)).toBeNull();
    expect(await files.find(newer.id)).not.toBeNull();
    expect(await files.find(latest.id)).not.toBeNull();
  });

  it("are found by ids alone: no path is an id", async () => {
    fs.writeFileSync(join(root, "home", "secret"), "x");
    for (const id of ["../secret", "", ".", "a".repeat(22)]) expect(await files.find(id)).toBeNull();
  });
});

describe("the name that is shown", () => {
  it.each([
    ["invoice\u202Egpj.exe", "invoicegpj.exe"],
    ["a\u200Bb\n c.txt", "ab c.txt"],
    ["e\u0301.txt", "\u00E9.txt"],
    ["../..\\x;y.txt", "_.._x_y.txt"],
    ["--checkpoint=1", "_-checkpoint=1"],
    ["..-.--rf", "rf"],
    ["$(id)`id`.txt", "_(id)_id_.txt"],
    ["...", "file"],
    ["\u200E", "file"],
  ])("is one plain line: %j", (name, shown) => expect(cleanName(name)).toBe(shown));

  it("is at most 120 bytes, keeps its ending, and is cut between characters", () => {
    const shown = cleanName(`${"\u{1F4A9}".repeat(60)}.png`);
    expect(shown).toBe(`${"\u{1F4A9}".repeat(29)}.png`);
    expect(Buffer.byteLength(cleanName(`a.${"b".repeat(300)}`))).toBe(120);
  });
});
