/**
 * Whether a file is sound or moving pictures, by its first bytes: neither its name nor what the sender's client said of it counts.
 */

/** Enough of a file's beginning: two frames of the longest kind of MP3, and the tracks of a WebM. */
const audioHeadBytes = 4_096;

/**
 * The media type of a file that begins with `head`; null for everything that is neither audio nor video. A container is called a video
 * unless its beginning says that it holds sound alone. 4 KiB are enough of a beginning, and less will often do.
 */
export function audioKindOf(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, audioHeadBytes)).toString("latin1");
  if (text.startsWith("OggS"))
    return text.includes("\x80theora") || text.includes("\x01video") ? "video/ogg" : "audio/ogg";
  if (text.startsWith("fLaC")) return "audio/flac";
  if (text.startsWith("#!AMR")) return "audio/amr";
  if (text.startsWith("\x1a\x45\xdf\xa3")) return matroskaKind(text);
  if (text.slice(4, 8) === "ftyp") return baseMediaKind(text.slice(8, 12));
  if (/^(RIFF|RF64|FORM)/.test(text)) return chunkedKind(text.slice(8, 12));
  // A tag may stand before more than one format, but nearly always it is this one.
  if (text.startsWith("ID3")) return "audio/mpeg";
  return isFramed(head, adtsFrameBytes) ? "audio/aac" : isFramed(head, mpegFrameBytes) ? "audio/mpeg" : null;
}

/** Whether the file is Ogg with Opus in it, as messengers record voice. */
export function isOggOpus(head: Uint8Array): boolean {
  // The first page holds nothing but the codec's own header: 27 bytes, one length, then the name.
  return (
    Buffer.from(head.subarray(0, 4)).toString("latin1") === "OggS" &&
    Buffer.from(head.subarray(28, 36)).toString("latin1") === "OpusHead"
  );
}

/** Matroska (RFC 9559): codecs are named in the clear, "A_" for sound and "V_" for pictures. */
function matroskaKind(text: string): string {
  const isSoundAlone = /A_(OPUS|VORBIS|AAC|FLAC|MPEG|PCM)/.test(text) && !/V_[A-Z]/.test(text);
  const family = text.includes("webm") ? "webm" : "x-matroska";
  return `${isSoundAlone ? "audio" : "video"}/${family}`;
}

/** The major brand of an ISO base media file; pictures (HEIC, AVIF) are such files too. */
function baseMediaKind(brand: string): string | null {
  if (/^(M4A|M4B|M4P|F4A)/.test(brand)) return "audio/mp4";
  if (/^(heic|heix|heim|heis|hevc|hevx|mif1|msf1|avif|avis|crx |jp2 |jpx )$/.test(brand)) return null;
  if (brand.startsWith("3g")) return "video/3gpp";
  return brand === "qt  " ? "video/quicktime" : "video/mp4";
}

function chunkedKind(form: string): string | null {
  switch (form) {
    case "WAVE":
      return "audio/wav";
    case "AVI ":
      return "video/x-msvideo";
    case "AIFF":
    case "AIFC":
      return "audio/aiff";
    default:
      return null; // a WebP picture, for one
  }
}

/**
 * Whether `head` begins with a frame and, where it is long enough, another one right behind it. Eleven set bits alone also begin a text
 * in UTF-16.
 */
function isFramed(head: Uint8Array, frameBytes: (bytes: Uint8Array) => number | null): boolean {
  const bytes = frameBytes(head);
  if (bytes === null) return false;
  return head.length < bytes + frameHeadBytes || frameBytes(head.subarray(bytes)) !== null;
}

const frameHeadBytes = 6;

/** The length of the ADTS frame (AAC) that begins here. */
function adtsFrameBytes(head: Uint8Array): number | null {
  const [sync, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = head;
  if (sync !== 0xff || (second & 0xf6) !== 0xf0 || ((third >> 2) & 0xf) > 12) return null;
  const bytes = ((fourth & 0x3) << 11) | (fifth << 3) | (sixth >> 5);
  return bytes > frameHeadBytes ? bytes : null;
}

/** Layer III, in kbit/s by the index in the frame's header. */
const bitrates = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
/** In hertz, of MPEG 1; MPEG 2 has half of it and MPEG 2.5 a quarter. */
const sampleRates = [44_100, 48_000, 32_000] as const;

/** The length of the MP3 frame that begins here. */
function mpegFrameBytes(head: Uint8Array): number | null {
  const [sync, second = 0, third = 0] = head;
  const version = (second >> 3) & 0x3;
  if (sync !== 0xff || (second & 0xe0) !== 0xe0 || version === 1 || ((second >> 1) & 0x3) !== 1) return null;
  const isFirst = version === 3;
  const kilobits = (isFirst ? bitrates.mpeg1 : bitrates.mpeg2)[third >> 4];
  const rate = sampleRates[(third >> 2) & 0x3];
  if (kilobits === undefined || kilobits === 0 || rate === undefined) return null;
  const hertz = rate / (isFirst ? 1 : version === 2 ? 2 : 4);
  return Math.trunc(((isFirst ? 144_000 : 72_000) * kilobits) / hertz) + ((third >> 1) & 0x1);
}
