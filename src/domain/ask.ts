/**
 * What a running agent asks a person, and what the person answers. An ask belongs to its run: it is answered once, and when the run
 * is over it has expired.
 *
 * I14: everything of it that an agent wrote is bounded where it is translated, by the constants here.
 */

export type Ask =
  | {
      readonly kind: "approval";
      readonly action: AskedAction;
      /** Why the agent asks, in its own words; null where it says nothing. */
      readonly reason: string | null;
      /** Whether the agent can take "allow" for the rest of its session. */
      readonly scopes: readonly AllowScope[];
    }
  | { readonly kind: "questions"; readonly questions: readonly Question[] }
  /** The agent has made a plan (Markdown) and wants to carry it out. */
  | { readonly kind: "plan"; readonly plan: string };

/** Exactly what would be done. Nothing of it happens before the answer. */
export type AskedAction =
  | { readonly kind: "command"; readonly command: string; readonly directory: string | null }
  | { readonly kind: "edit"; readonly files: readonly FileEdit[] }
  /** `input` is what the tool is given, as text. */
  | { readonly kind: "tool"; readonly name: string; readonly input: string };

/** `diff` is a unified diff without its file header. */
export type FileEdit = { readonly path: string; readonly diff: string };

export type AllowScope = "once" | "session";

export type Question = {
  /** One or two words that name it; "" where the agent gives none. */
  readonly header: string;
  readonly text: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  readonly choice: "one" | "many";
  /** Whether an answer outside the options is understood. Always so when there are none. */
  readonly takesText: boolean;
};

export type AskAnswer =
  /** Of a plan: `once` carries it out with every edit asked for, `session` without asking for edits. */
  | { readonly kind: "allow"; readonly scope: AllowScope }
  | { readonly kind: "deny"; readonly reason: string | null }
  /** One list per question, in their order: labels of options, or a text of the person's own. */
  | { readonly kind: "answers"; readonly answers: readonly (readonly string[])[] };

/** A command or a diff longer than this is cut in the middle and says so: a person decides on what they can read. In UTF-16 units. */
export const askTextCharsMax = 20_000;
/** A card with more questions or options than this is not a question any more. */
export const questionsMax = 8;
export const optionsMax = 12;
