// What the agent asks, answered in the chat, with the real Claude Code (issue rows D13, D14, D15, V6; I3, I5, I7; T4, T5, T8; audit N-12).

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { MessageView } from "../emulator/chat-view.ts";
import type { Person } from "../emulator/people.ts";
import { type Script, scripted } from "../model/script.ts";
import { botTexts, labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude", env: { SIGNALBOX_PERMISSIONS: "ask" } });

const bash = (command: string) => ({ tool: "Bash", input: { command, description: "test" } });

/** Names in the shared workspace that no other test uses. */
const own = (person: Person, name: string) => `${person.id}-${name}`;
const isThere = ({ home }: Scene, name: string) => existsSync(join(home.workspace, name));

/** The agent works until it asks: the card, with its buttons. */
async function asked(scene: Scene, person: Person, script: Script, title: string): Promise<MessageView> {
  person.sends(scripted(script));
  return scene.said(person, title);
}

/** What the card says once it is closed. */
async function closed(scene: Scene, person: Person, card: MessageView, word: string): Promise<string> {
  return scene.bridge.until(() => {
    const now = person.chat().message(card.id);
    return now?.buttons.length === 0 && now.text.startsWith(word) && now.text;
  }, `the card to say ${word}`);
}

/** What the agent's model was told last. */
const heard = ({ model }: Scene) => JSON.stringify(model.requests.at(-1)?.body.messages);

/** The block in which something is shown, character by character. */
function blocks({ text, entities }: MessageView): string[] {
  return entities.flatMap(({ type, offset, length }) => (type === "pre" ? [text.slice(offset, offset + length)] : []));
}

test("a command is shown exactly, nothing of it runs before, and Allow once runs it", async ({ scene, person }) => {
  const file = own(person, "once");
  const command = `printf 'a  \u202Eb' > ${file}\nls -la ${file}`;
  const card = await asked(scene, person, [[bash(command)], ["done"]], "Run this command?");
  expect(blocks(card)).toEqual([`printf 'a  \u27E8U+202E\u27E9b' > ${file}\nls -la ${file}`]);
  expect(card.text).toContain(`in ${scene.home.workspace}`);
  expect(labels(card)).toEqual([["Allow once", "Allow for this session"], ["Deny"]]);
  await scene.said(person, "Waiting for your answer");
  expect(isThere(scene, file)).toBe(false);
  expect((await person.taps("Allow once")).text).toBe("Allowed.");
  await scene.answered(person, "done");
  expect(await closed(scene, person, card, "✔ Allowed once")).toContain(file);
  expect(readFileSync(join(scene.home.workspace, file), "utf8")).toBe("a  \u202Eb");
});

test("of a long command the beginning and the end are shown, and a file has the whole before the buttons", async ({
  scene,
  person,
}) => {
  const file = own(person, "long");
  // Beyond what a card shows, within what a prompt carries.
  const command = `${Array.from({ length: 180 }, (_, word) => `: part ${word} of it;`).join(" ")} touch ${file}`;
  const card = await asked(scene, person, [[bash(command)], ["done"]], "Run this command?");
  const [head = "", tail = ""] = blocks(card);
  expect(command.startsWith(head) && command.endsWith(tail)).toBe(true);
  expect(card.text).toContain(`${command.length - head.length - tail.length} characters not shown`);
  const whole = person.chat().fromBot.find(({ document }) => document !== undefined);
  expect(whole?.id).toBeLessThan(card.id);
  expect([whole?.document?.name, Buffer.from(whole?.document?.bytes ?? "").toString()]).toEqual([
    "command.txt",
    command,
  ]);
  await person.taps("Allow once");
  await scene.answered(person, "done");
  expect(isThere(scene, file)).toBe(true);
});

test("an edit is shown as what it changes, and made when it is allowed", async ({ scene, person }) => {
  const name = own(person, "edit.txt");
  const path = join(scene.home.workspace, name);
  writeFileSync(path, "one\ntwo\nthree\n");
  const edit = { tool: "Edit", input: { file_path: path, old_string: "two", new_string: "zwei" } };
  const card = await asked(
    scene,
    person,
    [[{ tool: "Read", input: { file_path: path } }], [edit], ["done"]],
    "Make this edit?",
  );
  expect(card.text).toContain(name);
  expect(blocks(card)).toEqual([expect.stringContaining("-two\n+zwei")]);
  expect(readFileSync(path, "utf8")).toContain("two");
  await person.taps("Allow once");
  await scene.answered(person, "done");
  expect(readFileSync(path, "utf8")).toContain("zwei");
});

test("Deny with a reason, by a reply: the agent hears it, and nothing was run", async ({ scene, person }) => {
  const file = own(person, "denied");
  const card = await asked(scene, person, [[bash(`touch ${file}`)], ["understood"]], "Run this command?");
  person.sends("use the staging directory", { replyTo: card.id });
  await scene.answered(person, "understood");
  expect(await closed(scene, person, card, "✖ Denied")).toContain("Denied: use the staging directory");
  expect(heard(scene)).toContain("use the staging directory");
  expect(isThere(scene, file)).toBe(false);
  expect(scene.timesAsked("use the staging directory")).toBe(0);
});

test("a stop while something is asked ends the run; the card closes, and its button does nothing any more", async ({
  scene,
  person,
}) => {
  const file = own(person, "stopped");
  const card = await asked(scene, person, [[bash(`touch ${file}`)], ["never said"]], "Run this command?");
  person.sends("/stop");
  await scene.said(person, "Stopped.");
  await closed(scene, person, card, "✖ Withdrawn");
  const late = await person.taps("Allow once", { stale: true, message: card.id });
  expect(late.text).toBe("The agent does not ask this any more.");
  person.sends("hello");
  await scene.answered(person, "echo: hello");
  expect(isThere(scene, file)).toBe(false);
  expect(botTexts(person, /never said/)).toEqual([]);
});

const question = (text: string, options: readonly string[], multiSelect = false) => ({
  ...{ question: text, header: text.split(" ")[0] ?? "", multiSelect },
  options: options.map((label) => ({ label, description: `about ${label}` })),
});

test("questions are answered by an option, by ticking several, and in own words", async ({ scene, person }) => {
  const questions = [
    question("Database to use?", ["Postgres", "SQLite"]),
    question("Checks to run?", ["lint", "types", "tests"], true),
    question("Name of it?", ["alpha", "beta"]),
  ];
  const card = await asked(
    scene,
    person,
    [[{ tool: "AskUserQuestion", input: { questions } }], ["I see."]],
    "Database to use?",
  );
  expect(labels(card)).toEqual([["Postgres"], ["SQLite"]]);
  expect((await person.taps("SQLite")).text).toBe("Next question.");
  const now = () => person.chat().message(card.id);
  await scene.bridge.until(() => now()?.text.includes("Checks to run?"), "the second question");
  await person.taps("☐ types");
  await scene.bridge.until(() => labels(now()!).flat().includes("☑ types"), "the first tick");
  await person.taps("☐ lint");
  await scene.bridge.until(() => labels(now()!).flat().includes("☑ lint"), "the second tick");
  await person.taps("Done");
  await scene.bridge.until(() => now()?.text.includes("Name of it?"), "the third question");
  person.sends("call it gamma", { replyTo: card.id });
  await scene.answered(person, "I see.");
  expect(heard(scene)).toContain(
    String.raw`\"Database to use?\"=\"SQLite\", \"Checks to run?\"=\"types, lint\", \"Name of it?\"=\"call it gamma\"`,
  );
  expect(await closed(scene, person, card, "✔")).toBe(
    "✔ Database: SQLite\n✔ Checks: types, lint\n✔ Name: call it gamma",
  );
});

test("a plan is shown as it is formatted, and carried out when it is taken", async ({ scene, person }) => {
  const file = own(person, "planned");
  person.sends("/permissions plan");
  await scene.said(person, "From now on");
  const write = { tool: "Write", input: { file_path: join(scene.home.workspace, file), content: "x" } };
  const plan = "# Plan\n\n1. Write **it**.";
  const card = await asked(
    scene,
    person,
    [[plan, { tool: "ExitPlanMode", input: {} }], [write], ["done"]],
    "Carry out this plan?",
  );
  expect(card.entities).toContainEqual(
    expect.objectContaining({ type: "bold", offset: card.text.indexOf("it."), length: 2 }),
  );
  expect(isThere(scene, file)).toBe(false);
  await person.taps("Go, edit freely");
  await scene.answered(person, "done");
  expect(isThere(scene, file)).toBe(true);
  await closed(scene, person, card, "✔ Go, editing freely");
});

test("a double tap answers once", async ({ scene, person }) => {
  const file = own(person, "twice");
  await asked(scene, person, [[bash(`echo x >> ${file}`)], ["done"]], "Run this command?");
  const taps = ["Allow once", "Allow once"].map((label) => person.taps(label));
  expect((await Promise.all(taps)).map(({ text }) => text)).toEqual(["Allowed.", "Already done."]);
  await scene.answered(person, "done");
  expect(readFileSync(join(scene.home.workspace, file), "utf8")).toBe("x\n");
});

test("a stranger's tap and a stranger's reply answer nothing (T4)", async ({ scene, person }) => {
  const stranger = scene.stranger();
  const file = own(person, "group");
  const group = scene.emulator.group({ title: `Team of ${person.id}`, members: [person, stranger] });
  const chat = { chat: group.id };
  const prompt = scripted([[bash(`touch ${file}`)], ["done in the group"]]);
  person.sends(`@${scene.emulator.me.username} ${prompt}`, chat);
  const card = await scene.bridge.until(() => scene.emulator.chat(group.id).find("Run this command?"), "the card");
  expect((await stranger.taps("Allow once", chat)).text).toBe("This bot is private.");
  stranger.sends("yes, do it", { ...chat, replyTo: card.id });
  expect((await stranger.taps("Deny", chat)).text).toBe("This bot is private.");
  expect(labels(scene.emulator.chat(group.id).message(card.id)!)).toEqual(labels(card));
  expect(isThere(scene, file)).toBe(false);
  expect((await person.taps("Allow once", chat)).text).toBe("Allowed.");
  await scene.bridge.until(() => scene.emulator.chat(group.id).find(/^done in the group$/), "the answer");
  expect(isThere(scene, file)).toBe(true);
});

test("files of the workspace are sent, secrets are not (V6, T8)", async ({ scene, person }) => {
  const name = own(person, "report.csv");
  writeFileSync(join(scene.home.workspace, name), "a;b\n1;2\n");
  writeFileSync(join(scene.home.workspace, "shot.png"), Buffer.from("89504e470d0a1a0a", "hex"));
  writeFileSync(join(scene.home.workspace, ".env"), "KEY=canary");
  const send = (path: string) => ({ tool: "mcp__signalbox__send_file", input: { path, caption: "The numbers" } });
  person.sends(scripted([[send(name)], [send("shot.png")], [send(".env")], [send("../outside.txt")], ["sent"]]));
  await scene.answered(person, "sent");
  await scene.delivered();
  const files = person.chat().fromBot.filter(({ document }) => document !== undefined);
  expect(files.map(({ text, document }) => [text, document?.name])).toEqual([["The numbers", name]]);
  expect(Buffer.from(files[0]?.document?.bytes ?? "").toString()).toBe("a;b\n1;2\n");
  expect(person.chat().fromBot.filter(({ photo }) => photo)).toHaveLength(1);
  expect(heard(scene)).toContain("Its name says that it may hold a secret. It was not sent.");
  expect(heard(scene)).not.toContain("canary");
});

test("a crash while something is asked: the card says that it expired, and Run again asks again", async ({
  scene,
  person,
}) => {
  const file = own(person, "crash");
  const card = await asked(scene, person, [[bash(`touch ${file}`)], ["done"]], "Run this command?");
  await scene.delivered();
  await scene.bridge.kill();
  await scene.start();
  await scene.said(person, "This run was interrupted");
  await closed(scene, person, card, "\u231B Expired");
  expect((await person.taps("Allow once", { stale: true, message: card.id })).text).toBe(
    "The run that asked is over. Nothing was done.",
  );
  expect(isThere(scene, file)).toBe(false);
  expect((await person.taps("Run again")).text).toBe("Queued again.");
  const again = await scene.said(person, "Run this command?", { after: card });
  expect(again.id).toBeGreaterThan(card.id);
  await person.taps("Allow once", { message: again.id });
  await scene.answered(person, "done");
  expect(isThere(scene, file)).toBe(true);
});

test("a file that the person sent is read without asking, and no other (M7)", async ({ scene, person }) => {
  person.sendsDocument("plan.txt", Buffer.from("paint the shed"), { caption: "keep this plan in mind" });
  await scene.answered(person, /^echo: keep this plan in mind/);
  const { prompt } = scene.model.requests.findLast((request) => request.prompt.startsWith("keep this plan")) ?? {};
  const path = /^- (.*\/plan\.txt) /m.exec(prompt ?? "")?.[1] ?? "";
  person.sends(scripted([[{ tool: "Read", input: { file_path: path } }], ["I have read it"]]));
  await scene.answered(person, "I have read it");
  expect(heard(scene)).toContain("paint the shed");
  person.sends(scripted([[{ tool: "Read", input: { file_path: "/etc/hostname" } }], ["I was not let"]]));
  await scene.said(person, "/etc/hostname");
  await person.taps("Deny");
  await scene.answered(person, "I was not let");
});
