import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toCanonicalJson } from './canonical-json.ts'
import { checkChain, hashLink, noHash, type ChainPoint, type Link } from './chain.ts'

function chainOf(contents: readonly unknown[]): Link[] {
  let hash = noHash
  return contents.map((content, place) => ({ number: place + 1, content, hash: (hash = hashLink('test', hash, place + 1, content)) }))
}
const headOf = (links: readonly Link[]): ChainPoint => ({ number: links.length, hash: links.at(-1)?.hash ?? noHash })

describe('a hash chain', () => {
  test('as it was written has no flaw', () => {
    fc.assert(fc.property(fc.array(fc.jsonValue(), { maxLength: 20 }), (contents) => {
      const links = chainOf(contents.filter(isPlain))
      expect(checkChain('test', links, { head: headOf(links) })).toEqual({ end: headOf(links) })
    }), { numRuns: 100 })
  })

  const acts: Readonly<Record<string, (links: readonly Link[], at: number, other: number) => { readonly links: readonly Link[]; readonly kind: string; readonly number: number }>> = {
    'changed content': (links, at) => ({ links: links.with(at, { ...(links[at] as Link), content: { other: at } }), kind: 'altered', number: at + 1 }),
    'changed hash': (links, at) => ({ links: links.with(at, { ...(links[at] as Link), hash: hashLink('x', noHash, 1, 1) }), kind: 'altered', number: at + 1 }),
    'changed content with a hash made anew': (links, at) => {
      const content = { forged: true }
      const forged = { number: at + 1, content, hash: hashLink('test', links[at - 1]?.hash ?? noHash, at + 1, content) }
      return { links: links.with(at, forged), kind: 'altered', number: at === links.length - 1 ? at + 1 : at + 2 }
    },
    deleted: (links, at) => ({ links: links.toSpliced(at, 1), kind: at === links.length - 1 ? 'truncated' : 'missing', number: at + 1 }),
    'deleted, and the rest numbered anew': (links, at) => ({
      links: links.toSpliced(at, 1).map((link, place) => ({ ...link, number: place + 1 })),
      kind: at === links.length - 1 ? 'truncated' : 'altered',
      number: at + 1,
    }),
    reordered: (links, at, other) => {
      const [low, high] = at < other ? [at, other] : [other, at]
      if (low === high) return { links: links.with(low, { ...(links[low] as Link), content: { other: low } }), kind: 'altered', number: low + 1 }
      return { links: links.with(low, links[high] as Link).with(high, links[low] as Link), kind: 'reordered', number: low + 1 }
    },
    replayed: (links, at, other) => {
      const [low, high] = at < other ? [at, other] : [other, at]
      return { links: links.toSpliced(high + 1, 0, links[low] as Link), kind: 'replayed', number: low + 1 }
    },
    inserted: (links, at) => {
      const inserted = { number: at + 1, content: { inserted: true }, hash: noHash.replaceAll('0', '1') }
      return { links: links.toSpliced(at, 0, inserted), kind: 'altered', number: at + 1 }
    },
    truncated: (links, at) => ({ links: links.slice(0, at), kind: 'truncated', number: at + 1 }),
  }
  for (const [name, act] of Object.entries(acts)) {
    test(`${name}: the check names the record`, () => {
      fc.assert(fc.property(fc.integer({ min: 1, max: 25 }), fc.nat(), fc.nat(), (size, a, b) => {
        const links = chainOf(Array.from({ length: size }, (_, place) => ({ place })))
        const spoiled = act(links, a % size, b % size)
        expect(checkChain('test', spoiled.links, { head: headOf(links) }).flaw).toMatchObject({ kind: spoiled.kind, number: spoiled.number })
      }), { numRuns: 60 })
    })
  }

  test('a link of one chain is none of another', () => {
    const links = chainOf([1, 2, 3])
    expect(checkChain('another', links).flaw).toMatchObject({ kind: 'altered', number: 1 })
  })
})

test('canonical JSON has one text per value, whatever the order of its names', () => {
  expect(toCanonicalJson({ b: 1, a: [true, null, 'é\n'], '€': 1e21, A: -0, left: undefined })).toBe('{"A":0,"a":[true,null,"é\\n"],"b":1,"€":1e+21}')
  for (const value of [Number.NaN, Infinity, '\ud800', { '\ud800': 1 }, () => {}, 1n]) expect(() => toCanonicalJson(value)).toThrow(TypeError)
})

function isPlain(value: unknown): boolean {
  try {
    toCanonicalJson(value)
    return true
  } catch {
    return false
  }
}
