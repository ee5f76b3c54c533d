import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createOpenAiAdapter, uploadBytesMax } from "./openai.ts";
import { file, known, never, voice } from "./test-sound.ts";
import type { Transcript } from "./transcriber.ts";

const apiKey = "sk-canary-0123456789abcdef";

type Asked = { readonly request: IncomingMessage; readonly body: Buffer };

/** A service on loopback that answers so; `asked` holds what came in, whole. */
async function service(
  answer: (response: ServerResponse, asked: Asked) => void,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const one = { request, body: Buffer.concat(chunks) };
      asked.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

const answers =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body);

async function hear(
  baseUrl: string,
  { path = voice, sound = known(), signal = never } = {},
  key: string | null = apiKey,
): Promise<Transcript> {
  const adapter = createOpenAiAdapter({ kind: "openai", apiKey: key, baseUrl, model: "whisper-1" });
  return adapter.hear(path, sound, signal);
}

/** By an implementation of the format that is not ours. What is deprecated is to let strangers fill a server's memory with it. */
async function readForm(request: IncomingMessage | null, body: Uint8Array): Promise<FormData> {
  const headers = { "content-type": request?.headers["content-type"] ?? "" };
  // oxlint-disable-next-line typescript/no-deprecated
  return new Response(new Uint8Array(body), { headers }).formData();
}

test("the file goes out as a form with the model, under a name that says its kind, and the text comes back", async () => {
  const { url, asked } = await service(answers(200, JSON.stringify({ text: "Run the tests.", usage: {} })));
  expect(await hear(`${url}/`)).toEqual({ kind: "said", text: "Run the tests." });
  const [{ request, body } = { request: null, body: Buffer.alloc(0) }] = asked;
  expect(request?.method).toBe("POST");
  expect(request?.url).toBe("/v1/audio/transcriptions");
  expect(request?.headers.authorization).toBe(`Bearer ${apiKey}`);
  expect(Number(request?.headers["content-length"])).toBe(body.length);
  const form = await readForm(request, body);
  expect(form.get("model")).toBe("whisper-1");
  expect(form.get("response_format")).toBe("json");
  const sent = form.get("file") as File;
  expect([sent.name, sent.type]).toEqual(["voice.ogg", "audio/ogg"]);
  expect(Buffer.from(await sent.arrayBuffer()).equals(readFileSync(voice))).toBe(true);
});

test("a server of one's own needs no key, and is sent none", async () => {
  const { url, asked } = await service(answers(200, `{"text":"Hello"}`));
  expect(await hear(url, {}, null)).toMatchObject({ kind: "said" });
  expect(asked[0]?.request.headers).not.toHaveProperty("authorization");
});

// What such a service writes about a wrong key quotes it.
const quoting = JSON.stringify({ error: { message: `Incorrect API key provided: ${apiKey}` } });

test.each<[number, RegExp, again: boolean]>([
  [400, /cannot read this sound/, false],
  [401, /refuses the key \(401\)\. Check OPENAI_API_KEY/, true],
  [403, /refuses the key \(403\)/, true],
  [404, /does not know the address or the model whisper-1/, true],
  [413, /too large for 127\.0\.0\.1:\d+ \(413\)/, false],
  [415, /cannot read this sound/, false],
  [429, /takes no more requests for now/, true],
  [500, /trouble of its own \(500\)/, true],
  [503, /trouble of its own \(503\)/, true],
])("status %i is told in a sentence of ours, without what the service wrote", async (status, why, again) => {
  const { url } = await service(answers(status, quoting));
  const transcript = await hear(url);
  expect(transcript).toMatchObject({ kind: "refused", why: expect.stringMatching(why) as string, again });
  expect(JSON.stringify(transcript)).not.toContain("canary");
});

