/**
 * Long sound in pieces that a recogniser takes: Whisper hears 30 seconds at most and forgets the rest without a word. A piece ends where
 * it is quietest, so that no word is cut in two where a pause is near.
 */

/** Below Whisper's 30 s, with room for what recognisers add at the end. */
const pieceSecondsMax = 28;
/** People pause within ten seconds. */
const searchSeconds = 10;
/** A pause between two words lasts about this long. */
const pauseSeconds = 0.2;

export type Segmenter = {
  /** The pieces that are whole now, in order. */
  push(samples: Float32Array): Float32Array[];
  /** What is left at the end; null where nothing is. */
  rest(): Float32Array | null;
};

/** `rate` is samples per second. It holds one piece at most, and what was pushed last. */
export function createSegmenter(rate: number): Segmenter {
  const piece = pieceSecondsMax * rate;
  let held = new Float32Array(0);
  return {
    push(samples) {
      const pieces: Float32Array[] = [];
      held = joined(held, samples);
      while (held.length > piece) {
        const end = quietest(held.subarray(0, piece), rate);
        pieces.push(held.slice(0, end));
        held = held.slice(end);
      }
      return pieces;
    },
    rest() {
      const rest = held;
      held = new Float32Array(0);
      return rest.length === 0 ? null : rest;
    },
  };
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The middle of the quietest pause in the last seconds of `samples`; of equals, the last. */
function quietest(samples: Float32Array, rate: number): number {
  const pause = Math.trunc(pauseSeconds * rate);
  const step = Math.max(1, Math.trunc(pause / 4));
  let best = { at: samples.length, energy: Infinity };
  for (let at = samples.length - searchSeconds * rate; at + pause <= samples.length; at += step) {
    let energy = 0;
    for (let i = at; i < at + pause; i += 1) energy += (samples[i] ?? 0) ** 2;
    if (energy <= best.energy) best = { at: at + Math.trunc(pause / 2), energy };
  }
  return best.at;
}
