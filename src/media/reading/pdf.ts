/** The words of a PDF, page by page, no further than the excerpt needs. */
import { getDocumentProxy } from "unpdf";
import { createExcerpt, type ExcerptBuilder } from "../excerpt.ts";
import { Refusal } from "./refusal.ts";

export type PdfText =
  | { readonly kind: "text"; readonly about: string; readonly excerpt: ExcerptBuilder }
  | { readonly kind: "opaque"; readonly about: string };

/** So many pages without a word, and the rest is not looked at. */
const silentPagesMax = 50;

/** Throws where the file is torn. */
export async function pdfText(bytes: Uint8Array): Promise<PdfText> {
  const pdf = await opened(bytes);
  if (pdf === null) return { kind: "opaque", about: "an encrypted PDF, which needs a password" };
  const pages = `${pdf.numPages} ${pdf.numPages === 1 ? "page" : "pages"}`;
  const excerpt = createExcerpt();
  let hasWords = false;
  for (let number = 1; number <= pdf.numPages && !excerpt.isFull; number += 1) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    const text = items.map((item) => ("str" in item ? `${item.str}${item.hasEOL ? "\n" : ""}` : "")).join("");
    hasWords ||= /\S/.test(text);
    if (!hasWords && number >= silentPagesMax) break;
    excerpt.add(`[page ${number}]\n${text.trim()}\n`);
    page.cleanup();
  }
  if (!hasWords) return { kind: "opaque", about: `a PDF without text (scanned, or pictures only), ${pages}` };
  return { kind: "text", about: `PDF, ${pages}`, excerpt };
}

async function opened(bytes: Uint8Array): Promise<Awaited<ReturnType<typeof getDocumentProxy>> | null> {
  try {
    return await getDocumentProxy(bytes, { verbosity: 0 });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The library's kinds of errors, which it names but does not export.
    if (error.name === "PasswordException") return null;
    if (error.name === "InvalidPDFException") throw new Refusal("The PDF is damaged.");
    throw error;
  }
}
