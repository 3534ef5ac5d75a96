import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import problems from './zh-TW/problems.json' with { type: 'json' }
import { listFiles, readSource } from '../../test/kit/sources.ts'
import editor from './zh-TW/editor.json' with { type: 'json' }
import { mergeTexts, type Texts } from '../palette/merge-texts.ts'

const stock = join(dirname(createRequire(import.meta.url).resolve('@node-red/editor-client')), 'locales')
const load = (language: string) => JSON.parse(readFileSync(join(stock, language, 'editor.json'), 'utf8').replace(/^\uFEFF/, '')) as Texts

function keysOf(texts: Texts, prefix = ''): string[] {
  return Object.entries(texts).flatMap(([key, value]) => (typeof value === 'string' ? [prefix + key] : keysOf(value, `${prefix}${key}.`)))
}

test('the editor has every one of its texts in Traditional Chinese', () => {
  const chinese = new Set(keysOf(mergeTexts(load('zh-TW'), editor)))
  expect(keysOf(load('en-US')).filter((key) => !chinese.has(key))).toEqual([])
})

test('our Chinese texts keep the placeholders of the English ones', () => {
  const textAt = (texts: Texts, key: string) => key.split('.').reduce<unknown>((at, part) => (at as Texts)[part], texts) as string
  const holes = (text: string) => (text.match(/__\w+?__/g) ?? []).toSorted()
  const english = load('en-US')
  for (const key of keysOf(editor)) expect([key, holes(textAt(editor, key))]).toEqual([key, holes(textAt(english, key))])
})

test('every problem that a deploy can name is said in Traditional Chinese', () => {
  const sources = listFiles().filter((file) => /^(runtime\/(compile|deploy)|nodes)\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'))
  const codes = sources.flatMap((file) => [...readSource(file).matchAll(/code: '([a-z]+\.[a-z_]+)'(?=[^]{0,400}?remedy)/g)].map((match) => match[1]!))
  expect(codes.length).toBeGreaterThan(40)
  const known = new Set(keysOf(problems))
  expect([...new Set(codes)].filter((code) => !known.has(code))).toEqual([])
})
