/** What the server offers to do, as buttons that work once. */
import type { ButtonView } from "../wire.ts";
import type { Model } from "./model.ts";

/** `about` is what the buttons act on, for those who do not see where they stand. */
export function Buttons({ model, buttons, about }: { model: Model; buttons: readonly ButtonView[]; about: string }) {
  if (buttons.length === 0) return null;
  return (
    <div class="buttons">
      {buttons.map(({ id, label, weight }) => (
        <button
          key={id}
          type="button"
          class={`small weight-${weight}`}
          disabled={model.pressed.value.has(id)}
          aria-label={`${label}: ${about.slice(0, aboutCharsMax)}`}
          onClick={() => model.press(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** A label that is read aloud before one knows what it is about is too long. In UTF-16 units. */
const aboutCharsMax = 60;
