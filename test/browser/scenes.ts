/**
 * The states of the page that tests check and that pictures are taken of, each brought about in the fake engine as it comes
 * about in the real one: by messages, events and proof.
 */
import type { Ask, AskId } from "../../src/domain/ask.ts";
import { type ConversationId, telegramConversation, webConversation } from "../../src/domain/conversation.ts";
import type { ButtonId } from "../../src/domain/button.ts";
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

// ---------------------------------------------------------------- what the agent asks

export const commandAsk: Ask = {
  kind: "approval",
  action: {
    kind: "command",
    command:
      "git push --force-with-lease origin release/2026-11 && ssh deploy@staging.example.org 'cd /srv/website && ./deploy.sh --build-from release/2026-11 --keep-previous 3' && curl --fail --silent https://staging.example.org/healthz",
    directory: "/home/ada/projects/website",
  },
  reason: "The release branch was rebuilt, so the staging server needs the new commits.",
  scopes: ["once", "session"],
};

/** It seems to list a directory, and ends in something else. */
export const hidingAsk: Ask = {
  kind: "approval",
  action: { kind: "command", command: "ls -la \u202E# fr- mr\u202C\u200B; rm -rf ~", directory: null },
  reason: null,
  scopes: ["once"],
};

const edit = `@@ -12,7 +12,9 @@ export function renderRelease(release: Release): string {
   const title = escapeHtml(release.title);
-  const notes = parseChangelog(readFileSync("CHANGELOG.md", "utf8")).find((entry) => entry.version === release.version);
-  return layout(title, notes);
+  const notes = release.notes;
+  if (notes === null) return layout(title, "No notes.");
+
+  return layout(title, renderMarkdown(notes));
 }
 
 export function renderFeed(releases: readonly Release[]): string {`;

export const editAsk: Ask = {
  kind: "approval",
  action: {
    kind: "edit",
    files: [
      { path: "src/pages/release.ts", diff: edit },
      {
        path: "package.json",
        diff: '@@ -8,3 +8,3 @@\n   "scripts": {\n-    "clean": "rm -rf dist"\n+    "clean": "rm -rf dist .cache"\n   },',
      },
    ],
  },
  reason: null,
  scopes: ["once", "session"],
};

export const toolAsk: Ask & { kind: "approval" } = {
  kind: "approval",
  action: {
    kind: "tool",
    name: "mcp__tracker__create_issue",
    input: JSON.stringify({ project: "WEB", title: "Flaky: feed.test.ts", labels: ["test", "flaky"] }, null, 2),
  },
  reason: null,
  scopes: ["once", "session"],
};

export const planAsk: Ask = {
  kind: "plan",
  plan: `## Move the changelog into a build step

1. \`scripts/changelog.ts\` parses **once** and writes \`.cache/changelog.json\`.
2. \`src/pages/release.ts\` reads that file.
3. \`npm run clean\` removes the cache.

Nothing else changes. The tests of the feed stay as they are.`,
};

export const questionsAsk: Ask = {
  kind: "questions",
  questions: [
    {
      header: "Database",
      text: "Which database should the new service use?",
      options: [
        { label: "PostgreSQL", description: "Runs already on the server; one more schema." },
        { label: "SQLite", description: "One file, no server, one writer at a time." },
      ],
      choice: "one",
      takesText: true,
    },
    {
      header: "Tests",
      text: "Which tests shall run before each deployment?",
      options: [
        { label: "Unit", description: "8 s" },
        { label: "Browser", description: "2 min" },
        { label: "Load", description: "10 min, needs the staging server" },
      ],
      choice: "many",
      takesText: true,
    },
    { header: "", text: "What should the service be called?", options: [], choice: "one", takesText: true },
  ],
};

/** A run in the middle of its work asks. */
export async function asking(kit: WebKit, ask: Ask = commandAsk): Promise<AskId> {
  await past(kit);
  await write(kit, website, "Good. Now bring it to the staging server.");
  tool(kit, website, "y1", "Bash", "npm run build");
  toolDone(kit, website, "y1");
  tool(kit, website, "y2", "Bash", "git push --force-with-lease origin release/2026-11");
  kit.engine.event(website, { kind: "context", usedTokens: 61_400, windowTokens: 200_000 });
  kit.clock.advance(3_000);
  return kit.engine.ask(website, ask);
}

