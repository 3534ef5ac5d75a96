import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Refused } from '../control/contract.ts'
import { refusalKey, sayWhy } from './refusals.ts'
import { texts } from './texts.ts'

/** What only programs and the editor are told; or each is another sentence, which the page puts in words. */
const withoutText = new Set([
  'auth.elsewhere', 'auth.failed', 'auth.origin', 'auth.required', 'dry_run', 'flows.malformed', 'flows.state', 'gateway.command', 'invalid_api_version', 'not_found', 'precondition.required', 'query.invalid', 'record.invalid',
  'records.malformed', 'route.none', 'store.locked', 'store.malformed', 'store.not_empty', 'user.link',
  // What is wrong with a partner service is said by the codes of its problems.
  'connector.document', 'connector.unreachable',
])

test('every refusal that somebody can meet on a page has words in Traditional Chinese', () => {
  const files = globSync(['control/**/*.ts', 'portal/**/*.ts', 'editor/*.ts'], { cwd: new URL('..', import.meta.url).pathname, exclude: (name) => String(name).endsWith('.test.ts') })
  const codes = new Set(files.flatMap((file) => [...readFileSync(new URL(`../${file}`, import.meta.url), 'utf8').matchAll(/new Refused\(\s*'([a-z_.]+)'/g)].map(([, code]) => code as string)))
  expect(codes.size).toBeGreaterThan(50)
  const silent = [...codes].filter((code) => !withoutText.has(code) && !/\p{Script=Han}/u.test(texts[refusalKey(code) ?? 'product']['zh-TW']))
  expect(silent).toEqual([])
})

test('what is wrong with a partner service or a certificate has words in Traditional Chinese, with facts that are there', () => {
  const files = globSync(['control/partners/*.ts', 'vault/certificates/*.ts'], { cwd: new URL('..', import.meta.url).pathname, exclude: (name) => String(name).endsWith('.test.ts') })
  const source = files.map((file) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).join('\n')
  const codes = new Set([...source.matchAll(/'(partner\.[a-z_]+)'|refused\('([a-z_]+)'/g)].map(([, partner, certificate]) => partner ?? `certificate.${certificate}`))
  expect(codes.size).toBeGreaterThan(35)
  const sentenceOf = (code: string) => texts[refusalKey(code) ?? 'product']['zh-TW']
  expect([...codes].filter((code) => !/\p{Script=Han}/u.test(sentenceOf(code)))).toEqual([])
  const blanks = new Set([...codes].flatMap((code) => [...sentenceOf(code).matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)))
  for (const name of blanks) expect(source, name).toMatch(new RegExp(`\\{ (?:\\w+(?:: [\\w.]+)?, )*${name}(?:: |,| \\})`))
})

test('a refusal is said in the reader’s language; in English as control says it, and what a page said stays', () => {
  const refused = new Refused('user.exists', 409, 'There is a user “王” already.')
  expect(sayWhy(refused, 'zh-TW')).toBe('已有同名的使用者。')
  expect(sayWhy(refused, 'en')).toBe('There is a user “王” already.')
  expect(sayWhy(new Refused('record.none', 404, texts.noDecision['zh-TW']), 'zh-TW')).toBe(texts.noDecision['zh-TW'])
  expect(sayWhy(new Refused('something.new', 409, 'A sentence.'), 'zh-TW')).toBe('A sentence.')
})
