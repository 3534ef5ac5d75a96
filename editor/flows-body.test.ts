import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFlowsReader } from './flows-body.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))
const node = fc.record({ id: fc.string({ maxLength: 3 }), text: fc.string({ unit: 'grapheme' }), wires: fc.array(fc.array(fc.string())), name: fc.constantFrom('], [', '},{', '"', '\\', ',') })
const list = fc.array(fc.oneof({ weight: 5, arbitrary: node }, { weight: 1, arbitrary: fc.jsonValue() }), { maxLength: 8 })
const change = fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), put: list })
const rest = fc.oneof(fc.constant({}), fc.record({ rev: fc.string() }), fc.record({ rev: fc.string(), comment: fc.constantFrom('plain', 'a ] in it', '"flows":[]', 'x\\') }))
const spaces = fc.constantFrom(undefined, 1)

test('a deploy reads as JSON does, whatever was deployed before it', async () => {
  await fc.assert(
    fc.asyncProperty(list, fc.array(fc.tuple(change, rest, spaces, fc.boolean()), { maxLength: 6 }), async (start, changes) => {
      const read = createFlowsReader()
      let flows: unknown[] = start
      read(Buffer.from(JSON.stringify({ flows })))
      await settled()
      for (const [{ at, cut, put }, more, space, bare] of changes) {
        flows = flows.toSpliced(at % (flows.length + 1), cut, ...put)
        const text = JSON.stringify(bare ? flows : { flows, ...more }, undefined, space)
        expect(JSON.stringify(read(Buffer.from(text)))).toBe(JSON.stringify(JSON.parse(text)))
        await settled()
      }
    }),
    { numRuns: 300 },
  )
})

test('text that is not JSON is refused, and so is what only looks like the deploy before', async () => {
  await fc.assert(
    fc.asyncProperty(list, fc.nat(), fc.nat({ max: 3 }), fc.constantFrom('', ',', ']', '[', '}', '"', '1', 'x'), async (flows, at, cut, put) => {
      const text = JSON.stringify({ flows, rev: 'a' })
      const read = createFlowsReader()
      read(Buffer.from(text))
      await settled()
      const place = at % text.length
      const broken = text.slice(0, place) + put + text.slice(place + cut)
      const outcome = (parse: () => unknown) => {
        try {
          return JSON.stringify(parse())
        } catch {
          return 'refused'
        }
      }
      const bytes = Buffer.from(broken)
      expect(outcome(() => read(bytes))).toBe(outcome(() => (broken === '' ? undefined : JSON.parse(bytes.toString('utf8')))))
    }),
    { numRuns: 1000 },
  )
})

test('what did not change is the same object as before', async () => {
  const read = createFlowsReader()
  const nodes = (version: number) => [{ id: 'a' }, { id: 'b', version }, { id: 'c' }, { id: 'd' }]
  const first = read(Buffer.from(JSON.stringify({ flows: nodes(1), rev: 'x' }))) as { flows: object[] }
  await settled()
  const second = read(Buffer.from(JSON.stringify({ flows: nodes(2), rev: 'long' }))) as { flows: object[]; rev: string }
  expect(second).toEqual({ flows: nodes(2), rev: 'long' })
  expect(second.flows[0]).toBe(first.flows[0])
  expect(second.flows[3]).toBe(first.flows[3])
})
