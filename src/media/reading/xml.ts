/** XML as a stream of three events. No document type is followed and no entity is known but those of XML and HTML: there is nothing to expand. */
import sax from "sax";

export type XmlEvents = {
  /** Names are as written, with their prefix. */
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  close?(name: string): void;
  /** A long text comes in pieces. */
  text?(text: string): void;
};

/** Until the end or until `isEnough`; resolves with whether the end was reached. Throws where it is no XML. */
export async function readXml(
  source: AsyncIterable<Uint8Array>,
  events: XmlEvents,
  isEnough: () => boolean,
): Promise<boolean> {
  const parser = sax.parser(true);
  const handlers: Partial<sax.SAXParser> = {
    onerror(error) {
      throw error;
    },
    onopentag: ({ name, attributes }) => events.open?.(name, attributes as Record<string, string>),
    onclosetag: (name) => events.close?.(name),
    ontext: (text) => events.text?.(text),
    oncdata: (text) => events.text?.(text),
  };
  Object.assign(parser, handlers);
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  for await (const bytes of source) {
    decoder ??= new TextDecoder(encodingOf(bytes));
    parser.write(decoder.decode(bytes, { stream: true }));
    if (isEnough()) return false;
  }
  parser.close();
  return true;
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}
