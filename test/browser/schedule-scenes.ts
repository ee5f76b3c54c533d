/**
 * The page's schedules, before the real engine and the real store: they are made as a person makes them, time is passed, and the test says
 * what the agent does.
 */
import { telegramConversation, webConversation } from "../../src/domain/conversation.ts";
import type { ItemKey } from "../../src/domain/inbox-item.ts";
import { readText } from "../../src/domain/typed-text.ts";
import { createTimetable } from "../../src/schedule/timetable.ts";
import { startWebKit, type WebKit } from "../../src/web/web.test-kit.ts";
import { createHouse, type House } from "../engine-house.ts";

const hourMs = 3_600_000;

/** Disposing the kit ends both. */
export type ScheduleHouse = { readonly kit: WebKit; readonly house: House };

export async function openScheduleHouse(): Promise<ScheduleHouse> {
  const house = await createHouse({ owners: ["7"], limits: { stallMs: 100 * hourMs } });
  const kit = await startWebKit({
    engine: house.engine,
    history: house.store.history,
    clock: house.clock,
    timetable: createTimetable("UTC"),
    owners: new Set(["7"]),
    agent: { name: "scripted", version: "2.1.8", isDemo: false },
  });
  const closePage = kit[Symbol.asyncDispose];
  kit[Symbol.asyncDispose] = async () => {
    await closePage();
    await house[Symbol.asyncDispose]();
  };
  return { kit, house };
}

let keys = 0;

/** As its owner writes in the private chat of Telegram. */
async function writeInTelegram(house: House, text: string): Promise<void> {
  keys += 1;
  const conversation = telegramConversation(7, null);
  const common = { conversation, user: "7", message: `${keys}`, priority: "interactive", sentAtMs: 0 } as const;
  await house.engine.accept([{ ...common, key: `tg:update:${keys}` as ItemKey, request: readText(text) }]);
  await house.settled();
}

/** Lets time pass; what is due fires, as the timer would. */
export async function pass({ house }: ScheduleHouse, ms: number): Promise<void> {
  await house.clock.advance(ms);
  await house.engine.fire();
  await house.settled();
}

/** Ends what runs. */
async function ends({ house }: ScheduleHouse, how: "well" | "badly", text = "Done."): Promise<void> {
  for (const turn of house.driver.turns.filter(({ isQuiet }) => !isQuiet)) {
    if (how === "well") turn.answer(text);
    else turn.end({ kind: "failed", fault: { kind: "agent-not-logged-in", agent: "scripted", remedy: "Log in." } });
    turn.becomeQuiet();
  }
  await house.settled();
}

export const website = webConversation("website");

/** One of each kind and state, in a conversation of the page and in one of Telegram. */
export async function many(scene: ScheduleHouse): Promise<void> {
  const { house } = scene;
  await house.send("website", "Make the build faster.", { workspace: "/home/ada/projects/website" });
  await ends(scene, "well", "The build takes 11 s now.");
  await house.send(
    "website",
    "/cron add --name nightly-tests --zone Europe/Berlin --overlap queue --limit 1h30m weekdays 2:00 Run the whole test suite three times, look for tests that fail now and then, and open an issue for each with the log of its failure. Do not change anything.",
  );
  await house.send(
    "website",
    "/cron add --name tidy --session conversation every 1h Tidy up what the last hour left behind",
  );
  await writeInTelegram(house, "/cron add --name tea --remind daily 16:00 Tea");
  await writeInTelegram(house, "/cron add --name morning --digest weekdays 8:30");
  await writeInTelegram(
    house,
    '/cron add --name feed --silent --mode plan "*/20 8-18 * * 1-5" Look at the feed and notify me of what matters',
  );
  await house.send("website", "/cron add --name release at 2026-11-23T07:10 Tag the release");
  await pass(scene, 10 * 60_000);
  await ends(scene, "well", "Tagged v2.4.0.");
  for (const outcome of ["badly", "badly"] as const) {
    await pass(scene, hourMs);
    await ends(scene, outcome);
  }
  await house.send("website", "/cron pause tidy");
}

/** The times of one: done, failed, missed, asked for by a person. */
export async function past(scene: ScheduleHouse): Promise<void> {
  const { house } = scene;
  await house.send("website", "/cron add --name tidy --missed skip every 1h Tidy up what the last hour left behind");
  for (const outcome of ["well", "badly", "well"] as const) {
    await pass(scene, hourMs);
    await ends(scene, outcome);
  }
  await pass(scene, 9 * hourMs + 600_000);
  await house.send("website", "/cron run tidy");
  await ends(scene, "well", "Nothing was left behind.");
  await pass(scene, hourMs);
}
