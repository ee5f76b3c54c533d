/**
 * The words of office documents: Office Open XML (docx, xlsx, pptx) and OpenDocument (odt, ods, odp), both XML in a zip. What a reader of
 * the page sees in its order: paragraphs, cells, slides; no styles, notes or tracked deletions.
 *
 * Bounded by what is inflated, whatever the container says, and read no further than the excerpt needs.
 */
import { posix } from "node:path";
import { createExcerpt, type ExcerptBuilder } from "../excerpt.ts";
import { Refusal } from "./refusal.ts";
import { readXml, type XmlEvents } from "./xml.ts";
import type { ZipEntry } from "./zip.ts";

export type OfficeText =
  | { readonly kind: "text"; readonly mediaType: string; readonly about: string; readonly excerpt: ExcerptBuilder }
  | { readonly kind: "opaque"; readonly mediaType: string; readonly about: string };

/** What is inflated of one document. The XML of a long book is a tenth of it. */
const documentBytesMax = 64 * 1024 * 1024;
/** Of the words that a workbook's cells share: those that an excerpt shows stand at the beginning. In UTF-16 units. */
const sharedCharsMax = 4 * 1024 * 1024;
/** A sheet may name its last column without anything before it. */
const columnsMax = 256;

/** Null: the container is no office document. Throws where it is one and torn. */
export async function officeText(entries: readonly ZipEntry[]): Promise<OfficeText | null> {
  const parts = createParts(entries);
  const mimetype = parts.has("mimetype") ? await parts.head("mimetype") : "";
  if (mimetype.startsWith("application/vnd.oasis.opendocument.")) return await openDocument(mimetype.trim(), parts);
  if (mimetype.startsWith("application/epub")) return opaque("application/epub+zip", "an EPUB book");
  if (!parts.has("[Content_Types].xml") || !parts.has("_rels/.rels")) return null;
  const main = (await relationships("_rels/.rels", parts)).find(({ type }) => type.endsWith("/officeDocument"))?.target;
  if (main === undefined) return null;
  const family = /^(word|xl|ppt)\//.exec(main)?.[1];
  if (!main.endsWith(".xml")) return opaque("application/octet-stream", "an Office document in its binary form");
  switch (family) {
    case "word":
      return await wordText(main, parts);
    case "xl":
      return await excelText(main, parts);
    case "ppt":
      return await powerPointText(main, parts);
    default:
      return null;
  }
}

const openXml = "application/vnd.openxmlformats-officedocument";

function opaque(mediaType: string, about: string): OfficeText {
  return { kind: "opaque", mediaType, about };
}

// ---- Parts of a container

type Parts = {
  has(name: string): boolean;
  names(): readonly string[];
  /** Resolves with whether all of it was read. */
  read(name: string, events: XmlEvents, isEnough?: () => boolean): Promise<boolean>;
  /** Its first bytes as text. */
  head(name: string): Promise<string>;
};

function createParts(entries: readonly ZipEntry[]): Parts {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  let bytes = 0;
  async function* content(name: string): AsyncIterable<Buffer> {
    const entry = byName.get(name);
    if (entry === undefined) throw new Error("a part of the document is missing");
    if (!entry.isReadable) throw new Refusal("The document is encrypted.");
    for await (const piece of entry.content()) {
      bytes += piece.length;
      if (bytes > documentBytesMax)
        throw new Refusal("The document is too large to be read: it unpacks to more than 64 MiB.");
      yield piece;
    }
  }
  return {
    has: (name) => byName.has(name),
    names: () => [...byName.keys()],
    read: (name, events, isEnough = () => false) => readXml(content(name), events, isEnough),
    async head(name) {
      for await (const piece of content(name)) return piece.toString("utf8", 0, 64 * 1024);
      return "";
    },
  };
}

type Relationship = { readonly id: string; readonly type: string; readonly target: string };

