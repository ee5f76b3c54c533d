/**
 * Reads a file that came in, as far as a prompt needs it: by what its bytes are, whatever it is called.
 *
 * 1. Images, sound and text are looked at here while they come, in bounded time: only their first bytes, or (an image) their structure.
 *    Everything that takes a parser is read by a program of its own (reading/program.ts), one for each file. It is started while the last of
 *    the file is still on its way: its start takes longer than most files do.
 * 2. That program cannot take us down: it is bounded in time, processor time, memory and in what it answers, sees no environment (I13), may
 *    read nothing but this area and its own code, write nowhere but into the folder for unpacking, and start nothing.
 * 3. What it answers is not believed to be of the right form. No answer means that the file is passed on as it is.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { AttachmentContent } from "../domain/attachment.ts";
import type { FileRefused, Log } from "../engine/ports.ts";
import {
  type ContentHint,
  contentKind,
  type ContentKind,
  expectedFormat,
  headBytes,
  type ImageFormat,
  type PackedFormat,
} from "./content-kind.ts";
import { createExcerpt, excerptCharsMax } from "./excerpt.ts";
import { imageSize } from "./image-file.ts";
import { plainText } from "./plain-text.ts";
import type { ReadAnswer, ReadRequest, UnpackInto } from "./reading/program.ts";
import { tooMuch } from "./reading/too-much.ts";

export type FileReaderDeps = {
  /** What the program may read: every path that is asked for is below it. Absolute. */
  readonly directory: string;
  /** What the program may write: every folder to unpack into is below it. Absolute. */
  readonly unpackingDirectory: string;
  readonly log: Log;
  readonly bounds?: ReadingBounds;
};

export type ReadingBounds = { readonly patienceMs: number; readonly heapMegabytes: number };

export type Reading =
  /** An archive's content is `unpackedBytes` in the folder that was given for it; null for everything else. */
  | (ReadAnswer & { readonly kind: "content" })
  /** Sound or moving pictures: what is said in it is heard elsewhere. */
  | { readonly kind: "sound"; readonly mediaType: string }
  | FileRefused;

/**
 * Gives a folder to unpack into for as long as `work` runs, and drops what is in it where it answers with null bytes. A refusal of its own
 * comes instead of the answer.
 */
export type UnpackingRoom = <Answer>(
  work: (into: UnpackInto) => Promise<{ readonly answer: Answer; readonly bytes: number | null }>,
) => Promise<{ readonly kind: "asked"; readonly answer: Answer } | FileRefused>;

export interface FileReader {
  /** Looks on while a file comes. */
  begin(hint: ContentHint): ReadingAhead;
}

/** Giving it back ends what was prepared for nothing. */
export interface ReadingAhead extends Disposable {
  /** It is about to come; both directories exist by now. `bytes` is what is said of its size, null where nothing is. */
  expect(bytes: number | null): void;
  /** Its next bytes, in their order. They are kept for a while, and must not change any more. */
  see(bytes: Uint8Array): void;
  /**
   * All of them were seen, and are at `path`. Room is asked for where it may be an archive. Resolves, never rejects; when `signal` fires,
   * with a refusal, and nothing of the reading runs any more.
   */
  read(path: string, room: UnpackingRoom, signal: AbortSignal): Promise<Reading>;
}

/** A book takes two seconds, 200 MiB out of an archive ten; small machines are slower. */
const defaultBounds: ReadingBounds = { patienceMs: 60_000, heapMegabytes: 256 };
/** Also ends a program whose parent was killed. */
const processorSecondsMax = 45;
/** Heap, buffers and what Node itself reserves (400 MB); a document takes a tenth. Systems other than Linux may not hold it. */
const dataKibibytesMax = 1_000_000;
/** An excerpt and its frame, as JSON with every character escaped. */
const answerBytesMax = 1024 * 1024;
/** More at once would only make each of them slower on the machine of one person. */
const programsMax = 2;
/** So many more may be prepared for what is on its way: they do nothing, and take 50 MB each. */
const preparedMax = 2;
/** A program starts in a tenth of a second, in which a good line brings so much; what is farther away would hold its memory for nothing. */
const preparedWithinBytes = 1024 * 1024;

/** What Anthropic's API takes: 5 MB in base64, and 8,000 pixels a side (docs.anthropic.com, "Vision"). An agent can scale a file by itself. */
const imageBytesMax = 3_750_000;
const imageSideMax = 8_000;

/** Characters take at most four bytes in every encoding that is read. */
const textBytesMax = 4 * (excerptCharsMax + 1);

