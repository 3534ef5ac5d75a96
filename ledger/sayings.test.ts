import { expect, test } from 'vitest'
import { say, sayings, sayRemedy, type SayingCode } from './sayings.ts'

const blanks = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string).sort()

test('what is found has words in English and Traditional Chinese, with the same facts in both', () => {
  for (const [code, text] of Object.entries(sayings)) {
    expect(text['zh-TW'], code).toMatch(/\p{Script=Han}.*。$/u)
    expect(text.en, code).toMatch(/\.$/)
    expect(blanks(text['zh-TW']), code).toEqual(blanks(text.en))
  }
})

test('a sentence has its facts in it, and every kind of flaw its remedy', () => {
  expect(say({ code: 'record.moved', facts: { number: 5, instead: 9 } }, 'zh-TW')).toBe('第 5 筆紀錄不在原位：該處是第 9 筆。')
  expect(say({ code: 'nothing.known' as SayingCode, facts: {} })).toBe('nothing.known')
  for (const kind of ['altered', 'missing', 'signature', 'anchor', 'constructor']) expect(sayRemedy(kind, 'zh-TW')).toMatch(/。$/)
})
