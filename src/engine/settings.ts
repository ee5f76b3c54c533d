/**
 * What a person sets for a conversation (C3): a card that says how everything stands, with a button for every other choice. A choice takes
 * effect with the next message or the next turn.
 */
import type { Button } from "../domain/button.ts";
import {
  changedSettings,
  type ConversationSettings,
  readSettingChange,
  type SettingChange,
  settingChoices,
  type SettingName,
  settingsOf,
  settingWords,
} from "../domain/conversation-settings.ts";
import { placeOf } from "../domain/conversation.ts";
import type { Notice } from "../domain/notice.ts";
import type { Lane } from "./ports.ts";
import { addButton, type Addressee, driverNameOf, reply, type Work } from "./work.ts";

/** `/settings`, `/settings policy steer`. */
export async function chooseSettings(
  work: Work,
  to: Addressee,
  lane: Lane,
  typed: { readonly setting: string | null; readonly value: string | null },
): Promise<Notice> {
  if (typed.setting === null) return showSettings(work, to, lane, null);
  const names = settingsOf(placeOf(lane.conversation));
  const word = typed.setting.toLowerCase();
  if (word === "zone") return setZone(work, to, lane, typed.value);
  const name = names.find((one) => settingWords[one] === word);
  if (name === undefined) {
    const choices = [...names.map((one) => settingWords[one]), "zone"];
    return reply(work, to, { kind: "not-a-choice", what: "settings", given: typed.setting, choices });
  }
  const change = typed.value === null ? null : readSettingChange(name, typed.value);
  if (change !== null) return setSetting(work, to, lane, change);
  const given = typed.value ?? "Nothing";
  const what = `values of ${settingWords[name]}`;
  return reply(work, to, { kind: "not-a-choice", what, given, choices: settingChoices[name] });
}

export async function setSetting(work: Work, to: Addressee, lane: Lane, change: SettingChange): Promise<Notice> {
  const settings = changedSettings(lane.settings, change);
  await work.tx.chooseSettings(lane.conversation, settings);
  return showSettings(work, to, { ...lane, settings }, change);
}

/** The names of zones are too many for buttons. Without one, it is this machine's again. */
async function setZone(work: Work, to: Addressee, lane: Lane, value: string | null): Promise<Notice> {
  if (value !== null && !work.settings.timetable.isZone(value)) {
    const choices = ["Europe/Berlin", "America/New_York", "UTC"];
    return reply(work, to, { kind: "not-a-choice", what: "time zones (such as these)", given: value, choices });
  }
  const settings = { ...lane.settings, zone: value };
  await work.tx.chooseSettings(lane.conversation, settings);
  return showSettings(work, to, { ...lane, settings }, null);
}

async function showSettings(work: Work, to: Addressee, lane: Lane, changed: SettingChange | null): Promise<Notice> {
  const names = settingsOf(placeOf(lane.conversation));
  const buttons: Button[][] = [];
  for (const name of names) buttons.push(await otherChoices(work, lane, name));
  const notice: Notice = {
    kind: "settings",
    settings: names.map((name) => settingNow(lane.settings, name)),
    zone: lane.settings.zone,
    changed,
    driver: driverNameOf(lane, work.settings),
    model: lane.model,
    permissions: lane.permissions ?? work.settings.permissions,
    workspace: lane.workspace,
  };
  return reply(work, to, notice, buttons);
}

/** What it could be instead. */
async function otherChoices(work: Work, lane: Lane, name: SettingName): Promise<Button[]> {
  const row: Button[] = [];
  for (const word of settingChoices[name]) {
    const change = readSettingChange(name, word);
    if (change === null || change.value === lane.settings[name]) continue;
    row.push(await addButton(work, lane.conversation, { kind: "settings", change }));
  }
  return row;
}

function settingNow(settings: ConversationSettings, name: SettingName): SettingChange {
  return { name, value: settings[name] } as SettingChange;
}
