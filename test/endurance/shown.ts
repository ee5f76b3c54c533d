/** What the people of the soak can still see and press: the newest buttons that were delivered. */
import type { Button } from "../../src/domain/button.ts";
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { Random } from "../simulation/random.ts";

export type ShownButton = { readonly conversation: ConversationId; readonly button: Button };

export type Shown = {
  add(buttons: readonly ShownButton[]): void;
  pick(random: Random): ShownButton | null;
};

/** As many as fit on the screens of a few people who scroll. */
const shownMax = 400;

export function createShown(): Shown {
  const ring: ShownButton[] = [];
  return {
    add(buttons) {
      ring.push(...buttons);
      ring.splice(0, Math.max(0, ring.length - shownMax));
    },
    pick(random) {
      if (ring.length === 0) return null;
      // What is on hold stays on hold until somebody decides: half of the presses are such decisions.
      const held = ring.filter(({ button }) => button.action.kind === "held");
      return random.pick(held.length > 0 && random.chance(0.5) ? held : ring);
    },
  };
}
