// Owns: the refusal of a store that was opened only to be read.

/** What a store opened with `readOnly` throws where it would have to write: the caller opens one that may, and asks again. */
export class ReadOnlyStore extends Error {
  override readonly name = 'ReadOnlyStore';

  /** `doing`: what was asked for. */
  constructor(doing: string) {
    super(`${doing}: this store was opened only to be read`);
  }
}
