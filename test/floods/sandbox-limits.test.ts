import { afterAll, beforeAll, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

const bad: Readonly<Record<string, string>> = {
  loop: 'while (true) {}',
  'loop-after-await': 'await new Promise((resolve) => setTimeout(resolve, 1))\nwhile (true) {}',
  'loop-in-timer': 'await new Promise((resolve) => setTimeout(() => { while (true) {} }, 1))\nreturn msg',
  'loop-in-getter': 'return { get payload() { while (true) {} } }',
  'loop-in-tojson': 'return { payload: { toJSON() { while (true) {} } } }',
  memory: 'const all = []\nfor (;;) all.push(new Array(1e5).fill({ a: 1 }))',
  'memory-after-await': 'await null\nconst all = []\nfor (;;) all.push("x".repeat(1e6) + all.length)',
  'never-settles': 'await new Promise(() => {})\nreturn msg',
  recursion: 'const f = () => f() + 1\nf()\nreturn msg',
  'huge-answer': 'msg.payload = "x".repeat(3e8)\nreturn msg',
  regex: 'msg.payload = /^(a+)+$/.test("a".repeat(40) + "!")\nwhile (true) {}',
}

let gateway: TestGateway
beforeAll(async () => {
  const flows = Object.entries(bad).map(([name, code]) => flow(name).httpIn('GET', `/${name}`).fn(code, { timeout: 0 }).httpResponse())
  const good = flow('good').httpIn('GET', '/good').fn('msg.payload = { ok: true }\nreturn msg').httpResponse()
  gateway = await startGateway({ nodes: estate(...flows, good), settings: { SLUICE_DEADLINE_MS: '3000' } })
})
afterAll(() => gateway?.close())

test.each(Object.keys(bad))('“%s” gets an answer that names no inner thing, and the good function beside it goes on', async (name) => {
  const [reply, ...good] = await Promise.all([fetch(`${gateway.url}/${name}`), ...Array.from({ length: 20 }, () => fetch(`${gateway.url}/good`))])
  expect(reply.status).toBeGreaterThanOrEqual(500)
  expect(reply.headers.get('content-type')).toContain('application/problem+json')
  const problem = (await reply.json()) as { code: string }
  expect(problem.code).toMatch(/^(script\.(timeout|memory|error|output|quarantined)|flow\.(timeout|no_reply))$/)
  expect(JSON.stringify(problem)).not.toMatch(/isolated-vm|\/runtime\/|at .*\.ts:/)
  expect(good.map((one) => one.status)).toEqual(good.map(() => 200))
  await Promise.all(good.map((one) => one.text()))
})

test('a function that keeps hitting its limit is refused for a while, and shown red in the editor', async () => {
  let code = ''
  for (let call = 0; call < 8 && code !== 'script.quarantined'; call++) {
    code = ((await (await fetch(`${gateway.url}/loop`)).json()) as { code: string }).code
  }
  expect(code).toBe('script.quarantined')
  const red = gateway.events.filter((event) => event.kind === 'status' && event.node === 'loop.2' && event.status.fill === 'red')
  expect(red.length).toBeGreaterThan(0)
  const good = await fetch(`${gateway.url}/good`)
  expect(await good.json()).toEqual({ ok: true })
})
