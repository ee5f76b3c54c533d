// What tests of this folder have in common: sound to hear, and what an adapter is told of it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Log } from "../../engine/ports.ts";
import { createScan } from "../../lib/process-scan.ts";
import type { ProgramDeps } from "./program.ts";
import type { KnownSound } from "./transcriber.ts";

/** Five seconds of a voice; test-data/README.md says how it was made. */
export const voice = join(import.meta.dirname, "test-data/voice.ogg");

/** A path in a directory of its own, with these bytes. */
export function file(name: string, bytes: string | Uint8Array): string {
  const path = join(directory(), name);
  writeFileSync(path, bytes);
  return path;
}

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "signalbox-speech-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** A WAV with 16 bits a sample, as every recorder writes it. */
export function wav(samples: readonly number[], { rate = 16_000, channels = 1 } = {}): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(36 + samples.length * 2, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(samples.length * 2, 40);
  const data = Buffer.alloc(samples.length * 2);
  for (const [i, sample] of samples.entries()) data.writeInt16LE(Math.round(sample * 32_767), i * 2);
  return Buffer.concat([header, data]);
}

export function known(rest: Partial<KnownSound> = {}): KnownSound {
  const head = new Uint8Array(0);
  return { mediaType: "audio/ogg", seconds: 5, bytes: 11_322, head, patienceMs: 30_000, ...rest };
}

export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export const never: AbortSignal = new AbortController().signal;

/** `PATH` is that of the test where none is given. */
export function programDeps(environment: Readonly<Record<string, string>> = {}): ProgramDeps {
  let ids = 0;
  const id = `test-${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  return {
    scan: createScan(),
    newId: () => `${id}-${(ids += 1)}`,
    environment: { PATH: process.env["PATH"] ?? "", ...environment },
  };
}
