import { afterEach, expect, test } from 'vitest'
import { bareDeployer } from '../../test/kit/bare-deployer.ts'
import { SentTo, type Step, Trail } from '../core/step.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = (...to: string[]) => ({ id: 'in', type: 'http in', z: 't', url: '/x', wires: [to] })
const work = (id: string, step: string, ...to: string[]) => ({ id, type: 'work', z: 't', step, wires: [to] })
const reply = { id: 'reply', type: 'reply', z: 't', wires: [] }

let bare: ReturnType<typeof bareDeployer>
afterEach(() => bare.deployer.close())

/** What happened, in order: the steps that were entered, and the ends of the trails. */
async function happenings(nodes: object[], more: Record<string, Step> = {}): Promise<string[]> {
  const seen: string[] = []
  let trails = 0
  const begin = (): Trail => {
    const own = ++trails
    return new Trail(() => void seen.push(`end ${own}`))
  }
  bare = bareDeployer({
    begin: (message) => new SentTo(0, message, begin()),
    beginLater: async (message) => new SentTo(0, message, begin()),
    see: (message) => (seen.push('see'), { out: message }),
    later: async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      seen.push('later')
      return { out: message }
    },
    three: (message) => ({ out: [message, message, message] }),
    drop: () => undefined,
    fail: () => { throw new Error('broken on purpose') },
    async *drip(message) {
      for (let i = 0; i < 2; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        yield { out: message }
      }
      seen.push('dripped')
    },
    ...more,
  })
  expect(await bare.deploy([tab, ...nodes])).toMatchObject({ ok: true })
  await bare.call('/x')
  await expect.poll(() => bare.deployer.inFlight).toBe(0)
  return seen
}

test('a trail ends when the last step of a straight line has', async () => {
  expect(await happenings([entry('a'), work('a', 'begin', 'b'), work('b', 'see', 'c'), work('c', 'see', 'reply'), reply])).toEqual(['see', 'see', 'end 1'])
})

test('a trail goes on while anything that it set off is under way, also after the answer', async () => {
  const nodes = [entry('a'), work('a', 'begin', 'b'), work('b', 'three', 'c', 'reply'), work('c', 'later'), reply]
  expect(await happenings(nodes)).toEqual(['later', 'later', 'later', 'end 1'])
})

test('a trail holds what a step sends one after the other, and what a step that sends later began itself', async () => {
  expect(await happenings([entry('a'), work('a', 'beginLater', 'b'), work('b', 'drip', 'c'), work('c', 'see', 'reply'), reply])).toEqual(['see', 'see', 'dripped', 'end 1'])
})

test('a trail ends at once where nothing is wired, where a step keeps the message and where it throws', async () => {
  expect(await happenings([entry('a', 'reply'), work('a', 'begin'), reply])).toEqual(['end 1'])
  expect(await happenings([entry('a'), work('a', 'begin', 'b'), work('b', 'drop', 'reply'), reply])).toEqual(['end 1'])
  expect(await happenings([entry('a'), work('a', 'begin', 'b'), work('b', 'fail', 'reply'), reply])).toEqual(['end 1'])
})

test('each message of a split has its own, and the branch beside it is not part of it', async () => {
  const nodes = [entry('s'), work('s', 'three', 'a'), work('a', 'begin', 'b'), work('b', 'later', 'reply'), reply]
  expect((await happenings(nodes)).toSorted()).toEqual(['end 1', 'end 2', 'end 3', 'later', 'later', 'later'])
})

test('one within another holds the outer one open, and ends before it', async () => {
  expect(await happenings([entry('a'), work('a', 'begin', 'b'), work('b', 'begin', 'c'), work('c', 'later', 'reply'), reply])).toEqual(['later', 'end 2', 'end 1'])
  expect(await happenings([entry('a'), work('a', 'begin', 'b'), work('b', 'beginLater', 'c', 'd'), work('c', 'later', 'reply'), work('d', 'see'), reply])).toEqual(['see', 'later', 'end 2', 'end 1'])
})

test('what a Catch node does about a fault in it is part of it', async () => {
  const nodes = [entry('a'), work('a', 'begin', 'b'), work('b', 'fail', 'reply'), { id: 'k', type: 'catch', z: 't', scope: ['b'], wires: [['c']] }, work('c', 'later', 'reply'), reply]
  expect(await happenings(nodes)).toEqual(['later', 'end 1'])
})
