import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { checkFlows } from './check.ts'

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = (...to: string[]) => ({ id: 'in', type: 'http in', z: 't', url: '/x', method: 'get', wires: [to] })
const node = (id: string, type: string, wires: string[][], more: object = {}) => ({ id, type, z: 't', wires, ...more })
const respond = node('reply', 'respond', [])
const end = node('end', 'end', [])
const change = (id: string, ...to: string[]) => node(id, 'change', [to], { rules: [] })
const fork = (wires: string[][], more: object = {}) => node('p', 'parallel', wires, { branches: [{ name: 'a' }, { name: 'b' }], ...more })

const said = (nodes: object[]) => checkFlows([tab, ...nodes], definitions).filter(({ code }) => /^(branch|end|reply|answer|flow)\./.test(code)).map(({ severity, code, node: at, message }) => `${severity} ${code} ${at}${code === 'branch.no_end' ? ` ${/“([^”]+)”/.exec(message)?.[1]}` : ''}`)

test('a branch that can give something back, or answers the caller, is fine', () => {
  expect(said([entry('p'), fork([['a'], ['b'], ['reply']]), change('a', 'end'), change('b', 'end'), end, respond])).toEqual([])
  expect(said([entry('p'), fork([['a'], ['reply'], ['reply']]), change('a', 'end'), end, respond])).toEqual([])
})

test('a branch of which nothing can come back refuses the deploy, by its name', () => {
  expect(said([entry('p'), fork([['a'], ['b'], ['reply']]), change('a', 'end'), change('b'), end, respond])).toEqual(['error branch.no_end p b'])
  expect(said([entry('p'), fork([['a'], [], ['reply']]), change('a', 'end'), end, respond])).toEqual(['error branch.no_end p b'])
  expect(said([entry('w'), node('w', 'while', [[], ['reply']], { condition: 'false' }), respond])).toEqual(['error branch.no_end w body'])
  expect(said([entry('f'), node('f', 'for each', [['a'], ['reply']]), change('a'), respond])).toEqual(['error branch.no_end f item'])
})

test('the end of an inner branch is not that of the outer one', () => {
  const inner = node('q', 'parallel', [['a'], ['b'], []], { branches: [{ name: 'c' }, { name: 'd' }] })
  expect(said([entry('p'), fork([['q'], ['b'], ['reply']]), inner, change('a', 'end'), change('b', 'end'), end, respond])).toEqual(['error branch.no_end p a'])
  const mended = { ...inner, wires: [['a'], ['b'], ['end']] }
  expect(said([entry('p'), fork([['q'], ['b'], ['reply']]), mended, change('a', 'end'), change('b', 'end'), end, respond])).toEqual([])
})

test('a Catch node may be what gives a branch its result', () => {
  const nodes = [entry('p'), fork([['a'], ['b'], ['reply']]), change('a'), change('b', 'end'), end, respond, node('k', 'catch', [['end']], { scope: ['a'] })]
  expect(said(nodes)).toEqual([])
})

test('an end node that a message reaches outside of any branch is warned of', () => {
  expect(said([entry('p', 'a'), fork([['a'], ['b'], ['reply']]), change('a', 'end'), change('b', 'end'), end, respond])).toEqual(['warning end.outside end'])
  expect(said([entry('p'), fork([['a'], ['b'], ['end', 'reply']]), change('a', 'end'), change('b', 'end'), end, respond])).toEqual(['warning end.outside end'])
})

