/** What is sent to one Claude Code process: it reaches the CLI in the order it was pushed, and ends once. */
import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import { readImages } from "../prompt-images.ts";

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

/** A prompt as a message's content. A plain text stays a string: that is what the CLI keeps in its transcript. */
export function contentOf(prompt: AgentPrompt): SDKUserMessage["message"]["content"] {
  const images = readImages(prompt);
  if (images.length === 0) return prompt.text;
  return [
    ...images.flatMap(({ mediaType, base64 }) =>
      isClaudeImage(mediaType)
        ? [{ type: "image" as const, source: { type: "base64" as const, media_type: mediaType, data: base64 } }]
        : [],
    ),
    { type: "text", text: prompt.text },
  ];
}

type ClaudeImage = "image/jpeg" | "image/png" | "image/gif" | "image/webp";

function isClaudeImage(mediaType: string): mediaType is ClaudeImage {
  return ["image/jpeg", "image/png", "image/gif", "image/webp"].includes(mediaType);
}
