/** With what the next run works: agent, model, permissions. Each opens its list, as the command does. */
import type { LaneView } from "../wire.ts";
import type { Model } from "./model.ts";

export function Choices({ model, lane }: { model: Model; lane: LaneView }) {
  const { driver, model: chosen, permissions } = lane.choice;
  const name =
    chosen === null ? "default model" : chosen.effort === null ? chosen.id : `${chosen.id} (${chosen.effort})`;
  const parts = [
    { command: "/switch", what: "Agent", value: driver },
    { command: "/model", what: "Model", value: name },
    { command: "/permissions", what: "May do", value: `permissions: ${permissions}` },
  ];
  if (lane.channel !== "web") {
    // What a schedule's runs may do is the schedule's to say, and there is nobody else who could write here.
    const read = lane.home === null ? parts : parts.slice(0, 2);
    return <p class="choices choices-read">{read.map(({ value }) => value).join(" \u00B7 ")}</p>;
  }
  return (
    <ul class="choices" aria-label="With what the next run works">
      {parts.map(({ command, what, value }) => (
        <li key={command}>
          <button type="button" title={`${what}: change with ${command}`} onClick={() => model.sendCommand(command)}>
            <span class="hidden">{what}: </span>
            <span class="choice">
              {value}
              <span class="choice-mark" aria-hidden="true">
                {"\u25BE"}
              </span>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
