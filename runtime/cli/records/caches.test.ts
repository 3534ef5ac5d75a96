import { expect, test } from 'vitest'
import { createCaches } from '../../../control/caches/open-caches.ts'
import { toAccess } from '../../../control/consumers/rights.ts'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import type { GatewayCommand } from '../../core/deployer.ts'

const asked: GatewayCommand[] = []
let connected = true
const cli = useCommandLine({
  around: {
    caches: createCaches({
      audit: { add: async () => {} }, access: async (by) => toAccess(by, []), now: () => Date.now(),
      gateways: () => [{ id: 'g1', name: 'one', connected: true }, { id: 'g2', name: 'two', connected, lastSeenAt: new Date().toISOString() }],
      command: async (command) => (asked.push(command), ['g1', ...(connected ? ['g2'] : [])].map((gateway) => ({ gateway, result: command.do === 'caches.list' ? { store: 'memory', caches: [{ reach: 'flow', owner: 'f1', cache: 'default', label: 'Bikes', entries: 3 }] } : { store: 'memory', entries: 2 } }))),
    }),
  },
  async prepare({ users }) {
    await users.create({ name: 'olga', role: 'operator' }, 'admin')
    await users.create({ name: 'vera', role: 'viewer' }, 'admin')
  },
})
const sluice = cli.run

test('an operator sees what is kept and purges it by tag, key or whole; it says how many entries went where', async () => {
  expect([await sluice('olga', 'cache', 'list'), cli.out]).toEqual([0, expect.stringMatching(/Bikes +default +g1 +memory +3/)])
  expect([await sluice('olga', 'cache', 'purge', '--tag', 'bikes', '--tag', 'shops', '--flow', 'Bikes'), cli.out]).toEqual([0, expect.stringMatching(/^4 entries went, of Bikes \/ default\.[\s\S]*one +memory +2[\s\S]*two +memory +2/)])
  expect(asked.at(-1)).toEqual({ do: 'caches.purge', caches: [{ reach: 'flow', owner: 'f1', cache: 'default' }], what: { tags: ['bikes', 'shops'] } })
  expect([await sluice('olga', 'cache', 'purge', '--key', '/bikes/*', '--json'), JSON.parse(cli.out)]).toMatchObject([0, { entries: 4, complete: true }])
  expect(await sluice('olga', 'cache', 'purge', '--all')).toBe(0)
  expect(asked.at(-1)).toMatchObject({ what: { all: true } })
})

test('it fails when a gateway was not told, and nobody else may', async () => {
  connected = false
  expect([await sluice('olga', 'cache', 'purge', '--all') > 0, cli.err]).toEqual([true, expect.stringMatching(/two +It is not connected\.[\s\S]*Repeat it/)])
  expect([await sluice('vera', 'cache', 'purge', '--all') > 0, cli.err]).toEqual([true, expect.stringContaining('operators')])
  expect([await sluice('olga', 'cache', 'purge') > 0, cli.err]).toEqual([true, expect.stringContaining('Exactly one of')])
})
