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

/** What is heard in a group: what names the bot or answers it, or every message of those who may use it. */
export const listenings = ["mentions", "all"] as const;

/** Whether a reaction on a person's message says how far it is. */
export const reactionChoices = ["on", "off"] as const;

export type ConversationSettings = {
  readonly policy: (typeof policies)[number];
  readonly view: (typeof views)[number];
  readonly stream: (typeof streams)[number];
  readonly hearing: (typeof hearings)[number];
  readonly listen: (typeof listenings)[number];
  /** The time zone in which times of day are read and said, an IANA name; null: this machine's. */
  readonly zone: string | null;
  readonly reactions: (typeof reactionChoices)[number];
};

/** Those that are chosen from a list. */
export type SettingName = Exclude<keyof ConversationSettings, "zone">;

/** One setting, and what it is to be. */
export type SettingChange = {
  readonly [Name in SettingName]: { readonly name: Name; readonly value: ConversationSettings[Name] };
}[SettingName];

export const defaultConversationSettings: ConversationSettings = {
  zone: null,
  policy: "queue",
  view: "normal",
  stream: "edits",
  hearing: "run",
  listen: "mentions",
  reactions: "on",
};

export const settingChoices: { readonly [Name in SettingName]: readonly ConversationSettings[Name][] } = {
  policy: policies,
  view: views,
  stream: streams,
  hearing: hearings,
  listen: listenings,
  reactions: reactionChoices,
};

/** Reads what was stored; never throws. */
export function readConversationSettings(stored: string): ConversationSettings {
  const given = JSON.parse(stored) as Readonly<Record<string, unknown>>;
  const pick = <Name extends SettingName>(name: Name): ConversationSettings[Name] =>
    settingChoices[name].find((choice) => choice === given[name]) ?? defaultConversationSettings[name];
  const { zone } = given;
  return {
    zone: typeof zone === "string" ? zone : null,
    policy: pick("policy"),
    view: pick("view"),
    stream: pick("stream"),
    hearing: pick("hearing"),
    listen: pick("listen"),
    reactions: pick("reactions"),
  };
}

/** The words that a person types for it. */
export const settingWords: { readonly [Name in SettingName]: string } = {
  policy: "policy",
  view: "view",
  stream: "stream",
  hearing: "voice",
  listen: "listen",
  reactions: "reactions",
};

/** `changed` with its value in place of the one before. */
export function changedSettings(settings: ConversationSettings, { name, value }: SettingChange): ConversationSettings {
  return { ...settings, [name]: value };
}

/** The change that this word asks for; null when it is none of the setting's choices. */
export function readSettingChange(name: SettingName, word: string): SettingChange | null {
  const value = settingChoices[name].find((choice) => choice === word.toLowerCase());
  return value === undefined ? null : ({ name, value } as SettingChange);
}

/** The settings that mean something in a conversation: a page has no drafts and no reactions, and a private chat nobody to overhear. */
export function settingsOf(place: "page" | "private" | "group"): readonly SettingName[] {
  switch (place) {
    case "page":
      return ["policy"];
    case "private":
      return ["policy", "view", "stream", "reactions", "hearing"];
    case "group":
      return ["policy", "view", "reactions", "hearing", "listen"];
    default:
      return place satisfies never;
  }
}

/** What a button says, and a list with it. */
export function describeSetting({ name, value }: SettingChange): string {
  switch (name) {
    case "policy":
      return { queue: "Wait in line", steer: "Steer", interrupt: "Interrupt", collect: "Collect" }[value];
    case "view":
      return { normal: "Normal view", quiet: "Quiet", verbose: "Verbose" }[value];
    case "stream":
      return { edits: "Edited message", drafts: "Draft" }[value];
    case "hearing":
      return { run: "Voice runs at once", confirm: "Ask after voice" }[value];
    case "listen":
      return { mentions: "Only when named", all: "Every message" }[value];
    case "reactions":
      return { on: "Reactions", off: "No reactions" }[value];
    default:
      return name satisfies never;
  }
}

/** One line of the list: what it is about, how it stands, and the word for it. */
export function settingLine({ name, value }: SettingChange): string {
  return `${settingHeads[name]}: ${explained({ name, value } as SettingChange)} (${settingWords[name]} ${value})`;
}

const settingHeads: { readonly [Name in SettingName]: string } = {
  policy: "A message while a turn runs",
  view: "While a turn runs, you see",
  stream: "It is shown as",
  hearing: "A voice message",
  listen: "In this group I hear",
  reactions: "Your message",
};

function explained({ name, value }: SettingChange): string {
  switch (name) {
    case "policy":
      return {
        queue: "waits in line",
        steer: "is handed to the turn",
        interrupt: "stops the turn and runs next",
        collect: "is joined with others that come within 3 s",
      }[value];
    case "view":
      return { normal: "its phase and its text", quiet: "nothing but the answer", verbose: "also what it thinks" }[
        value
      ];
    case "stream":
      return { edits: "a message that is edited", drafts: "a draft" }[value];
    case "hearing":
      return { run: "runs at once", confirm: "runs after you have confirmed what was understood" }[value];
    case "listen":
      return {
        mentions: "what names me or answers me",
        all: "every message of those who may use me, if Telegram gives it to me (privacy mode off, or administrator)",
      }[value];
    case "reactions":
      return { on: "a reaction on it shows how far it is", off: "gets no reactions" }[value];
    default:
      return name satisfies never;
  }
}
