/**
 * A program of somebody else that is run once, to its end: a transcriber of the person's own, ffmpeg.
 *
 * 1. It is started without a shell and in its own process group, and carries a marker of its own: when this resolves, nothing of it
 *    is alive, also what it left running in the background.
 * 2. I14: it is bounded in time and in what it prints. Of what it complains about only the end is kept.
 * 3. I13: it gets nothing that is called like a secret.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { endProcesses } from "../../lib/process-group.ts";
import { identify, type ProcessRef, type Scan, withMarkers } from "../../lib/process-scan.ts";

export type ProgramDeps = {
  readonly scan: Scan;
  readonly newId: () => string;
  /** What programs inherit; see `withoutSecrets`. */
  readonly environment: Readonly<Record<string, string>>;
};

export type Program = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly patienceMs: number;
  readonly stdoutBytesMax: number;
};

export type ProgramEnd =
  /** `code` is null when a signal that was not ours ended it. `complaint` is the end of what it wrote to stderr. */
  | { readonly kind: "ended"; readonly code: number | null; readonly stdout: string; readonly complaint: string }
  /** It cannot be started; `code` is the system's. */
  | { readonly kind: "missing"; readonly code: string }
  | Cut;

type Cut = { readonly kind: "late" } | { readonly kind: "stopped" } | { readonly kind: "flooded" };

/** A stack trace's last lines. In UTF-16 units. */
const complaintCharsMax = 2_000;
/** SIGKILL works at once or never. */
const killMs = 3_000;

/** Resolves when nothing of the program is alive any more; never rejects. */
export async function runProgram(program: Program, deps: ProgramDeps, signal: AbortSignal): Promise<ProgramEnd> {
  if (signal.aborted) return { kind: "stopped" };
  const marker = `speech-${deps.newId()}`;
  const child = spawn(program.command, program.args, {
    cwd: program.cwd,
    env: withMarkers(withoutSecrets(deps.environment), [marker]),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  // Asked for in the tick of the spawn: even if it has exited already, its entry cannot have been freed yet.
  const identified = child.pid === undefined ? Promise.resolve(undefined) : identify(child.pid).catch(() => undefined);
  const output = collect(child, program.stdoutBytesMax);
  const exit = exitOf(child);
  const cut = Promise.withResolvers<Cut>();
  const stop = (): void => cut.resolve({ kind: "stopped" });
  signal.addEventListener("abort", stop, { once: true });
  // The bound on how long it may take; that it has ended is proven below.
  const late = setTimeout(() => cut.resolve({ kind: "late" }), program.patienceMs);
  const end = await Promise.race([exit, cut.promise, output.flooded]);
  clearTimeout(late);
  signal.removeEventListener("abort", stop);
  if (end.kind === "missing") return end;
  await endAll(child, { marker, leader: await identified, scan: deps.scan });
  const { stdout, complaint } = await output.all();
  return end.kind === "exited" ? { kind: "ended", code: end.code, stdout, complaint } : end;
}

/** A program of ours or the person's has its own keys where it needs any: those of agents are none of its business (I13). */
export function withoutSecrets(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const secret = /(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH)S?($|_)|^DATABASE_URL$/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secret.test(name)));
}

type Exit =
  | { readonly kind: "exited"; readonly code: number | null }
  | { readonly kind: "missing"; readonly code: string };

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ kind: "missing", code: error.code ?? error.name });
    });
    child.once("exit", (code) => resolve({ kind: "exited", code }));
  });
}

/** Also after it has exited: what it left in the background would hold its output open, and run on. */
export async function endAll(
  child: ChildProcess,
  { marker, leader, scan }: { marker: string; leader: ProcessRef | undefined; scan: Scan },
): Promise<void> {
  // Our own child: until its exit was reported here, its pid cannot belong to anybody else.
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
  try {
    // Bound: what no kill ends in this time sits in the kernel, and the answer is not held back for it.
    const patience = AbortSignal.timeout(killMs);
    await endProcesses({ marker, roots: leader ? [leader] : [] }, [], "SIGKILL", scan, patience);
  } catch {
    // The process table cannot be read: the group was killed above, and there is nothing else to go by.
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It ended a moment ago, or nothing of the group is ours any more.
  }
}

type Output = {
  readonly flooded: Promise<Cut>;
  /** Resolves when nobody can write any more. */
  all(): Promise<{ readonly stdout: string; readonly complaint: string }>;
};

function collect(child: ChildProcess, stdoutBytesMax: number): Output {
  const flooded = Promise.withResolvers<Cut>();
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const chunks: Buffer[] = [];
  let bytes = 0;
  let complaint = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > stdoutBytesMax) flooded.resolve({ kind: "flooded" });
    else chunks.push(chunk);
  });
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (text: string) => (complaint = (complaint + text).slice(-complaintCharsMax)));
  return {
    flooded: flooded.promise,
    async all() {
      // Bound: a writer that could not be ended would keep the pipe open.
      await Promise.race([closed, once(AbortSignal.timeout(killMs))]);
      child.stdout?.destroy();
      child.stderr?.destroy();
      return { stdout: Buffer.concat(chunks).toString("utf8"), complaint };
    },
  };
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
