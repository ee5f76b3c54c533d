/**
 * A process that an agent's tool starts and that holds a connection to us: the connection comes when it runs and ends with it, so its
 * death is seen when it happens, without looking for it.
 */
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";

export type HeldChildren = AsyncDisposable & {
  /** `stubborn` ignores SIGTERM. */
  child(kind: "plain" | "stubborn"): HeldChild;
};

export type HeldChild = {
  /** For a shell. */
  readonly command: string;
  readonly started: Promise<void>;
  /** Resolves when nothing holds its connection any more. */
  readonly gone: Promise<void>;
};

export async function listenForChildren(): Promise<HeldChildren> {
  const waiting = new Map<string, { readonly started: () => void; readonly gone: () => void }>();
  let serial = 0;
  const server = createServer((socket) => {
    socket.setEncoding("utf8").once("data", (text: string) => {
      const child = waiting.get(text.trim());
      child?.started();
      // The end is seen a moment before the close; a reset has no end.
      for (const event of ["end", "close"] as const) socket.once(event, () => child?.gone());
      socket.resume();
    });
    socket.on("error", () => socket.destroy()); // a killed process may leave a reset
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    child(kind) {
      const name = `child${(serial += 1)}`;
      const started = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      waiting.set(name, { started: started.resolve, gone: gone.resolve });
      const trap = kind === "stubborn" ? 'trap "" TERM; ' : "";
      // Claude Code refuses a bare sleep; in brackets and followed by something it runs.
      const command = `(bash -c '${trap}exec 9<>/dev/tcp/127.0.0.1/${port}; echo ${name} >&9; exec sleep 303'); echo e`;
      return { command, started: started.promise, gone: gone.promise };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
