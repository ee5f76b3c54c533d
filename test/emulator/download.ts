// The body of a file download, whole or as its fault has it (F7): slow, cut off, or standing still half-way.

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "./faults.ts";
import type { Mutation } from "./mutations.ts";

/** A slow download moves this often: small enough steps that a cap on bytes is noticed early. */
const stepsPerSecond = 10;

/**
 * Sends the bytes. Resolves to undefined when all of them were sent, else to why not; rejects never. The announced length is
 * that of the whole file, whatever comes of it.
 */
export async function sendBytes(
  response: ServerResponse,
  bytes: Uint8Array,
  fault: Fault | undefined,
  signal: AbortSignal,
  mutations: ReadonlySet<Mutation>,
): Promise<string | undefined> {
  if (fault?.kind === "reset-before" || fault?.kind === "reset-after") {
    response.socket?.resetAndDestroy();
    return fault.kind;
  }
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.byteLength });
  if (fault?.kind === "truncated" && !mutations.has("truncated-comes-whole")) {
    await written(response, bytes.subarray(0, fault.afterBytes), signal);
    response.socket?.end();
    response.destroy();
    return "truncated";
  }
  if (fault?.kind === "stall" && !mutations.has("stall-goes-on")) {
    await written(response, bytes.subarray(0, fault.afterBytes), signal);
    if (!signal.aborted) await once(signal, "abort");
    return "stalled until the caller gave up";
  }
  if (fault?.kind === "slow" && !mutations.has("slow-comes-at-once")) {
    const step = Math.max(1, Math.ceil(fault.bytesPerSecond / stepsPerSecond));
    for (let at = 0; at < bytes.byteLength && !signal.aborted; at += step) {
      await written(response, bytes.subarray(at, at + step), signal);
      // The rate is the fault: this waits for nothing else.
      await pause(1000 / stepsPerSecond, undefined, { ref: false });
    }
    if (signal.aborted) return "the caller went away";
  } else await written(response, bytes, signal);
  response.end();
  return signal.aborted ? "the caller went away" : undefined;
}

/** Until the bytes have left for the socket, or nobody is there to take them. */
async function written(response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (bytes.byteLength === 0) response.flushHeaders();
  else {
    const { promise, resolve } = Promise.withResolvers<void>();
    response.write(bytes, () => resolve());
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }
}
