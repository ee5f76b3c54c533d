/** What is said of a file that takes more time or memory than its reader has: it may be whole, so it is passed on. */
import type { AttachmentContent } from "../../domain/attachment.ts";
import type { PackedFormat } from "../content-kind.ts";

export function tooMuch(format: PackedFormat): AttachmentContent {
  return { kind: "opaque", about: `${names[format]} that takes too much time or memory to be read here` };
}

const names: Readonly<Record<PackedFormat, string>> = {
  pdf: "a PDF",
  zip: "a document or a zip archive",
  tar: "a tar archive",
  gzip: "a gzip file",
};
