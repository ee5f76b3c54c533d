/**
 * The event stream of this tab: kept open, re-opened, and closed while nobody looks.
 *
 * 1. Browsers allow six connections to a host: a hidden tab gives its own back, and catches up when it is shown again. Until then
 *    it looks now and then, because its title says whether somebody waits for an answer.
 * 2. A stream that is silent for longer than three pings is dead, whatever the browser thinks.
 */
import type { RunProgress, StreamEvents } from "../wire.ts";

export type Link = "connecting" | "live" | "lost";

export type ConnectionDeps = {
  readonly window: Window;
  changed(conversation: string): void;
  rescheduled(): void;
  progressed(run: RunProgress): void;
  /** Everything may be different. */
  reset(): void;
  linkChanged(link: Link): void;
  /** Nobody looks, and there is no stream: time to see what the title should say. */
  glance(): void;
  /** The server refused the stream; the model finds out why. */
  refused(): void;
};

export type Connection = { open(since: string): void; close(): void };

const silenceMaxMs = 45_000;
const hiddenMaxMs = 30_000;
const retryGapMs = 2_000;
/** A question that a hidden tab tells of 20 s late is still answered in time, and 64 hidden tabs ask three times a second. */
const glanceGapMs = 20_000;

export function createConnection(deps: ConnectionDeps): Connection {
  const { window } = deps;
  let source: EventSource | null = null;
  let cursor: string | null = null;
  let silence = 0;
  let hidden = 0;
  let glances = 0;
  let retry = 0;

  function connect(): void {
    disconnect();
    if (cursor === null) return;
    const opened = new EventSource(`/api/events?since=${encodeURIComponent(cursor)}`);
    source = opened;
    opened.addEventListener("open", () => deps.linkChanged("live"));
    opened.addEventListener("error", () => failed(opened));
    on(opened, "changed", ({ conversation }) => deps.changed(conversation));
    on(opened, "rescheduled", () => deps.rescheduled());
    on(opened, "progress", (run) => deps.progressed(run));
    on(opened, "reset", () => deps.reset());
    on(opened, "ping", () => undefined);
    listenForSilence();
  }

  function on<K extends keyof StreamEvents>(from: EventSource, name: K, tell: (data: StreamEvents[K]) => void): void {
    from.addEventListener(name, (event: MessageEvent<string>) => {
      if (from !== source) return;
      cursor = event.lastEventId;
      listenForSilence();
      tell(JSON.parse(event.data) as StreamEvents[K]);
    });
  }

  function failed(from: EventSource): void {
    if (from !== source) return;
    deps.linkChanged("lost");
    if (from.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    deps.refused();
    window.clearTimeout(retry);
    // Pacing of our own attempts.
    retry = window.setTimeout(connect, retryGapMs);
  }

  function listenForSilence(): void {
    window.clearTimeout(silence);
    // A bound: a stream that says nothing for so long is dead.
    silence = window.setTimeout(() => {
      deps.linkChanged("lost");
      connect();
    }, silenceMaxMs);
  }

  function disconnect(): void {
    window.clearTimeout(silence);
    window.clearTimeout(retry);
    source?.close();
    source = null;
  }

  function visibilityChanged(): void {
    window.clearTimeout(hidden);
    window.clearInterval(glances);
    if (window.document.visibilityState === "visible") {
      if (source === null) connect();
      return;
    }
    // A bound: switching tabs for a moment costs nothing.
    hidden = window.setTimeout(leave, hiddenMaxMs);
  }

  function leave(): void {
    disconnect();
    // Pacing of what a hidden tab asks.
    glances = window.setInterval(() => deps.glance(), glanceGapMs);
  }

  return {
    open(since) {
      cursor = since;
      window.document.addEventListener("visibilitychange", visibilityChanged);
      connect();
    },
    close() {
      window.document.removeEventListener("visibilitychange", visibilityChanged);
      window.clearTimeout(hidden);
      window.clearInterval(glances);
      disconnect();
    },
  };
}
