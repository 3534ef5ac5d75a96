const leastBytes = 4096

/**
 * Bytes that arrive in pieces, gathered as they come. Pieces are copied together from the second one on: a
 * buffer of its own costs some 200 bytes, so a list of them would let a sender of one-byte chunks hold a
 * hundred times what a limit of bytes allows. At no time more than about three times `size` is held.
 */
export class GatheredBytes {
  #size = 0
  #bytes: Buffer | undefined
  /** Bytes from here on are ours to write to; a first piece is only kept. */
  #room = 0
  readonly #expected: number

  /** @param expected how many were announced, so that nothing is allocated beyond them; 0 when nobody said */
  constructor(expected = 0) {
    this.#expected = expected
  }

  get size(): number {
    return this.#size
  }

  add(piece: Buffer): void {
    const size = this.#size + piece.length
    if (this.#bytes === undefined) {
      this.#bytes = piece
    } else {
      if (size > this.#room) this.#grow(size)
      piece.copy(this.#bytes, this.#size)
    }
    this.#size = size
  }

  /** All of them, in order. A single piece is given back as it came. */
  take(): Buffer {
    const bytes = this.#bytes
    if (bytes === undefined) return Buffer.alloc(0)
    return bytes.length === this.#size ? bytes : bytes.subarray(0, this.#size)
  }

  #grow(needed: number): void {
    const doubled = Math.max(needed, 2 * this.#room, leastBytes)
    this.#room = this.#expected >= needed ? Math.min(doubled, this.#expected) : doubled
    const larger = Buffer.allocUnsafe(this.#room)
    this.#bytes?.copy(larger, 0, 0, this.#size)
    this.#bytes = larger
  }
}
