/** Files of the formats that are read here, made byte by byte: whole ones, and such as only an attacker would make. */
import { crc32, deflateRawSync, deflateSync } from "node:zlib";

// ---- images

export function pngImage(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height, 0);
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([signature, pngChunk("IHDR", header), pngChunk("IDAT", deflateSync(rows)), pngChunk("IEND")]);
}

function pngChunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  return Buffer.concat([uint32be(data.length), body, uint32be(crc32(body))]);
}

/** Structure only: its scan decodes to nothing. Has a small picture with marks of its own inside, like those of a camera. */
export function jpegImage(width: number, height: number): Buffer {
  const segment = (mark: number, data: Buffer) =>
    Buffer.concat([Buffer.from([0xff, mark]), uint16be(data.length + 2), data]);
  const inner = Buffer.from("ffd8ffda0002ffd9", "hex");
  const frame = Buffer.concat([Buffer.from([8]), uint16be(height), uint16be(width), Buffer.from([1, 1, 0x11, 0])]);
  const scan = segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0]));
  const start = Buffer.from([0xff, 0xd8]);
  const end = Buffer.from([0x12, 0xff, 0x00, 0x34, 0xff, 0xd9]);
  return Buffer.concat([start, segment(0xe1, inner), segment(0xc0, frame), scan, end]);
}

export function gifImage(width: number, height: number): Buffer {
  const size = Buffer.concat([uint16le(width), uint16le(height)]);
  const screen = Buffer.concat([Buffer.from("GIF89a"), size, Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255])]);
  const note = Buffer.from([0x21, 0xfe, 2, 0x3b, 0x3b, 0]);
  const image = Buffer.concat([Buffer.from([0x2c, 0, 0, 0, 0]), size, Buffer.from([0, 2, 2, 0x44, 1, 0])]);
  return Buffer.concat([screen, note, image, Buffer.from([0x3b])]);
}

export function webpImage(width: number, height: number): Buffer {
  const frame = Buffer.concat([
    Buffer.from([0, 0, 0, 0x9d, 1, 0x2a]),
    uint16le(width),
    uint16le(height),
    Buffer.alloc(6),
  ]);
  const body = Buffer.concat([Buffer.from("WEBPVP8 "), uint32le(frame.length), frame]);
  return Buffer.concat([Buffer.from("RIFF"), uint32le(body.length), body]);
}

// ---- archives

/** What is not said is as it should be. `flags`, `mode` and `declaredBytes` are written as they are, true or not. */
export type ZipEntry = {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly declaredBytes?: number;
  /** The bytes of an entry before it, once more. */
  readonly shares?: number;
};

export function zipArchive(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const starts: number[] = [];
  const packs: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name as string);
    const content = Buffer.from(entry.content ?? "");
    const method = entry.method ?? 8;
    const packed =
      entry.shares === undefined ? (method === 8 ? deflateRawSync(content) : content) : packs[entry.shares];
    if (packed === undefined) throw new Error("shares an entry before it");
    packs.push(packed);
    const common = Buffer.concat([
      uint16le(20),
      uint16le(entry.flags ?? 0x0800),
      uint16le(method),
      uint32le(0),
      uint32le(crc32(content)),
      uint32le(packed.length),
      uint32le(entry.declaredBytes ?? content.length),
      uint16le(name.length),
      uint16le(0),
    ]);
    const start = entry.shares === undefined ? at : (starts[entry.shares] ?? 0);
    starts.push(start);
    if (entry.shares === undefined) {
      const local = Buffer.concat([Buffer.from("504b0304", "hex"), common, name, packed]);
      parts.push(local);
      at += local.length;
    }
    const attributes = uint32le(((entry.mode ?? 0o100644) << 16) >>> 0);
    directory.push(
      Buffer.concat([
        Buffer.from("504b0102", "hex"),
        uint16le(0x0314),
        common,
        uint16le(0),
        uint16le(0),
        uint16le(0),
        attributes,
        uint32le(start),
        name,
      ]),
    );
  }
  const central = Buffer.concat(directory);
  const end = Buffer.concat([
    Buffer.from("504b050600000000", "hex"),
    uint16le(entries.length),
    uint16le(entries.length),
    uint32le(central.length),
    uint32le(at),
    uint16le(0),
  ]);
  return Buffer.concat([...parts, central, end]);
}

/** `type` is the letter of the header: "0" a file, "5" a directory, "2" a symbolic link... */
export type TarEntry = {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly link?: string;
  readonly declaredBytes?: number;
};

