/** A schedule's run said it, among what others say. */
import { ClockMark } from "./clock-mark.tsx";

export function Origin({ name }: { name: string | null }) {
  if (name === null) return null;
  return (
    <p class="origin">
      <ClockMark label="Schedule " />
      {name}
    </p>
  );
}
