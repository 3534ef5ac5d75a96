import { describe, expect, it } from 'vitest'
import { checkNode } from '../../test/kit/node-tester.ts'
import { resource } from './resource.ts'

const codesOf = (config: object) => checkNode(resource, { name: 'host', ...config }).map(({ code, property, severity }) => [code, property, severity ?? 'error'].join(' '))

describe('resource', () => {
  it('is fine with slots, with a rate, or with both', () => {
    expect(codesOf({ slots: 20 })).toEqual([])
    expect(codesOf({ slots: 0, ratePerSecond: 100, burst: 10 })).toEqual([])
    expect(codesOf({ slots: 5, ratePerSecond: 0.5 })).toEqual([])
  })

  it.each([{ slots: -1 }, { slots: 1.5 }, { slots: 1e9 }, { ratePerSecond: -1 }, { ageing: 0.9 }, { weights: [0] }, { reserve: [-1] }, { maxDepth: -1 }, { order: 'random' }, { name: '' }])('refuses %j at deploy', (config) => {
    expect(codesOf(config).join()).toMatch(/^config\.invalid/)
  })

  it('says where nobody would ever wait, and where more is reserved than there is', () => {
    expect(codesOf({ slots: 0 })).toEqual(['resource.unlimited slots error'])
    expect(codesOf({ slots: 3, reserve: [2, 2, 0, 0, 0, 0, 0, 0, 0, 0] })).toEqual(['resource.reserve reserve error'])
    expect(codesOf({ slots: 2, reserve: [2, 0, 0, 0, 0, 0, 0, 0, 0, 0] })).toEqual(['resource.reserve reserve warning'])
    expect(codesOf({ weights: [5, 4] })).toEqual(['resource.classes weights warning', 'resource.weights weights warning'])
  })
})
