/**
 * What a person asks of schedules outside of a chat (the page, the command line): accepted by the engine as `/cron` is, so that there is one
 * path, and answered with what the engine said to it.
 *
 * 1. One order at a time, so that what is said next to an order is its answer.
 */
import type { InboxItem } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import type { Clock, Engine, History, OutboxRow } from "../engine/ports.ts";
import type { ScheduleAnswer } from "./wire.ts";

/** Most orders are answered by the commit that stores them; one that names a directory has it looked at first, within moments. */
const answerMaxMs = 5_000;
/** Among so many of the newest messages is the answer, whatever else is said meanwhile. */
const messagesReadMax = 50;

export type ScheduleOrders = {
  /** Resolves with what was answered; rejects when it could not be stored. */
  give(item: InboxItem): Promise<ScheduleAnswer>;
};

export type ScheduleOrdersDeps = {
  readonly engine: Pick<Engine, "accept" | "watch">;
  readonly history: Pick<History, "messages">;
  readonly clock: Clock;
};

export function createScheduleOrders({ engine, history, clock }: ScheduleOrdersDeps): ScheduleOrders {
  let before: Promise<unknown> = Promise.resolve();

  return {
    give(item) {
      const answer = before.then(() => give(item));
      before = answer.catch(() => undefined); // its own caller is told
      return answer;
    },
  };

  async function give(item: InboxItem): Promise<ScheduleAnswer> {
    const newest = (await history.messages(item.conversation, 1)).at(-1)?.id ?? 0;
    let wake = Promise.withResolvers<void>();
    using _ = engine.watch({
      changed: (conversation) => conversation === item.conversation && wake.resolve(),
      progressed() {},
    });
    const [receipt] = await engine.accept([item]);
    // An order that came a second time was answered before; by its message it is found again.
    const fromId = receipt?.fresh === false && item.message !== null ? 0 : newest;
    const over = new AbortController();
    // Bound: see answerMaxMs.
    const late = clock.sleep(answerMaxMs, over.signal).then(() => "late" as const);
    try {
      // Bound: each turn follows a change of the conversation, until it is late.
      for (;;) {
        const answer = await find(item, fromId);
        if (answer !== null) return answer;
        if ((await Promise.race([wake.promise, late])) === "late") return { kind: "later" };
        wake = Promise.withResolvers();
      }
    } finally {
      over.abort();
    }
  }

  async function find(item: InboxItem, fromId: number): Promise<ScheduleAnswer | null> {
    const rows = await history.messages(item.conversation, messagesReadMax);
    for (const row of rows) {
      const notice = row.id > fromId ? answerIn(row, item) : null;
      if (notice !== null) return { kind: isRefusal(notice) ? "refused" : "done", text: describeNotice(notice, "web") };
    }
    return null;
  }
}

function answerIn({ body }: OutboxRow, { message }: InboxItem): Notice | null {
  return body.kind === "notice" && body.replyTo === message && answers.has(body.notice.kind) ? body.notice : null;
}

const answers: ReadonlySet<Notice["kind"]> = new Set([
  "schedules",
  "schedule",
  "schedule-help",
  "schedule-run",
  "schedule-deleted",
  "schedule-history",
  "schedule-unknown",
  "schedule-wrong",
  "project-refused",
  "agent-cannot",
  "not-allowed",
]);

function isRefusal(notice: Notice): boolean {
  switch (notice.kind) {
    case "schedule-unknown":
    case "schedule-wrong":
    case "project-refused":
    case "agent-cannot":
    case "not-allowed":
      return true;
    case "schedule-run":
      return notice.isFull;
    default:
      return false;
  }
}
