/** What a person asks of an agent: words, files, and what they refer to. */
import type { Attachment, SentFile } from "./attachment.ts";

/**
 * `text` is in UTF-16 units, at most `promptCharsMax`; empty where only files came. `quote` is what the
 * message answers, `forwardedFrom` who wrote it first. `isJoined`: the words of several messages are in `text`, and cannot be told apart
 * any more. `wordsOf`: they are those of this message of the channel, which joined the one that has the prompt; null: of one that has no
 * number there. agent-prompt.ts decides what the agent gets of it.
 */
export type Prompt = {
  readonly text: string;
  readonly quote?: string;
  readonly forwardedFrom?: string;
  readonly files?: readonly PromptFile[];
  readonly isJoined?: true;
  readonly wordsOf?: string | null;
  /** It is a schedule's; `due` is when, in words. */
  readonly schedule?: { readonly name: string; readonly due: string; readonly isSilent: boolean };
};

/**
 * `sent`: not fetched yet, so the message cannot run. `missing`: it never will be; `why` is a sentence for the person. `source` and `message`
 * are those of the file as it was sent.
 */
export type PromptFile =
  | { readonly state: "sent"; readonly file: SentFile }
  | {
      readonly state: "read";
      readonly source: string;
      readonly message?: string;
      readonly attachment: Attachment;
    }
  | {
      readonly state: "missing";
      readonly name: string;
      readonly source?: string;
      readonly message?: string;
      readonly why: string;
    };

/** A Telegram text has at most 4,096 characters, a pasted one on the page may be longer; more than this is a file. */
export const promptCharsMax = 100_000;

/** As many as an album of Telegram has. */
export const filesMax = 10;

/** What one of them answers or forwards is said of the whole. `wordsOf` is kept where one alone has words. */
export function joinPrompts(prompts: readonly Prompt[], between: string): Prompt {
  const texts = prompts.map(({ text }) => text).filter((text) => text !== "");
  const files = prompts.flatMap((prompt) => prompt.files ?? []);
  const quotes = prompts.flatMap(({ quote }) => (quote === undefined ? [] : [quote]));
  const [forwardedFrom] = prompts.flatMap((prompt) =>
    prompt.forwardedFrom === undefined ? [] : [prompt.forwardedFrom],
  );
  const worded = prompts.filter(hasWords);
  const isJoined = worded.length > 1 || prompts.some((prompt) => prompt.isJoined);
  const wordsOf = isJoined ? undefined : worded[0]?.wordsOf;
  return {
    text: texts.join(between),
    ...(quotes.length === 0 ? {} : { quote: quotes.join("\n") }),
    ...(forwardedFrom === undefined ? {} : { forwardedFrom }),
    ...(files.length === 0 ? {} : { files }),
    ...(isJoined ? { isJoined } : {}),
    ...(wordsOf === undefined ? {} : { wordsOf }),
  };
}

/** Written, or spoken: those of a voice message are its text once it was heard. */
function hasWords({ text, files = [] }: Prompt): boolean {
  const kinds = files.map((file) =>
    file.state === "sent" ? file.file.kind : file.state === "read" ? file.attachment.kind : null,
  );
  return text !== "" || kinds.includes("voice");
}

/** A prompt in a few words, for a list: its text, or what came instead. Not shortened. */
export function promptWords({ text, files = [] }: Prompt): string {
  if (text.trim() !== "") return text;
  return files.map(fileWords).join(", ");
}

function fileWords(file: PromptFile): string {
  switch (file.state) {
    case "sent":
      return file.file.name ?? kindWords[file.file.kind];
    case "read":
      return file.attachment.kind === "document" ? file.attachment.name : kindWords[file.attachment.kind];
    case "missing":
      return file.name;
    default:
      return file satisfies never;
  }
}

export const kindWords = {
  photo: "photo",
  voice: "voice message",
  audio: "audio file",
  video: "video",
  document: "document",
} as const;
