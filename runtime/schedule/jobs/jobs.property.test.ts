import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'
import { jobId, workHash, workOfId } from './job-id.ts'
import { createJobSeal } from './sealed.ts'

test('a pause grows with the attempts, never beyond its limit, and is never less than half of what it could be', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 3_600_000 }), fc.integer({ min: 0, max: 86_400_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failed, firstMs, mostMs, chance) => {
    const full = Math.min(mostMs, firstMs * 2 ** Math.min(failed - 1, 40))
    const pause = backoffMs(failed, firstMs, mostMs, chance)
    expect(pause).toBeLessThanOrEqual(Math.ceil(full))
    expect(pause).toBeGreaterThanOrEqual(Math.floor(full / 2))
    expect(backoffMs(failed + 1, firstMs, mostMs, chance)).toBeGreaterThanOrEqual(pause)
  }))
})

test('an id says its work, whatever that is called, and nothing else is taken for an id', () => {
  fc.assert(fc.property(fc.string(), fc.string(), fc.option(fc.string(), { nil: undefined }), (flow, node, part) => {
    const work = { flow, node, ...(part === undefined ? {} : { part }) }
    expect(workOfId(jobId(work))).toBe(workHash(work))
  }))
  fc.assert(fc.property(fc.string(), (text) => {
    const work = workOfId(text)
    if (work !== undefined) expect(text).toMatch(/^[A-Za-z0-9]{12}\.[\w.-]{1,100}$/)
  }))
})

test('what is sealed for one job opens for that job and purpose alone', () => {
  const seal = createJobSeal(Buffer.alloc(32, 1))
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const sealed = seal.seal('a.1', 'body', value)
    expect(seal.unseal('a.1', 'body', sealed)).toEqual(JSON.parse(JSON.stringify(value)))
    expect(() => seal.unseal('a.2', 'body', sealed)).toThrow()
    expect(() => seal.unseal('a.1', 'result', sealed)).toThrow()
    expect(() => createJobSeal(Buffer.alloc(32, 2)).unseal('a.1', 'body', sealed)).toThrow()
  }))
})
