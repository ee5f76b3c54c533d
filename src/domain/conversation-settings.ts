/**
 * What a person sets for one conversation, each with its default. Stored as one value with the lane; what an older or a newer version
 * wrote and this one does not know is passed over.
 */

/** What a message does that comes while a turn runs (L4). */
export const policies = ["queue", "steer", "interrupt", "collect"] as const;
/** How much of a turn is shown while it runs. */
export const views = ["normal", "quiet", "verbose"] as const;
/** How a turn is shown while it runs, where the channel has both: a message that is edited, or a draft. */
export const streams = ["edits", "drafts"] as const;
/** Whether what was heard in a voice message runs at once, or after a person has confirmed it. */
export const hearings = ["run", "confirm"] as const;

export type ConversationSettings = {
  readonly policy: (typeof policies)[number];
  readonly view: (typeof views)[number];
  readonly stream: (typeof streams)[number];
  readonly hearing: (typeof hearings)[number];
};

export const defaultConversationSettings: ConversationSettings = {
  policy: "queue",
  view: "normal",
  stream: "edits",
  hearing: "run",
};

const choices: { readonly [Name in keyof ConversationSettings]: readonly ConversationSettings[Name][] } = {
  policy: policies,
  view: views,
  stream: streams,
  hearing: hearings,
};

/** Reads what was stored; never throws. */
export function readConversationSettings(stored: string): ConversationSettings {
  const given = JSON.parse(stored) as Readonly<Record<string, unknown>>;
  const pick = <Name extends keyof ConversationSettings>(name: Name): ConversationSettings[Name] =>
    choices[name].find((choice) => choice === given[name]) ?? defaultConversationSettings[name];
  return { policy: pick("policy"), view: pick("view"), stream: pick("stream"), hearing: pick("hearing") };
}
