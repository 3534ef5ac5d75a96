import { beforeEach, expect, test } from 'vitest'
import { createAcceptedWork } from '../../../control/jobs/open-accepted-work.ts'
import { toAccess } from '../../../control/consumers/rights.ts'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import type { GatewayCommand } from '../../core/deployer.ts'
import type { JobFacts } from '../../core/jobs/jobs.ts'

const job = (id: string, more: Partial<JobFacts> = {}): JobFacts => ({ id: `abcdefghijkl.${id}`, flow: 'orders', node: 'async', revision: 'r', owner: '', state: 'failed', acceptedAtMs: Date.UTC(2027, 0, 1), attempt: 5, attempts: 5, reason: { code: 'upstream.status', message: 'It answered 503.' }, ...more })
let kept = new Map<string, JobFacts>()
const acts: string[] = []
let paused = false

function answer(command: GatewayCommand): unknown {
  if (command.do === 'jobs.list') return [...kept.values()].filter(({ state, flow }) => state === (command.query.state ?? state) && flow === (command.query.flow ?? flow))
  if (command.do === 'jobs.get') return kept.get(command.id)
  if (command.do === 'jobs.flows') return { shared: false, flows: [{ flow: 'orders', paused, pending: 2, running: 1, dead: 1 }] }
  if (command.do === 'jobs.flow') {
    acts.push(`${command.act} ${command.flow}`)
    paused = command.act === 'pause'
  }
  if (command.do === 'jobs.move') {
    acts.push(`move ${command.id} to ${command.to}`)
    return kept.get(command.id)
  }
  if (command.do !== 'jobs.act') return undefined
  acts.push(`${command.act} ${command.id}`)
  const after = { ...(kept.get(command.id) as JobFacts), state: command.act === 'cancel' ? 'cancelled' : 'pending' } as JobFacts
  kept.set(command.id, after)
  return after
}

const cli = useCommandLine({
  around: { accepted: createAcceptedWork({ audit: { add: async () => {} }, access: async (by) => toAccess(by, []), command: async (command) => [{ gateway: 'g1', result: answer(command) }] }) },
  async prepare({ users }) {
    await users.create({ name: 'olga', role: 'operator' }, 'admin')
    await users.create({ name: 'vera', role: 'viewer' }, 'admin')
  },
})
const sluice = cli.run

beforeEach(() => {
  kept = new Map([job('one'), job('two', { flow: 'bills' }), job('three', { state: 'running' })].map((one) => [one.id, one]))
  acts.length = 0
})

test('an operator lists accepted work, sees why a job failed, cancels one and tries one again', async () => {
  expect([await sluice('olga', 'jobs', 'list', '--state', 'failed', '--flow', 'orders'), cli.out]).toEqual([0, expect.stringMatching(/abcdefghijkl\.one +orders +async +failed +5\/5 +2027-01-01\S+ +upstream\.status/)])
  expect(cli.out).not.toContain('abcdefghijkl.two')
  expect([await sluice('olga', 'jobs', 'show', 'abcdefghijkl.one'), cli.out]).toEqual([0, expect.stringContaining('It answered 503.')])
  expect([await sluice('olga', 'jobs', 'cancel', 'abcdefghijkl.three'), cli.out]).toEqual([0, 'abcdefghijkl.three is cancelled.\n'])
  expect(await sluice('olga', 'jobs', 'retry', 'abcdefghijkl.one')).toBe(0)
  expect(acts).toEqual(['cancel abcdefghijkl.three', 'retry abcdefghijkl.one'])
  expect([await sluice('olga', 'jobs', 'list', '--json'), JSON.parse(cli.out)]).toMatchObject([0, { jobs: expect.any(Array) }])
})

test('all dead letters are replayed, or those of one flow', async () => {
  expect([await sluice('olga', 'jobs', 'replay', '--flow', 'bills'), cli.out]).toEqual([0, '1 dead letter is tried again.\n'])
  expect([await sluice('olga', 'jobs', 'replay'), acts]).toEqual([0, ['retry abcdefghijkl.two', 'retry abcdefghijkl.one']])
  expect([await sluice('olga', 'jobs', 'replay'), cli.out]).toEqual([0, 'There are no dead letters.\n'])
})

test('one that waits is given another priority, and all of a flow that wait are cancelled', async () => {
  for (const id of ['four', 'five']) kept.set(`abcdefghijkl.${id}`, job(id, { state: 'pending' }))
  expect([await sluice('olga', 'jobs', 'move', 'abcdefghijkl.four', '--to', '0'), cli.out]).toEqual([0, 'abcdefghijkl.four waits with priority 0.\n'])
  expect([await sluice('olga', 'jobs', 'move', 'abcdefghijkl.three', '--to', '0'), cli.out]).toEqual([0, 'abcdefghijkl.three is running: nothing was changed.\n'])
  for (const wrong of ['10', '-1', 'high', '1.5']) expect(await sluice('olga', 'jobs', 'move', 'abcdefghijkl.four', '--to', wrong)).toBe(1)
  expect([await sluice('olga', 'jobs', 'drain', 'orders'), cli.out]).toEqual([0, '2 jobs of orders are cancelled.\n'])
  expect([await sluice('olga', 'jobs', 'drain', 'orders'), cli.out]).toEqual([0, 'Nothing of orders waits.\n'])
  expect(acts).toEqual(['move abcdefghijkl.four to 0', 'move abcdefghijkl.three to 0', 'cancel abcdefghijkl.four', 'cancel abcdefghijkl.five'])
})

test('work of a flow is paused and resumed, and how much there is of each is listed', async () => {
  expect([await sluice('olga', 'jobs', 'pause', 'orders'), cli.out]).toEqual([0, 'orders is paused: 1 under way go on, 2 wait until it is resumed.\n'])
  expect([await sluice('olga', 'jobs', 'flows'), cli.out]).toEqual([0, expect.stringMatching(/orders +paused +2 +1 +1/)])
  expect([await sluice('olga', 'jobs', 'resume', 'orders'), cli.out]).toEqual([0, 'orders goes on with 3.\n'])
  expect(acts).toEqual(['pause orders', 'resume orders'])
  expect([await sluice('olga', 'jobs', 'pause', 'bills'), acts.length]).toEqual([1, 2])
})

test('nobody else may, and a job that is not there is said not to be there', async () => {
  expect(await sluice('vera', 'jobs', 'list')).toBe(1)
  expect(await sluice('olga', 'jobs', 'show', 'abcdefghijkl.none')).toBe(1)
  expect(acts).toEqual([])
})
