import { afterAll, beforeAll, expect, test } from 'vitest'
import { estate, flow, setBy } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Each program gives `true` when it got out. Everything a program can name is tried, not only what is documented. */
const attempts: Readonly<Record<string, string>> = {
  process: 'return typeof process !== "undefined" && process.pid > 0',
  require: 'return typeof require === "function" && !!require("fs")',
  'dynamic import': 'try { return !!(await import("node:fs")) } catch { return false }',
  'module and exports': 'return typeof module !== "undefined" || typeof exports !== "undefined" || typeof __filename !== "undefined"',
  'constructor of the message': 'return out(msg.constructor.constructor("return process"))',
  'constructor of a helper': 'return out(RED.util.cloneMessage.constructor("return process"))',
  'constructor of node.send': 'return out(node.send.constructor("return process"))',
  'constructor of env.get': 'return out(env.get.constructor("return process"))',
  'constructor of context.get': 'return out(context.get.constructor("return process"))',
  'constructor of a timer': 'return out(setTimeout.constructor("return process"))',
  'constructor of a promise from outside': 'const p = context.get("x", () => {}); return out(Object.getPrototypeOf(async () => {}).constructor("return process"))',
  'constructor of an error from outside': 'try { context.get(Symbol()) } catch (error) { return out(error.constructor.constructor("return process")) } return false',
  'constructor of the request': 'return out(msg.req.constructor.constructor("return process"))',
  'constructor of the response mark': 'return typeof msg.res === "object" && msg.res !== null && out(msg.res.constructor.constructor("return process"))',
  'prepareStackTrace': 'Error.prepareStackTrace = (_, sites) => sites; const sites = new Error().stack; return Array.isArray(sites) && sites.some((site) => { const f = site.getFunction?.(); return f && out(f.constructor("return process")) || out(site.getThis?.()?.constructor?.constructor?.("return process")) })',
  'arguments.callee.caller': 'const f = Function("return arguments.callee.caller"); const c = f(); return !!c && out(c.constructor("return process"))',
  'Buffer pool': 'const b = Buffer.allocUnsafe(4096); return b.some((byte) => byte !== 0)',
  'shared memory and WebAssembly': 'return typeof SharedArrayBuffer !== "undefined" || typeof WebAssembly !== "undefined" || typeof Atomics !== "undefined"',
  'network functions': 'return typeof fetch !== "undefined" || typeof XMLHttpRequest !== "undefined" || typeof WebSocket !== "undefined"',
  'isolated-vm references': 'return Object.getOwnPropertyNames(globalThis).some((name) => { try { const v = globalThis[name]; return v && (typeof v.applySync === "function" || typeof v.copyInto === "function" || typeof v.derefInto === "function" || typeof v.deref === "function") } catch { return false } })',
  'environment of the process': 'return env.get("PATH") !== undefined && env.get("PATH") !== "" || env.get("HOME") !== undefined && env.get("HOME") !== ""',
  'prototype of plain objects, seen by the next call': 'Object.prototype.polluted = "yes"; return false',
}

const helper = `const out = (make) => { try { const p = typeof make === "function" ? make() : make; return !!p && typeof p === "object" && (typeof p.exit === "function" || typeof p.binding === "function" || typeof p.env === "object") } catch { return false } }\n`
const names = Object.keys(attempts)

let gateway: TestGateway
beforeAll(async () => {
  const flows = names.map((name, index) =>
    flow(`try${index}`).httpIn('GET', `/try${index}`).fn(`${helper}msg.payload = { escaped: await (async () => { ${attempts[name]} })() }\nreturn msg`).httpResponse(),
  )
  const probe = flow('probe').httpIn('GET', '/probe').fn('const fresh = {}\nmsg.payload = { polluted: fresh.polluted ?? null, inMessage: msg.polluted ?? null }\nreturn msg').httpResponse()
  const body = flow('body').httpIn('POST', '/body').change(setBy('seen', '$type(payload)')).fn('msg.payload = { polluted: ({}).polluted ?? null, own: Object.keys(msg.payload) }\nreturn msg').httpResponse()
  const expression = flow('expression').httpIn('GET', '/expression').change(setBy('payload', '$type(constructor.constructor)')).httpResponse()
  gateway = await startGateway({ nodes: estate(...flows, probe, body, expression) })
})
afterAll(() => gateway?.close())

test.each(names.map((name, index) => [name, index] as const))('nothing of the host is reached by way of: %s', async (_name, index) => {
  const reply = await fetch(`${gateway.url}/try${index}`)
  const text = await reply.text()
  // A refusal is as good as a “no”.
  if (reply.status === 200) expect(JSON.parse(text)).toEqual({ escaped: false })
  else expect(reply.status).toBe(500)
})

test('a polluted prototype in one function is not seen by another, nor by the gateway', async () => {
  const index = names.indexOf('prototype of plain objects, seen by the next call')
  await (await fetch(`${gateway.url}/try${index}`)).text()
  expect(await (await fetch(`${gateway.url}/probe`)).json()).toEqual({ polluted: null, inMessage: null })
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('`__proto__` in a body is data: it changes nobody’s prototype', async () => {
  const reply = await fetch(`${gateway.url}/body`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1,"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}' })
  expect(reply.status).toBe(200)
  expect(await reply.json()).toMatchObject({ polluted: null })
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('a JSONata expression reaches no constructor', async () => {
  const reply = await fetch(`${gateway.url}/expression`)
  expect(await reply.text()).not.toContain('function')
})
