import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Config, readConfig } from "./config.ts";
import { agentEnvironment, type Environment } from "./config/environment.ts";
import { ConfigError } from "./config/refusal.ts";

const token = "123456789:AAEcanarycanarycanarycanarycanary12";

/** A home with this config.json (text, or a value to be written as JSON). */
function home(file?: unknown): string {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-config-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  if (file !== undefined)
    writeFileSync(join(dir, "config.json"), typeof file === "string" ? file : JSON.stringify(file));
  return dir;
}

function read(environment: Environment, file?: unknown): Config {
  return readConfig({ SIGNALBOX_HOME: home(file), ...environment });
}

function refusal(environment: Environment, file?: unknown): string {
  try {
    read(environment, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

test("with nothing set, everything has its default and Telegram is off", () => {
  expect(readConfig({ HOME: "/home/ada", PATH: "/bin" })).toEqual({
    home: "/home/ada/.signalbox",
    workspace: "/home/ada/.signalbox/workspace",
    driver: null,
    permissions: "ask",
    runsMax: 4,
    web: { host: "127.0.0.1", port: 8474 },
    log: "info",
    telegram: null,
    claude: { path: null },
    codex: { path: null },
    agents: {},
    speech: null,
    limits: { stallMs: 600_000, retries: 2, runMsMax: null, costUsdMax: null },
    downtimeMs: 600_000,
    drainGraceMs: 20_000,
    agentEnvironment: { HOME: "/home/ada", PATH: "/bin" },
    secrets: [],
  });
});

test("every setting can come from the environment", () => {
  const config = read({
    HOME: "/home/ada",
    SIGNALBOX_WORKSPACE: "~/code/../projects",
    SIGNALBOX_DRIVER: "claude",
    SIGNALBOX_PERMISSIONS: "bypass",
    SIGNALBOX_MAX_RUNS: "100",
    SIGNALBOX_WEB: "[::1]:0",
    SIGNALBOX_LOG: "debug",
    SIGNALBOX_CLAUDE_PATH: "/opt/claude",
    SIGNALBOX_CODEX_PATH: "~/bin/codex",
    SIGNALBOX_DOWNTIME_MINUTES: "0.5",
    SIGNALBOX_DRAIN_GRACE_SECONDS: "3",
    SIGNALBOX_STALL_MINUTES: "5",
    SIGNALBOX_RETRIES: "0",
    SIGNALBOX_MAX_RUN_MINUTES: "90",
    SIGNALBOX_MAX_RUN_COST_USD: "2.5",
    TELEGRAM_BOT_TOKEN: token,
    TELEGRAM_ALLOWED_USERS: " 42, 43,42,",
    TELEGRAM_API_ROOT: "http://127.0.0.1:9999/",
  });
  expect(config).toMatchObject({
    workspace: "/home/ada/projects",
    driver: "claude",
    permissions: "bypass",
    runsMax: 100,
    web: { host: "::1", port: 0 },
    log: "debug",
    claude: { path: "/opt/claude" },
    codex: { path: "/home/ada/bin/codex" },
    limits: { stallMs: 300_000, retries: 0, runMsMax: 5_400_000, costUsdMax: 2.5 },
    downtimeMs: 30_000,
    drainGraceMs: 3_000,
    telegram: { token, users: [42, 43], apiRoot: "http://127.0.0.1:9999" },
    secrets: [token],
  });
});

test("every setting can come from the file, and the environment overrides it key by key", () => {
  const file = {
    $schema: "./config.schema.json",
    workspace: "/srv/code",
    driver: "demo",
    permissions: "plan",
    maxRuns: 2,
    web: "off",
    log: "warn",
    telegram: { token, allowedUsers: [1], apiRoot: "https://bots.example" },
    claude: { path: "/opt/claude" },
    downtimeMinutes: 1,
    drainGraceSeconds: 1,
  };
  expect(read({}, file)).toMatchObject({
    workspace: "/srv/code",
    driver: "demo",
    permissions: "plan",
    runsMax: 2,
    web: null,
    log: "warn",
    telegram: { token, users: [1], apiRoot: "https://bots.example" },
    claude: { path: "/opt/claude" },
    downtimeMs: 60_000,
    drainGraceMs: 1_000,
  });
  const both = read({ SIGNALBOX_MAX_RUNS: "7", TELEGRAM_ALLOWED_USERS: "9" }, file);
  expect(both).toMatchObject({ runsMax: 7, permissions: "plan", telegram: { token, users: [9] } });
});

test.each<[variable: string, value: string, shown: string, allowed: RegExp]>([
  ["SIGNALBOX_HOME", "relative/dir", '"relative/dir"', /absolute path/],
  ["SIGNALBOX_WORKSPACE", "./here", '"./here"', /absolute path/],
  ["SIGNALBOX_DRIVER", "gpt", '"gpt"', /claude, codex, demo\./],
  ["SIGNALBOX_DRIVER", "acp:gemini", '"acp:gemini"', /or the name of one of agents/],
  ["SIGNALBOX_PERMISSIONS", "all", '"all"', /plan, ask, edit or bypass/],
  ["SIGNALBOX_MAX_RUNS", "0", '"0"', /from 1 to 100/],
  ["SIGNALBOX_MAX_RUNS", "101", '"101"', /from 1 to 100/],
  ["SIGNALBOX_MAX_RUNS", "2.5", '"2.5"', /from 1 to 100/],
  ["SIGNALBOX_MAX_RUNS", "four", '"four"', /from 1 to 100/],
  ["SIGNALBOX_MAX_RUNS", "0x4", '"0x4"', /from 1 to 100/],
  ["SIGNALBOX_WEB", "8474", '"8474"', /host:port/],
  ["SIGNALBOX_WEB", "127.0.0.1:65536", '"127.0.0.1:65536"', /host:port/],
  ["SIGNALBOX_WEB", "0.0.0.0:8474", '"0.0.0.0:8474"', /SIGNALBOX_WEB_ALLOW_REMOTE=true/],
  ["SIGNALBOX_WEB", "127.evil.example:80", '"127.evil.example:80"', /SIGNALBOX_WEB_ALLOW_REMOTE=true/],
  ["SIGNALBOX_WEB_ALLOW_REMOTE", "yes", '"yes"', /true or false/],
  ["SIGNALBOX_LOG", "loud", '"loud"', /debug, info, warn, error or silent/],
  ["SIGNALBOX_CLAUDE_PATH", "claude", '"claude"', /absolute path/],
  ["SIGNALBOX_DOWNTIME_MINUTES", "-1", '"-1"', /minutes, from 0/],
  ["SIGNALBOX_STALL_MINUTES", "0", '"0"', /from 1 to 1440/],
  ["SIGNALBOX_RETRIES", "3", '"3"', /from 0 to 2/],
  ["SIGNALBOX_MAX_RUN_MINUTES", "0", '"0"', /minutes after which/],
  ["SIGNALBOX_MAX_RUN_COST_USD", "free", '"free"', /US dollars/],
  ["SIGNALBOX_DRAIN_GRACE_SECONDS", "soon", '"soon"', /seconds, from 0/],
  ["TELEGRAM_ALLOWED_USERS", "42,@ada", '"42,@ada"', /numeric Telegram user ids/],
  ["TELEGRAM_ALLOWED_USERS", "-100123", '"-100123"', /numeric Telegram user ids/],
  ["TELEGRAM_ALLOWED_USERS", ",", '","', /numeric Telegram user ids/],
  ["TELEGRAM_API_ROOT", "ftp://x", '"ftp://x"', /http or https/],
  ["TELEGRAM_API_ROOT", "https://me:pw@x", '"https://me:pw@x"', /without query or credentials/],
])(
  "%s=%s is refused in one line that names it, what was found and what is allowed",
  (variable, value, shown, allowed) => {
    const message = refusal({ [variable]: value });
    expect(message.startsWith(`${variable} is ${shown}`)).toBe(true);
    expect(message).toMatch(allowed);
    expect(message).not.toContain("\n");
  },
);

test("a wrong value in the file is named by its key and the file", () => {
  expect(refusal({}, { maxRuns: "4" })).toMatch(/^"maxRuns" in \/.*config\.json is "4"; allowed: .*from 1 to 100/);
  expect(refusal({}, { telegram: { allowedUsers: [1, "x"] } })).toMatch(/^"telegram.allowedUsers" in .* is \[1,"x"\]/);
  expect(refusal({}, { telegram: 5 })).toMatch(/^"telegram" in .* is 5/);
  expect(refusal({}, { telegram: [] })).toMatch(/^"telegram" in .* is \[\]/);
  expect(refusal({}, { claude: null })).toMatch(/^"claude" in .* is null/);
  expect(refusal({ TELEGRAM_ALLOWED_USERS: "1" }, { telegram: 5 })).toMatch(
    /^"telegram" in .* is 5; allowed: a JSON object/,
  );
  expect(refusal({}, { driver: "gemini" })).toMatch(/^"driver" in .* is "gemini"; allowed: claude, codex, demo\.$/);
  expect(refusal({}, { workspace: null })).toMatch(/^"workspace" in .* is null; allowed: /);
});

test("an unknown key of the file is refused with the nearest known name", () => {
  expect(refusal({}, { maxRun: 4 })).toMatch(/^"maxRun" in .*config\.json is not a setting\. Did you mean "maxRuns"\?/);
  expect(refusal({}, { telegram: { tokn: token } })).toMatch(/^"telegram.tokn" .* Did you mean "telegram.token"\?/);
  expect(refusal({}, { claude: { pth: "/x", toString: 1 } })).toMatch(/^"claude.pth" .* Did you mean "claude.path"\?/);
  expect(refusal({}, { toString: 1 })).toMatch(/^"toString" in .* is not a setting/);
  expect(refusal({}, { colour: "red" })).toMatch(/"colour" .* Known keys: .*workspace, driver, permissions/);
});

test("a misspelt variable is refused (a lost SIGNALBOX_PERMISSIONS would run with other rights), a foreign one is not", () => {
  expect(refusal({ SIGNALBOX_PERMISSION: "plan" })).toBe(
    "SIGNALBOX_PERMISSION is not a setting. Did you mean SIGNALBOX_PERMISSIONS?",
  );
  expect(read({ SIGNALBOX_SOMETHING_ELSE: "1", TELEGRAM_PROXY: "x" }).permissions).toBe("ask");
});

test("a variable that is set to nothing counts as not set (service files leave such lines)", () => {
  expect(read({ TELEGRAM_BOT_TOKEN: "", SIGNALBOX_MAX_RUNS: " " })).toMatchObject({ telegram: null, runsMax: 4 });
});

test("a file that is no JSON, no object or cannot be read is refused by name", () => {
  expect(refusal({}, `{ "telegram": { "token": "${token}" `)).toMatch(/config\.json is not valid JSON/);
  expect(refusal({}, "[1]")).toMatch(/config\.json must hold one JSON object/);
  const dir = home();
  mkdirSync(join(dir, "config.json"));
  expect(() => readConfig({ SIGNALBOX_HOME: dir })).toThrow(/config\.json cannot be read \(EISDIR\)/);
});

test("a token without allowed users is a bot that nobody may use yet", () => {
  expect(read({ TELEGRAM_BOT_TOKEN: token }).telegram).toMatchObject({ users: [] });
  expect(read({ TELEGRAM_BOT_TOKEN: token, TELEGRAM_ALLOWED_USERS: " " }).telegram).toMatchObject({ users: [] });
});

test("a page on another address needs a second, explicit setting", () => {
  const config = read({ SIGNALBOX_WEB: "0.0.0.0:80", SIGNALBOX_WEB_ALLOW_REMOTE: "true" });
  expect(config.web).toEqual({ host: "0.0.0.0", port: 80 });
});

test.each<[string, Environment, unknown]>([
  ["a malformed token", { TELEGRAM_BOT_TOKEN: `${token}!` }, undefined],
  ["a malformed token in the file", {}, { telegram: { token: `x${token}` } }],
  ["a token of another type", {}, { telegram: { token: [token] } }],
  ["a token in the wrong variable", { SIGNALBOX_DRIVER: token }, undefined],
  ["a token in the list of users", { TELEGRAM_ALLOWED_USERS: token }, undefined],
  ["a token as a key", {}, { [token]: 1 }],
  ["a token in broken JSON", {}, `{ "telegram": { "token": "${token}", }`],
])("%s is never echoed", (_name, environment, file) => {
  expect(refusal(environment, file)).not.toContain("canary");
});

test("agents inherit the environment without what is ours (I13)", () => {
  const environment = {
    PATH: "/bin",
    ANTHROPIC_API_KEY: "k",
    TELEGRAM_BOT_TOKEN: token,
    TELEGRAM_ANYTHING: "x",
    SIGNALBOX_HOME: "/h",
    DATABASE_URL: "postgres://secret",
    DATABASE_URL_OF_THEIR_APP: "kept",
    UNSET: undefined,
  };
  expect(agentEnvironment(environment)).toEqual({
    PATH: "/bin",
    ANTHROPIC_API_KEY: "k",
    DATABASE_URL_OF_THEIR_APP: "kept",
  });
});

test("the configuration is frozen through and through", () => {
  const config = read({ TELEGRAM_BOT_TOKEN: token, TELEGRAM_ALLOWED_USERS: "1" });
  const all = [
    config,
    config.telegram,
    config.telegram?.users,
    config.web,
    config.claude,
    config.agentEnvironment,
    config.secrets,
  ];
  expect(all.map((part) => Object.isFrozen(part))).toEqual(all.map(() => true));
});

test("agents are configured by name, what is left out is what the program knows for the name, and their keys are secrets", () => {
  const key = "sk-0123456789abcdef";
  const config = read(
    {},
    {
      driver: "mine",
      agents: { gemini: {}, mine: { command: "agent", args: ["--acp"], env: { KEY: key, LEVEL: "1" } } },
    },
  );
  expect(config.agents).toEqual({
    gemini: { command: null, args: null, env: {} },
    mine: { command: "agent", args: ["--acp"], env: { KEY: key, LEVEL: "1" } },
  });
  expect(config.driver).toBe("mine");
  expect(config.secrets).toEqual([key]);
});

test("a wrong agent is refused without showing what may be a key", () => {
  expect(refusal({}, { agents: { mine: { env: { KEY: 5 } } } })).toMatch(/^"agents" in /);
  expect(refusal({}, { agents: { mine: { command: ["sk-secret"] } } })).not.toContain("sk-secret");
  expect(refusal({}, { agents: { claude: {} } })).toMatch(/^"agents" in /);
  expect(refusal({}, { agents: { "no name": {} } })).toMatch(/^"agents" in /);
});

const openAiKey = "sk-canary-0123456789abcdef";

test("speech to text is off until it is chosen, and a key that is there for others stays with them", () => {
  const config = read({ OPENAI_API_KEY: openAiKey, OPENAI_BASE_URL: "not for us" });
  expect(config.speech).toBeNull();
  expect(config.agentEnvironment).toMatchObject({ OPENAI_API_KEY: openAiKey, OPENAI_BASE_URL: "not for us" });
});

test("a service's key is a secret: for the log's scrubber, and not for agents (I13)", () => {
  const environment = { SIGNALBOX_TRANSCRIBE: "openai", OPENAI_API_KEY: openAiKey, PATH: "/bin" };
  const config = read(environment);
  expect(config.speech).toEqual({
    kind: "openai",
    apiKey: openAiKey,
    baseUrl: "https://api.openai.com/v1",
    model: "whisper-1",
  });
  expect(config.secrets).toEqual([openAiKey]);
  expect(config.agentEnvironment).toEqual({ PATH: "/bin" });
  expect(Object.isFrozen(config.speech)).toBe(true);
});

test("a server of one's own needs an address and no key; both can stand in the file", () => {
  const own = { SIGNALBOX_TRANSCRIBE: "openai", OPENAI_BASE_URL: "http://127.0.0.1:8000/v1" };
  expect(read({ ...own, SIGNALBOX_TRANSCRIBE_MODEL: "large-v3" }).speech).toEqual({
    kind: "openai",
    apiKey: null,
    baseUrl: "http://127.0.0.1:8000/v1",
    model: "large-v3",
  });
  const file = { transcribe: { with: "openai", apiKey: openAiKey } };
  expect(read({}, file)).toMatchObject({ speech: { apiKey: openAiKey }, secrets: [openAiKey] });
});

test.each<[string, Environment, unknown, object]>([
  [
    "a model's directory",
    { SIGNALBOX_TRANSCRIBE: "local", SIGNALBOX_TRANSCRIBE_MODEL: "~/models/../tiny", HOME: "/home/ada" },
    undefined,
    { kind: "local", directory: "/home/ada/tiny" },
  ],
  [
    "a command in words",
    {
      SIGNALBOX_TRANSCRIBE: "command",
      SIGNALBOX_TRANSCRIBE_COMMAND: "~/bin/hear  --to text {file}",
      HOME: "/home/ada",
    },
    undefined,
    { kind: "command", command: ["/home/ada/bin/hear", "--to", "text", "{file}"] },
  ],
  [
    "a command as an array",
    { SIGNALBOX_TRANSCRIBE: "command", SIGNALBOX_TRANSCRIBE_COMMAND: `["/opt/my tools/hear", "--in={file}"]` },
    undefined,
    { kind: "command", command: ["/opt/my tools/hear", "--in={file}"] },
  ],
  [
    "a command in the file",
    {},
    { transcribe: { with: "command", command: ["hear", "{file}"] } },
    { kind: "command", command: ["hear", "{file}"] },
  ],
])("%s is read as it is written", (_name, environment, file, speech) => {
  expect(read(environment, file).speech).toEqual(speech);
});

test.each<[Environment, RegExp]>([
  [{ SIGNALBOX_TRANSCRIBE: "whisper" }, /^SIGNALBOX_TRANSCRIBE is "whisper"; allowed: openai, local or command/],
  [
    { SIGNALBOX_TRANSCRIBE: "openai" },
    /^OPENAI_API_KEY is not set, but SIGNALBOX_TRANSCRIBE is "openai"\. Allowed: a key .* or OPENAI_BASE_URL/,
  ],
  [{ SIGNALBOX_TRANSCRIBE: "local" }, /^SIGNALBOX_TRANSCRIBE_MODEL is not set, but SIGNALBOX_TRANSCRIBE is "local"/],
  [{ SIGNALBOX_TRANSCRIBE: "command" }, /^SIGNALBOX_TRANSCRIBE_COMMAND is not set, but/],
  [
    { SIGNALBOX_TRANSCRIBE: "local", SIGNALBOX_TRANSCRIBE_MODEL: "whisper-1" },
    /^SIGNALBOX_TRANSCRIBE_MODEL is "whisper-1"; allowed: the directory of a model, as an absolute path/,
  ],
  [
    { SIGNALBOX_TRANSCRIBE: "openai", OPENAI_API_KEY: "my key" },
    /^OPENAI_API_KEY is a text of 6 characters \(not shown\); allowed/,
  ],
  [
    { SIGNALBOX_TRANSCRIBE: "openai", OPENAI_BASE_URL: "https://me:canary@x/v1" },
    /^OPENAI_BASE_URL is a text of \d+ characters \(not shown\); allowed: an http or https address/,
  ],
  [{ SIGNALBOX_TRANSCRIBE_COMMAND: "whisper --key canary" }, /^SIGNALBOX_TRANSCRIBE_COMMAND is a text .*with \{file\}/],
  [{ SIGNALBOX_TRANSCRIBE_COMMAND: `["whisper", "{file}"` }, /^SIGNALBOX_TRANSCRIBE_COMMAND is a text/],
  [{ SIGNALBOX_TRANSCRIBE_COMMAND: `["whisper", 5, "{file}"]` }, /^SIGNALBOX_TRANSCRIBE_COMMAND is a text/],
  [{ SIGNALBOX_TRANSCRIBE_MODELS: "/x" }, /Did you mean SIGNALBOX_TRANSCRIBE_MODEL\?/],
  [{ SIGNALBOX_TRANSCRIPE: "openai" }, /Did you mean SIGNALBOX_TRANSCRIBE\?/],
  [{ SIGNALBOX_TRANSCRIBE: openAiKey }, /^SIGNALBOX_TRANSCRIBE is "<key>"; allowed/],
])("wrong settings of speech to text are refused in one line without a secret: %o", (environment, message) => {
  expect(refusal(environment)).toMatch(message);
  expect(refusal(environment)).not.toMatch(/canary|\n/);
});

test("a wrong section of speech to text in the file does not show what may be a key", () => {
  expect(refusal({}, { transcribe: openAiKey })).toMatch(/^"transcribe" in .* is a text of 26 characters/);
  expect(refusal({}, { transcribe: { apiKey: [openAiKey] } })).toMatch(/^"transcribe.apiKey" in .* is of type object/);
  expect(refusal({}, { transcribe: { apikey: openAiKey } })).toMatch(
    /^"transcribe.apikey" .* Did you mean "transcribe.apiKey"\?/,
  );
});
