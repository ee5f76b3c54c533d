/**
 * The states of the page that tests check and that pictures are taken of, each brought about in the fake engine as it comes
 * about in the real one: by messages, events and proof.
 */
import { type ConversationId, telegramConversation, webConversation } from "../../src/domain/conversation.ts";
import type { Command, InboxItem, ItemKey } from "../../src/domain/inbox-item.ts";
import { readText } from "../../src/domain/typed-text.ts";
import type { WebKit } from "../../src/web/web.test-kit.ts";

export const website = webConversation("website");
export const reports = telegramConversation(4_242, null);
const notes = webConversation("notes");

let keys = 0;

async function write(kit: WebKit, conversation: ConversationId, text: string, workspace?: string): Promise<void> {
  keys += 1;
  const item: InboxItem = {
    key: `web:scene-${keys}-key` as ItemKey,
    conversation,
    user: "web",
    message: null,
    priority: "interactive",
    request: readText(text),
    sentAtMs: kit.clock.now(),
  };
  await kit.engine.accept([item], ...(workspace === undefined ? [] : [{ workspace }]));
  kit.clock.advance(1_000);
}

async function command(kit: WebKit, conversation: ConversationId, command: Command): Promise<void> {
  keys += 1;
  const request = { kind: "command", command } as const;
  const base = { user: "web", message: null, priority: "interactive", sentAtMs: kit.clock.now() } as const;
  await kit.engine.accept([{ key: `web:scene-${keys}-key` as ItemKey, conversation, request, ...base }]);
  kit.clock.advance(1_000);
}

function tool(kit: WebKit, conversation: ConversationId, id: string, name: string, target: string): void {
  kit.engine.event(conversation, { kind: "tool-started", tool: { id, name, target } });
  kit.clock.advance(2_000);
}

function toolDone(kit: WebKit, conversation: ConversationId, id: string, ok = true): void {
  kit.engine.event(conversation, { kind: "tool-ended", id, ok });
}

const answer = `The build was slow because **every page re-parsed the whole changelog**. I moved the parsing into one step and cached its result.

| step | before | after |
|---|---:|---:|
| parse changelog | 41.2 s | 0.9 s |
| render pages | 6.3 s | 6.1 s |
| **whole build** | **52 s** | **11 s** |

What changed:

1. \`scripts/changelog.ts\` parses once and writes \`.cache/changelog.json\`.
2. \`src/pages/release.ts\` reads that file:

\`\`\`ts
const releases = await readJson<Release[]>(".cache/changelog.json");
export const pages = releases.map((release) => renderRelease(release));
\`\`\`

- [x] all 214 tests pass
- [ ] the cache is not yet cleared by \`npm run clean\`; say the word and I add it
`;

/** A conversation with a past, and one running beside it in Telegram. */
export async function past(kit: WebKit): Promise<void> {
  await write(kit, reports, "Collect last week's error reports and group them by cause", "/home/ada/reports");
  tool(kit, reports, "r1", "Read", "logs/2026-11-16.jsonl");
  await write(
    kit,
    website,
    "The build takes almost a minute. Find out why and make it faster.",
    "/home/ada/projects/website",
  );
  tool(kit, website, "t1", "Bash", "npm run build -- --profile");
  toolDone(kit, website, "t1");
  tool(kit, website, "t2", "Read", "scripts/changelog.ts");
  toolDone(kit, website, "t2");
  tool(kit, website, "t3", "Edit", "src/pages/release.ts");
  toolDone(kit, website, "t3");
  tool(kit, website, "t4", "Bash", "npm test");
  toolDone(kit, website, "t4");
  const usage = {
    inputTokens: 8_200,
    outputTokens: 1_930,
    cacheReadTokens: 31_400,
    cacheWriteTokens: 0,
    costUsd: null,
  };
  kit.engine.event(website, { kind: "usage", usage });
  kit.clock.advance(38_000);
  kit.engine.settle(website, { kind: "completed", answer });
  kit.clock.advance(60_000);
}

export async function streaming(kit: WebKit): Promise<void> {
  await past(kit);
  await write(kit, website, "Good. Clear the cache in npm run clean as well, and check that CI does not rely on it.");
  tool(kit, website, "u1", "Read", "package.json");
  toolDone(kit, website, "u1");
  tool(kit, website, "u2", "Grep", ".cache in .github/workflows");
  toolDone(kit, website, "u2");
  tool(kit, website, "u3", "Edit", "package.json");
  toolDone(kit, website, "u3");
  const usage = { inputTokens: 3_100, outputTokens: 640, cacheReadTokens: 12_000, cacheWriteTokens: 0, costUsd: null };
  kit.engine.event(website, { kind: "usage", usage });
  kit.clock.advance(9_000);
  const text =
    "`npm run clean` now removes `.cache` too. CI restores `node_modules` only, so it never relied on the cache; I am adding a test that";
  kit.engine.event(website, { kind: "text", delta: text });
}

export async function running(kit: WebKit): Promise<void> {
  await past(kit);
  await write(kit, website, "Run the whole test suite three times and tell me which tests are flaky.");
  tool(kit, website, "v1", "Bash", "npm test -- --reporter=json --outputFile=/tmp/run-1.json");
  toolDone(kit, website, "v1");
  tool(kit, website, "v2", "Bash", "npm test -- --reporter=json --outputFile=/tmp/run-2.json");
  toolDone(kit, website, "v2", false);
  tool(kit, website, "v3", "Bash", "npm test -- --reporter=json --outputFile=/tmp/run-3.json");
  kit.clock.advance(74_000);
}

export async function queued(kit: WebKit): Promise<void> {
  await running(kit);
  await write(kit, notes, "Summarise the open questions of this project", "/home/ada/projects/website");
  await write(kit, website, "Then fix the flakiest one.");
  await write(kit, website, "And write a short note for the team about what was wrong, in plain words.");
}

export async function stopping(kit: WebKit): Promise<void> {
  await queued(kit);
  await command(kit, website, { name: "stop", scope: "conversation" });
}

export async function stopped(kit: WebKit): Promise<void> {
  await stopping(kit);
  kit.engine.settle(website, { kind: "interrupted" });
}

export async function quarantined(kit: WebKit): Promise<void> {
  await past(kit);
  await write(kit, website, "Start the old import job and watch it.");
  tool(kit, website, "w1", "Bash", "./import.sh --all");
  await command(kit, website, { name: "stop", scope: "conversation" });
  const processes = [{ pid: 48_211, startTime: "1", command: "import.sh --all" }];
  kit.engine.quarantine(website, { processes, note: "" });
}

export async function failed(kit: WebKit): Promise<void> {
  await past(kit);
  await write(kit, website, "Now translate the release notes into German.");
  kit.engine.event(website, { kind: "text", delta: "I begin with the newest release:" });
  const remedy = "Run `claude` in a terminal on this machine and log in.";
  kit.engine.settle(website, { kind: "failed", fault: { kind: "agent-not-logged-in", agent: "Claude Code", remedy } });
}

export async function interrupted(kit: WebKit): Promise<void> {
  await past(kit);
  await write(kit, website, "Rename the module and update every import.");
  tool(kit, website, "x1", "Edit", "src/releases/index.ts");
  kit.engine.crash(website);
}
