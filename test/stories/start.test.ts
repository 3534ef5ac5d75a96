import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { shareCompileCache } from '../kit/compile-cache.ts'
import { root } from '../kit/sources.ts'

interface Ready {
  readonly editor: string
  readonly gateways: readonly { readonly url: string; readonly opsUrl: string }[]
  readonly sample?: string
  readonly password?: string
  readonly pids: Readonly<Record<string, number>>
}

let dataDir: string
let started: ChildProcess[] = []
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-start-'))
  shareCompileCache(dataDir)
})
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  started = []
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }) // children that were just cut off may still write
})

test('a first start serves the samples, says how to sign in, and ends without a process left', async () => {
  const run = start({ SLUICE_SCRIPT_TIMEOUT_MS: '5000' }) // a busy machine must not cut the scripts of the samples short
  const ready = await run.ready()
  const api = ready.gateways[0]?.url ?? ''
  const today = await fetch(`${api}/taipei/today?district=${encodeURIComponent('松山區')}`)
  expect(today.status).toBe(200)
  expect(await today.json()).toMatchObject({ city: '臺北市', district: '松山區', sources: [{ ageMinutes: expect.any(Number) }, {}, {}] })
  expect((await fetch(`${ready.gateways[0]?.opsUrl}/readyz`)).status).toBe(200)
  expect((await fetch(`${ready.editor}/healthz`)).status).toBe(200)
  expect(ready.password).toMatch(/^\S{12,}$/)

  run.child.kill('SIGTERM')
  expect(await run.ended).toBe(0)
  await gone(Object.values(ready.pids))
  expect(run.printed()).toContain('"event":"stopped"')
  expect(run.printed()).not.toContain('"event":"restarting"')
})

test('a stop finishes what is in flight, also when a service manager signals every process', async (context) => {
  if (process.platform === 'win32') return context.skip('there are no signals')
  const run = start({ SLUICE_ADMIN_PASSWORD: password })
  const ready = await run.ready()
  await sluice(['deploy', writeFlow('wait.json', slowFlow(3_000))], await tokenOf(ready), ready)
  const waiting = fetch(`${ready.gateways[0]?.url}/wait`)
  await new Promise((next) => setTimeout(next, 500)) // long enough to be in flight
  for (const pid of [run.child.pid as number, ...Object.values(ready.pids)]) process.kill(pid, 'SIGTERM')
  expect((await waiting).status).toBe(200)
  expect(await run.ended).toBe(0)
  await gone(Object.values(ready.pids))
})

test.runIf(process.platform === 'linux')('a data folder where none can be made ends the start with a sentence', async () => {
  const run = start({ SLUICE_DATA_DIR: '/proc/sluice' })
  expect(await run.ended).toBe(1)
  expect(run.printed()).toContain('The data folder /proc/sluice cannot be written (ENOENT). Make it writable, or set SLUICE_DATA_DIR to another folder.')
})

test('flows are deployed and rolled back from a terminal', async () => {
  const run = start({ SLUICE_ADMIN_PASSWORD: password, SLUICE_SAMPLES: 'off' })
  const ready = await run.ready()
  const token = await tokenOf(ready)
  const answer = async () => (await fetch(`${ready.gateways[0]?.url}/wait`)).text()
  expect(await sluice(['deploy', writeFlow('flow.json', slowFlow(1, 'one')), '--comment', 'first'], token, ready)).toMatchObject({ code: 0, text: expect.stringContaining('[route.public]') })
  expect(await answer()).toBe('one')
  expect(await sluice(['deploy', writeFlow('flow.json', slowFlow(1, 'two'))], token, ready)).toMatchObject({ code: 0 })
  expect(await answer()).toBe('two')
  const broken = slowFlow(1, 'three').map((node) => (node.type === 'http response' ? { ...node, type: 'exec' } : node))
  const refused = await sluice(['deploy', writeFlow('flow.json', broken)], token, ready)
  expect(refused.code).toBe(1)
  expect(refused.text).toContain('Slow › exec')
  expect(await answer()).toBe('two')
  expect(await sluice(['rollback'], token, ready)).toMatchObject({ code: 0 })
  expect(await answer()).toBe('one')
})

test('a gateway runs under the permission model, with nothing of control in its environment', async (context) => {
  if (process.platform !== 'linux') return context.skip('it reads /proc')
  const run = start({ SLUICE_ADMIN_PASSWORD: 'of-the-administrator', SLUICE_CREDENTIAL_KEY: 'ab'.repeat(32), SOMETHING_ELSE: 'of-the-machine' })
  const ready = await run.ready()
  const pid = ready.pids['gateway'] as number
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  expect(words).toContain('--permission')
  expect(words.filter((word) => word.startsWith('--allow-child') || word.startsWith('--allow-worker'))).toEqual([])
  expect(words.find((word) => word.startsWith('--allow-fs-write'))).toBe(`--allow-fs-write=${join(dataDir, 'gateway')}/`)
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/of-the-administrator|abab|of-the-machine|DATABASE_URL/)
})

