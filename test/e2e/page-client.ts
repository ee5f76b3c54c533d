/** The page as its browser speaks to it: the printed link opened once, then JSON with the cookie. What it looks like is tested elsewhere. */
import { randomUUID } from "node:crypto";
import { vi } from "vitest";
import type { ConversationView, Overview } from "../../src/web/wire.ts";
import type { Bridge } from "./bridge.ts";

export type PageClient = {
  readonly origin: string;
  /** Sends a text into a thread of the page; a new thread works in `workspace`. Resolves to the HTTP status. */
  send(thread: string, text: string, workspace?: string): Promise<number>;
  /** Uploads a file and sends it with the text. Resolves to the HTTP status. */
  give(
    thread: string,
    text: string,
    file: { readonly name: string; readonly type: string; readonly bytes: Buffer },
  ): Promise<number>;
  stop(thread: string, scope: "conversation" | "all"): Promise<number>;
  press(thread: string, label: string): Promise<number>;
  /** Answers the newest open ask in words. */
  answer(thread: string, text: string): Promise<number>;
  /** The file that the agent sent under this name, as the browser gets it. */
  load(thread: string, name: string): Promise<Response>;
  view(thread: string): Promise<ConversationView>;
  overview(): Promise<Overview>;
  /** Until `look` finds something in the thread's view; looks again and again, since the view is a snapshot. */
  until<T>(thread: string, look: (view: ConversationView) => T | undefined | null | false, what: string): Promise<T>;
};

const untilMs = 15_000;

export async function openPage(bridge: Bridge): Promise<PageClient> {
  const [, link = ""] = await bridge.printed(/^Page: (\S+)/m);
  const { origin } = new URL(link);
  const entered = await fetch(link, { redirect: "manual" });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0];
  if (cookie === undefined) throw new Error(`the link let nobody in: HTTP ${entered.status}`);

  const conversation = (thread: string): string => `${origin}/api/conversations/web:${thread}`;
  async function get<T>(url: string): Promise<T> {
    const response = await fetch(url, { headers: { cookie } });
    if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
  async function post(url: string, body: object): Promise<number> {
    const headers = { cookie, origin, "content-type": "application/json" };
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify({ key: randomUUID(), ...body }),
    });
    await response.arrayBuffer();
    return response.status;
  }
  const view = (thread: string): Promise<ConversationView> => get(conversation(thread));

  return {
    origin,
    view,
    send: (thread, text, workspace) =>
      post(`${conversation(thread)}/messages`, workspace === undefined ? { text } : { text, workspace }),
    async give(thread, text, { name, type, bytes }) {
      const headers = { cookie, origin, "content-type": "application/octet-stream" };
      const uploaded = await fetch(`${origin}/api/uploads`, { method: "POST", headers, body: new Uint8Array(bytes) });
      const { id } = (await uploaded.json()) as { id: string };
      return post(`${conversation(thread)}/messages`, { text, files: [{ id, name, type, bytes: bytes.length }] });
    },
    stop: (thread, scope) => post(`${conversation(thread)}/stop`, { scope }),
    async press(thread, label) {
      const { entries, queue, heldButtons } = await view(thread);
      const buttons = [
        ...entries.flatMap((entry) => ("buttons" in entry ? entry.buttons.flat() : [])),
        ...queue.flatMap((one) => one.buttons),
        ...heldButtons,
      ];
      const button = buttons.findLast((one) => one.label === label);
      if (button === undefined) throw new Error(`no button "${label}" in ${thread}`);
      return post(`${conversation(thread)}/presses`, { button: button.id });
    },
    async answer(thread, text) {
      const { entries } = await view(thread);
      const open = entries.findLast((entry) => entry.kind === "ask" && entry.state.kind === "open");
      if (open?.kind !== "ask") throw new Error(`nothing is asked in ${thread}`);
      return post(`${conversation(thread)}/answers`, { ask: open.ask, text });
    },
    async load(thread, name) {
      const { entries } = await view(thread);
      const file = entries.findLast((entry) => entry.kind === "file" && entry.name === name);
      if (file?.kind !== "file") throw new Error(`no file ${name} in ${thread}`);
      return fetch(`${conversation(thread)}/files/${file.file}`, { headers: { cookie } });
    },
    overview: () => get(`${origin}/api/overview`),
    until: (thread, look, what) =>
      vi.waitFor(
        async () => {
          const seen = await view(thread);
          const found = look(seen);
          if (found === undefined || found === null || found === false) {
            throw new Error(`not yet in ${thread}: ${what}\n${JSON.stringify(seen, null, 1)}\n${bridge.output}`);
          }
          return found;
        },
        { timeout: untilMs, interval: 25 },
      ),
  };
}