export function createFileReader({
  directory,
  unpackingDirectory,
  log,
  bounds = defaultBounds,
}: FileReaderDeps): FileReader {
  const line = createLine(programsMax);
  let prepared = 0;

  async function read(
    { seen, program }: { readonly seen: SeenBytes; readonly program: (format: PackedFormat) => Program },
    path: string,
    hint: ContentHint,
    room: UnpackingRoom,
    signal: AbortSignal,
  ): Promise<Reading> {
    const kind = seen.kind();
    switch (kind.kind) {
      case "image":
        return readImage(kind.format, kind.mediaType, seen.whole() ?? (await readFile(path)));
      case "sound":
        return kind;
      case "other":
        return content(kind.mediaType, { kind: "opaque", about: kind.what });
      case "packed": {
        const { format, mediaType } = kind;
        if (format === "pdf") return await readPacked(program, { path, format }, mediaType, signal);
        const asked = await room(async (into) => {
          const answer = await readPacked(program, { path, format, into }, mediaType, signal);
          return { answer, bytes: answer.kind === "content" ? answer.unpackedBytes : null };
        });
        return asked.kind === "refused" ? asked : asked.answer;
      }
      case "unknown":
        return readText(seen.beginning(textBytesMax), seen.size(), hint);
      default:
        return kind satisfies never;
    }
  }

  async function readPacked(
    program: (format: PackedFormat) => Program,
    request: ReadRequest,
    mediaType: string,
    signal: AbortSignal,
  ): Promise<Reading> {
    if (!(await line.enter(signal))) return stopped;
    try {
      if (signal.aborted) return stopped;
      const end = await program(request.format).ask(request, signal);
      switch (end.kind) {
        case "answered":
          return end.answer;
        case "stopped":
          return stopped;
        case "died":
          log.warn({ format: request.format, how: end.how }, "a file could not be read within its bounds");
          return content(mediaType, tooMuch(request.format));
        default:
          return end satisfies never;
      }
    } finally {
      line.leave();
    }
  }

  function begin(hint: ContentHint): ReadingAhead {
    const seen = createSeenBytes(hint);
    let expectedBytes = 0;
    let program: Program | null = null;
    const start = (format: PackedFormat): Program => startProgram(format, { directory, unpackingDirectory }, bounds);

    function prepare(): void {
      const format = seen.packedFormat();
      if (format === null) return drop();
      if (program !== null || prepared >= preparedMax || expectedBytes - seen.size() > preparedWithinBytes) return;
      prepared += 1;
      program = start(format);
    }

    function take(): Program | null {
      const taken = program;
      program = null;
      if (taken !== null) prepared -= 1;
      return taken;
    }

    /** One that is gone before it was asked anything says nothing about the file. */
    function ready(format: PackedFormat): Program {
      const taken = take();
      return taken === null || taken.isGone() ? start(format) : taken;
    }

    function drop(): void {
      take()?.end();
    }

    return {
      expect(bytes) {
        expectedBytes = bytes ?? 0;
        prepare();
      },
      see(bytes) {
        seen.see(bytes);
        prepare();
      },
      async read(path, room, signal) {
        try {
          return await read({ seen, program: ready }, path, hint, room, signal);
        } catch (error) {
          log.error({ error }, "a file that came in could not be read");
          return { kind: "refused", why: "The file could not be read on this machine.", again: true };
        }
      },
      [Symbol.dispose]: drop,
    };
  }

  return { begin };
}

const stopped: FileRefused = { kind: "refused", why: "The reading of the file was stopped.", again: true };

function content(mediaType: string, what: AttachmentContent): Reading {
  return { kind: "content", mediaType, content: what, unpackedBytes: null };
}

// ---- What was seen of it

type SeenBytes = {
  see(bytes: Uint8Array): void;
  /** Once all of them were seen. */
  kind(): ContentKind;
  /** As far as one can say by now; null for what takes no program. */
  packedFormat(): PackedFormat | null;
  size(): number;
  /** At most so many bytes, which are not more than `textBytesMax`. */
  beginning(bytesMax: number): Buffer;
  /** Null: more than is kept. */
  whole(): Buffer | null;
};

