/** What a person reads off a message. */
import type { MessageView } from "../emulator/chat-view.ts";

/** The labels of its buttons, row by row. */
export function labels(message: MessageView): string[][] {
  return message.buttons.map((row) => row.map((button) => button.label));
}
