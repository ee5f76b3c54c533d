/** What the engine answered to an order about schedules, until it is hidden or the next one is given. */
import type { Model } from "./model.ts";
import type { Told } from "./schedules-model.ts";
import { SeenWords } from "./seen.tsx";

export function ToldNote({ model, told }: { model: Model; told: Told }) {
  return (
    <div class={`notice tone-${told.tone} schedule-told`} role={told.tone === "warning" ? "alert" : "status"}>
      <p class="notice-text">
        <SeenWords text={told.text} />
      </p>
      <button type="button" class="small quiet" aria-label="Hide this answer" onClick={() => model.schedules.forget()}>
        <span aria-hidden="true">{"\u2715"}</span>
      </button>
    </div>
  );
}