test('an output of a choice that leads to no reply is warned of, with the choice and the output', () => {
  const choice = (wires: string[][]) => node('c', 'branch', wires, { ways: [{ name: 'vip', condition: 'payload.vip' }] })
  expect(said([entry('c'), choice([['reply'], []]), respond])).toEqual(['warning reply.maybe_missing c'])
  expect(said([entry('c'), choice([['reply'], ['x']]), change('x', 'd'), node('d', 'debug', []), respond])).toEqual(['warning reply.maybe_missing c'])
  expect(said([entry('c'), choice([['reply'], ['x']]), change('x', 'reply'), respond])).toEqual([])
  expect(said([entry('c'), choice([['reply'], ['f']]), node('f', 'raise fault', []), respond])).toEqual([])
  // Beside the choice another wire answers in any case.
  expect(said([entry('c', 'reply'), choice([['x'], []]), change('x', 'reply'), respond])).toEqual([])
  const found = checkFlows([tab, entry('c'), choice([['reply'], []]), respond], definitions).find(({ code }) => code === 'reply.maybe_missing')
  expect(found?.message).toContain('output 2')
})

test('a reply behind “after response” answers nobody', () => {
  expect(said([entry('later'), node('later', 'after response', [['reply']]), respond])).toEqual(['error reply.unreachable in'])
  expect(said([entry('later', 'reply'), node('later', 'after response', [['d']]), node('d', 'debug', []), respond])).toEqual([])
})

test('fields of an answer keep a source when a branch fails that may', () => {
  const table = (rows: object[]) => node('m', 'map', [['reply']], { rows })
  const flow = (rows: object[], value: string) => [
    entry('p'), fork([['a'], ['b'], ['m']], { branches: [{ name: 'a' }, { name: 'b', ifFails: 'default', value }] }), change('a', 'end'), change('b', 'end'), end, table(rows), respond,
  ]
  const rows = [{ to: 'temperature', from: 'payload.a.t' }, { to: 'pm25', from: 'payload.b.now.pm25' }]
  expect(said(flow(rows, 'null'))).toEqual(['warning answer.no_provider m'])
  expect(said(flow(rows, '{"now":{}}'))).toEqual(['warning answer.no_provider m'])
  expect(said(flow(rows, '{"now":{"pm25":0}}'))).toEqual([])
  expect(said(flow([rows[0] as object, { ...rows[1], default: 'unknown' }], 'null'))).toEqual([])
})

test('a deploy notes where bodies are held in memory, and how large they may get', () => {
  const callout = (id: string, to: string, more: object = {}) => node(id, 'service callout', [[to]], { url: 'https://api.example.org/', ...more })
  const notes = (nodes: object[]) => checkFlows([tab, ...nodes], definitions).filter(({ severity }) => severity === 'note').map(({ code, message }) => `${code} ${message}`)
  expect(notes([entry('reply'), respond])).toEqual([])
  expect(notes([entry('c'), callout('c', 'reply'), respond])).toEqual(['body.held A call of “T” may hold bodies in memory: “c” (service callout) up to 5 MB.'])
  const posted = { ...entry('c'), method: 'post', bodyLimitBytes: 2048 }
  expect(notes([posted, callout('c', 'reply', { responseLimitBytes: 1_048_576 }), respond])[0]).toContain('“in” (http in) up to 2 KB, “c” (service callout) up to 1 MB; 1 MB together.')
  expect(notes([{ ...posted, streamBody: true }, respond])).toEqual([])
  expect(notes([entry('c'), callout('c', 'reply', { answerAs: 'stream' }), respond])).toEqual([])
})

test('a circle without a way out is refused; one with a choice in it is warned of', () => {
  expect(said([entry('a', 'reply'), change('a', 'b'), node('b', 'wait', [['a']]), respond])).toEqual(['error flow.endless a'])
  expect(said([entry('a'), change('a', 'a', 'reply'), respond])).toEqual(['error flow.endless a'])
  expect(said([entry('a'), change('a', 'c'), node('c', 'branch', [['a'], ['reply']], { ways: [{ name: 'again', condition: 'payload.more' }] }), respond])).toEqual(['warning flow.loop a'])
  expect(said([entry('a'), change('a', 'f'), node('f', 'function', [['a', 'reply']], { func: 'return msg', outputs: 1 }), respond])).toEqual(['warning flow.loop a'])
})
