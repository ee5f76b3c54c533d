/** Images of a prompt, for agents that take them inside a message. */
import { readFileSync, statSync } from "node:fs";
import type { AgentPrompt } from "../domain/agent-prompt.ts";

export type PromptImage = { readonly mediaType: string; readonly base64: string };

/**
 * Anthropic's API takes images of at most 5 MB in base64 (its documents). A larger one is named by its path in the prompt's text, like
 * every file: the agent may look at it by itself.
 */
const imageBytesMax = 3_750_000;
/** A request of Anthropic's API holds 32 MB. */
const allBytesMax = 20_000_000;

/** Those that can be read and are not too large, in their order. Never throws. Blocks while it reads: some milliseconds for ten photos. */
export function readImages({ images = [] }: AgentPrompt): readonly PromptImage[] {
  let left = allBytesMax;
  return images.flatMap(({ path, mediaType }) => {
    try {
      const { size } = statSync(path);
      if (size > Math.min(imageBytesMax, left)) return [];
      left -= size;
      return [{ mediaType, base64: readFileSync(path, "base64") }];
    } catch {
      return []; // gone since it came: the text names it, and the agent will say so
    }
  });
}
