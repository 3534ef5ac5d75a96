import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { afterEach, expect, test } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import type { ClientCopy } from '../../runtime/core/access/clients.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { fakeApplication, fakeCallers } from '../kit/fake-callers.ts'
import { openPlanes, until, type Planes } from '../kit/planes.ts'

let planes: Planes
const opened: ClientCopy[] = []
afterEach(async () => {
  await planes.close()
  for (const clients of opened.splice(0)) clients.close()
})

const compile = {
  read: (nodes: unknown) => ({ nodes: nodes as EditorNode[], problems: [] }),
  split: (await import('../../runtime/compile/split.ts')).splitFlows,
  assemble: () => [],
}
const known = () => {
  const clients = createClients({ clock: systemClock, staleMs: 60_000 })
  opened.push(clients)
  return clients
}
const limits = { firstRetryMs: 20, longestRetryMs: 100, settleAgainMs: 50 }

/** A gateway that knows its callers, restarted on its folder when one is given. */
async function gateway(settings: { folder?: string; clients?: ClientCopy; connected?: boolean } = {}) {
  const { clients = known(), folder, connected = true } = settings
  const options = { clients, limits, ...(folder === undefined ? {} : { folder }) }
  return { clients, ...(connected ? await planes.connected(options) : await planes.gateway(options)) }
}

/** A file that is not there yet is empty. */
const textOf = (file: string) => readFile(file, 'utf8').catch(() => '')
const clientsOf = async (id: string | undefined) => (await planes.control.gateways.list()).find((one) => one.id === id)?.clients

test('every gateway gets the records on connecting and each change after, and says how far it is', async () => {
  const callers = fakeCallers(10)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const one = await gateway()
  const two = await gateway()
  await until(() => one.clients.version === 1 && two.clients.version === 1)
  expect(one.clients.applications).toBe(10)
  expect(two.clients.byKey('key-app-3')?.application.organisation).toBe('acme')
  expect(one.clients.plan('gold')?.name).toBe('Gold')

  callers.setActive('app-3', false)
  callers.change({ 'app-4': null, new: fakeApplication('new') })
  await until(() => one.clients.version === 3 && two.clients.version === 3)
  for (const { clients } of [one, two]) {
    expect(clients.byKey('key-app-3')?.application.active).toBe(false)
    expect(clients.byKey('key-app-4')).toBeUndefined()
    expect(clients.byKey('key-new')?.application.id).toBe('new')
  }
  await until(async () => (await clientsOf(one.sync.state().gatewayId))?.state === 'current')
  expect(await clientsOf(one.sync.state().gatewayId)).toEqual({ version: 3, state: 'current', staleMs: 60_000, whenStale: 'serve' })
})

test('one changed consumer among ten thousand arrives, and nothing else travels', async () => {
  const callers = fakeCallers(10_000)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const { clients } = await gateway()
  await until(() => clients.version === 1)
  expect(clients.applications).toBe(10_000)
  let characters = 0
  planes.intercept = (path, body) => {
    if (path !== '/sync/clients/ack') characters += body.length
    return undefined
  }
  callers.setActive('app-7777', false)
  await until(() => clients.byKey('key-app-7777')?.application.active === false)
  expect(characters).toBeLessThan(2000)
})

test('a gateway that was away fetches only the pages that changed meanwhile', async () => {
  const callers = fakeCallers(2000)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  callers.setActive('app-1', false)
  await until(() => first.clients.version === 2)
  await first.sync.close()

  callers.setActive('app-1', true)
  callers.setActive('app-2', false)
  const asked: string[] = []
  let pages = 0
  planes.intercept = (path, body) => {
    if (path === '/sync/clients/pages') pages += Object.keys((JSON.parse(body) as { pages: object }).pages).length
    asked.push(path)
    return undefined
  }
  const again = await gateway({ folder: first.folder })
  await until(() => again.clients.version === 4)
  expect(again.clients.byKey('key-app-1')?.application.active).toBe(true)
  expect(again.clients.byKey('key-app-2')?.application.active).toBe(false)
  expect(again.clients.applications).toBe(2000)
  expect(pages).toBeLessThanOrEqual(2)
})

