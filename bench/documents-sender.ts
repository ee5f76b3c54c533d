/**
 * The other side of bench/documents.ts, in a thread of its own: a local Telegram whose person sends documents when it is asked to. What it
 * works costs the measured thread nothing, and its clock is the measured one's.
 */
import { parentPort } from "node:worker_threads";
import { createEmulator } from "../test/emulator/emulator.ts";

export type SenderReady = { readonly apiRoot: string; readonly token: string; readonly owner: number };
/** Asks for one document; `fill` says what of. */
export type SendDocument = { readonly fill: "text" | "noise"; readonly bytes: number };
/** `atMs` as performance.timeOrigin + performance.now() at the moment at which its update could be polled. */
export type Sent = { readonly fileId: string; readonly atMs: number };

const port = parentPort;
if (port === null) throw new Error("this is a thread of bench/documents.ts");
const emulator = await createEmulator({ owner: { id: 7 } }); // the owner of openEngineHouse
const { owner } = emulator;
const contents = new Map<string, Uint8Array>();
port.on("message", ({ fill, bytes }: SendDocument) => {
  const key = `${fill} ${bytes}`;
  const content = contents.get(key) ?? filled(fill, bytes);
  contents.set(key, content);
  const name = fill === "text" ? "notes.txt" : "data.bin";
  const atMs = performance.timeOrigin + performance.now();
  const message = owner.sendsDocument(name, content, { caption: "read this" });
  port.postMessage({ fileId: message.document?.file_id ?? "", atMs } satisfies Sent);
  emulator.journal.clear();
});
port.postMessage({ apiRoot: emulator.apiRoot, token: emulator.token, owner: owner.id } satisfies SenderReady);

function filled(fill: SendDocument["fill"], bytes: number): Uint8Array {
  if (fill === "text")
    return Buffer.alloc(bytes, "A line of a log, of the length that such lines have, and its end.\n");
  // Nothing that looks like a format, and surely no text.
  return Buffer.alloc(bytes, Buffer.from([0, 255, 1, 254, 0, 0, 129, 7]));
}
