/** What a tool was given and what it answered, as text that a person reads afterwards. Bounded by whoever keeps it. */

/** Field by field, texts as they are. None for a tool that was given nothing. */
export function toolInput(input: Readonly<Record<string, unknown>>): { readonly input?: string } {
  const lines = Object.entries(input).map(([name, value]) => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return text.includes("\n") ? `${name}:\n${text}` : `${name}: ${text}`;
  });
  return lines.length === 0 ? {} : { input: lines.join("\n") };
}

/** None for a tool that answered nothing. */
export function toolResult(text: string): { readonly result?: string } {
  return text.trim() === "" ? {} : { result: text };
}
