import fc from 'fast-check'
import jsonata from 'jsonata'
import { expect, test } from 'vitest'
import { checkRows } from './check.ts'
import { compileRows } from './evaluate.ts'
import type { MapFunction } from './function.ts'
import { functions } from './functions.ts'
import type { Row, RowStep } from './row.ts'
import { toJsonata } from './to-jsonata.ts'

/** Data as services send it, with everything odd in it: few names, so that sources find something. */
const { json } = fc.letrec((tie) => ({
  json: fc.oneof({ maxDepth: 4, depthIdentifier: 'd' }, tie('scalar'), tie('list'), tie('object')),
  scalar: fc.constantFrom('a', 'b', '', '12', '1.5', ' 7 ', 'x y', '2026-11-22', '2026-02-29 10:00', '115/3/1', '民國前2年1月1日', '2024/2/29 23:59:59Z', '2026-01-31T08:00:00+09:00', 'é𝒳', true, false, null, 0, 1, -2.5, 12, 1e15, 1795392000123, 0.1, 27.45, 121.5, 25.03, '121.6', '25.1'),
  list: fc.array(tie('json'), { maxLength: 4, depthIdentifier: 'd' }),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c d', 'lat', 'lon', 'in'), tie('json'), { maxKeys: 4, depthIdentifier: 'd' }),
}))

const part = fc.constantFrom('.a', '.b', '["c d"]', '[]', '[0]', '[-1]', '.lat', '.in')
const below = fc.array(part, { maxLength: 3 }).map((parts) => parts.join(''))
const source = (depth: number, names: readonly string[]) => fc.tuple(fc.constantFrom('payload', 'other', ...(depth > 0 ? ['item', 'position'] : []), ...(depth > 1 ? ['parent'] : []), ...names), below).map(([first, rest]) => first + rest)

const constantOf = (one: MapFunction['arguments'][number]): fc.Arbitrary<unknown> => {
  switch (one.kind) {
    case 'choice': return fc.constantFrom(...Object.keys(one.choices!))
    case 'field': return one.default === '' ? fc.constantFrom('', 'a', 'b', 'a.b', 'lat') : fc.constantFrom('a', 'b', 'a.b', 'lat')
    case 'number': return fc.constantFrom(0, 1, -3, 2.5, 100)
    case 'integer': return fc.integer({ min: Math.max(-4, one.minimum ?? -4), max: Math.min(6, one.maximum ?? 6) })
    case 'text': return fc.constantFrom('a', ' ', '', '1', ...((one.maximum ?? 100) > 1 ? ['a b', 'YYYY-M-D HH:mm', '{a} and {}', 'a, b'] : []))
    case 'list': return fc.array(json, { maxLength: 3 })
    case 'object': return fc.dictionary(fc.constantFrom('a', 'b', '12', 'lat', 'lon'), json, { maxKeys: 3 })
    case 'boolean': return fc.boolean()
    default: return json
  }
}

const step = (depth: number, names: readonly string[]): fc.Arbitrary<RowStep> => fc.constantFrom(...functions.filter((one) => one.jsonata)).chain((used) => fc.tuple(...used.arguments.map((one) =>
  one.constant ? constantOf(one).map((value) => ({ value })) : fc.oneof(constantOf(one).map((value) => ({ value })), source(depth, names).map((from) => ({ from })))))
  .map((given) => ({ function: used.name, with: used.name === 'unit' ? [{ value: 'km/h' }, { value: 'knot' }] : given })))

const row = (to: string, depth: number, names: readonly string[]): fc.Arbitrary<Row> => fc.record({
  to: fc.constant(to),
  from: source(depth, names),
  do: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 3, arbitrary: fc.array(step(depth, names), { maxLength: 3 }) }),
  default: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: json }),
  each: depth < 2 ? fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: table(depth + 1, names) }) : fc.constant(undefined),
}).map((made) => JSON.parse(JSON.stringify(made)) as Row)

function table(depth: number, names: readonly string[]): fc.Arbitrary<readonly Row[]> {
  const kept = `$k${depth}`
  return fc.oneof(
    { weight: 1, arbitrary: fc.tuple(row('.', depth, names)) },
    { weight: 4, arbitrary: fc.tuple(row(kept, depth, names), row('*', depth, names), row('a', depth, [...names, kept]), row('deep.x', depth, [...names, kept]), row('deep["y z"]', depth, names)) },
  )
}

const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(12)) + 0 : one))))

test('a table means what its JSONata means, for any table and any message', { timeout: 60_000 }, async () => {
  await fc.assert(fc.asyncProperty(table(0, []), json, json, async (rows, payload, other) => {
    expect(checkRows(rows)).toEqual([])
    const { text, missing } = toJsonata(rows)
    expect(missing).toEqual([])
    const message = { payload, other } as Record<string, unknown>
    const before = JSON.stringify(message)
    const ours = compileRows(rows)({ root: (name) => message[name], open: (value) => value })
    expect(JSON.stringify(message)).toBe(before)
    const theirs: unknown = await jsonata(text).evaluate(structuredClone(payload), { message }) // JSONata puts something into an empty list that it is given
    expect(plain(ours)).toEqual(plain(theirs))
  }), { numRuns: Number(process.env['FUZZ'] ?? 120) })
})

test('whatever stands in the place of rows is checked without an error; what passes runs, and its JSONata compiles', () => {
  const anything = fc.oneof(json, fc.anything({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value) ?? 'null') as unknown))
  const oddStep = fc.record({ function: fc.oneof(fc.constantFrom(...functions.map(({ name }) => name)), anything), with: fc.oneof(anything, fc.array(fc.oneof(fc.record({ value: anything }), fc.record({ from: anything }), anything), { maxLength: 4 })) }, { requiredKeys: ['function'] })
  const oddRow = fc.record({ to: fc.oneof(fc.constantFrom('a', 'a.b', '*', '.', '$x', 'b.*'), anything), from: fc.oneof(source(0, ['$x']), anything), value: anything, do: fc.oneof(fc.array(oddStep, { maxLength: 2 }), anything), default: anything, each: anything }, { requiredKeys: [] })
  fc.assert(fc.property(fc.oneof(fc.array(oddRow, { maxLength: 3 }), anything), json, (rows, payload) => {
    const problems = checkRows(rows)
    for (const { message, remedy } of problems) expect(`${message.en} ${remedy.en} ${message['zh-TW']} ${remedy['zh-TW']}`).not.toMatch(/undefined|\[object|NaN/)
    if (problems.length > 0) return
    compileRows(rows as Row[])({ root: () => payload, open: (value) => value })
    const { text, missing } = toJsonata(rows as Row[])
    if (missing.length === 0) jsonata(text)
  }), { numRuns: 1000 })
})
