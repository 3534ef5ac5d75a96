import jsonata from 'jsonata'
import { describe, expect, test } from 'vitest'
import { checkRows } from './check.ts'
import { compileRows } from './evaluate.ts'
import { functions } from './functions.ts'
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

test('there are more than forty functions, each with its texts in both languages, and hardly one without JSONata', () => {
  expect(functions.length).toBeGreaterThan(60)
  expect(new Set(functions.map(({ name }) => name)).size).toBe(functions.length)
  const chinese = /[㐀-鿿]/
  for (const { label, summary, arguments: all } of functions) {
    for (const words of [label, summary, ...all.map((one) => one.label)]) {
      expect(words.en).not.toMatch(chinese)
      expect(words['zh-TW']).toMatch(/[㐀-鿿]|JSON/)
    }
  }
  expect(functions.filter((one) => !one.jsonata).map(({ name }) => name)).toEqual(['parseJson'])
})
