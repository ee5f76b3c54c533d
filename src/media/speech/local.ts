/**
 * Hears on this machine, with sherpa-onnx and a model that the person placed: nothing leaves it.
 *
 * 1. The recogniser lives in a process of its own, started with the first question and ended some time after the last: it holds up to
 *    gigabytes, and a native library that fails takes its process along.
 * 2. It hears one file at a time; others wait in order.
 * 3. A stop, a bound that is reached and the end of the program end that process with proof. It has no secret in its environment (I13).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock, Log } from "../../engine/ports.ts";
import { identify, type ProcessRef, withMarkers } from "../../lib/process-scan.ts";
import { isOggOpus } from "./audio-kind.ts";
import { endAll, type ProgramDeps, withoutSecrets } from "./program.ts";
import type { Answer, Question } from "./speech-server.ts";
import {
  heardTooLate,
  type KnownSound,
  notHeard,
  type SpeechAdapter,
  stoppedHearing,
  type Transcript,
} from "./transcriber.ts";
import { waveFormat } from "./wave.ts";

export type LocalDeps = ProgramDeps & {
  readonly clock: Clock;
  readonly log: Log;
  /** What the process runs; its own script outside of tests. */
  readonly script?: string;
};

/** Loading a model takes seconds; a conversation by voice has pauses of minutes. */
const idleMs = 5 * 60_000;

export function createLocalAdapter(directory: string, deps: LocalDeps): SpeechAdapter {
  let child: Child | null = null;
  let idle = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let ids = 0;

  async function hear(path: string, { patienceMs }: KnownSound, signal: AbortSignal): Promise<Transcript> {
    idle.abort();
    const stop = new AbortController();
    const stopped = new Promise<Transcript>((resolve) => {
      const end = (): void => resolve(stoppedHearing);
      if (signal.aborted) end();
      signal.addEventListener("abort", end, { once: true, signal: stop.signal });
    });
    // Bound on how long the recogniser may take; the process is then ended, and that is proven.
    const late = deps.clock.sleep(patienceMs, stop.signal).then(() => heardTooLate(patienceMs));
    const asked = (child ??= startChild(directory, deps));
    // One that dies while nobody asks it anything is replaced for the next question.
    void asked.gone.then(() => (child === asked ? (child = null) : null));
    const transcript = await Promise.race([asked.ask(path, (ids += 1)), asked.gone, stopped, late]);
    stop.abort();
    // Also after a refusal: what was missing may have been installed, and is then found by a new process.
    if (transcript.kind === "refused") await end();
    else restFor(idleMs);
    return transcript;
  }

  function restFor(ms: number): void {
    idle = new AbortController();
    const { signal } = idle;
    // Pacing: a process that nobody needs is given back. Its failure is nobody's: `end` never rejects.
    void deps.clock.sleep(ms, signal).then(() => (signal.aborted ? undefined : end()));
  }

  async function end(): Promise<void> {
    const ending = child;
    child = null;
    await ending?.end();
  }

  return {
    name: `sherpa-onnx (${basename(directory)})`,
    wants: "wav",
    takes: ({ head }) => isOggOpus(head) || waveFormat(head) !== null,
    hear(path, sound, signal) {
      const turn = last.then(() => (signal.aborted ? stoppedHearing : hear(path, sound, signal)));
      last = turn.catch(() => undefined); // whoever asked sees it
      return turn;
    },
    async [Symbol.asyncDispose]() {
      idle.abort();
      await end();
    },
  };
}

type Child = {
  /** Resolves with the answer, which may never come; never rejects. */
  ask(path: string, id: number): Promise<Transcript>;
  /** Resolves with why there is no answer, when the process has ended. Never rejects. */
  readonly gone: Promise<Transcript>;
  /** Resolves when nothing of it is alive. Never rejects. */
  end(): Promise<void>;
};

/** A native library's last words, for the log. In UTF-16 units. */
const complaintCharsMax = 2_000;

function startChild(directory: string, deps: LocalDeps): Child {
  const marker = `speech-${deps.newId()}`;
  const spawned = spawn(process.execPath, [deps.script ?? scriptPath(), directory], {
    cwd: tmpdir(),
    env: withMarkers(withoutSecrets(deps.environment), [marker]),
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true,
  });
  const identified: Promise<ProcessRef | undefined> =
    spawned.pid === undefined ? Promise.resolve(undefined) : identify(spawned.pid).catch(() => undefined);
  return {
    ask: (path, id) => answerOf(spawned, { id, path }),
    gone: goneOf(spawned, deps.log),
    async end() {
      await endAll(spawned, { marker, leader: await identified, scan: deps.scan });
    },
  };
}

/** In a checkout it is TypeScript, in a package JavaScript. */
function scriptPath(): string {
  const isCheckout = import.meta.filename.endsWith(".ts");
  return fileURLToPath(isCheckout ? import.meta.resolve("./local-child.ts") : import.meta.resolve("./local-child.js"));
}

function answerOf(child: ChildProcess, question: Question): Promise<Transcript> {
  return new Promise((resolve) => {
    const hear = (message: unknown): void => {
      const { id, transcript } = message as Answer;
      if (id !== question.id) return;
      child.off("message", hear);
      resolve(transcript);
    };
    child.on("message", hear);
    // Where it cannot be sent, the process is gone, and that is told by its end.
    child.send(question, () => undefined);
  });
}

function goneOf(child: ChildProcess, log: Log): Promise<Transcript> {
  let complaint = "";
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (text: string) => (complaint = (complaint + text).slice(-complaintCharsMax)));
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined)
        resolve(notHeard(`The recogniser cannot be started (${error.code ?? error.name}).`, true));
    });
    child.once("close", (code, signal) => {
      // What it wrote is a trace of Node's or of the library's: nothing for the person. After a stop nobody waits for this.
      log.info({ code, signal, complaint }, "the process that hears on this machine has ended");
      const why = `The recogniser ended without an answer (${signal ?? `exit code ${code}`}).`;
      resolve(notHeard(`${why} Perhaps the model needs more memory than there is, or its files are broken.`, true));
    });
  });
}
