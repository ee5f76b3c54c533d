/** What people say about schedules: by words and by buttons, at any moment, at times of one that is gone. */
import type { ButtonId } from "../../src/domain/button.ts";
import type { InboxItem, Request } from "../../src/domain/inbox-item.ts";
import { homeOf } from "../../src/domain/conversation.ts";
import type { ScheduleRow } from "./journal.ts";
import type { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import type { Place, Scenario } from "./scenario.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** An owner by the settings. */
export const owner = "7";
/** An operator, who may be removed. */
export const guest = "8";

export function isSettingOwner(user: InboxItem["user"]): boolean {
  return user === owner;
}

/** More do not make a world busier. */
const schedulesMax = 3;

export interface ScheduleOrders {
  draw(place: Place): Request;
}

export function createScheduleOrders(
  mirror: Mirror,
  random: Random,
  clock: VirtualClock,
  { guests }: Scenario,
): ScheduleOrders {
  let texts = 0;

  const cron = (typed: string): Request => ({ kind: "command", command: { name: "cron", typed } });

  function draw(place: Place): Request {
    const known = [...mirror.schedules.values()].filter(
      ({ home, state }) => home === place.conversation && state !== "deleted",
    );
    if (known.length === 0 || (known.length < schedulesMax && random.chance(0.35))) return cron(drawAdd());
    if (random.chance(guests > 0 ? 0.2 : 0.02)) return drawPeople(place);
    const schedule = random.pick(known);
    return random.chance(0.4) ? (drawButton(place, schedule) ?? cron(drawWords(schedule))) : cron(drawWords(schedule));
  }

  function drawPeople({ conversation: where }: Place): Request {
    const remove = mirror.buttons.findLast(
      ({ action, conversation }) => action.kind === "remove-person" && conversation === where,
    );
    return remove !== undefined && random.chance(0.7)
      ? { kind: "press", button: remove.id as ButtonId }
      : { kind: "command", command: { name: "people" } };
  }

  function drawWords({ name, state }: ScheduleRow): string {
    return random.weighted<() => string>([
      { weight: 2, value: () => `edit ${name} text ${drawText()}` },
      { weight: 2, value: () => `edit ${name} when ${drawWhen()}` },
      { weight: 1.5, value: () => `edit ${name} ${drawOption()}` },
      { weight: 2, value: () => `pause ${name}` },
      { weight: state === "active" ? 0.5 : 4, value: () => `resume ${name}` },
      { weight: 1.5, value: () => `rm ${name}` },
      { weight: 2, value: () => `run ${name}` },
      { weight: 0.5, value: () => `show ${name}` },
      { weight: 0.5, value: () => `history ${name}` },
      { weight: 0.2, value: () => "run nobody" },
      { weight: 0.2, value: () => "list" },
    ])();
  }

  function drawButton({ conversation }: Place, { id }: ScheduleRow): Request | null {
    const buttons = mirror.buttons.filter(
      ({ action, conversation: shownIn }) =>
        action.kind === "schedule" && action.schedule === id && homeOf(shownIn) === conversation,
    );
    return buttons.length === 0 ? null : { kind: "press", button: random.pick(buttons.slice(-5)).id as ButtonId };
  }

  function drawAdd(): string {
    const options = [
      drawSession(),
      ...(random.chance(0.5) ? [drawOption()] : []),
      ...(random.chance(0.15) ? ["--remind"] : []),
    ];
    return `add ${options.join(" ")} ${drawWhen()} ${drawText()}`;
  }

  /** No two texts are alike. */
  function drawText(): string {
    texts += 1;
    return `work s${texts}s`;
  }

  function drawSession(): string {
    return random.pick(["", "", "", "--session conversation", "--session den"]);
  }

  function drawOption(): string {
    return random.pick([
      ...["--silent", "--silent", "--shown", "--overlap queue", "--overlap queue", "--overlap skip"],
      ...["--missed all:10m", "--missed all:1h", "--missed skip", "--missed latest", "--limit 1m"],
      ...["--session own", "--session den", "--fresh", "--remember"],
    ]);
  }

  function drawWhen(): string {
    return random.weighted<() => string>([
      { weight: 4, value: () => `every ${random.pick([1, 1, 2, 5])}m` },
      { weight: 2, value: () => `in ${random.pick([1, 2, 20])}m` },
      { weight: 3, value: () => `"${random.pick(expressions)}"` },
      {
        weight: 1,
        value: () => `at ${new Date(clock.now() + random.between(1, 30) * 60_000).toISOString().slice(0, 16)}`,
      },
    ])();
  }

  return { draw };
}

const expressions = [
  "* * * * *",
  "*/2 * * * *",
  "3,13,33 * * * *",
  "0-30/5 7-12 * * *",
  "0 8 * * *",
  "*/3 * * * 1-5",
] as const;
