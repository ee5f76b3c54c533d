/** Who may use the bot, who asks to, and what was decided about them. */
import { describeRefusal, describeRole, type PairedRole, type Role } from "../person.ts";
import { plural } from "../wording.ts";

export type Who = { readonly user: string; readonly name: string; readonly role: Role };

export type PeopleNotice =
  /** What somebody asked for is not theirs to ask for. */
  | { readonly kind: "not-allowed"; readonly role: Role | null; readonly needed: Role }
  | { readonly kind: "pairing-asked"; readonly user: string; readonly name: string; readonly code: string }
  | { readonly kind: "pairing-unknown"; readonly code: string }
  | {
      readonly kind: "people";
      readonly owners: readonly string[];
      readonly people: readonly Who[];
      readonly asking: readonly { readonly user: string; readonly name: string; readonly code: string | null }[];
    }
  /** An owner decided about somebody. `cancelled` counts what waited of theirs, `running` the turns that they began. */
  | {
      readonly kind: "person";
      readonly user: string;
      readonly name: string;
      readonly became: PairedRole | "denied" | "removed";
      readonly cancelled: number;
      readonly running: number;
    }
  | { readonly kind: "let-in"; readonly role: Role };

export function describePeopleNotice(notice: PeopleNotice): string {
  switch (notice.kind) {
    case "not-allowed":
      return describeRefusal(notice.role, notice.needed);
    case "pairing-asked":
      return pairingAsked(notice);
    case "pairing-unknown":
      return `Nobody waits with the code ${notice.code}: it is not right, or older than an hour. Nobody was let in. /people shows who asks.`;
    case "people":
      return people(notice);
    case "person":
      return person(notice);
    case "let-in":
      return letIn(notice.role);
    default:
      return notice satisfies never;
  }
}

function pairingAsked({ user, name, code }: PeopleNotice & { kind: "pairing-asked" }): string {
  return [
    `${name} (id ${user}) asks to use this bot. They were told the code ${code}.`,
    "Let them in only if the person that you know tells you the same code; a name can be anyone's. An operator's agent works on this machine with your rights.",
    `It is good for an hour. Also: /pair ${code} operator, or /pair ${code} viewer.`,
  ].join("\n");
}

function people({ owners, people: others, asking }: PeopleNotice & { kind: "people" }): string {
  const known = others.map(({ user, name, role }) => `${name} (id ${user}), ${role}`);
  const ask = asking.map(
    ({ user, name, code }) =>
      `${name} (id ${user}) asks${code === null ? "; decide in your private chat with me" : `, code ${code}`}`,
  );
  return [
    `Owners by the configuration: ${owners.length === 0 ? "none" : owners.join(", ")}`,
    ...(known.length === 0 ? ["Nobody else may use this bot."] : known),
    ...ask,
  ].join("\n");
}

function person({ user, name, became, cancelled, running }: PeopleNotice & { kind: "person" }): string {
  const who = `${name} (id ${user})`;
  switch (became) {
    case "denied":
      return `${who} was not let in.`;
    case "removed": {
      const rest = [
        ...(cancelled === 0 ? [] : [`${plural(cancelled, "waiting message")} of theirs cancelled.`]),
        ...(running === 0 ? [] : [`What they began and still runs: ${plural(running, "turn")}. /stop ends it.`]),
      ];
      return [`${who} may not use this bot any more.`, ...rest].join(" ");
    }
    case "operator":
    case "viewer":
      return `${who} may use this bot now, as ${describeRole(became)}. /people takes it back.`;
    default:
      return became satisfies never;
  }
}

function letIn(role: Role): string {
  const head = `You may use this bot now, as ${describeRole(role)}.`;
  return role === "viewer"
    ? `${head} /status and /queue show it.`
    : `${head} Send a message and the agent works on it.`;
}
