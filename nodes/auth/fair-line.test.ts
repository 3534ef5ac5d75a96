import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createFairLine } from './fair-line.ts'

/** A line whose work ends when the test says so, and the order it began in. */
function start(limits: Parameters<typeof createFairLine>[0]) {
  const line = createFairLine(limits)
  const began: string[] = []
  const ends: (() => void)[] = []
  const add = (name: string) => line.run(name[0] as string, () => new Promise<string>((resolve) => {
    began.push(name)
    ends.push(() => resolve(name))
  }))
  const finish = async () => {
    ends.shift()?.()
    await turn()
  }
  return { add, began, finish }
}

describe('a line that is fair', () => {
  it('goes round the addresses, one at a time of each', async () => {
    const { add, began, finish } = start({ atOnce: 2, perAddress: 10, waiting: 10 })
    const done = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => add(name))
    expect(began).toEqual(['a1', 'b1'])
    for (let i = 0; i < 6; i += 1) await finish()
    expect(began.slice(2)).toEqual(['a2', 'c1', 'b2', 'a3'])
    expect(await Promise.all(done)).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'b2'])
  })

  it('keeps no more waiting than it may, of one address and of all', async () => {
    const { add, finish } = start({ atOnce: 1, perAddress: 2, waiting: 3 })
    const [first, second, third, tooMany] = ['a1', 'a2', 'a3', 'a4'].map((name) => add(name))
    expect(await tooMany).toBeUndefined()
    const others = ['b1', 'c1', 'd1'].map((name) => add(name))
    // The longest line gave up its last place for c; for d no line is long enough.
    expect(await third).toBeUndefined()
    expect(await others[2]).toBeUndefined()
    for (let i = 0; i < 4; i += 1) await finish()
    expect(await Promise.all([first, second, others[0], others[1]])).toEqual(['a1', 'a2', 'b1', 'c1'])
  })

  it('goes on after work that failed', async () => {
    const line = createFairLine({ atOnce: 1, perAddress: 5, waiting: 5 })
    const failing = line.run('a', () => Promise.reject(new Error('no')))
    const other = line.run('b', () => Promise.resolve('yes'))
    await expect(failing).rejects.toThrow('no')
    expect(await other).toBe('yes')
  })
})
