import { readFile } from 'node:fs/promises'
import jsonata from 'jsonata'
import { describe, expect, test } from 'vitest'
import { checkRows } from './check.ts'
import { compileRows } from './evaluate.ts'
import { categoryWords, functionOf, functions } from './functions.ts'
import type { Row } from './row.ts'
import { toJsonata } from './to-jsonata.ts'

const rowOf = ({ name, example }: (typeof functions)[number]): Row[] => [{ to: 'gives', from: 'payload', do: [{ function: name, with: example.with.map((value) => ({ value })) }] }]

describe.each(functions.map((one) => [one.name, one] as const))('%s', (_, one) => {
  test('gives what its worked example says', () => {
    expect(checkRows(rowOf(one))).toEqual([])
    expect(compileRows(rowOf(one))({ root: () => one.example.value, open: (value) => value })).toEqual({ gives: one.example.gives })
  })
  test.skipIf(!one.jsonata)('means in JSONata what it means here', async () => {
    const { text, missing } = toJsonata(rowOf(one))
    expect(missing).toEqual([])
    const value: unknown = await jsonata(text).evaluate({}, { message: { payload: one.example.value } })
    expect(JSON.parse(JSON.stringify(value))).toEqual({ gives: one.example.gives })
  })
})

test('there are at least forty functions, in each category some, each with its texts in both languages, and hardly one without JSONata', () => {
  expect(functions.length).toBeGreaterThanOrEqual(40)
  expect(new Set(functions.map(({ name }) => name)).size).toBe(functions.length)
  expect([...new Set(functions.map(({ category }) => category))].toSorted()).toEqual(Object.keys(categoryWords).toSorted())
  const chinese = /[㐀-鿿]/
  for (const { label, summary, arguments: all } of functions) {
    for (const words of [label, summary, ...all.map((one) => one.label)]) {
      expect(words.en).not.toMatch(chinese)
      expect(words['zh-TW']).toMatch(/[㐀-鿿]|JSON/)
    }
  }
  expect(functions.filter((one) => !one.jsonata).map(({ name }) => name)).toEqual(['parseJson'])
})

test.each([
  ['the calendar of the Republic of China, both ways', ['toRoc', 'fromRoc']],
  ['lists that are grouped, sorted and joined by a key', ['group', 'sort', 'joinLists']],
  ['the nearest by coordinates', ['nearest', 'distance']],
  ['values looked up in a table', ['lookup']],
  ['units', ['unit']],
])('among them are those for %s', (_, names) => {
  expect(names.filter((name) => !functionOf(name))).toEqual([])
})

test.each(['docs/nodes/map.md', 'docs/zh-TW/nodes/map.md'])('each has its place on the page %s', async (page) => {
  const text = await readFile(new URL(`../../../${page}`, import.meta.url), 'utf8')
  expect(functions.filter(({ name }) => !text.includes(`<br>\`${name}\` |`)).map(({ name }) => name)).toEqual([])
})