export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const parts = entries.map((entry) => {
    const content = Buffer.from(entry.content ?? "");
    const header = Buffer.alloc(512);
    header.write(entry.name, 0, 100);
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${(entry.declaredBytes ?? content.length).toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(entry.type ?? "0", 156);
    header.write(entry.link ?? "", 157, 100);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

// ---- documents

export type PdfPage = { readonly text?: readonly string[]; readonly content?: string };

/** One font, one line of text below the other; `content` is a page's drawing as it is. */
export function pdfFile(pages: readonly PdfPage[]): Buffer {
  const objects: string[] = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${4 + 2 * index} 0 R`).join(" ")}] >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  pages.forEach((page, index) => {
    const lines = (page.text ?? []).map((line) => `(${line.replace(/[\\()]/g, "\\$&")}) Tj 0 -14 Td`).join("\n");
    const content = page.content ?? `BT /F1 12 Tf 72 720 Td\n${lines}\nET`;
    const resources = "<< /Font << /F1 3 0 R >> >>";
    const box = "/MediaBox [0 0 612 792]";
    objects.push(`<< /Type /Page /Parent 2 0 R ${box} /Resources ${resources} /Contents ${5 + 2 * index} 0 R >>`);
    objects.push(`<< /Length ${Buffer.byteLength(content)} >>\nstream\n${content}\nendstream`);
  });
  let file = "%PDF-1.7\n";
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, "0")} 00000 n \n`;
  });
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

const officeTypes = { word: "word/document.xml", xl: "xl/workbook.xml", ppt: "ppt/presentation.xml" } as const;

/** `parts` by name; what makes it a document of its family is added. */
export function officeFile(family: keyof typeof officeTypes, parts: Readonly<Record<string, string>>): Buffer {
  const main = `<Relationship Id="rId1" Type="http://x/officeDocument" Target="${officeTypes[family]}"/>`;
  return zipArchive([
    { name: "[Content_Types].xml", content: "<Types/>" },
    { name: "_rels/.rels", content: `<Relationships>${main}</Relationships>` },
    ...Object.entries(parts).map(([name, content]) => ({ name, content })),
  ]);
}

export function wordFile(body: string): Buffer {
  return officeFile("word", {
    "word/document.xml": `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>${body}</w:body></w:document>`,
  });
}

export function excelFile(): Buffer {
  return officeFile("xl", {
    "xl/workbook.xml": `<workbook><sheets><sheet name="Costs" sheetId="1" r:id="rId7"/><sheet name="Empty" sheetId="2" r:id="rId8"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId7" Type="t" Target="worksheets/sheet1.xml"/><Relationship Id="rId8" Type="t" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
    "xl/sharedStrings.xml": `<sst><si><t>Item</t></si><si><r><t>Net</t></r><r><t xml:space="preserve"> price</t></r><rPh><t>x</t></rPh></si></sst>`,
    "xl/styles.xml": `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm"/><numFmt numFmtId="165" formatCode="[Red]0 &quot;days&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
    "xl/worksheets/sheet1.xml": `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>Tea</t></is></c><c r="C2"><f>1+1</f><v>2.5</v></c><c r="D2" s="1"><v>45000</v></c><c r="E2" s="2"><v>45000.75</v></c><c r="F2" s="3"><v>3</v></c><c r="G2" t="b"><v>1</v></c></row></sheetData></worksheet>`,
    "xl/worksheets/sheet2.xml": `<worksheet><sheetData/></worksheet>`,
  });
}

export function powerPointFile(): Buffer {
  const slide = (text: string) => `<p:sld><p:txBody><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:txBody></p:sld>`;
  return officeFile("ppt", {
    "ppt/presentation.xml": `<p:presentation><p:sldIdLst><p:sldId id="257" r:id="rId3"/><p:sldId id="256" r:id="rId2"/></p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": `<Relationships><Relationship Id="rId2" Type="t" Target="slides/slide1.xml"/><Relationship Id="rId3" Type="t" Target="slides/slide2.xml"/></Relationships>`,
    "ppt/slides/slide1.xml": slide("the end"),
    "ppt/slides/slide2.xml": slide("the beginning"),
  });
}

export function openDocumentFile(family: "text" | "spreadsheet" | "presentation", body: string): Buffer {
  return zipArchive([
    { name: "mimetype", content: `application/vnd.oasis.opendocument.${family}`, method: 0 },
    {
      name: "content.xml",
      content: `<office:document-content><office:body>${body}</office:body></office:document-content>`,
    },
    { name: "META-INF/manifest.xml", content: "<manifest:manifest/>" },
  ]);
}

// ---- numbers

function uint16be(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function uint16le(value: number): Buffer {
  return Buffer.from([value & 255, value >> 8]);
}

function uint32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function uint32le(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
