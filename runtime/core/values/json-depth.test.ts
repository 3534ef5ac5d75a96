import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../http/body.ts'
import { isTooDeep, jsonDepthLimit, parseJson } from './json-depth.ts'

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth)
const depthOf = (value: unknown): number => (typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0)

describe('JSON from outside', () => {
  it('may be nested as deep as the limit and no deeper', () => {
    expect(isTooDeep(nested(jsonDepthLimit))).toBe(false)
    expect(isTooDeep(nested(jsonDepthLimit + 1))).toBe(true)
    expect(isTooDeep(`${'{"a":'.repeat(jsonDepthLimit)}1${'}'.repeat(jsonDepthLimit)}`)).toBe(false)
    expect(isTooDeep(`${'[{"a":'.repeat(jsonDepthLimit / 2 + 1)}1`)).toBe(true)
  })

  it('may have any number of lists beside each other, and any brackets in texts', () => {
    expect(isTooDeep(JSON.stringify(Array.from({ length: 5000 }, (_, i) => ({ i, list: [{}] }))))).toBe(false)
    expect(isTooDeep(JSON.stringify(['['.repeat(5000), '\\"{['.repeat(5000), '\\'.repeat(5001)]))).toBe(false)
  })

  it('is not made to look flat by brackets in texts', () => {
    expect(isTooDeep('["]\\"]",'.repeat(jsonDepthLimit + 1))).toBe(true)
    expect(isTooDeep('{"}\\\\":'.repeat(jsonDepthLimit + 1))).toBe(true)
  })

  it('gets the answer that its value gives', () => {
    const json = fc.jsonValue({ maxDepth: 8, depthSize: 'xlarge' })
    fc.assert(
      fc.property(json, fc.integer({ min: jsonDepthLimit - 8, max: jsonDepthLimit }), (value, more) => {
        const text = '[['.repeat(more / 2) + JSON.stringify(value) + ']]'.repeat(more / 2)
        const padded = text.length > jsonDepthLimit ? text : text + ' '.repeat(jsonDepthLimit)
        expect(isTooDeep(padded)).toBe(depthOf(JSON.parse(padded)) > jsonDepthLimit)
        // The same JSON with hardly any brackets to its length is looked through after it is parsed.
        for (const given of [padded, padded.replaceAll('[', `[${' '.repeat(20)}`)]) {
          if (depthOf(value) + 2 * Math.floor(more / 2) > jsonDepthLimit) expect(() => parseJson(given)).toThrow(`deeper than ${jsonDepthLimit} levels`)
          else expect(JSON.stringify(parseJson(given))).toBe(JSON.stringify(JSON.parse(given)))
        }
      }),
    )
  })

  it('gets the same answer however much stands before it', () => {
    const before = ['[],'.repeat(45_000), `${' '.repeat(140_000)}`, `${JSON.stringify('x'.repeat(140_000))},`]
    fc.assert(
      fc.property(fc.constantFrom(...before), fc.integer({ min: jsonDepthLimit - 3, max: jsonDepthLimit + 3 }), (first, depth) => {
        const text = `[${first}${nested(depth - 1)}]`
        if (depth > jsonDepthLimit) expect(() => parseJson(text)).toThrow(`deeper than ${jsonDepthLimit} levels`)
        else expect(depthOf((parseJson(text) as unknown[]).at(-1))).toBe(depth - 1)
      }),
      { numRuns: 30 },
    )
  })

  it('that is too deep is refused with the limit in the sentence, before anybody parses it', () => {
    const bytes = Buffer.from('['.repeat(1_000_000))
    expect(() => parseJson(bytes.toString())).toThrow(`nested deeper than ${jsonDepthLimit} levels`)
    for (const read of [(body: Body) => body.value(), (body: Body) => body.jsonText(), (body: Body) => JSON.stringify({ body })]) {
      expect(() => read(Body.ofJsonBytes(bytes))).toThrow(expect.objectContaining({ code: 'body.malformed', status: 400, message: `The body is not valid JSON: it is nested deeper than ${jsonDepthLimit} levels.` }))
    }
  })

  it('that is only passed on may be anything', () => {
    const bytes = Buffer.from('['.repeat(10_000))
    expect(Body.ofJsonBytes(bytes).raw()).toBe(bytes)
  })
})
