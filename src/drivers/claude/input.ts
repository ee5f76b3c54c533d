/** What is sent to one Claude Code process: it reaches the CLI in the order it was pushed, and ends once. */
import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";

export type Input = {
  readonly messages: AsyncIterable<SDKUserMessage>;
  push(message: SDKUserMessage): void;
  /** Resolves when everything pushed so far was written to the CLI, or never will be. */
  written(): Promise<void>;
  end(): void;
};

export function createInput(): Input {
  const waiting: SDKUserMessage[] = [];
  let hasEnded = false;
  let changed = Promise.withResolvers<void>();
  let drained = Promise.withResolvers<void>();
  drained.resolve();
  async function* read(): AsyncGenerator<SDKUserMessage, void, void> {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        // The SDK comes back for more when it has written this one.
        yield next;
        continue;
      }
      drained.resolve();
      if (hasEnded) return;
      await changed.promise;
      changed = Promise.withResolvers<void>();
    }
  }
  return {
    messages: read(),
    push(message) {
      if (waiting.length === 0) drained = Promise.withResolvers<void>();
      waiting.push(message);
      changed.resolve();
    },
    written: () => drained.promise,
    end() {
      hasEnded = true;
      changed.resolve();
      drained.resolve();
    },
  };
}
