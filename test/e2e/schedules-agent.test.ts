// Schedules with the real Claude Code (issue 6: K3, K5, D17; T16). What a person sees of them in the chat: schedules.test.ts.

import { expect } from "vitest";
import { type Script, scripted } from "../model/script.ts";
import { botTexts, isLive, labels } from "./look.ts";
import { openDatabase } from "./house-rules.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude", env: { SIGNALBOX_PERMISSIONS: "ask" } });

const tellsMemory: Script = [[{ tell: "earlier answers" }]];

/** The sessions that the agent's runs resumed or began, by conversation. */
function sessions({ home }: Scene): readonly { readonly conversation: string; readonly sessions: number }[] {
  using database = openDatabase(home);
  const rows = database?.prepare(
    "SELECT conversation, count(DISTINCT session) AS sessions FROM run GROUP BY conversation ORDER BY conversation",
  );
  return (rows?.all() ?? []).map((row) => ({
    conversation: String(row["conversation"]),
    sessions: Number(row["sessions"]),
  }));
}

test("a scheduled prompt has a session of its own, which its second time resumes; the person's does not know of it", async ({
  scene,
  person,
}) => {
  person.sends("my colour is teal");
  await scene.answered(person, "echo: my colour is teal");
  person.sends(`/cron add --name job in 1s ${scripted(tellsMemory)}`);
  await scene.said(person, "Scheduled as job");
  const first = await scene.answered(person, "⏰ job\n0 earlier answers", { withinMs: 30_000 });
  person.sends("/cron run job");
  await scene.answered(person, "⏰ job\n1 earlier answers", { after: first, withinMs: 30_000 });
  person.sends(scripted(tellsMemory));
  await scene.answered(person, "1 earlier answers", { withinMs: 30_000 });
  const told = scene.model.requests.filter(({ prompt }) => prompt.includes('(A scheduled run: "job"'));
  expect(told).toHaveLength(2);
  expect(JSON.stringify(told.map(({ body }) => body.messages))).not.toContain("teal");
  const own = sessions(scene).filter(({ conversation }) => conversation.startsWith(`telegram:${person.chatId}`));
  expect(own).toEqual([
    { conversation: `telegram:${person.chatId}`, sessions: 1 },
    { conversation: `telegram:${person.chatId}~job`, sessions: 1 },
  ]);
});

test("the agent's tool makes a schedule once the person allows it, and not when they deny it", async ({
  scene,
  person,
}) => {
  const use = (name: string) => ({
    tool: "mcp__signalbox__schedule",
    input: { action: "add", when: "in 2s", text: `Remember ${name}`, name },
  });
  person.sends(scripted([[use("denied")], ["as you wish"]]));
  const refused = await scene.said(person, "denied", { withinMs: 30_000 });
  expect(labels(refused)).toEqual([["Allow once"], ["Deny"]]);
  expect(refused.text).toContain("in 2s");
  await person.taps("Deny", { message: refused.id });
  await scene.answered(person, "as you wish");
  person.sends(scripted([[use("allowed")], ["it is arranged"]]));
  const card = await scene.said(person, "allowed", { after: refused });
  await person.taps("Allow once", { message: card.id });
  await scene.answered(person, "it is arranged");
  await scene.answered(person, /^⏰ allowed\necho: [^]*Remember allowed/, { withinMs: 30_000 });
  person.sends("/cron");
  expect((await scene.said(person, "1 schedule:")).text).toContain("allowed");
  expect(botTexts(person, /Remember denied/).filter((text) => text.startsWith("⏰"))).toEqual([]);
});

test("of a silent job the chat shows what its agent says by notify, under its name, and nothing else", async ({
  scene,
  person,
}) => {
  const notify = { tool: "mcp__signalbox__notify", input: { text: "The certificate ends tomorrow" } };
  person.sends(`/cron add --silent --name watch in 1s ${scripted([[notify], ["I looked and told"]])}`);
  const added = await scene.said(person, "Scheduled as watch");
  expect(added.text).toContain("Silent: you see only what the agent notifies you of");
  const told = await scene.said(person, "The certificate ends tomorrow", { after: added, withinMs: 30_000 });
  expect(told.text).toMatch(/^⏰ watch\n/);
  // Its end is seen in the database alone: nothing of it reaches the chat.
  const end = (): unknown => {
    using database = openDatabase(scene.home);
    return database?.prepare("SELECT 1 FROM run WHERE conversation LIKE '%~watch' AND state = 'settled'").get();
  };
  await expect.poll(end, { timeout: 30_000 }).toBeDefined();
  await scene.delivered();
  const after = person.chat().fromBot.filter(({ id }) => id > added.id);
  expect(after.map(({ text }) => text)).toEqual([told.text]);
  expect(after.some(isLive)).toBe(false);
});

test("a scheduled run asks before it acts, under its name, whatever the chat allows; the answer is for it alone", async ({
  scene,
  person,
}) => {
  person.sends("/permissions bypass");
  await scene.said(person, /bypass/);
  const bash = { tool: "Bash", input: { command: `touch ${person.id}-scheduled`, description: "test" } };
  person.sends(`/cron add --mode ask --name job in 1s ${scripted([[bash], ["touched"]])}`);
  await scene.said(person, "Scheduled as job");
  const card = await scene.said(person, "Run this command?", { withinMs: 30_000 });
  expect(card.text).toMatch(/^⏰ job\n/);
  await person.taps("Allow once", { message: card.id });
  await scene.answered(person, "⏰ job\ntouched", { withinMs: 30_000 });
});
