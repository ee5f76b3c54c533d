/** The real server on a free port of loopback, in front of the fake engine; and a browser that signed in. */
import { checkWorkspace } from "../drivers/workspace-choice.ts";
import { createTimetable } from "../schedule/timetable.ts";
import { join } from "node:path";

import { createFakeEngine, createStepClock, type FakeEngine, type StepClock } from "./fake-engine.test-kit.ts";
import type { Readiness } from "./app.ts";
import { type Started, type Web, createWeb, type WebDeps } from "./web.ts";

export type Logged = { readonly level: string; readonly fields: object; readonly message: string };

export type WebKit = AsyncDisposable & {
  readonly web: Web;
  readonly listening: Started & { kind: "listening" };
  readonly engine: FakeEngine;
  readonly clock: StepClock;
  readonly logged: readonly Logged[];
  readiness: Readiness;
  /** Where the copies of sent files are, by id. */
  readonly files: Map<string, string>;
  /** Opens a fresh link and answers the cookie ("name=value"). */
  signIn(): Promise<string>;
};

const kitStartMs = Date.UTC(2026, 10, 23, 9, 0, 0);

export async function startWebKit(changes: Partial<WebDeps> & { runsMax?: number } = {}): Promise<WebKit> {
  const clock = createStepClock(kitStartMs);
  const runsMax = changes.runsMax ?? 4;
  const engine = createFakeEngine({
    clock: (changes.clock as StepClock | undefined) ?? clock,
    workspace: "/projects/default",
    runsMax,
  });
  const logged: Logged[] = [];
  const write = (level: string) => (fields: object, message: string) => void logged.push({ level, fields, message });
  let ids = 0;
  const kit = { readiness: { kind: "ready" } as Readiness, files: new Map<string, string>() };
  const web = createWeb({
    engine,
    history: engine.history,
    files: { find: async (id) => kit.files.get(id) ?? null },
    uploads: {
      async receive(bytes) {
        let count = 0;
        for await (const chunk of bytes) count += chunk.byteLength;
        return { id: `upload-${crypto.randomUUID()}`, bytes: count };
      },
    },
    chooseWorkspace: checkWorkspace,
    clock,
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    newId: () => `id-${(ids += 1)}-${crypto.randomUUID()}`,
    secret: new Uint8Array(32).fill(7),
    listen: { host: "127.0.0.1", port: 0 },
    pageDir: join(import.meta.dirname, "../../dist/page"),
    workspaceDefault: "/projects/default",
    permissions: "ask",
    runsMax,
    version: "0.1.0",
    agent: { name: "fake", version: null, isDemo: false },
    timetable: createTimetable("Europe/Berlin"),
    owners: new Set(["4242"]),
    pools: () => [],
    telegram: () => null,
    ready: async () => kit.readiness,
    ...changes,
  });
  const started = await web.start();
  if (started.kind !== "listening") throw new Error(`the server did not start: ${started.kind}`);
  return Object.assign(kit, {
    web,
    listening: started,
    engine,
    clock,
    logged,
    async signIn() {
      const response = await fetch(started.newLink(), { redirect: "manual" });
      return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    },
    [Symbol.asyncDispose]: () => web[Symbol.asyncDispose](),
  });
}
