/**
 * What calls of one script changed in contexts while they run in a batch. Nothing else of the process runs from the
 * beginning of a batch to its cut, so what the last call of it changed can be taken back exactly.
 */
export interface UndoLog {
  /** @param call its number; a later call has a higher one  @param undo makes what it is about to change as it was */
  note(call: number, undo: () => void): void
  /** Undoes what this call changed, which was the last to run. */
  takeBack(call: number): void
  /** This call, and those before it, have ended: what they changed stays. */
  keep(call: number): void
}

export function createUndoLog(): UndoLog {
  let notes: { readonly call: number; readonly undo: () => void }[] = []
  return {
    note(call, undo) {
      notes.push({ call, undo })
    },
    takeBack(call) {
      while (notes.at(-1)?.call === call) notes.pop()?.undo()
    },
    keep(call) {
      const last = notes.at(-1)
      if (last && last.call <= call) notes = []
    },
  }
}
