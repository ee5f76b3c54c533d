import { expect, it } from "vitest";
import type { OpenFile, Outcome } from "./client.ts";
import { createTelegramDownloads } from "./downloads.ts";

const signal = new AbortController().signal;
const mebibyte = new Uint8Array(1024 * 1024);

function fetching(outcome: Outcome<OpenFile>) {
  const opened: AbortSignal[] = [];
  const fetchFile = createTelegramDownloads({
    openFile: (_, given) => {
      opened.push(given);
      return Promise.resolve(outcome);
    },
  });
  const sunk: Uint8Array[] = [];
  const result = fetchFile("f", 100 * 1024 * 1024, (bytes) => Promise.resolve((sunk.push(bytes), "more")), signal);
  return { result, sunk, opened };
}

async function* of(count: number, fails = false): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield mebibyte;
  if (fails) throw new Error("https://api.telegram.org/file/bot123:secret/x");
}

it("a file goes into the sink as it comes", async () => {
  const { result, sunk } = fetching({ kind: "done", value: { bytes: of(3) } });
  expect(await result).toEqual({ kind: "fetched" });
  expect(sunk).toHaveLength(3);
});

it("a connection that breaks may be tried again, and its error says nothing of the address (T10)", async () => {
  const { result } = fetching({ kind: "done", value: { bytes: of(1, true) } });
  expect(await result).toMatchObject({ kind: "refused", again: true });
  expect(JSON.stringify(await result)).not.toContain("secret");
});

it("a file that turns out larger than Telegram gives to bots ends its connection", async () => {
  const { result, sunk, opened } = fetching({ kind: "done", value: { bytes: of(50) } });
  expect(await result).toMatchObject({ kind: "refused", again: false });
  expect(sunk).toHaveLength(20);
  expect(opened[0]?.aborted).toBe(true);
});

it.each([
  [{ kind: "rejected", code: 400, why: "file-too-big", description: "" }, false, /20 MB/],
  [{ kind: "rejected", code: 404, why: "other", description: "" }, false, /Send it again/],
  [{ kind: "unreachable", detail: "ECONNREFUSED" }, true, /could not be reached/],
  [{ kind: "unknown", detail: "server 502" }, true, /could not be reached/],
  [{ kind: "retry-later", afterMs: 1_000 }, true, /wait/],
] as const)("%j is told, with whether another try may work", async (outcome, again, words) => {
  expect(await fetching(outcome).result).toEqual({ kind: "refused", again, why: expect.stringMatching(words) });
});
