/** Statuses and ranges, such as `200-299, 304`; `undefined` when the text cannot be read. */
export function parseStatuses(text: string): ReadonlySet<number> | undefined {
  const ranges = text.split(',').map((item) => /^\s*(?<from>[1-5]\d\d)(?:\s*-\s*(?<to>[1-5]\d\d))?\s*$/.exec(item)?.groups)
  const expected = new Set<number>()
  for (const range of ranges) {
    if (!range) return undefined
    const from = Number(range.from)
    const to = Number(range.to ?? range.from)
    if (to < from) return undefined
    for (let status = from; status <= to; status += 1) expected.add(status)
  }
  return expected
}