test('a gateway that starts while control is away knows its callers, with every change it had, and can open their secrets', async () => {
  const callers = fakeCallers(300)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  callers.change({ signer: fakeApplication('signer', { credentials: [{ kind: 'hmac', id: 'h1', sealed: callers.sealSecret('shared secret'), environment: 'production', active: true }] }) })
  callers.setActive('app-9', false)
  await until(() => first.clients.version === 3)
  await until(async () => (await textOf(`${first.folder}/clients/changes.jsonl`)).split('\n').length === 3)
  await first.sync.close()
  await planes.stop()

  const again = await gateway({ folder: first.folder, connected: false })
  expect(again.clients.version).toBe(3)
  expect(again.clients.applications).toBe(301)
  expect(again.clients.byKey('key-app-9')?.application.active).toBe(false)
  const found = again.clients.bySigner('h1')?.credential as { sealed: string }
  expect(again.clients.open(found.sealed).toString()).toBe('shared secret')
  expect(again.clients.stale).toBe(true)
  for (const name of await readdir(`${first.folder}/clients`)) {
    expect(await readFile(`${first.folder}/clients/${name}`, 'utf8')).not.toContain('shared secret')
  }

  await planes.start()
  callers.setActive('app-8', false)
  await until(() => again.clients.byKey('key-app-8')?.application.active === false)
  await until(() => !again.clients.stale)
})

test('a change that was tampered with is refused and named, and the true state comes at once', async () => {
  const callers = fakeCallers(50)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const { clients } = await gateway()
  await until(() => clients.version === 1)
  planes.intercept = (path, body) => (path === '/sync/events' ? body.replace('\\"active\\":false', '\\"active\\":true') : undefined)
  callers.setActive('app-5', false)
  await until(() => clients.byKey('key-app-5')?.application.active === false)
  expect(planes.lines.join('\n')).toContain('clients.signature')
  await until(() => planes.lines.some((line) => line.startsWith('warn') && line.includes('a gateway refused records of callers')))
})

test('a snapshot that was tampered with is refused and named; the last good one serves on until a true one comes', async () => {
  const callers = fakeCallers(50)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  await first.sync.close()
  callers.setActive('app-5', false)
  planes.intercept = (path, body) => (path === '/sync/clients/pages' ? body.replaceAll('\\"active\\":false', '\\"active\\":true') : undefined)
  const again = await gateway({ folder: first.folder })
  const id = again.sync.state().gatewayId
  await until(async () => (await clientsOf(id))?.state === 'refused')
  expect((await clientsOf(id))?.detail).toContain('clients.hash')
  expect(again.clients.version).toBe(1)
  expect(again.clients.byKey('key-app-6')?.application.active).toBe(true)
  planes.intercept = (path, body) => (path === '/sync/clients' ? body.replace(/"signature":"...../, '"signature":"AAAAA') : undefined)
  await until(async () => (await clientsOf(id))?.detail?.includes('clients.signature') === true)
  planes.intercept = undefined
  await until(async () => (await clientsOf(id))?.state === 'current')
  expect(again.clients.byKey('key-app-5')?.application.active).toBe(false)
})

test('the signature of a release or of another kind of record does not pass for a list of callers', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers })
  await planes.control.flows.deploy({ nodes: [{ id: 't1', type: 'tab', label: 'First' }], user: 'admin' })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  let change: { text: string; signature: string } | undefined
  planes.intercept = (path, body) => {
    const found = /^data: (.*"do":"clients".*)$/m.exec(path === '/sync/events' ? body : '')
    if (found) change = (JSON.parse(found[1] as string) as { change: typeof change }).change
    return undefined
  }
  callers.setActive('app-1', false)
  await until(() => first.clients.version === 2)
  await first.sync.close()
  callers.setActive('app-1', true)
  planes.intercept = (path) => (path === '/sync/clients' ? JSON.stringify(change) : undefined)
  const again = await gateway({ folder: first.folder })
  await until(async () => (await clientsOf(again.sync.state().gatewayId))?.detail?.includes('clients.signature') === true)
  expect(again.clients.version).toBe(2)
})

