/**
 * Calls per second through the sandbox with 32 callers at once, beside the same function called directly.
 * Run with the flags of node-flags.mjs: `node start.mjs --run runtime/sandbox/sandbox.bench.ts`.
 */
import { Body } from '../core/http/body.ts'
import { systemClock } from '../core/time/clock.ts'
import { silentLog } from '../core/log.ts'
import { response, type Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { ScriptHost } from '../core/sandbox.ts'
import type { Step } from '../core/step.ts'
import { createSandbox } from './sandbox.ts'

const callers = 32
const forMs = 1500

const noContext = { get: () => undefined, set() {}, keys: () => [], delete() {}, increment: () => 0, remember: () => () => {} }
const host: ScriptHost = {
  node: { id: 'n', type: 'function', flow: 'f', outputs: 1 },
  env: () => undefined,
  contexts: { node: noContext, flow: noContext, global: noContext },
  log() {},
  status() {},
  error() {},
  emit() {},
}
const run = { id: 'r', flow: 'f', revision: 'x', signal: new AbortController().signal, deadline: Date.now() + 600_000, log: silentLog, context: noContext } as unknown as Run

const req = Object.freeze({ method: 'POST', url: '/x', headers: { host: 'a', accept: '*/*', 'user-agent': 'bench' }, query: {}, params: {} })
const small = (): Message => ({ _msgid: 'abcdef0123456789', payload: Body.ofJsonBytes(Buffer.from('{"name":"x","list":[1,2,3]}')), req, res: response })
const plain = (): Message => ({ _msgid: 'abcdef0123456789', payload: { name: 'x', list: [1, 2, 3] }, topic: 't', req, res: response })
const document = JSON.stringify({ rows: Array.from({ length: 200 }, (_, i) => ({ id: i, name: `row ${i}`, at: [121.5 + i / 1000, 25.03], ok: i % 2 === 0, note: 'some text that goes on a little' })) })
const large = (): Message => ({ _msgid: 'abcdef0123456789', payload: Body.ofJsonBytes(Buffer.from(document)), req, res: response })

async function measure(steps: readonly Step[], make: () => Message, use: (message: Message | undefined) => void): Promise<number> {
  let calls = 0
  let next = 0
  const until = performance.now() + forMs
  const cpu = process.cpuUsage()
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const step = steps[next++ % steps.length] as Step
      const sends = (await step(make(), run)) as { 0?: Message } | undefined
      use(sends?.[0])
      calls++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const { user, system } = process.cpuUsage(cpu)
  cpuPerCall = (user + system) / calls
  return Math.round((calls / forMs) * 1000)
}
let cpuPerCall = 0

const keep = setInterval(() => {}, 1000)
const sandbox = createSandbox({ log: silentLog, clock: systemClock })
const toBytes = (message: Message | undefined): void => {
  if (message?.payload instanceof Body) message.payload.bytes()
}

async function compare(title: string, codes: readonly string[], direct: (message: Message) => Message, make: () => Message, use = toBytes): Promise<void> {
  const scripts = await Promise.all(codes.map((code, i) => sandbox.script({ id: `${title}${i}`, owner: 'bench', code, outputs: 1 }, host)))
  const steps = scripts.map((script) => script.step)
  for (let i = 0; i < 30 * steps.length; i++) await (steps[i % steps.length] as Step)(make(), run)
  const ours = await measure(steps, make, use)
  const cpu = cpuPerCall
  const hand = await measure([async (message) => ({ 0: direct(message) })], make, (message) => void JSON.stringify(message?.payload))
  console.log(`${title.padEnd(34)} ${String(ours).padStart(8)} /s (${cpu.toFixed(2)} µs)   direct ${String(hand).padStart(8)} /s   ${(1e6 / ours - 1e6 / hand).toFixed(2)} µs more per call`)
  for (const script of scripts) await script.close()
}

const value = (message: Message): any => (message.payload instanceof Body ? message.payload.value() : message.payload)
const greet = `msg.payload = { hello: msg.payload.name, n: msg.payload.list.length }\nreturn msg`
const greetDirect = (message: Message): Message => ({ ...message, payload: { hello: value(message).name, n: value(message).list.length } })

await compare('return msg', ['return msg'], (m) => m, small)
await compare('new payload from body', [greet], greetDirect, small)
await compare('new payload from value', [greet], greetDirect, plain)
await compare('one field more', [`msg.payload.extra = 1\nreturn msg`], (m) => ({ ...m, payload: { ...value(m), extra: 1 } }), plain)
await compare('loop over a list', [`let s = 0\nfor (const n of msg.payload.list) s += n\nmsg.payload = { s }\nreturn msg`], (m) => ({ ...m, payload: { s: 6 } }), plain)
await compare('whole message', [`return Object.assign({}, msg, { payload: 1 })`], (m) => ({ ...m, payload: 1 }), plain)
await compare('50 functions', Array.from({ length: 50 }, () => greet), greetDirect, small)
await compare('20 KB there and back', [`msg.payload.seen = true\nreturn msg`], (m) => ({ ...m, payload: { ...value(m), seen: true } }), large)
await compare('20 KB in, a little out', [`msg.payload = { n: msg.payload.rows.length }\nreturn msg`], (m) => ({ ...m, payload: { n: value(m).rows.length } }), large)
await compare('async', [`await null\nreturn msg`], (m) => m, small)

const before = process.memoryUsage().rss
const start = performance.now()
const many = await Promise.all(Array.from({ length: 200 }, (_, i) => sandbox.script({ id: `many${i}`, owner: 'many', code: greet, outputs: 1 }, host)))
await Promise.all(many.map(async (script) => script.step(small(), run)))
const functionsMs = performance.now() - start
const expressions = await Promise.all(
  Array.from({ length: 200 }, (_, i) => sandbox.jsonata(`{ "n": $count(payload.list), "i": ${i} }`, { owner: 'many', id: `j${i}`, env: () => undefined, contexts: host.contexts })),
)
await Promise.all(expressions.map(async (evaluate) => evaluate(small(), run)))
console.log(
  `200 functions, first call: ${functionsMs.toFixed(0)} ms; with 200 expressions: ${(performance.now() - start).toFixed(0)} ms, +${((process.memoryUsage().rss - before) / 1e6).toFixed(0)} MB`,
)
clearInterval(keep)
await sandbox.close()
