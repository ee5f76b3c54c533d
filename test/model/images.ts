/** The images that a model was given with a request, whichever wire it came by. */
import type { MessagesBody, ModelServer } from "./model-server.ts";

/** Those of the newest request that is a turn's: an agent's own small requests (a title, a summary) bring no tools. */
export function seenBy({ requests }: ModelServer): readonly string[] {
  const turn = requests.findLast(({ body }) => (body.tools ?? []).length > 0);
  return turn === undefined ? [] : imagesOf(turn.body);
}

/** In base64, in their order. An image that is named and not given (a URL, a file's id) is none. */
function imagesOf({ messages = [], input = [] }: MessagesBody): readonly string[] {
  if (typeof input === "string") return [];
  // Of the Responses API `messages` is only what was read from `input`, and that reading knows texts alone.
  return [...(input.length > 0 ? input : messages)].flatMap(({ content }) =>
    typeof content === "string" || content === undefined ? [] : content.flatMap(imageOf),
  );
}

type Block = {
  readonly type: string;
  readonly source?: { readonly data?: string };
  readonly image_url?: unknown;
};

function imageOf(block: Block): readonly string[] {
  if (block.type === "image") return block.source?.data === undefined ? [] : [block.source.data];
  if (block.type !== "input_image" || typeof block.image_url !== "string") return [];
  const [, data] = /^data:image\/[\w.+-]+;base64,(.*)$/s.exec(block.image_url) ?? [];
  return data === undefined ? [] : [data];
}
