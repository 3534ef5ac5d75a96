import { describe, expect, it } from 'vitest'
import { checkTypedValue, compileTypedValue, type TypedValueScope } from './typed-value.ts'
import type { Run } from '../run.ts'
import { systemClock } from '../time/clock.ts'

const run = {} as Run
const store = new Map<string, unknown>([['count', 7], ['a[2]', 'second']])
const context = { get: (key: string) => store.get(key), set() {}, keys: () => [], delete() {}, increment: () => 0 }
const scope = {
  env: (name: string) => ({ CITY: '臺北', N: 3 })[name],
  contexts: { node: context, flow: context, global: context },
  clock: { ...systemClock, now: () => 1_700_000_000_000 },
  node: { id: 'n', type: 't', flow: 'f', path: 'f', owner: 'o' },
  sandbox: { jsonata: async (text: string) => async () => `evaluated ${text}` },
} as unknown as TypedValueScope

const read = async (value: unknown, type: string, message = {}) => (await compileTypedValue(value, type, scope)).evaluate(message, run)

describe('typed values', () => {
  it.each([
    ['5', 'num', 5],
    ['true', 'bool', true],
    ['no', 'bool', false],
    [5, 'str', '5'],
    ['{"a":[1]}', 'json', { a: [1] }],
    ['[1,2]', 'bin', Buffer.from([1, 2])],
    ['"ab"', 'bin', Buffer.from('ab')],
    ['', 'date', 1_700_000_000_000],
    ['iso', 'date', '2023-11-14T22:13:20.000Z'],
    ['object', 'date', new Date(1_700_000_000_000)],
    ['CITY', 'env', '臺北'],
    ['${N}', 'env', 3],
    ['in ${CITY}, ${NONE}', 'env', 'in 臺北, '],
    ['NONE', 'env', ''],
    ['count', 'flow', 7],
    ['#:(memory)::count', 'global', 7],
    ['msg.payload.x', 'msg', 1],
    ['payload.y.z', 'msg', undefined],
    ['a[msg.i]', 'flow', 'second'],
    ['a[msg.none]', 'flow', undefined],
    ['payload', 'jsonata', 'evaluated payload'],
  ])('%s as %s is read as Node-RED reads it', async (value, type, expected) => {
    expect(await read(value, type, { payload: { x: 1 }, i: 2 })).toEqual(expected)
  })

  it('give one frozen JSON value to all, and bytes of their own to each', async () => {
    const json = await compileTypedValue('{"a":[1]}', 'json', scope)
    expect(json.constant).toBe(true)
    expect(json.evaluate({}, run)).toBe(json.evaluate({}, run))
    expect(Object.isFrozen((json.evaluate({}, run) as { a: unknown }).a)).toBe(true)
    const bytes = await compileTypedValue('[1]', 'bin', scope)
    expect(bytes.evaluate({}, run)).not.toBe(bytes.evaluate({}, run))
  })

  it('are asynchronous for JSONata only', async () => {
    for (const [value, type] of [['1', 'num'], ['a', 'msg'], ['a', 'flow'], ['CITY', 'env']] as const) {
      expect((await compileTypedValue(value, type, scope)).async).toBe(false)
    }
    expect((await compileTypedValue('a', 'jsonata', scope)).async).toBe(true)
  })

  it.each([
    ['{"a"', 'json', 'value.json'],
    ['{}', 'bin', 'value.json'],
    ['x', 'num', 'value.number'],
    
    ['(', 're', 'regex.syntax'],
    ['(?=a)', 're', 'regex.not_linear'],
    ['a..b', 'msg', 'value.path'],
    ['__proto__.x', 'msg', 'value.path'],
    ['#:(redis)::a', 'flow', 'value.path'],
    ['$sum(', 'jsonata', 'expression.syntax'],
    ['YYYY', 'date', 'value.date'],
  ])('%s as %s is refused at deploy', (value, type, code) => {
    expect(checkTypedValue(value, type, 'rules')).toMatchObject({ code, property: 'rules', remedy: expect.stringMatching(/\.$/) })
  })

  it('that are fine have no problem', () => {
    for (const [value, type] of [['{}', 'json'], ['1', 'num'], ['a[msg.b]', 'msg'], ['#:(default)::a', 'flow'], ['$sum(payload)', 'jsonata'], ['a', 'str'], ['', 'date']]) {
      expect(checkTypedValue(value, type)).toBeUndefined()
    }
  })
})