test('when the parent is killed, nothing is left behind', async () => {
  const run = start()
  const ready = await run.ready()
  run.child.kill('SIGKILL')
  await run.ended
  await gone(Object.values(ready.pids))
})

test('the gateway serves on while control is dead, and control comes back', async () => {
  const run = start()
  const ready = await run.ready()
  process.kill(ready.pids['control'] as number, 'SIGKILL')
  await until(() => run.printed().includes('"event":"restarting"'))
  expect((await fetch(`${ready.gateways[0]?.url}/hello`)).status).toBe(200)
  await until(async () => (await fetch(`${ready.editor}/healthz`).catch(() => undefined))?.status === 200)
})

test('a busy port is named with its variable and its holder, and nothing starts', async () => {
  const holder = createServer()
  await new Promise<void>((listening) => holder.listen(0, '127.0.0.1', listening))
  const { port } = holder.address() as AddressInfo
  try {
    const run = start({ SLUICE_GATEWAY_PORT: String(port) })
    expect(await run.ended).toBe(1)
    const failed = JSON.parse(run.printed().split('\n').find((line) => line.includes('"failed"')) ?? '{}') as { text: string }
    expect(failed.text).toContain(`Port ${port} (SLUICE_GATEWAY_PORT) is in use`)
    if (process.platform === 'linux') expect(failed.text).toContain(`process ${process.pid}`)
  } finally {
    holder.close()
  }
})

test('a wrong setting stops the start with a sentence and exit code 2', async () => {
  const run = start({ SLUICE_GATWAY_PORT: '1' })
  expect(await run.ended).toBe(2)
  expect(run.printed()).toContain('did you mean SLUICE_GATEWAY_PORT?')
})

test('several gateways share one port and share the work of a restart', async (context) => {
  if (process.platform !== 'linux') return context.skip('several processes on one port need Linux')
  const run = start({ SLUICE_GATEWAYS: '2' })
  const ready = await run.ready()
  expect(new Set(ready.gateways.map((gateway) => gateway.url)).size).toBe(1)
  const ops = ready.gateways.map((gateway) => Number(new URL(gateway.opsUrl).port))
  expect(ops[1]).toBe((ops[0] as number) + 1)
  for (let call = 0; call < 10; call++) expect((await fetch(`${ready.gateways[0]?.url}/hello`, { headers: { connection: 'close' } })).status).toBe(200)
})

const password = 'password-of-a-story'

function slowFlow(waitMs: number, text = 'done') {
  return [
    { id: 'ab01', type: 'tab', label: 'Slow' },
    { id: 'ab02', type: 'http in', z: 'ab01', url: '/wait', method: 'get', x: 1, y: 1, wires: [['ab03']] },
    { id: 'ab03', type: 'function', z: 'ab01', func: `await new Promise((next) => setTimeout(next, ${waitMs})); msg.payload = '${text}'; return msg`, outputs: 1, x: 2, y: 1, wires: [['ab04']] },
    { id: 'ab04', type: 'http response', z: 'ab01', statusCode: '', headers: {}, x: 3, y: 1, wires: [] },
  ]
}

function writeFlow(name: string, nodes: readonly object[]): string {
  const file = join(dataDir, name)
  writeFileSync(file, JSON.stringify(nodes))
  return file
}

async function tokenOf(ready: Ready): Promise<string> {
  const { code, text } = await sluice(['token'], undefined, ready, `${password}\n`)
  expect(code).toBe(0)
  return text.trim()
}

function sluice(words: readonly string[], token: string | undefined, ready: Ready, input = ''): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, ['start.mjs', ...words, '--url', ready.editor], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: dataDir, SLUICE_CONFIG: 'off', ...(token ? { SLUICE_TOKEN: token } : {}) },
  })
  started.push(child)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (words[0] === 'token' ? undefined : (text += chunk)))
  child.stdin.end(input)
  return new Promise((settle) => child.once('close', (code) => settle({ code, text })))
}

function start(env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['start.mjs', 'start', '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: dataDir, SLUICE_DATA_DIR: dataDir, SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_CONTROL_PORT: '0', SLUICE_CONFIG: 'off', ...env },
  })
  started.push(child)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
  const ended = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)))
  return {
    child,
    ended,
    printed: () => text,
    async ready(): Promise<Ready> {
      const line = () => text.split('\n').slice(0, -1).find((one) => one.startsWith('{"event":"ready"'))
      await until(() => line() !== undefined || child.exitCode !== null)
      const found = line()
      if (!found) throw new Error(`it did not start:\n${text.slice(-3000)}`)
      return JSON.parse(found) as Ready
    },
  }
}

async function gone(pids: readonly number[]): Promise<void> {
  await until(() => pids.every((pid) => !isAlive(pid)))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 45_000
  while (!(await reached())) {
    if (Date.now() > limit) throw new Error('it did not come to that within 45 s')
    await new Promise((next) => setTimeout(next, 50))
  }
}
