/** A clock: what a schedule did, or is. Drawn, because a font's alarm clock looks like a toy in one system and is missing in another. */
export function ClockMark({ label = null }: { label?: string | null }) {
  return (
    <>
      <svg class="clock-mark" viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.25" />
        <path d="M8 4.5 V8 L10.5 9.75" />
      </svg>
      {label !== null && <span class="hidden">{label}</span>}
    </>
  );
}