/** Targets as names of parts. */
async function relationships(name: string, parts: Parts): Promise<readonly Relationship[]> {
  const found: Relationship[] = [];
  if (!parts.has(name)) return found;
  // "xl/_rels/workbook.xml.rels" speaks from "xl/".
  const from = posix.dirname(posix.dirname(name));
  await parts.read(name, {
    open(tag, { Id = "", Type = "", Target = "", TargetMode }) {
      if (localOf(tag) !== "Relationship" || TargetMode === "External") return;
      const target = Target.startsWith("/") ? Target.slice(1) : posix.join(from, Target);
      found.push({ id: Id, type: Type, target });
    },
  });
  return found;
}

function relationshipsOf(part: string): string {
  return posix.join(posix.dirname(part), "_rels", `${posix.basename(part)}.rels`);
}

/** Prefixes are the writer's choice. */
function localOf(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

// ---- Word

async function wordText(main: string, parts: Parts): Promise<OfficeText> {
  const excerpt = createExcerpt();
  await parts.read(main, flowing(excerpt, "w:"), () => excerpt.isFull);
  return { kind: "text", mediaType: `${openXml}.wordprocessingml.document`, about: "Word document", excerpt };
}

/** Paragraphs as lines, the cells of a table's row in one line. The words stand in `t`, in Word as in PowerPoint. */
function flowing(excerpt: ExcerptBuilder, prefix: "w:" | "a:"): XmlEvents {
  let isText = false;
  let cells = 0;
  // What says the same once more to older programs; and how paragraphs look, where a tab is the place of one.
  const passed = new Set(["mc:Fallback", `${prefix}pPr`]);
  let passedOver = 0;
  return {
    open(name) {
      if (passed.has(name)) passedOver += 1;
      if (!name.startsWith(prefix) || passedOver > 0) return;
      switch (name.slice(2)) {
        case "t":
          isText = true;
          break;
        case "tab":
          excerpt.add("\t");
          break;
        case "br":
        case "cr":
          excerpt.add("\n");
          break;
        case "tc":
          cells += 1;
          break;
        default:
          break;
      }
    },
    close(name) {
      if (passed.has(name)) passedOver -= 1;
      if (!name.startsWith(prefix) || passedOver > 0) return;
      switch (name.slice(2)) {
        case "t":
          isText = false;
          break;
        case "p":
          excerpt.add(cells > 0 ? " " : "\n");
          break;
        case "tc":
          cells -= 1;
          excerpt.add("\t");
          break;
        case "tr":
          excerpt.add("\n");
          break;
        default:
          break;
      }
    },
    text(text) {
      if (isText) excerpt.add(text);
    },
  };
}

// ---- PowerPoint

async function powerPointText(main: string, parts: Parts): Promise<OfficeText> {
  const slides = await listed(main, "sldId", parts);
  const excerpt = createExcerpt();
  for (const [index, { part }] of slides.entries()) {
    if (!excerpt.add(`[slide ${index + 1}]\n`)) break;
    await parts.read(part, flowing(excerpt, "a:"), () => excerpt.isFull);
  }
  const about = `PowerPoint presentation, ${counted(slides.length, "slide")}`;
  return { kind: "text", mediaType: `${openXml}.presentationml.presentation`, about, excerpt };
}

/** The parts that the main part lists by reference, in its order; those that are missing are left out. */
async function listed(
  main: string,
  tag: "sldId" | "sheet",
  parts: Parts,
): Promise<readonly { readonly name: string; readonly part: string }[]> {
  const targets = new Map((await relationships(relationshipsOf(main), parts)).map(({ id, target }) => [id, target]));
  const found: { name: string; part: string }[] = [];
  await parts.read(main, {
    open(name, attributes) {
      if (localOf(name) !== tag) return;
      const reference = Object.entries(attributes).find(([key]) => key.endsWith(":id"))?.[1] ?? "";
      const part = targets.get(reference);
      if (part !== undefined && parts.has(part)) found.push({ name: attributes["name"] ?? "", part });
    },
  });
  return found;
}

// ---- Excel

async function excelText(main: string, parts: Parts): Promise<OfficeText> {
  const sheets = await listed(main, "sheet", parts);
  const inFolder = (name: string) => posix.join(posix.dirname(main), name);
  const shared = await sharedStrings(inFolder("sharedStrings.xml"), parts);
  const dates = await dateStyles(inFolder("styles.xml"), parts);
  const excerpt = createExcerpt();
  for (const { name, part } of sheets) {
    if (!excerpt.add(`[sheet ${name}]\n`)) break;
    await parts.read(part, sheetRows(excerpt, shared, dates), () => excerpt.isFull);
    excerpt.add("\n");
  }
  const about = `Excel workbook, ${counted(sheets.length, "sheet")}`;
  return { kind: "text", mediaType: `${openXml}.spreadsheetml.sheet`, about, excerpt };
}

async function sharedStrings(name: string, parts: Parts): Promise<readonly string[]> {
  const strings: string[] = [];
  if (!parts.has(name)) return strings;
  let [current, chars, isText, phonetic] = ["", 0, false, 0];
  const events: XmlEvents = {
    open(tag) {
      if (localOf(tag) === "si") current = "";
      if (localOf(tag) === "rPh") phonetic += 1; // how it is pronounced
      isText = localOf(tag) === "t" && phonetic === 0;
    },
    close(tag) {
      isText = false;
      if (localOf(tag) === "rPh") phonetic -= 1;
      if (localOf(tag) === "si") strings.push(current);
    },
    text(text) {
      chars += text.length;
      if (isText && chars <= sharedCharsMax) current += text;
    },
  };
  await parts.read(name, events, () => chars > sharedCharsMax);
  return strings;
}

/** The formats of cells that show a number as a day or a time, by their index. */
async function dateStyles(name: string, parts: Parts): Promise<ReadonlySet<number>> {
  const dates = new Set<number>();
  if (!parts.has(name)) return dates;
  const own = new Set<string>();
  let [isInCells, index] = [false, 0];
  await parts.read(name, {
    open(tag, { numFmtId = "", formatCode = "" }) {
      switch (localOf(tag)) {
        case "numFmt":
          // Quoted words and colours are no places for digits.
          if (/[dmyhs]/i.test(formatCode.replace(/"[^"]*"|\[[^\]]*\]|\\./g, ""))) own.add(numFmtId);
          break;
        case "cellXfs":
          isInCells = true;
          break;
        case "xf":
          if (isInCells && (isBuiltInDate(Number(numFmtId)) || own.has(numFmtId))) dates.add(index);
          if (isInCells) index += 1;
          break;
        default:
          break;
      }
    },
    close(tag) {
      if (localOf(tag) === "cellXfs") isInCells = false;
    },
  });
  return dates;
}

/** ECMA-376, part 1, 18.8.30. */
function isBuiltInDate(format: number): boolean {
  return (format >= 14 && format <= 22) || (format >= 45 && format <= 47);
}

/** Rows as lines, cells apart by tabs in their columns. */
function sheetRows(excerpt: ExcerptBuilder, shared: readonly string[], dates: ReadonlySet<number>): XmlEvents {
  let row: string[] = [];
  let cell = { column: 0, type: "", style: 0 };
  let value = "";
  let isValue = false;
  return {
    open(tag, { r = "", t = "n", s = "0" }) {
      switch (localOf(tag)) {
        case "row":
          row = [];
          break;
        case "c":
          cell = { column: columnOf(r) ?? row.length, type: t, style: Number(s) };
          value = "";
          break;
        case "v":
        case "t":
          isValue = true;
          break;
        default:
          break;
      }
    },
    close(tag) {
      isValue = false;
      switch (localOf(tag)) {
        case "c":
          if (cell.column >= columnsMax || value === "") break;
          while (row.length < cell.column) row.push("");
          row[cell.column] = oneLine(shown(value, cell.type, dates.has(cell.style), shared));
          break;
        case "row":
          if (row.length > 0) excerpt.add(`${row.join("\t")}\n`);
          break;
        default:
          break;
      }
    },
    text(text) {
      if (isValue) value += text;
    },
  };
}

function shown(value: string, type: string, isDate: boolean, shared: readonly string[]): string {
  switch (type) {
    case "s":
      return shared[Number(value)] ?? "…";
    case "b":
      return value === "1" ? "TRUE" : "FALSE";
    case "n":
      return isDate ? dayOf(Number(value)) : value;
    default:
      return value;
  }
}

/** Days since the end of 1899, the time of day behind the point; as ISO 8601 as far as something is said. */
function dayOf(days: number): string {
  const msPerDay = 24 * 60 * 60 * 1000;
  // Beyond the year 9999 no program shows a date either.
  if (!(days >= 0 && days < 2_958_466)) return String(days);
  const iso = new Date(Math.round(days * msPerDay) + Date.UTC(1899, 11, 30)).toISOString();
  if (days < 1) return iso.slice(11, 19);
  return Number.isInteger(days) ? iso.slice(0, 10) : iso.slice(0, 19).replace("T", " ");
}

/** "AB12" is in column 27, counted from 0. */
function columnOf(reference: string): number | null {
  const letters = /^[A-Z]{1,3}/.exec(reference)?.[0];
  if (letters === undefined) return null;
  return Array.from(letters).reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

// ---- OpenDocument

async function openDocument(mimetype: string, parts: Parts): Promise<OfficeText> {
  // A part that is encrypted is no XML any more; the list of parts says so in the clear.
  const manifest = parts.has("META-INF/manifest.xml") ? await parts.head("META-INF/manifest.xml") : "";
  if (manifest.includes("encryption-data")) return opaque(mimetype, "an encrypted OpenDocument file");
  const excerpt = createExcerpt();
  const counts = { sheets: 0, slides: 0 };
  await parts.read("content.xml", openDocumentWords(mimetype, excerpt, counts), () => excerpt.isFull);
  return { kind: "text", mediaType: mimetype, about: aboutOpenDocument(mimetype, counts, excerpt.isFull), excerpt };
}

function aboutOpenDocument(
  mimetype: string,
  counts: { readonly sheets: number; readonly slides: number },
  isCut: boolean,
): string {
  if (mimetype.includes("spreadsheet"))
    return `OpenDocument spreadsheet${isCut ? "" : `, ${counted(counts.sheets, "sheet")}`}`;
  if (mimetype.includes("presentation"))
    return `OpenDocument presentation${isCut ? "" : `, ${counted(counts.slides, "slide")}`}`;
  return mimetype.includes("text") ? "OpenDocument text" : "OpenDocument file";
}

function openDocumentWords(
  mimetype: string,
  excerpt: ExcerptBuilder,
  counts: { sheets: number; slides: number },
): XmlEvents {
  let [paragraphs, deleted, cells, repeats] = [0, 0, 0, 1];
  return {
    open(name, attributes) {
      switch (name) {
        case "text:tracked-changes":
          deleted += 1;
          break;
        case "text:p":
        case "text:h":
          paragraphs += 1;
          break;
        case "text:tab":
          excerpt.add("\t");
          break;
        case "text:line-break":
          excerpt.add("\n");
          break;
        case "text:s":
          excerpt.add(" ".repeat(repetitions(attributes["text:c"])));
          break;
        case "table:table":
          counts.sheets += 1;
          if (mimetype.includes("spreadsheet")) excerpt.add(`[sheet ${attributes["table:name"] ?? ""}]\n`);
          break;
        case "table:table-cell":
        case "table:covered-table-cell":
          cells += 1;
          repeats = repetitions(attributes["table:number-columns-repeated"]);
          break;
        case "draw:page":
          counts.slides += 1;
          excerpt.add(`[slide ${counts.slides}]\n`);
          break;
        default:
          break;
      }
    },
    close(name) {
      switch (name) {
        case "text:tracked-changes":
          deleted -= 1;
          break;
        case "text:p":
        case "text:h":
          paragraphs -= 1;
          if (deleted === 0) excerpt.add(cells > 0 ? " " : "\n");
          break;
        case "table:table-cell":
        case "table:covered-table-cell":
          cells -= 1;
          excerpt.add("\t".repeat(repeats));
          repeats = 1;
          break;
        case "table:table-row":
          excerpt.add("\n");
          break;
        default:
          break;
      }
    },
    text(text) {
      if (paragraphs > 0 && deleted === 0) excerpt.add(text);
    },
  };
}

/** A number of repetitions that somebody wrote: an empty sheet repeats its last cell a thousand times, an attacker a billion times. */
function repetitions(written: string | undefined): number {
  const count = Number(written ?? 1);
  return Number.isInteger(count) && count > 0 && count <= columnsMax ? count : 1;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