test('files on disk that were tampered with are refused and named, each by itself, and mended from control', async () => {
  const callers = fakeCallers(1000)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  callers.setActive('app-5', false)
  callers.setActive('app-6', false)
  await until(() => first.clients.version === 3)
  await until(async () => (await textOf(`${first.folder}/clients/changes.jsonl`)).split('\n').length === 3)
  await first.sync.close()
  await planes.stop()

  const own = `${first.folder}/clients`
  const journal = await readFile(`${own}/changes.jsonl`, 'utf8')
  const lines = journal.split('\n')
  await writeFile(`${own}/changes.jsonl`, [lines[0], lines[1]?.replace('false', 'true'), ''].join('\n'))
  const page = (await readdir(own)).find((name) => name.endsWith('.page')) as string
  await writeFile(`${own}/${page}`, (await readFile(`${own}/${page}`, 'utf8')).replace('acme', 'evil'))
  const again = await gateway({ folder: first.folder, connected: false })
  const told = planes.lines.join('\n')
  expect(told).toContain(`clients/${page}`)
  expect(told).toContain('"file":"clients/changes.jsonl","line":2,"code":"clients.signature"')
  expect(again.clients.byKey('key-app-5')?.application.active).toBe(false)
  expect(again.clients.applications).toBeGreaterThan(0)
  expect(again.clients.applications).toBeLessThan(1000)
  for (const id of again.clients.ids().applications) expect(again.clients.application(id)?.organisation).toBe('acme')

  await planes.start()
  await until(() => again.clients.version === 3)
  expect(again.clients.applications).toBe(1000)
  expect(again.clients.byKey('key-app-6')?.application.active).toBe(false)
  expect(await readFile(`${own}/${page}`, 'utf8').catch(() => 'acme')).toContain('acme')
  await until(async () => (await textOf(`${own}/snapshot.json`)).includes('\\"version\\":3'))
  await again.sync.close()
  await writeFile(`${own}/snapshot.json`, (await readFile(`${own}/snapshot.json`, 'utf8')).replace('\\"version\\":3', '\\"version\\":9'))
  await planes.stop()
  planes.lines.length = 0
  const third = await gateway({ folder: first.folder, connected: false })
  expect(third.clients.version).toBe(0)
  expect(planes.lines.join('\n')).toContain('"file":"clients/snapshot.json","code":"clients.signature"')
  await planes.start()
})

test('records older than those known here are refused: a revocation cannot be undone by an old snapshot', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  let old: string | undefined
  planes.intercept = (path, body) => {
    if (path === '/sync/clients') old ??= body
    return undefined
  }
  const other = await gateway()
  await until(() => other.clients.version === 1)
  callers.setActive('app-1', false)
  await until(() => first.clients.version === 2)
  await first.sync.close()
  callers.setActive('app-2', false)
  planes.intercept = (path) => (path === '/sync/clients' ? old : undefined)
  const again = await gateway({ folder: first.folder })
  await until(async () => (await clientsOf(again.sync.state().gatewayId))?.detail?.includes('clients.older') === true)
  expect(again.clients.version).toBe(2)
  expect(again.clients.byKey('key-app-1')?.application.active).toBe(false)
})

test('joining anew does not open the way back to records that control has left behind, whoever sits between', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  await until(() => first.clients.version === 1)
  let old: string | undefined
  let standing: unknown
  planes.intercept = (path, body) => {
    if (path === '/sync/clients') old ??= body
    if (path === '/sync/join') standing ??= (JSON.parse(body) as { standing?: unknown }).standing
    return undefined
  }
  const other = await gateway()
  await until(() => other.clients.version === 1)
  expect(standing).toBeDefined()
  callers.setActive('app-1', false)
  await until(() => first.clients.version === 2)
  await first.sync.close()
  await planes.control.gateways.revoke(first.sync.state().gatewayId as string, 'admin')
  const { token } = await planes.control.gateways.createJoinToken('admin')
  // Whoever sits between answers with what they kept, once as it is and once without a word on where control stands.
  planes.intercept = (path, body) => {
    if (path === '/sync/clients') return old
    return path === '/sync/join' ? JSON.stringify({ ...(JSON.parse(body) as object), standing }) : undefined
  }
  const clients = known()
  const again = await planes.connected({ clients, limits, folder: first.folder, token })
  await until(async () => (await clientsOf(again.sync.state().gatewayId))?.detail?.includes('clients.older') === true)
  expect(clients.version).toBe(2)
  expect(clients.byKey('key-app-1')?.application.active).toBe(false)
})