const answered = async (kit: WebKit, id: AskId, text: string): Promise<void> => {
  keys += 1;
  const request = { kind: "answer", ask: id, text } as const;
  const base = { user: "web", message: null, priority: "interactive", sentAtMs: kit.clock.now() } as const;
  await kit.engine.accept([{ key: `web:scene-${keys}-key` as ItemKey, conversation: website, request, ...base }]);
  kit.clock.advance(1_000);
};

/** The second of three questions, with something chosen. */
export async function askingMany(kit: WebKit): Promise<void> {
  const id = await asking(kit, questionsAsk);
  await answered(kit, id, "PostgreSQL");
  const [row] = (await kit.engine.history.messages(website, 1)).flatMap(({ body }) =>
    body.kind === "ask" ? [body] : [],
  );
  await press(kit, row?.buttons[0]?.[0]?.id ?? "");
}

async function press(kit: WebKit, button: string): Promise<void> {
  keys += 1;
  const request = { kind: "press", button: button as ButtonId } as const;
  const base = { user: "web", message: null, priority: "interactive", sentAtMs: kit.clock.now() } as const;
  await kit.engine.accept([{ key: `web:scene-${keys}-key` as ItemKey, conversation: website, request, ...base }]);
}

/** Everything that can come of an ask, in one conversation. */
export async function closedAsks(kit: WebKit): Promise<void> {
  const denied = await asking(kit, commandAsk);
  await answered(kit, denied, "Not on a Friday. Prepare the branch only, and tell me what would be deployed.");
  const allowed = kit.engine.ask(website, toolAsk);
  const [row] = (await kit.engine.history.messages(website, 1)).flatMap(({ body }) =>
    body.kind === "ask" ? [body] : [],
  );
  await press(kit, row?.buttons[0]?.[0]?.id ?? "");
  void allowed;
  const questions = kit.engine.ask(website, questionsAsk);
  for (const text of ["SQLite", "Unit", "Semaphore"]) await answered(kit, questions, text);
  kit.engine.closeAsk(kit.engine.ask(website, planAsk), { kind: "withdrawn" });
  kit.engine.closeAsk(kit.engine.ask(website, hidingAsk), { kind: "late" });
  kit.engine.ask(website, editAsk);
  kit.engine.event(website, { kind: "tool-ended", id: "y2", ok: false });
  kit.engine.crash(website);
}

const turnDiff = `diff --git a/src/pages/release.ts b/src/pages/release.ts
index 3f1c2aa..9b2e771 100644
--- a/src/pages/release.ts
+++ b/src/pages/release.ts
${edit}
diff --git a/scripts/changelog.ts b/scripts/changelog.ts
new file mode 100644
--- /dev/null
+++ b/scripts/changelog.ts
@@ -0,0 +1,4 @@
+import { readFile, writeFile } from "node:fs/promises";
+
+const entries = parse(await readFile("CHANGELOG.md", "utf8"));
+await writeFile(".cache/changelog.json", JSON.stringify(entries));
`;

/** A run that has changed files, with a memory that is nearly full. */
export async function changing(kit: WebKit): Promise<void> {
  await streaming(kit);
  kit.engine.event(website, { kind: "diff", diff: turnDiff });
  kit.engine.event(website, { kind: "context", usedTokens: 171_200, windowTokens: 200_000 });
}

/** The same, done, with two files sent. */
export async function changed(kit: WebKit): Promise<void> {
  await changing(kit);
  kit.engine.sendFile(
    website,
    { id: "file-1", name: "build-profile.html", bytes: 284_113 },
    "The profile of the slow build",
  );
  kit.engine.sendFile(
    website,
    { id: "file-2", name: "a very long name of a picture that an agent made of the page.png", bytes: 912 },
    null,
  );
  kit.clock.advance(4_000);
  kit.engine.settle(website, { kind: "completed", answer: "Done: `npm run clean` removes the cache." });
}

/** The lists that one chooses from. */
export async function choices(kit: WebKit): Promise<void> {
  await past(kit);
  await command(kit, website, { name: "resume", search: null });
  await command(kit, website, { name: "model", choice: null });
  await command(kit, website, { name: "switch", driver: null });
  await command(kit, website, { name: "permissions", mode: null });
  await command(kit, website, { name: "permissions", mode: "edit" });
  kit.engine.say(website, { kind: "from-agent", text: "The long import has finished; I go on with the report." });
  kit.engine.say(website, { kind: "session-held", title: "Faster builds" }, [
    { kind: "fork", driver: "claude", resume: "8c1f", title: "Faster builds" },
  ]);
}
