import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../http/body.ts'
import { deleteProperty, getProperty, parseMessagePath, parsePath, pathToText, setProperty, type PropertyPath } from './property.ts'

const nodeRed = createRequire(import.meta.url)('@node-red/util').util as {
  normalisePropertyExpression(text: string): unknown[]
}

const key = fc.oneof(fc.constantFrom('a', 'b', 'payload', 'x-y', '中', '0', '__defineGetter__', 'toString'), fc.string({ minLength: 1, maxLength: 4 }))
  .filter((k) => !['__proto__', 'constructor', 'prototype'].includes(k))
const part = fc.oneof(key, fc.nat(5))
const path = fc.array(part, { minLength: 1, maxLength: 4 }) as fc.Arbitrary<PropertyPath>
const message = fc.dictionary(key, fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>>

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

describe('property expressions', () => {
  it.each([
    'a', 'a.b', 'a.0', 'a.0.b', '0.a', 'a[0]', 'a[0].b', 'a[0]b', 'a["x"].b', "a['x y'][1]", '"a".b', 'a-b', '中', 'a[0][1]', 'a$.b', 'a["x"]b',
    '', 'a b', 'a"b', 'a."b"', 'a.中', 'a]', 'a["b', 'a..b', 'a.b.', 'a[b]', 'a[0', '[0]', 'a.[0]', 'a[""]', 'a.b"c"', 'a["b"', '.a', '[', 'a[', '"', 'a[0x]',
  ])('reads “%s” as Node-RED does', (text) => {
    let theirs: unknown[] | undefined
    try {
      theirs = nodeRed.normalisePropertyExpression(text)
    } catch {}
    if (theirs === undefined) expect(() => parsePath(text)).toThrow(/position \d+/)
    else expect(parsePath(text)).toEqual(theirs)
  })

  it('agrees with Node-RED on what text parses, and to what, whatever is typed', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '0', '1', '.', '[', ']', '"', "'", ' ', '$', '-'), maxLength: 10 })
    fc.assert(
      fc.property(text, (typed) => {
        let theirs: unknown[] | undefined
        try {
          theirs = nodeRed.normalisePropertyExpression(typed)
        } catch {}
        let ours: PropertyPath | undefined
        try {
          ours = parsePath(typed)
        } catch {}
        // Stricter than Node-RED is allowed (it lets some slips pass, such as `a[0"b"]`), reading it otherwise is not.
        if (ours !== undefined) expect(ours).toEqual(theirs)
      }),
      { numRuns: 3000 },
    )
  })

  it('takes a leading msg. off message paths only', () => {
    expect(parseMessagePath('msg.payload.a')).toEqual(['payload', 'a'])
    expect(parsePath('msg.payload')).toEqual(['msg', 'payload'])
  })

  it('refuses keys that reach a prototype, at parse and behind a nested reference', () => {
    for (const bad of ['__proto__.x', 'a.constructor', 'a["prototype"].b', "a[msg.b['__proto__']]"]) expect(() => parsePath(bad)).toThrow(/not allowed/)
    const path = parsePath('payload[msg.key]')
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      expect(getProperty({ key, payload: {} }, path)).toBeUndefined()
      expect(setProperty({ key, payload: {} }, path, 1)).toBeUndefined()
    }
  })

  it('gives positions in the whole text for nested references', () => {
    expect(() => parsePath('ab[msg.c..d]')).toThrow(/position 9/)
    expect(() => parsePath(`a${'[msg.b'.repeat(5000)}`)).toThrow(/position/)
    expect(() => parsePath(`a${'[msg.b'.repeat(5000)}${']'.repeat(5000)}`)).toThrow(/too deeply/)
  })
})

describe('getProperty', () => {
  it('follows keys, indexes and nested references', () => {
    const m = { i: 1, name: 'c', payload: { list: [{ c: 'no' }, { c: 'yes' }] } }
    expect(getProperty(m, parsePath('payload.list[msg.i][msg.name]'))).toBe('yes')
    expect(getProperty(m, parsePath('payload.list[msg["i"]].c'))).toBe('yes')
    expect(getProperty(m, parsePath('payload.list.length'))).toBe(2)
  })

  it('is undefined where a parent is missing', () => {
    expect(getProperty({}, parsePath('a.b.c'))).toBeUndefined()
    expect(getProperty({ a: null }, parsePath('a.b'))).toBeUndefined()
  })

  it('parses a body on its way and at its end', () => {
    const m = { payload: Body.ofJsonText('{"a":{"b":1}}') }
    expect(getProperty(m, parsePath('payload.a.b'))).toBe(1)
    expect(getProperty(m, parsePath('payload'))).toEqual({ a: { b: 1 } })
  })

  it('never gives out a function', () => {
    expect(getProperty({ a: [] }, parsePath('a.push'))).toBeUndefined()
    expect(getProperty({ a: 'x' }, parsePath('a.toString'))).toBeUndefined()
  })
})

