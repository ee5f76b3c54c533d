/**
 * What an agent is given of a prompt: one text, and the images that its model may see. Files are named by their paths on this machine, with
 * what was read of them, bounded.
 */
import type { Attachment } from "./attachment.ts";
import type { Prompt, PromptFile } from "./prompt.ts";

/**
 * `images` are files that the driver passes on as images where its agent takes them; the text names them all the same. `files` are the paths
 * of everything that came with it (an archive's contents lie in `<path>.unpacked`): the person gave them, so reading them needs no approval.
 */
export type AgentPrompt = {
  readonly text: string;
  readonly images?: readonly AgentImage[];
  readonly files?: readonly string[];
};

export type AgentImage = { readonly path: string; readonly mediaType: string };

export function toAgentPrompt({ text, quote, forwardedFrom, files = [], schedule }: Prompt): AgentPrompt {
  const attachments = files.flatMap((file) => (file.state === "read" ? [file.attachment] : []));
  const isSpoken = attachments.some(({ content }) => content.kind === "speech" && content.text === text);
  const words = isSpoken ? `${text}\n\n(A transcript of a voice message: words may be misheard.)` : text;
  const parts = [
    schedule === undefined ? "" : scheduleText(schedule),
    quote === undefined ? "" : `In answer to:\n${quoted(quote)}`,
    forwardedFrom === undefined ? "" : `Forwarded, first written by ${forwardedFrom}:`,
    words,
    files.length === 0
      ? ""
      : ["Files that came with this message:", ...files.map((file) => fileText(file, text))].join("\n"),
  ];
  const images = attachments.flatMap(({ path, mediaType, content }) =>
    content.kind === "image" ? [{ path, mediaType }] : [],
  );
  return {
    text: parts.filter((part) => part !== "").join("\n\n"),
    ...(images.length === 0 ? {} : { images }),
    ...(attachments.length === 0 ? {} : { files: attachments.map(({ path }) => path) }),
  };
}

/** Nobody is there: what a person at the chat would see or answer at once has to be said another way. */
function scheduleText({ name, due, isSilent }: NonNullable<Prompt["schedule"]>): string {
  const head = `(A scheduled run: "${name}", due ${due}. Nobody is waiting at the chat.`;
  return isSilent
    ? `${head} Your answer is kept but not shown: call the tool notify if there is something that the person should know, and only then.)`
    : `${head})`;
}

function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
}

function fileText(file: PromptFile, text: string): string {
  switch (file.state) {
    case "read":
      return attachmentText(file.attachment, text);
    case "missing":
      return `- ${file.name}: could not be had. ${file.why}`;
    case "sent":
      return `- ${file.file.name ?? file.file.kind}: not fetched`;
    default:
      return file satisfies never;
  }
}

function attachmentText({ path, mediaType, content }: Attachment, text: string): string {
  switch (content.kind) {
    case "image":
      return `- ${path} (${mediaType})`;
    case "speech":
      return content.text === text
        ? `- ${path} (${mediaType})`
        : `- ${path} (${mediaType}). What is said in it:\n${fenced(content.text)}`;
    case "text":
      return `- ${path} (${content.about}). ${content.isWhole ? "Its text" : "The beginning of its text"}:\n${fenced(content.excerpt)}`;
    case "opaque":
      return `- ${path} (${content.about})`;
    default:
      return content satisfies never;
  }
}

/** A fence that is longer than any in the text: what a file says never looks like a person's words. */
function fenced(text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