test("a redirect is not followed: it would carry the key and the voice to somebody else", async () => {
  const other = await service(answers(200, `{"text":"stolen"}`));
  const { url } = await service(answers(307, "", { location: `${other.url}/audio/transcriptions` }));
  expect(await hear(url)).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/redirects .*not followed/) as string,
  });
  expect(other.asked).toEqual([]);
});

test.each<[string, string]>([
  ["no JSON", "<html>welcome</html>"],
  ["half of it", `{"text":"Hel`],
  ["nothing", ""],
  ["another shape", `{"text":5}`],
  ["no object", "null"],
  ["more than any transcript", JSON.stringify({ text: "x".repeat(1_100_000) })],
])("an answer with %s is no transcript", async (_name, body) => {
  const { url } = await service(answers(200, body));
  expect(await hear(url)).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/no transcript/) as string,
    again: true,
  });
});

test("a file over the service's limit is refused before a byte of it is sent", async () => {
  const { url, asked } = await service(answers(200, `{"text":"never"}`));
  const transcript = await hear(url, { sound: known({ bytes: uploadBytesMax + 1 }) });
  expect(transcript).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/is 25\.1 MB large; .* takes 25 MB/) as string,
    again: false,
  });
  expect(asked).toEqual([]);
});

test("a service that does not answer is given up when its time is over", async () => {
  const { url } = await service(() => undefined);
  expect(await hear(url, { sound: known({ patienceMs: 200 }) })).toMatchObject({
    why: expect.stringMatching(/took longer/) as string,
    again: true,
  });
});

test("an answer that never ends is given up as well", async () => {
  const { url } = await service((response) => void response.writeHead(200).write(`{"text":"`));
  expect(await hear(url, { sound: known({ patienceMs: 300 }) })).toMatchObject({ kind: "refused", again: true });
});

test("a stop ends the request", async () => {
  const stop = new AbortController();
  const { url } = await service(() => stop.abort());
  expect(await hear(url, { signal: stop.signal })).toMatchObject({ why: "The transcription was stopped." });
});

test("a service that cannot be reached is told by the system's code, without the key", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const transcript = await hear(`http://127.0.0.1:${port}/v1`);
  expect(transcript).toMatchObject({
    why: expect.stringMatching(/cannot be reached \(ECONNREFUSED\)/) as string,
    again: true,
  });
  expect(JSON.stringify(transcript)).not.toContain("canary");
});

test("a connection that breaks off is told, not waited for", async () => {
  const { url } = await service((response) => void response.socket?.destroy());
  expect(await hear(url)).toMatchObject({ why: expect.stringMatching(/cannot be reached \(ECONNRESET\)/) as string });
});

test("an early answer counts, also when the rest of the file is not taken any more", async () => {
  const server = createServer((request, response) => {
    response.writeHead(413, { connection: "close" }).end(() => request.socket.resume());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const path = file("long.ogg", Buffer.alloc(5_000_000));
  const { port } = server.address() as AddressInfo;
  const transcript = await hear(`http://127.0.0.1:${port}/v1`, { path, sound: known({ bytes: 5_000_000 }) });
  expect(transcript).toMatchObject({ kind: "refused", why: expect.stringMatching(/413/) as string });
});

test("a file that is gone is told as such", async () => {
  const { url } = await service(answers(200, `{"text":"never"}`));
  expect(await hear(url, { path: "/no/such/file" })).toMatchObject({ why: "The file cannot be read (ENOENT)." });
});

test("it takes what the service takes, and wants everything else as m4a", () => {
  const adapter = createOpenAiAdapter({ kind: "openai", apiKey, baseUrl: "https://api.openai.com/v1", model: "m" });
  expect(adapter.name).toBe("api.openai.com (m)");
  expect(adapter.wants).toBe("m4a");
  expect(
    ["audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav"].every((mediaType) => adapter.takes(known({ mediaType }))),
  ).toBe(true);
  expect(["audio/amr", "audio/aac", "video/mp4"].some((mediaType) => adapter.takes(known({ mediaType })))).toBe(false);
});