/** Keeps the beginning, and all of an image that may be shown: nothing is read from the disk that was just in memory. */
function createSeenBytes(hint: ContentHint): SeenBytes {
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let size = 0;
  let known: ContentKind | null = null;

  const kind = (): ContentKind => (known ??= contentKind(Buffer.concat(kept, Math.min(keptBytes, headBytes)), hint));

  function isWanted(): boolean {
    if (keptBytes < textBytesMax) return true;
    return keptBytes === size && keptBytes <= imageBytesMax && kind().kind === "image";
  }

  return {
    see(bytes) {
      if (isWanted()) {
        kept.push(bytes);
        keptBytes += bytes.byteLength;
      }
      size += bytes.byteLength;
    },
    kind,
    packedFormat() {
      if (keptBytes < headBytes) return expectedFormat(hint);
      const known = kind();
      return known.kind === "packed" ? known.format : null;
    },
    size: () => size,
    beginning: (bytesMax) => Buffer.concat(kept, Math.min(keptBytes, bytesMax)),
    whole: () => (keptBytes === size ? Buffer.concat(kept, keptBytes) : null),
  };
}

// ---- What is read here

function readImage(format: ImageFormat, mediaType: string, bytes: Buffer): Reading {
  const name = format === "webp" ? "WebP" : format.toUpperCase();
  const size = imageSize(format, bytes);
  if (size === null) return { kind: "refused", why: `The ${name} image is damaged.`, again: false };
  const { width, height } = size;
  if (bytes.length <= imageBytesMax && Math.max(width, height) <= imageSideMax)
    return content(mediaType, { kind: "image" });
  const about = `a ${name} image of ${width} × ${height} pixels, too large to be shown to the model as it is`;
  return content(mediaType, { kind: "opaque", about });
}

const textTypes: Readonly<Record<string, { readonly mediaType: string; readonly about: string }>> = {
  ".csv": { mediaType: "text/csv", about: "table (CSV)" },
  ".tsv": { mediaType: "text/tab-separated-values", about: "table (TSV)" },
  ".json": { mediaType: "application/json", about: "JSON" },
  ".html": { mediaType: "text/html", about: "HTML" },
  ".md": { mediaType: "text/markdown", about: "Markdown" },
  ".svg": { mediaType: "image/svg+xml", about: "SVG image as text" },
  ".xml": { mediaType: "application/xml", about: "XML" },
};
const plain = { mediaType: "text/plain", about: "text" };

/** That it is text say its bytes; of which sort, its name may. */
function readText(head: Buffer, size: number, { name }: ContentHint): Reading {
  const read = plainText(head, head.length >= size);
  if (read === null) return content("application/octet-stream", { kind: "opaque", about: "a file of unknown kind" });
  const excerpt = createExcerpt();
  excerpt.add(read.text);
  const { excerpt: beginning, isWhole } = excerpt.done();
  const { mediaType, about } = textTypes[extname(name).toLowerCase()] ?? plain;
  if (beginning === "") return content(mediaType, { kind: "opaque", about: "a file of white space alone" });
  const sort = read.encoding === "utf-8" ? about : `${about}, in ${read.encoding.toUpperCase()}`;
  return content(mediaType, {
    kind: "text",
    about: sort,
    excerpt: beginning,
    isWhole: isWhole && head.length >= size,
  });
}

// ---- The program

type ProgramEnd =
  | { readonly kind: "answered"; readonly answer: ReadAnswer }
  | { readonly kind: "stopped" }
  /** Of its bounds, or of what it read. */
  | { readonly kind: "died"; readonly how: string };

type Program = {
  /**
   * Asked at most once. Resolves when the program has exited, never rejects. It cannot have left anything running: it may not start
   * anything.
   */
  ask(request: ReadRequest, signal: AbortSignal): Promise<ProgramEnd>;
  isGone(): boolean;
  /** It is not asked any more. */
  end(): void;
};