test('control that was restored from an older copy is followed by who joins it anew', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const first = await gateway()
  for (const id of ['app-1', 'app-2', 'app-3']) callers.setActive(id, false)
  await until(() => first.clients.version === 4)
  await first.sync.close()
  await planes.control.gateways.revoke(first.sync.state().gatewayId as string, 'admin')
  await planes.stop()
  const restored = fakeCallers(5)
  await planes.start({ callers: restored.consumers })
  const { token } = await planes.control.gateways.createJoinToken('admin')
  const clients = known()
  await planes.connected({ clients, limits, folder: first.folder, token })
  await until(() => clients.version === 1)
  expect(clients.byKey('key-app-1')?.application.active).toBe(true)
})

test('a large change is fetched instead of pushed, and many quick ones arrive in order', async () => {
  const callers = fakeCallers(100)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const { clients, folder } = await gateway()
  await until(() => clients.version === 1)
  callers.change(Object.fromEntries(Array.from({ length: 5000 }, (_, number) => [`bulk-${number}`, fakeApplication(`bulk-${number}`)])))
  await until(() => clients.applications === 5100)
  for (let turn = 0; turn < 300; turn++) callers.setActive(`app-${turn % 100}`, turn < 250)
  await until(() => clients.version === callers.version)
  expect(clients.byKey('key-app-99')?.application.active).toBe(false)
  expect(clients.byKey('key-app-20')?.application.active).toBe(true)
  expect(await readdir(`${folder}/clients`)).toContain('snapshot.json')
})

test('over polls the records arrive as well', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers, limits: { silenceMs: 2000, pollMs: 100, commandMs: 500, heartbeatMs: 100 } })
  planes.intercept = (path) => (path === '/sync/events' ? '' : undefined)
  const clients = known()
  const { sync } = await planes.connected({ clients, limits: { firstRetryMs: 5, longestRetryMs: 10, silenceMs: 50, pollForMs: 60_000 } })
  await until(() => sync.state().connection === 'poll' && clients.version === 1)
  callers.setActive('app-1', false)
  await until(() => clients.byKey('key-app-1')?.application.active === false)
  await until(() => !clients.stale)
})

test('what cannot be written is in use all the same, and is written when it can be', async () => {
  const callers = fakeCallers(5)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const { clients, folder } = await gateway()
  await until(() => clients.version === 1)
  // A folder in the journal's place: nothing can be added to it.
  const { mkdir } = await import('node:fs/promises')
  await rm(`${folder}/clients/changes.jsonl`, { force: true })
  await mkdir(`${folder}/clients/changes.jsonl`)
  callers.setActive('app-1', false)
  await until(() => clients.byKey('key-app-1')?.application.active === false)
  await until(() => planes.lines.some((line) => line.includes('could not be kept on disk')))
  await rm(`${folder}/clients/changes.jsonl`, { recursive: true })
  await until(async () => (await textOf(`${folder}/clients/snapshot.json`)).includes('\\"version\\":2'))
})

test('a journal that has grown is folded into a snapshot, and what is loaded from it is the same', async () => {
  const callers = fakeCallers(300)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const { clients, folder, sync } = await gateway()
  await until(() => clients.version === 1)
  const long = 'x'.repeat(1000)
  for (let turn = 0; turn < 4; turn++) {
    callers.change(Object.fromEntries(Array.from({ length: 250 }, (_, number) => [`app-${number}`, fakeApplication(`app-${number}`, { name: `${long} ${turn}` })])))
    await until(() => clients.version === callers.version)
  }
  await until(async () => (await textOf(`${folder}/clients/snapshot.json`)).includes('\\"version\\":5'))
  callers.change({ 'app-0': null })
  await until(() => clients.version === 6)
  await sync.close()
  await planes.stop()
  const again = await gateway({ folder, connected: false })
  expect(again.clients.version).toBe(6)
  expect(again.clients.applications).toBe(299)
  expect(again.clients.application('app-1')?.name).toBe(`${long} 3`)
  expect(again.clients.application('app-0')).toBeUndefined()
  await planes.start()
})

test('control shows a gateway that is out of touch for longer than its records may be old', async () => {
  const callers = fakeCallers(1)
  planes = await openPlanes({ compile, callers: callers.consumers })
  const clients = createClients({ clock: systemClock, staleMs: 50, whenStale: 'refuse' })
  opened.push(clients)
  const { sync } = await gateway({ clients })
  const id = sync.state().gatewayId
  await until(async () => (await clientsOf(id))?.state === 'current')
  await sync.close()
  await until(async () => (await clientsOf(id))?.state === 'away')
  expect(await clientsOf(id)).toMatchObject({ version: 1, whenStale: 'refuse', staleMs: 50 })
})
