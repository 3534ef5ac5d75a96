import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSampler } from './sampler.ts'

/** A sampler whose turns end when the test says so, and which draws what the test gives it. */
function open(share: number, draws: readonly number[]) {
  let at = 0
  const ends: (() => void)[] = []
  const isTaken = createSampler({ share, random: () => draws[at++] as number, whenTurnEnds: (callback) => void ends.push(callback) })
  return { turn: (runs: number) => {
    const taken = Array.from({ length: runs }, isTaken)
    for (const end of ends.splice(0)) end()
    return taken
  }, drawn: () => at }
}

test('runs that begin in one turn are taken together or not at all, each turn by a draw of its own', () => {
  const turns = fc.array(fc.record({ runs: fc.integer({ min: 0, max: 40 }), draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }), { maxLength: 50 })
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), turns, (share, list) => {
    const drawing = list.filter(({ runs }) => runs > 0)
    const { turn, drawn } = open(share, drawing.map(({ draw }) => draw))
    for (const { runs, draw } of list) expect(turn(runs)).toEqual(Array.from({ length: runs }, () => draw < share))
    expect(drawn()).toBe(drawing.length)
  }))
})

test('of many runs the share is taken that was asked for, however they crowd together', () => {
  // Every draw there is, once: the share of turns is exact, so that of runs is as well when crowds and draws have nothing to do with each other.
  const draws = Array.from({ length: 10_000 }, (_, n) => n / 10_000)
  const { turn } = open(0.01, draws)
  let runs = 0
  let taken = 0
  for (let n = 0; n < draws.length; n++) {
    const crowd = 1 + (n % 25)
    runs += crowd
    taken += turn(crowd).filter(Boolean).length
  }
  expect(taken / runs).toBe(0.01)
})

test('a turn of the event loop ends what was decided in it', async () => {
  const draws = [0.9, 0, 0.9]
  const isTaken = createSampler({ share: 0.5, random: () => draws.shift() as number })
  const seen: boolean[][] = []
  for (let turn = 0; turn < 3; turn++) {
    seen.push([isTaken(), isTaken()])
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(seen).toEqual([[false, false], [true, true], [false, false]])
})

test('all runs are taken when all are asked for', () => {
  const isTaken = createSampler({ share: 1, whenTurnEnds: () => {} })
  expect(Array.from({ length: 100 }, isTaken)).toEqual(Array.from({ length: 100 }, () => true))
})
