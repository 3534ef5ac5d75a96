import { expect, test } from 'vitest'
import { createQueues } from '../../../control/queues/open-queues.ts'
import { toAccess } from '../../../control/consumers/rights.ts'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import type { GatewayCommand } from '../../core/deployer.ts'

const counts = (at: number, count: number) => Array.from({ length: 10 }, (_, place) => (place === at ? count : 0))
const report = { name: 'host', scope: 'gateway', slots: 20, paused: false, waiting: counts(9, 4), active: counts(5, 20), longestWaitMs: 1500, serviceMs: 50, expectedMs: counts(9, 1700) }
const asked: GatewayCommand[] = []
const cli = useCommandLine({
  around: {
    queues: createQueues({
      audit: { add: async () => {} }, access: async (by) => toAccess(by, []),
      command: async (command) => (asked.push(command), [{ gateway: 'g1', result: command.do === 'lines.list' ? [report] : true }]),
    }),
  },
  async prepare({ users }) {
    await users.create({ name: 'olga', role: 'operator' }, 'admin')
    await users.create({ name: 'vera', role: 'viewer' }, 'admin')
  },
})
const sluice = cli.run

test('an operator sees who waits, pauses, resumes, drains, and moves those that wait', async () => {
  expect([await sluice('olga', 'queues', 'list'), cli.out]).toEqual([0, expect.stringMatching(/host +gateway +running +20 +4 +0 0 0 0 0 0 0 0 0 4 +1\.5 s/)])
  expect([await sluice('olga', 'queues', 'show', 'host'), cli.out]).toEqual([0, expect.stringMatching(/g1 +20\/20[\s\S]*9: 1\.7 s/)])
  expect([await sluice('olga', 'queues', 'list', '--json'), JSON.parse(cli.out)]).toMatchObject([0, { queues: [{ name: 'host', waiting: counts(9, 4) }] }])
  asked.length = 0
  for (const act of ['pause', 'resume', 'drain']) expect(await sluice('olga', 'queues', act, 'host')).toBe(0)
  expect(await sluice('olga', 'queues', 'move', 'host', '--from', '9', '--to', '5')).toBe(0)
  expect(asked.filter((one) => one.do === 'lines.act').map((one) => (one as { act: object }).act)).toEqual([{ act: 'pause' }, { act: 'resume' }, { act: 'drain' }, { act: 'move', from: 9, to: 5 }])
})

test('nobody else does, and what cannot be is said', async () => {
  expect([await sluice('vera', 'queues', 'list') > 0, cli.err]).toEqual([true, expect.stringContaining('operators')])
  expect([await sluice('olga', 'queues', 'pause', 'nowhere') > 0, cli.err]).toEqual([true, expect.stringContaining('No gateway')])
  expect([await sluice('olga', 'queues', 'move', 'host', '--from', '10', '--to', '5') > 0, cli.err]).toEqual([true, expect.stringContaining('0, the most important, to 9')])
})
