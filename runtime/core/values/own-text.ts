/** A text by itself: a part that was cut out of a longer one would keep the whole of it in memory as long as it is kept. */
export function ownText(part: string): string {
  return Buffer.from(part).toString()
}