/** It loads what `format` needs, and waits. */
function startProgram(
  format: PackedFormat,
  { directory, unpackingDirectory }: { readonly directory: string; readonly unpackingDirectory: string },
  { patienceMs, heapMegabytes }: ReadingBounds,
): Program {
  const readable = [directory, ...codeDirectories()].map((path) => `--allow-fs-read=${path}`);
  const args = [
    "--permission",
    ...readable,
    `--allow-fs-write=${unpackingDirectory}`,
    "--disallow-code-generation-from-strings",
    `--max-old-space-size=${heapMegabytes}`,
    join(import.meta.dirname, "reading", `program${extname(import.meta.filename)}`),
    format,
  ];
  // A group of its own: what a terminal sends to ours (Ctrl-C) is no verdict on a file.
  const child = spawn("/bin/sh", ["-c", limitsScript, process.execPath, ...args], {
    env: {},
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  const exited = Promise.withResolvers<string>();
  child.once("error", (error) => exited.resolve(error.message));
  child.once("close", (code, killedBy) => exited.resolve(killedBy ?? `exit ${code}`));
  // It may die before it has read all of it.
  child.stdin.on("error", () => undefined);
  const pieces: Buffer[] = [];
  let bytes = 0;
  let how: string | null = null;
  const end = (why: string): void => {
    how ??= why;
    child.kill("SIGKILL");
  };
  child.stdout.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > answerBytesMax) end("talks too much");
    else pieces.push(piece);
  });
  return {
    async ask(request, signal) {
      const stop = (): void => end("stopped");
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      // The bound on how long a file may be read; that the program is gone says its exit.
      const late = setTimeout(() => end("out of time"), patienceMs);
      child.stdin.end(JSON.stringify(request));
      const exit = await exited.promise;
      clearTimeout(late);
      signal.removeEventListener("abort", stop);
      if (how === "stopped") return { kind: "stopped" };
      const answer = how === null ? decodeAnswer(Buffer.concat(pieces).toString("utf8")) : null;
      return answer === null ? { kind: "died", how: how ?? exit } : { kind: "answered", answer };
    },
    isGone: () => child.exitCode !== null || child.signalCode !== null,
    end: () => end("not needed"),
  };
}

/** A system that does not know one of the limits goes without it. */
const limitsScript = `ulimit -d ${dataKibibytesMax} 2>/dev/null; ulimit -t ${processorSecondsMax} 2>/dev/null; exec "$0" "$@"`;

/** Ours (with package.json), and where npm has put the libraries. */
function codeDirectories(): readonly string[] {
  const require = createRequire(import.meta.url);
  const libraries = ["unpdf", "yauzl", "sax"].map((name) => {
    const path = require.resolve(name);
    return path.slice(0, path.lastIndexOf("node_modules") + "node_modules".length);
  });
  return [...new Set([dirname(dirname(import.meta.dirname)), ...libraries])];
}

type Fields = Readonly<Record<string, unknown>>;

/** Null: not what the program says when it is well. */
function decodeAnswer(json: string): ReadAnswer | null {
  const answer = fieldsOf(json);
  switch (answer?.["kind"]) {
    case "refused": {
      const { why, again } = answer;
      return isLine(why) ? { kind: "refused", why, again: again === true } : null;
    }
    case "content": {
      const { mediaType, unpackedBytes } = answer;
      const what = decodeContent((answer["content"] ?? {}) as Fields);
      if (what === null || !isLine(mediaType)) return null;
      return {
        kind: "content",
        mediaType,
        content: what,
        unpackedBytes: typeof unpackedBytes === "number" ? unpackedBytes : null,
      };
    }
    default:
      return null;
  }
}

function fieldsOf(json: string): Fields | null {
  try {
    return Object(JSON.parse(json)) as Fields;
  } catch {
    return null; // half of an answer, or none
  }
}

function decodeContent({ kind, about, excerpt, isWhole }: Fields): AttachmentContent | null {
  if (!isLine(about)) return null;
  if (kind === "opaque") return { kind, about };
  const isText = kind === "text" && typeof excerpt === "string" && excerpt.length <= excerptCharsMax;
  return isText ? { kind, about, excerpt, isWhole: isWhole === true } : null;
}

/** With a path in it. */
function isLine(text: unknown): text is string {
  return typeof text === "string" && text.length <= 5_000 && !text.includes("\n");
}

// ---- Who waits for a program

type Line = {
  /** Resolves with false when the signal fired first; then there is nothing to leave. */
  enter(signal: AbortSignal): Promise<boolean>;
  leave(): void;
};

function createLine(placesMax: number): Line {
  let taken = 0;
  const waiting: (() => void)[] = [];
  return {
    async enter(signal) {
      if (taken < placesMax) {
        taken += 1;
        return true;
      }
      const turn = Promise.withResolvers<boolean>();
      const called = (): void => turn.resolve(true);
      const givenUp = (): void => {
        const at = waiting.indexOf(called);
        // Whoever was called already has the place, and must leave it.
        if (at !== -1) waiting.splice(at, 1);
        if (at !== -1) turn.resolve(false);
      };
      waiting.push(called);
      signal.addEventListener("abort", givenUp, { once: true });
      if (signal.aborted) givenUp();
      const isIn = await turn.promise;
      signal.removeEventListener("abort", givenUp);
      return isIn;
    },
    leave() {
      const next = waiting.shift();
      // The place goes on from hand to hand.
      if (next === undefined) taken -= 1;
      else next();
    },
  };
}
