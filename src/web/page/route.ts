/** Where this person is, as the address says it: the list, a thread that is about to begin, the schedules, or a conversation. */

export type Route = { kind: "lanes" } | { kind: "new" } | { kind: "schedules" } | { kind: "conversation"; id: string };

export function readRoute(hash: string): Route {
  if (hash === "#/new") return { kind: "new" };
  if (hash === "#/schedules") return { kind: "schedules" };
  const id = /^#\/c\/(.+)$/.exec(hash)?.[1];
  return id === undefined ? { kind: "lanes" } : { kind: "conversation", id: decode(id) };
}

export function writeRoute(route: Route): string {
  switch (route.kind) {
    case "lanes":
      return "#/";
    case "new":
      return "#/new";
    case "schedules":
      return "#/schedules";
    case "conversation":
      return `#/c/${encodeURIComponent(route.id)}`;
    default:
      return route satisfies never;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken escape names nothing; the server says so
  }
}
