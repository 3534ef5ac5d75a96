import { expect, test } from 'vitest'
import { definitions } from '../../../nodes/index.ts'
import { faults, type FaultCode } from '../faults.ts'
import { refusalRemedies, remedyOf } from './refusal-remedies.ts'

/** Faults of nodes that protect which say that something is set up wrongly or cannot be written down, not that a call is refused. */
const notRefusals: ReadonlySet<string> = new Set<FaultCode>(['session.data_too_large', 'ledger.unavailable'])

/** Nodes that protect data: what they fail at refuses no call by itself. */
const guards: ReadonlySet<string> = new Set(['tokenize', 'detokenize', 'verify token', 'mask', 'release label', 'release', 'crypto', 'record'])

test('whatever a node that protects refuses with, people are told what to do about it, in both languages', () => {
  const codes = new Set(definitions.filter(({ category, type }) => category === 'protect' && !guards.has(type)).flatMap((definition) => definition.faults ?? []))
  const without = [...codes].filter((code) => (faults[code].status < 500 || faults[code].status === 503) && !notRefusals.has(code) && remedyOf(code) === undefined)
  expect(without).toEqual([])
  for (const [code, { en, 'zh-TW': zh }] of Object.entries(refusalRemedies)) expect([code, /\.$/.test(en), /。$/.test(zh)]).toEqual([code, true, true])
})

test('a code of another release has no remedy, and no harm is done', () => {
  expect([remedyOf('quota.of_tomorrow'), remedyOf('constructor')]).toEqual([undefined, undefined])
})
