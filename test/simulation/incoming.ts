/**
 * Files that come with messages: fetched late, in any order, now and then not at all. A fetch that hangs ends with its life, or with
 * the storm; one that fails for now may succeed at the next try; one that fails for good always does.
 */
import type { Attachment, SentFile } from "../../src/domain/attachment.ts";
import type { FetchedFile, IncomingFiles } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import type { Random } from "./random.ts";
import type { FileHabits } from "./scenario.ts";
import type { Choice, Scheduler } from "./scheduler.ts";
import type { Speech } from "./speech.ts";

export interface Incoming {
  forLife(life: number): Pick<IncomingFiles, "read">;
  /** Files that were refused at least once. */
  readonly refused: ReadonlySet<string>;
  /** Files that were fetched and read at least once. */
  readonly delivered: ReadonlySet<string>;
  /** Fetches that a life waits for, also those that hang. */
  underWay(life: number): number;
  /** Faults stop. */
  calm(): void;
}

type IncomingDeps = {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly habits: FileHabits;
  readonly speech: Speech;
  /** Whether a message waits for this file. */
  readonly isWanted: (source: string) => boolean;
  readonly meet: Meet;
};

/** The name of a file says which it is, also where nothing else is left of it. */
export function nameOf(source: string): string {
  return `file${source.slice(1)}`;
}

export function sourceNamed(name: string): string {
  return `f${name.slice(4)}`;
}

export function createIncoming({ scheduler, random, habits, speech, isWanted, meet }: IncomingDeps): Incoming {
  const refused = new Set<string>();
  const delivered = new Set<string>();
  /** The life that last asked for each. */
  const askedIn = new Map<string, number>();
  const lostForGood = new Map<string, boolean>();
  let hanging: Choice[] = [];
  const open = new Map<Choice, number>();
  let isCalm = false;

  function isLost(source: string): boolean {
    if (!lostForGood.has(source)) lostForGood.set(source, random.chance(habits.failsForGood));
    return lostForGood.get(source)!;
  }

  function answer(file: SentFile): FetchedFile {
    const { source } = file;
    if (!isWanted(source)) meet("a file arrives when its message waits no more");
    if (isLost(source)) {
      meet("a file cannot be had for good");
      refused.add(source);
      return { kind: "refused", why: "It is broken.", again: false };
    }
    if (!isCalm && random.chance(habits.failsForNow)) {
      meet("a file cannot be had for now");
      refused.add(source);
      return { kind: "refused", why: "The network is down.", again: true };
    }
    delivered.add(source);
    return { kind: "read", attachment: attachmentOf(file, speech.get(source)) };
  }

  function read(file: SentFile, life: number, signal: AbortSignal): Promise<FetchedFile> {
    const before = askedIn.get(file.source);
    if (before !== undefined && before < life) meet("a fetch is repeated after a restart");
    askedIn.set(file.source, life);
    return new Promise((resolve) => {
      const choice: Choice = { kind: "file", label: `fetch ${file.source}`, life, run: end };
      function end(): void {
        open.delete(choice);
        signal.removeEventListener("abort", giveUp);
        resolve(answer(file));
      }
      function giveUp(): void {
        meet("a shutdown cuts a fetch");
        scheduler.withdraw(choice);
        open.delete(choice);
        hanging = hanging.filter((other) => other !== choice);
        resolve({ kind: "refused", why: "Signalbox was ended.", again: true });
      }
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp, { once: true });
      open.set(choice, life);
      if (isCalm || !random.chance(habits.hangs)) return scheduler.offer(choice);
      meet("a fetch hangs");
      hanging.push(choice);
    });
  }

  return {
    forLife: (life) => ({ read: (file, _conversation, signal) => read(file, life, signal) }),
    refused,
    delivered,
    underWay: (life) => [...open.values()].filter((of) => of === life).length,
    calm: () => {
      isCalm = true;
      for (const choice of hanging.splice(0)) scheduler.offer(choice);
    },
  };
}

function attachmentOf({ kind, source }: SentFile, words: string | undefined): Attachment {
  const content = words === undefined ? ({ kind: "image" } as const) : ({ kind: "speech", text: words } as const);
  return { kind, name: nameOf(source), path: `/f/${source}`, mediaType: "image/png", bytes: 1, content };
}
