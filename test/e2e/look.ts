/** What a person reads off their screen. */
import type { MessageView } from "../emulator/chat-view.ts";
import type { Person } from "../emulator/people.ts";

/** What the bot's messages in this person's chat say now, oldest first: those that match. */
export function botTexts(person: Person, wanted: RegExp): string[] {
  return person
    .chat()
    .fromBot.map((message) => message.text)
    .filter((text) => wanted.test(text));
}

/** The labels of a message's buttons, row by row. */
export function labels(message: MessageView): string[][] {
  return message.buttons.map((row) => row.map((button) => button.label));
}

/** The message shows a run that goes on. */
export function isLive(message: MessageView): boolean {
  return labels(message).flat().includes("■ Stop");
}

/** What the demo agent was asked, as its answers tell, oldest first. */
export function asked(person: Person): string[] {
  return person.chat().fromBot.flatMap((message) => {
    const found = isLive(message) ? null : /^You wrote: “(.*)”$/m.exec(message.text);
    return found?.[1] === undefined ? [] : [found[1]];
  });
}
