/** What a time means that somebody is typing: the next times, or what is wrong with it. Pure; nothing is stored or changed. */
import { readScheduleCommand } from "../domain/schedule-words.ts";
import type { Timetable } from "../engine/ports.ts";
import { nextTimes, timingWords } from "../domain/timing-words.ts";
import type { ScheduleCheck } from "./wire.ts";

export function checkWhen(typed: string, zone: string, timetable: Timetable, nowMs: number): ScheduleCheck {
  if (!timetable.isZone(zone))
    return { kind: "wrong", what: `${zone} is no time zone. They are named like Europe/Berlin or America/New_York.` };
  // The same words as in chat, where nothing may stand after the time.
  const command = readScheduleCommand(`edit it when ${quotedFields(typed)}`);
  if (command.kind !== "edit" || command.when === null)
    return { kind: "wrong", what: command.kind === "wrong" ? command.what : "That is no time." };
  const read = timetable.read(command.when, zone, nowMs);
  if (read.kind === "wrong") return read;
  const first = timetable.next(read.timing, zone, nowMs);
  if (first === null) return { kind: "wrong", what: "That is never due: no such time is still to come." };
  const when = timingWords(read.timing, zone, timetable);
  return { kind: "right", when, zone, times: nextTimes(timetable, read.timing, zone, first) };
}

/** Five fields are an expression, also where words stand in them. */
function quotedFields(typed: string): string {
  const isFields = typed.trim().split(/\s+/).length === 5 && /^[\d*]/.test(typed.trim());
  return isFields && !typed.includes('"') ? `"${typed.trim()}"` : typed;
}
