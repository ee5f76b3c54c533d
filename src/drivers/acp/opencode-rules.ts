/**
 * How opencode is made to ask. Of itself it does everything without asking; its rules are read from first to last, and the last that
 * matches holds. Pure.
 *
 * 1. `asked`: whatever its user has written, each command, edit, fetch and step outside the directory is asked for.
 * 2. `ownRules`: the same rules stand before those of the user, which so have the last word: what they allow is not asked for, what they
 *    deny is denied.
 *
 * Rules that come by a variable are put behind the user's. A switch of `tools` comes before them, and a rule of the same name takes that
 * place over; a name with a star is none that a user has written, and means the same tool. A version of opencode that orders them otherwise
 * asks more than the user's rules say, never less (measured with 1.18).
 */
const askedFor = ["bash", "edit", "webfetch", "external_directory"] as const;

type Environment = Readonly<Record<string, string>>;

export const asked: Environment = { OPENCODE_PERMISSION: rules("") };

/** What an environment needs beside `asked`. Nothing where its user has written something there that must not be changed. */
export function ownRules(environment: Environment): Environment {
  if (environment["OPENCODE_PERMISSION"] !== asked["OPENCODE_PERMISSION"]) return {};
  const content = parse(environment["OPENCODE_CONFIG_CONTENT"] ?? "{}");
  if (content === null) return {};
  const { tools } = content;
  // Off: if the rule did not take the place over, nothing would be allowed by it.
  const places = Object.fromEntries(askedFor.map((name) => [`${name}*`, false]));
  const config = { ...content, tools: { ...places, ...(isRecord(tools) ? tools : {}) } };
  return { OPENCODE_PERMISSION: rules("*"), OPENCODE_CONFIG_CONTENT: JSON.stringify(config) };
}

function rules(ending: "" | "*"): string {
  return JSON.stringify(Object.fromEntries(askedFor.map((name) => [`${name}${ending}`, "ask"])));
}

function parse(content: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(content);
    return isRecord(value) ? value : null;
  } catch {
    return null; // with comments, say: it is left as it is, and everything is asked for
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
