import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readItems } from './read-items.ts'

async function itemsOf(bytes: Buffer, cuts: readonly number[], separator: number): Promise<unknown[]> {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b)
  const chunks = [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length)).filter((chunk) => chunk.length > 0)
  const found: unknown[] = []
  for await (const item of readItems(Readable.from(chunks), separator, 10_000)) found.push('fault' in item ? item.fault.facts['line'] : { value: item.value })
  return found
}

test('items are what stands between the separators, wherever the bytes were cut', async () => {
  const lines = fc.array(fc.oneof(fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)), fc.constantFrom('', ' ', '{', 'x')), { maxLength: 8 })
  await fc.assert(fc.asyncProperty(lines, fc.array(fc.nat(), { maxLength: 6 }), fc.boolean(), async (texts, cuts, ended) => {
    const expected = texts.flatMap((text, at): unknown[] => {
      if (text.trim() === '') return []
      try {
        return [{ value: JSON.parse(text) as unknown }]
      } catch {
        return [at + 1]
      }
    })
    expect(await itemsOf(Buffer.from(texts.join('\n') + (ended ? '\n' : '')), cuts, 0x0a)).toEqual(expected)
    expect(await itemsOf(Buffer.from(texts.map((text) => `\x1e${text}\n`).join('')), cuts, 0x1e)).toEqual(expected)
  }), { numRuns: 150 })
})

test('a line is held up to its limit and no further', async () => {
  const endless = Readable.from((function* () {
    for (;;) yield Buffer.alloc(1000, 0x78)
  })())
  await expect(readItems(endless, 0x0a, 10_000).next()).rejects.toMatchObject({ code: 'each.line_too_long', facts: { line: 1, limitBytes: 10_000 } })
  expect(endless.destroyed).toBe(true)
})
