// T17: a stop at any point of a turn of the real Claude Code ends it, leaves no process, and nothing of the turn is drawn afterwards (I2, I8).
//
// Where each stop falls is drawn from a seed (E2E_SEED=n for another one) and reached by gates of the model and holds of Telegram, never by
// waiting. That nothing is drawn afterwards is checked over the whole journal when the scene ends (house-rules.ts).

import { expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import { scripted, type Step } from "../model/script.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";
import type { ShellChild } from "./shell-child.ts";

const test = sceneTest({ driver: "claude" });

const seed = Number(process.env["E2E_SEED"] ?? 17);
const stopsPerTest = 9;
const tests = 4;

const points = [
  "in the same breath as the message",
  "while the model is silent",
  "while it thinks",
  "while it writes",
  "before the tool",
  "in the tool",
  "after the tool",
  "while it writes the answer",
  "while the status message is on its way",
  "while an edit of the status is on its way",
] as const;
type Point = (typeof points)[number];

const ways = ["/stop", "stop", "!", "the button", "!and go on"] as const;
/** The stops go round among them: Telegram lets one message a second into a chat, and a stop is told in four. */
const peopleMax = 8;

/** When what the turn waits for comes: before the stop is sent, with it, or after it was told. */
const releases = ["before", "with", "after"] as const;

type Draw = { readonly point: Point; readonly way: (typeof ways)[number]; readonly release: (typeof releases)[number] };

for (let n = 0; n < tests; n += 1) {
  test(`stops ${n * stopsPerTest + 1} to ${(n + 1) * stopsPerTest} of seed ${seed}`, async ({ scene }) => {
    const random = createRandom(seed * 1_000 + n);
    for (let stop = n * stopsPerTest; stop < (n + 1) * stopsPerTest; stop += 1) {
      // Every point comes up at least three times; the rest is chance.
      const point = points[stop % points.length] ?? points[0];
      const draw: Draw = { point, way: pick(ways, random), release: pick(releases, random) };
      const person = scene.emulator.people[1 + (stop % peopleMax)];
      if (person === undefined) throw new Error("a scene has more people than that");
      try {
        await stopOnce(scene, person, draw, `stop ${stop}`);
      } catch (error) {
        throw new Error(`stop ${stop + 1} of seed ${seed}: ${JSON.stringify(draw)}`, { cause: error });
      }
    }
    scene.emulator.journal.assertClean();
  });
}

async function stopOnce(scene: Scene, person: Person, { point, way, release }: Draw, name: string): Promise<void> {
  const child = point === "in the tool" ? scene.child() : null;
  const letGo = await turnAt(scene, person, point, name, child);
  if (release === "before") letGo();
  const asked = await ask(person, way);
  // What is held on its way to the chat holds what follows in that chat, the word of the stop as well.
  if (release === "with" || point.endsWith("on its way")) letGo();
  const end = await scene.bridge.until(
    () => {
      const said = person.chat().fromBot.find(({ id, text }) => id > asked && endOfStop.test(text));
      return said && { said, childIsAlive: child?.isAlive() ?? false };
    },
    "the end of the stop",
    20_000,
  );
  letGo();
  expect(end.childIsAlive).toBe(false);
  // The stop came before the turn began: its message waits for the person's decision.
  if (end.said.text.includes("on hold")) await person.taps("Discard", { message: end.said.id });
  if (person.chat().messages.some(({ id, text }) => id > asked && text === "!and go on"))
    await scene.answered(person, "echo: and go on", { after: { id: asked } });
  await scene.delivered();
  const left = (await scene.home.processes()).filter((one) => /^(sleep|sh|bash|zsh)$/.test(one.name));
  expect(left).toEqual([]);
}

/** Also where the turn was over in that moment, or had not begun. */
const endOfStop = /^(Stopped\.|Nothing to stop|1 message on hold)/;

/** Starts a turn and resolves when it stands at the point. What is returned lets it go on, once or more. */
async function turnAt(
  scene: Scene,
  person: Person,
  point: Point,
  name: string,
  child: ShellChild | null,
): Promise<() => void> {
  const { faults } = scene.emulator;
  const at = (wanted: Point): Step[] => (point === wanted ? [{ gate: name }] : []);
  const within = (wanted: Point) => (point === wanted ? [{ gate: name }] : []);
  const prompt = scripted([
    [
      ...at("while the model is silent"),
      { thinking: ["hm, ", ...within("while it thinks"), "so"] },
      { text: ["I will ", ...within("while it writes"), "look."] },
      ...at("before the tool"),
      { tool: "Bash", input: { command: child?.command ?? "echo looked" } },
    ],
    [
      ...at("after the tool"),
      { text: ["I looked, ", ...within("while it writes the answer"), "it is fine."] },
      // The Telegram points need a turn that is still there.
      ...(point.includes("on its way") || point.startsWith("in the same") ? [{ gate: name }] : []),
    ],
  ]);
  switch (point) {
    case "in the same breath as the message":
      person.sends(prompt);
      return () => scene.model.gate(name).release();
    case "in the tool":
      person.sends(prompt);
      await child?.started();
      return () => undefined;
    case "while the status message is on its way":
    case "while an edit of the status is on its way": {
      const method = point === "while the status message is on its way" ? "sendMessage" : "editMessageText";
      const held = faults.hold(method, { chat: person.chatId });
      person.sends(prompt);
      await scene.bridge.during(held.arrived(), point);
      return () => held.release();
    }
    default:
      person.sends(prompt);
      return (await scene.reached(name)).release;
  }
}

/** Resolves to the newest message's id before the stop was asked for. */
async function ask(person: Person, way: Draw["way"]): Promise<number> {
  const before = person.chat().last?.id ?? 0;
  const button = person
    .chat()
    .fromBot.findLast(({ buttons }) => buttons.flat().some(({ label }) => label === "■ Stop"));
  if (way !== "the button") person.sends(way);
  else if (button === undefined) person.sends("/stop");
  else {
    const { text } = await person.taps("■ Stop", { message: button.id });
    // It may have ended by itself in that moment.
    if (text !== "Stopping…") person.sends("/stop");
  }
  return before;
}

function pick<T>(list: readonly T[], random: () => number): T {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}

/** mulberry32: 0 <= x < 1, the same for the same seed. */
function createRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
