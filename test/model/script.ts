/**
 * What the scripted model is to say, carried in the prompt itself.
 *
 * `SCRIPT:[[step, ...], [step, ...]]`: one inner list per model answer. Which of them is due follows from the conversation alone (how
 * many assistant messages stand after the prompt), so the server keeps no state: scripts survive resumed sessions, several agents at
 * once and restarts of the agent. A prompt without a script is echoed.
 */

/** A piece of a streamed text, or a gate: there the stream stays open and silent until the test releases it. */
export type Chunk = string | { readonly gate: string };

export type Step =
  /** One text block; a bare string is the same in one chunk. */
  | string
  /** A text about the conversation: how many answers stand before the prompt, or what was said to the agent after it. */
  | { readonly tell: "earlier answers" | "later words" }
  | { readonly text: readonly Chunk[] }
  | { readonly thinking: readonly Chunk[] }
  | { readonly tool: string; readonly input: Readonly<Record<string, unknown>>; readonly id?: string }
  /** Nothing more is sent until the test releases the gate. Before the first other step not even the status line is sent. */
  | { readonly gate: string }
  /** Wire numbers of the answer (`input_tokens`, `cache_read_input_tokens`, ...). */
  | { readonly usage: Readonly<Record<string, number>> }
  /** `end_turn` or `tool_use` unless told. */
  | { readonly stopReason: string }
  /** The whole answer is this HTTP error. With `times`, only the first that many requests for this prompt get it. */
  | {
      readonly status: number;
      readonly type: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly times?: number;
    }
  /** The connection is cut at this point. */
  | { readonly drop: true }
  /** Sent as it is: an odd event, or bytes that are none. */
  | { readonly raw: string };

export type Script = readonly (readonly Step[])[];

/** The prompt text that makes the model play `answers`, after an optional introduction that only people read. */
export function scripted(answers: Script, before = ""): string {
  return `${before}SCRIPT:${JSON.stringify(answers)}`;
}

export type Message = { readonly role: string; readonly content: string | readonly Block[] };
export type Block = { readonly type: string; readonly text?: string };

/** The prompt that the model is to answer now, and how many assistant messages stand after it. */
export type Due = { readonly prompt: string; readonly index: number };

/**
 * The newest text of the user that is not one of the agent program's own insertions. Text inside a message that also answers a tool
 * call counts only when it carries a script, so that steering a scripted turn does not end its script.
 */
export function dueOf(messages: readonly Message[]): Due {
  let index = 0;
  for (const message of messages.toReversed()) {
    if (message.role === "assistant") index += 1;
    if (message.role !== "user") continue;
    const blocks = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
    const answersTool = blocks.some((block) => block.type === "tool_result");
    const texts = blocks.flatMap((block) => (block.type === "text" && block.text !== undefined ? [block.text] : []));
    const own = texts.filter((text) => !isInserted(text));
    const isSteering = answersTool && !wasCut(texts);
    const prompt = isSteering ? own.findLast((text) => text.includes(mark)) : own.at(-1);
    if (prompt !== undefined) return { prompt, index };
  }
  return { prompt: "", index };
}

/** What a `tell` step says. */
export function told(what: "earlier answers" | "later words", messages: readonly Message[], due: Due): string {
  if (what === "earlier answers") {
    return `${messages.filter((message) => message.role === "assistant").length - due.index} earlier answers`;
  }
  let passed = 0;
  const after = messages.toReversed().filter((message) => {
    if (message.role === "assistant") passed += 1;
    return passed < due.index && message.role !== "assistant";
  });
  const texts = after
    .toReversed()
    .flatMap(({ content }) =>
      typeof content === "string"
        ? [content]
        : content.flatMap((block) => (block.type === "text" ? [block.text ?? ""] : [])),
    );
  return `heard: ${texts.join(" | ")}`;
}

/** The script that a prompt carries; undefined when it carries none. Throws when what follows the mark is not JSON. */
export function scriptIn(prompt: string): Script | undefined {
  const at = prompt.indexOf(mark);
  if (at < 0) return undefined;
  return JSON.parse(balanced(prompt.slice(at + mark.length))) as Script;
}

const mark = "SCRIPT:";
const interruption = "[Request interrupted";
/** Claude Code says behind a prompt where it keeps the image that came with it. */
const imageNote = "[Image: source:";

function isInserted(text: string): boolean {
  return ["<system-reminder>", interruption, imageNote].some((beginning) => text.startsWith(beginning));
}

function wasCut(texts: readonly string[]): boolean {
  return texts.some((text) => text.startsWith(interruption));
}

/** The bracketed value at the head of `text`, so that anything may follow a script. */
function balanced(text: string): string {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inString && char === "\\") at += 1;
    else if (char === '"') inString = !inString;
    else if (!inString && char === "[") depth += 1;
    else if (!inString && char === "]" && (depth -= 1) === 0) return text.slice(0, at + 1);
  }
  return text;
}
