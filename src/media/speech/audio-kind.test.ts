import { expect, test } from "vitest";
import { audioKindOf, isOggOpus } from "./audio-kind.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const ogg = (codec: string): Buffer => latin1(`OggS${"\0".repeat(24)}${codec}`);
const brand = (name: string): Buffer => latin1(`\0\0\0\x20ftyp${name}\0\0\x02\0`);
/** An MPEG 1 Layer III frame of 128 kbit/s at 44.1 kHz is 417 bytes long. */
const mp3Frame = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x00]), Buffer.alloc(413)]);
/** An ADTS frame of 300 bytes. */
const aacFrame = Buffer.concat([Buffer.from([0xff, 0xf1, 0x50, 0x80, 0x25, 0x9f, 0xfc]), Buffer.alloc(293)]);

test.each<[string, Uint8Array, string]>([
  ["a voice message", ogg("OpusHead"), "audio/ogg"],
  ["Ogg with Vorbis", ogg("\x01vorbis"), "audio/ogg"],
  ["Ogg with pictures", ogg("\x80theora"), "video/ogg"],
  ["FLAC", latin1("fLaC\0\0\0\x22"), "audio/flac"],
  ["AMR", latin1("#!AMR\n"), "audio/amr"],
  ["MP3 with a tag", latin1("ID3\x04\0\0\0\0\0\0"), "audio/mpeg"],
  ["MP3 without one", Buffer.concat([mp3Frame, mp3Frame]), "audio/mpeg"],
  ["AAC", Buffer.concat([aacFrame, aacFrame]), "audio/aac"],
  ["WAV", latin1("RIFF\x24\0\0\0WAVEfmt "), "audio/wav"],
  ["AIFF", latin1("FORM\0\0\0\x24AIFFCOMM"), "audio/aiff"],
  ["AVI", latin1("RIFF\x24\0\0\0AVI LIST"), "video/x-msvideo"],
  ["M4A", brand("M4A "), "audio/mp4"],
  ["MP4", brand("isom"), "video/mp4"],
  ["3GP", brand("3gp5"), "video/3gpp"],
  ["QuickTime", brand("qt  "), "video/quicktime"],
  ["WebM with pictures", latin1("\x1a\x45\xdf\xa3....webm....V_VP9....A_OPUS"), "video/webm"],
  ["WebM of sound alone", latin1("\x1a\x45\xdf\xa3....webm....A_OPUS"), "audio/webm"],
  ["WebM whose tracks come later", latin1("\x1a\x45\xdf\xa3....webm"), "video/webm"],
  ["Matroska", latin1("\x1a\x45\xdf\xa3....matroska....V_MPEG4"), "video/x-matroska"],
])("%s is recognised by its first bytes", (_name, head, kind) => {
  expect(audioKindOf(head)).toBe(kind);
});

test.each<[string, Uint8Array]>([
  ["nothing", new Uint8Array(0)],
  ["text", latin1("hello, RIFF and OggS")],
  ["a text in UTF-16 (its mark has the first bits of an MP3)", Buffer.from("\ufeffhello", "utf16le")],
  ["a JPEG", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46])],
  ["a PNG", latin1("\x89PNG\r\n\x1a\n")],
  ["a PDF", latin1("%PDF-1.7")],
  ["a ZIP", latin1("PK\x03\x04")],
  ["a HEIC picture", brand("heic")],
  ["an AVIF picture", brand("avif")],
  ["a WebP picture", latin1("RIFF\x24\0\0\0WEBPVP8 ")],
  ["one frame's first bytes with something else behind it", Buffer.concat([mp3Frame, Buffer.alloc(64)])],
  ["all bits set", Buffer.alloc(64, 0xff)],
])("%s is neither sound nor pictures that move", (_name, head) => {
  expect(audioKindOf(head)).toBeNull();
});

test("only Ogg with Opus is what voice messages are", () => {
  expect(isOggOpus(ogg("OpusHead"))).toBe(true);
  expect(isOggOpus(ogg("\x01vorbis"))).toBe(false);
  expect(isOggOpus(latin1("OggS"))).toBe(false);
});