describe('setProperty and deleteProperty', () => {
  it('what was set is what is got, and nothing else has changed or was copied', () => {
    fc.assert(
      fc.property(message, path, fc.jsonValue(), (m, p, value) => {
        deepFreeze(m)
        const before = JSON.stringify(m)
        const after = setProperty(m, p, value)
        expect(JSON.stringify(m)).toBe(before)
        if (after === undefined) return
        expect(getProperty(after, p)).toBe(value)
        for (const k of Object.keys(m)) if (k !== String(p[0])) expect(after[k]).toBe(m[k])
      }),
    )
  })

  it('what was deleted is gone, the input stays', () => {
    fc.assert(
      fc.property(message, fc.array(key, { minLength: 1, maxLength: 3 }), fc.jsonValue(), (m, p, value) => {
        const set = setProperty(m, p, value)
        if (set === undefined) return
        deepFreeze(set)
        const gone = deleteProperty(set, p)
        const parent = getProperty(gone, p.slice(0, -1).length ? p.slice(0, -1) : ['']) as object
        if (!Array.isArray(parent)) expect(getProperty(gone, p) === undefined || !Object.hasOwn(Object(parent), p.at(-1) as string)).toBe(true)
        expect(getProperty(set, p)).toBe(value)
      }),
    )
  })

  it('never touches a prototype', () => {
    fc.assert(
      fc.property(message, path, fc.jsonValue(), (m, p, value) => {
        const keys = Object.getOwnPropertyNames(Object.prototype).length
        const after = setProperty(m, p, value)
        expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(keys)
        if (after) expect(Object.getPrototypeOf(after)).toBe(Object.prototype)
      }),
    )
    const hostile = JSON.parse('{"payload":{"__proto__":{"polluted":true}}}') as Record<string, unknown>
    const after = setProperty(hostile, parsePath('payload.a'), 1)
    expect(Object.getPrototypeOf(after?.payload)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('makes missing parents: an object before a name, an array before an index', () => {
    expect(setProperty({}, parsePath('a.b[1].c'), 1)).toEqual({ a: { b: [undefined, { c: 1 }] } })
    expect(setProperty({ i: 0 }, parsePath('a[msg.i]'), 1)).toEqual({ i: 0, a: [1] })
  })

  it('refuses to set below a primitive, null, a function holder or a host object', () => {
    expect(setProperty({ a: 1 }, parsePath('a.b'), 1)).toBeUndefined()
    expect(setProperty({ a: null }, parsePath('a.b'), 1)).toBeUndefined()
    expect(setProperty({ a: new Date() }, parsePath('a.b'), 1)).toBeUndefined()
    expect(setProperty({ a: [] }, parsePath('a.b'), 1)).toBeUndefined()
    expect(setProperty({ a: [], i: 4_000_000_000 }, parsePath('a[msg.i]'), 1)).toBeUndefined()
  })

  it('undefined deletes; in an array the rest moves up', () => {
    expect(setProperty({ a: [1, 2, 3] }, parsePath('a[1]'), undefined)).toEqual({ a: [1, 3] })
    expect(setProperty({ a: { b: 1, c: 2 } }, parsePath('a.b'), undefined)).toEqual({ a: { c: 2 } })
    const same = { a: 1 }
    expect(setProperty(same, parsePath('x.y'), undefined)).toBe(same)
    expect(deleteProperty(same, parsePath('b'))).toBe(same)
  })

  it('copies a buffer before it sets a byte', () => {
    const m = { a: Buffer.from([1, 2]) }
    expect(setProperty(m, parsePath('a[0]'), 9)?.a).toEqual(Buffer.from([9, 2]))
    expect(m.a[0]).toBe(1)
  })

  it('a path writes as text that reads back', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.stringMatching(/^[a-z]{1,3}$/), fc.nat(9)), { minLength: 1, maxLength: 4 }), (parts) => {
        const p = ['k', ...parts]
        expect(parsePath(pathToText(p, {}) as string)).toEqual(p)
      }),
    )
    expect(pathToText(parsePath('a[msg.i].b'), { i: 3 })).toBe('a[3]["b"]')
  })
})
