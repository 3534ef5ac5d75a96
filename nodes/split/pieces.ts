import { fault } from '../../runtime/core/fault.ts'

/** How text and bytes are cut: at a separator, or into equal lengths. */
export type Cut = { readonly by: 'separator'; readonly text: string; readonly bytes: Buffer } | { readonly by: 'length'; readonly length: number }

/** Parts that one message may become. */
export const partsLimit = 10_000

/** Cuts text. Never makes more than {@link partsLimit} pieces. @throws Fault `flow.sequence_too_large` */
export function cutText(text: string, cut: Cut): string[] {
  if (cut.by === 'separator') {
    const pieces = text.split(cut.text, partsLimit + 1)
    within(pieces.length)
    return pieces
  }
  within(Math.ceil(text.length / cut.length))
  const pieces: string[] = []
  for (let at = 0; at < text.length || at === 0; at += cut.length) pieces.push(text.slice(at, at + cut.length))
  return pieces
}

/** Cuts bytes; what follows the last separator is a piece only when it is not empty. @throws Fault `flow.sequence_too_large` */
export function cutBytes(bytes: Buffer, cut: Cut): { pieces: Buffer[]; endsWithSeparator: boolean } {
  const pieces: Buffer[] = []
  if (cut.by === 'length') {
    within(Math.ceil(bytes.length / cut.length))
    for (let at = 0; at < bytes.length || at === 0; at += cut.length) pieces.push(bytes.subarray(at, at + cut.length))
    return { pieces, endsWithSeparator: false }
  }
  let from = 0
  for (let at = bytes.indexOf(cut.bytes); at !== -1; at = bytes.indexOf(cut.bytes, from)) {
    pieces.push(bytes.subarray(from, at))
    within(pieces.length)
    from = at + cut.bytes.length
  }
  const endsWithSeparator = from === bytes.length && pieces.length > 0
  if (!endsWithSeparator) pieces.push(bytes.subarray(from))
  return { pieces, endsWithSeparator }
}

/** Cuts a list into lists of `length`, or into its items when that is 1. @throws Fault `flow.sequence_too_large` */
export function cutList(list: readonly unknown[], length: number): unknown[] {
  within(Math.ceil(list.length / length))
  if (length === 1) return [...list]
  const pieces: unknown[] = []
  for (let at = 0; at < list.length; at += length) pieces.push(list.slice(at, at + length))
  return pieces
}

export function within(count: number): void {
  if (count > partsLimit) throw fault('flow.sequence_too_large', { limit: partsLimit })
}
