import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { SecretsReply, SecretsRequest } from '../../vault/contract.ts'
import { fault } from '../core/fault.ts'
import { createGatewaySecrets } from './secrets.ts'

/** A vault whose secrets the test changes. */
function open() {
  const clock = fakeClock()
  const stored = new Map<string, { value: string; version: number }>()
  const requests: SecretsRequest[] = []
  const lines: string[] = []
  const vault = { away: false, hangs: false }
  const add = (facts: object, text: string) => void lines.push(`${text} ${JSON.stringify(facts)}`)
  const secrets = createGatewaySecrets({
    clock,
    log: { debug: add, info: add, warn: add, error: add },
    async ask(request): Promise<SecretsReply> {
      requests.push(request)
      if (vault.hangs) await new Promise(() => {})
      if (vault.away) throw fault('vault.unavailable')
      const fresh = request.names.flatMap((name) => (stored.has(name) && stored.get(name)?.version !== request.known?.[name] ? [[name, stored.get(name)!] as const] : []))
      return { secrets: Object.fromEntries(fresh), unknown: request.names.filter((name) => !stored.has(name)) }
    },
  })
  const changes: string[][] = []
  secrets.onChanged((names) => void changes.push([...names]))
  const put = (name: string, value: string) => stored.set(name, { value, version: (stored.get(name)?.version ?? 0) + 1 })
  return { clock, stored, requests, lines, vault, secrets, changes, put }
}

test('a change of a secret that is in use is told within a second, and one that nobody uses is not asked for', async () => {
  const { clock, secrets, changes, put, requests } = open()
  put('a', 'one')
  put('b', 'two')
  expect(await secrets.find(['a', 'b'])).toEqual({ values: new Map([['a', { value: 'one', version: 1 }], ['b', { value: 'two', version: 1 }]]), unknown: new Set(), away: false })
  changes.length = 0
  secrets.keepOnly(['a'])
  put('a', 'three')
  put('b', 'four')
  await clock.advance(1000)
  expect(changes).toEqual([['a']])
  expect(requests.at(-1)).toEqual({ names: ['a'], known: { a: 1 } })
  await clock.advance(3000)
  expect(changes).toEqual([['a']])
  expect((await secrets.find(['a'])).values.get('a')).toEqual({ value: 'three', version: 2 })
  secrets.keepOnly([])
  await clock.advance(1000)
  const asked = requests.length
  await clock.advance(5000)
  expect(requests.length).toBe(asked)
  expect(clock.pending).toBe(0)
})

test('while no vault answers, what is held is held; what was missing is told when it comes', async () => {
  const { clock, secrets, changes, put, vault, lines } = open()
  put('a', 'one')
  await secrets.find(['a'])
  vault.away = true
  put('b', 'two')
  expect(await secrets.find(['a', 'b'])).toEqual({ values: new Map([['a', { value: 'one', version: 1 }]]), unknown: new Set(), away: true })
  await clock.advance(3000)
  vault.away = false
  changes.length = 0
  await clock.advance(1000)
  expect(changes).toEqual([['b']])
  expect(lines.map((line) => line.split(' {')[0])).toEqual(['secrets cannot be asked for; flows that have theirs go on', 'secrets can be asked for again'])
  secrets.close()
})

test('a vault that does not answer at all is not waited for without an end', async () => {
  const { clock, secrets, vault } = open()
  vault.hangs = true
  const found = secrets.find(['a'])
  await clock.advance(15_000)
  expect((await found).away).toBe(true)
  secrets.close()
})

test('a secret that is gone is unknown, and its last value is still there for those that use it', async () => {
  const { clock, secrets, stored, put, lines } = open()
  put('a', 'plover')
  await secrets.find(['a'])
  stored.delete('a')
  expect(await secrets.find(['a', 'b'])).toEqual({ values: new Map([['a', { value: 'plover', version: 1 }]]), unknown: new Set(['a', 'b']), away: false })
  await clock.advance(3000)
  expect(lines).toEqual([expect.stringContaining('"secret":"a"')])
  expect(lines.join()).not.toContain('plover')
  secrets.close()
})

test('many secrets are asked for in parts', async () => {
  const { secrets, put, requests } = open()
  const names = Array.from({ length: 250 }, (_, at) => `s${at}`)
  for (const name of names) put(name, name)
  expect((await secrets.find(names)).values.size).toBe(250)
  expect(requests.map((request) => request.names.length)).toEqual([100, 100, 50])
  secrets.close()
})
