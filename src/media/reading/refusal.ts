/** Why a file is not read, thrown from any depth of the program that reads it (program.ts) and caught at its top alone. */

export class Refusal extends Error {
  /** `message` is a sentence for the person. */
  override readonly name = "Refusal";
}
