import { afterEach, expect, onTestFinished, test } from 'vitest'
import { Refused } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { openPlanes, until, type Planes } from '../kit/planes.ts'

let planes: Planes
afterEach(async () => await planes.close())

const estate = (text = 'one'): EditorNode[] => [
  { id: 't1', type: 'tab', label: 'First' },
  { id: 't2', type: 'tab', label: 'Second' },
  { id: 'a', type: 'comment', z: 't1', name: text },
  { id: 'b', type: 'comment', z: 't2', name: 'stays' },
]
const compile = {
  read: (nodes: unknown) => ({ nodes: nodes as EditorNode[], problems: [] }),
  split: (await import('../../runtime/compile/split.ts')).splitFlows,
  assemble: () => [],
}
const deploy = (nodes: EditorNode[], rest: { rev?: string } = {}) => planes.control.flows.deploy({ nodes, user: 'admin', ...rest })

test('a deploy goes live on every connected gateway, and only what changed travels', async () => {
  planes = await openPlanes({ compile })
  const one = await planes.connected()
  const two = await planes.connected()
  const first = await deploy(estate())
  expect(first.live.length).toBe(2)
  expect(first.behind).toEqual([])
  const second = await deploy(estate('two'), { rev: first.rev })
  expect(second.release).toBe(2)
  for (const { deployer } of [one, two]) {
    expect(deployer.commits.map(({ manifest }) => manifest.id)).toEqual([1, 2])
    const [before, after] = deployer.commits
    expect(after?.revisions[1]).toBe(before?.revisions[1])
    expect(after?.revisions[0]?.document.nodes[1]?.name).toBe('two')
  }
  expect((await planes.control.gateways.list()).map(({ state, release }) => [state, release])).toEqual([['live', 2], ['live', 2]])
  expect(await planes.control.flows.current()).toEqual({ nodes: estate('two'), rev: second.rev })
})

test('one gateway that refuses refuses the deploy for all, and nothing changes anywhere', async () => {
  planes = await openPlanes({ compile })
  const one = await planes.connected()
  const two = await planes.connected()
  const { rev } = await deploy(estate())
  two.deployer.behaviour.refuse = { severity: 'error', code: 'script.syntax', node: 'a', message: 'It does not compile.', remedy: 'Mend it.' }
  const failed = await deploy(estate('broken')).catch((thrown: unknown) => thrown as Refused)
  expect(failed).toBeInstanceOf(Refused)
  expect(failed).toMatchObject({ code: 'deploy.refused', status: 422, problems: [{ code: 'script.syntax', node: 'a' }] })
  expect(await planes.control.flows.current()).toEqual({ nodes: estate(), rev })
  await until(() => one.deployer.discarded.length === 1)
  expect(one.deployer.commits.length).toBe(1)
  expect((await planes.control.releases.list()).length).toBe(1)
  expect((await planes.control.gateways.list()).map(({ state, release }) => [state, release])).toEqual([['live', 1], ['live', 1]])
  two.deployer.behaviour.refuse = undefined
  expect((await deploy(estate('mended'))).live.length).toBe(2)
})

test('a doubt or an error that control and every gateway find is told once', async () => {
  const doubt = { severity: 'warning', code: 'flow.loop', flow: 't1', node: 'a', message: 'It may go round.', remedy: 'Look at it.' } as const
  const other = { ...doubt, node: 'b' }
  planes = await openPlanes({ compile: { ...compile, assemble: () => [doubt] } })
  const gateways = [await planes.connected(), await planes.connected()]
  for (const { deployer } of gateways) deployer.behaviour.warn = [doubt, other]
  expect((await deploy(estate())).warnings).toEqual([doubt, other])
  const refuse = { ...doubt, severity: 'error', code: 'script.syntax' } as const
  for (const { deployer } of gateways) deployer.behaviour.refuse = refuse
  await expect(deploy(estate('two'))).rejects.toMatchObject({ problems: [refuse] })
})

test('a gateway that stays silent is behind, and catches up when it speaks again', async () => {
  planes = await openPlanes({ compile })
  const quick = await planes.connected()
  const slow = await planes.connected({ limits: { firstRetryMs: 20, longestRetryMs: 50 } })
  await deploy(estate())
  let go = () => {}
  slow.deployer.behaviour.wait = new Promise((resolve) => (go = resolve))
  const result = await deploy(estate('two'))
  expect(result.live).toEqual([quick.sync.state().gatewayId])
  expect(result.behind).toEqual([slow.sync.state().gatewayId])
  expect((await planes.control.gateways.list()).map(({ state }) => state)).toEqual(['live', 'behind'])
  go()
  await until(() => slow.deployer.commits.length === 2)
  await until(async () => (await planes.control.gateways.list()).every(({ state }) => state === 'live'))
})

test('with no gateway connected a release is stored as current, which the result says; a gateway that joins later runs it', async () => {
  planes = await openPlanes({ compile })
  const result = await deploy(estate())
  expect(result).toMatchObject({ live: [], behind: [], warnings: [{ code: 'gateway.none', severity: 'warning' }] })
  const { deployer } = await planes.connected()
  await until(() => deployer.commits.length === 1)
  expect(deployer.commits[0]?.manifest.id).toBe(1)
})

test('a release that was tampered with on the way is refused, and what is live stays', async () => {
  planes = await openPlanes({ compile })
  const { deployer } = await planes.connected()
  const { rev } = await deploy(estate())
  planes.intercept = (_path, body) => body.replace('"name\\":\\"two', '"name\\":\\"bad')
  const failed = await deploy(estate('two')).catch((thrown: unknown) => thrown)
  expect(failed).toMatchObject({ code: 'deploy.refused', problems: [{ code: 'release.hash' }] })
  planes.intercept = (_path, body) => body.replace(/"signature":"...../, '"signature":"AAAAA')
  const unsigned = await deploy(estate('two')).catch((thrown: unknown) => thrown)
  expect(unsigned).toMatchObject({ code: 'deploy.refused', problems: [{ code: 'release.signature' }] })
  expect(deployer.commits.length).toBe(1)
  expect((await planes.control.flows.current()).rev).toBe(rev)
})

test('a genuine but older release is not run again: going back is a new release', async () => {
  planes = await openPlanes({ compile })
  const { deployer } = await planes.connected()
  let recorded: string | undefined
  planes.intercept = (_path, body) => {
    if (body.includes('"do":"prepare"') && recorded === undefined) recorded = body
    return undefined
  }
  await deploy(estate())
  await deploy(estate('two'))
  planes.intercept = (_path, body) => (body.includes('"do":"prepare"') ? recorded : undefined)
  await deploy(estate('three'))
  await until(() => deployer.commits.length === 3)
  expect(deployer.commits.map(({ manifest }) => manifest.id)).toEqual([1, 2, 3])
  expect(deployer.prepared.map(({ manifest }) => manifest.id)).toEqual([1, 2, 3])
  expect(planes.lines.join('\n')).toContain('release.older')

  planes.intercept = undefined
  const back = await planes.control.releases.rollback(1, 'admin')
  expect(back.release).toBe(4)
  expect((await planes.control.flows.current()).nodes).toEqual(estate())
  expect(deployer.commits.at(-1)?.manifest.hash).toBe(deployer.commits[0]?.manifest.hash)
  const [newest] = await planes.control.releases.list()
  expect(newest).toMatchObject({ id: 4, rollbackOf: 1, current: true, changed: [{ flow: 't1', change: 'changed' }] })
})

test('a revoked gateway is cut off at once, keeps serving, and joins again only with a new token', async () => {
  planes = await openPlanes({ compile })
  const { sync, deployer, folder } = await planes.connected()
  await deploy(estate())
  await planes.control.gateways.revoke(sync.state().gatewayId as string, 'admin')
  await until(() => sync.state().connection === 'away')
  expect((await deploy(estate('two'))).live).toEqual([])
  await until(() => planes.lines.some((line) => line.includes('refuses the key')))
  expect(deployer.commits.length).toBe(1)
  expect(await planes.control.gateways.list()).toEqual([])
  await sync.close()
  const { token } = await planes.control.gateways.createJoinToken('admin')
  const again = await planes.connected({ folder, token })
  await until(() => again.deployer.commits.at(-1)?.manifest.id === 2)
})

test('a join token works once, and not after its time', async () => {
  planes = await openPlanes({ compile })
  const join = async (token: string) =>
    (await fetch(`${planes.url}/sync/join`, { method: 'POST', body: JSON.stringify({ token, name: 'x' }) })).status
  const { token } = await planes.control.gateways.createJoinToken('admin')
  const tries = await Promise.all([join(token), join(token), join(token)])
  expect(tries.toSorted((a, b) => a - b)).toEqual([200, 401, 401])
  expect(await join((await planes.control.gateways.createJoinToken('admin', -1)).token)).toBe(401)
  expect(await join('guess')).toBe(401)
})

test('nobody without a key learns anything from the sync endpoints', async () => {
  planes = await openPlanes({ compile })
  await deploy(estate())
  for (const path of ['events', 'state', 'releases/current', 'credentials', 'clients', 'clients/key', 'nothing', '']) {
    for (const authorization of [undefined, 'Bearer x', 'Bearer gw-1.secret', 'Basic eDp5']) {
      const response = await fetch(`${planes.url}/sync/${path}`, { headers: authorization ? { authorization } : {} })
      expect([response.status, await response.text()]).toEqual([401, ''])
    }
  }
})

test('a gateway starts and serves the last good release while control is down, and catches up when it is back', async () => {
  planes = await openPlanes({ compile })
  const { sync, folder } = await planes.connected()
  await deploy(estate())
  await sync.close()
  await planes.stop()
  const again = await planes.gateway({ folder })
  expect(again.deployer.commits.map(({ manifest }) => manifest.id)).toEqual([1])
  expect(again.sync.state()).toMatchObject({ connection: 'away', release: 1 })
  await planes.start()
  await deploy(estate('two'))
  await until(() => again.deployer.commits.at(-1)?.manifest.id === 2)
})

test('what lies on disk is not trusted either: a changed document is fetched anew', async () => {
  planes = await openPlanes({ compile })
  const { sync, folder, deployer } = await planes.connected()
  await deploy(estate())
  await sync.close()
  const { readFile, writeFile } = await import('node:fs/promises')
  const hash = deployer.commits[0]?.revisions[0]?.hash
  const file = `${folder}/revisions/${hash}.json`
  await writeFile(file, (await readFile(file, 'utf8')).replace('one', 'bad'))
  const again = await planes.connected({ folder })
  await until(() => again.deployer.commits.length === 1)
  expect(again.deployer.commits[0]?.revisions[0]?.document.nodes[1]?.name).toBe('one')
  expect(await readFile(file, 'utf8')).toContain('one')
})

test('a gateway that runs something else than it should is shown as behind, with an alarm in the log', async () => {
  planes = await openPlanes({ compile })
  const { deployer } = await planes.connected()
  const events: string[] = []
  planes.control.on((event) => void (event.kind === 'gateway' && events.push(event.gateway.state)))
  deployer.behaviour.claimHash = 'f'.repeat(64)
  const result = await deploy(estate())
  expect(result.live).toEqual([])
  expect(result.behind.length).toBe(1)
  await until(async () => (await planes.control.gateways.list())[0]?.state === 'behind')
  expect(planes.lines.some((line) => line.startsWith('warn') && line.includes('runs something else'))).toBe(true)
  expect(events).toContain('behind')
})

test('when streams do not get through, the two phases work over polls', async () => {
  planes = await openPlanes({ compile, limits: { silenceMs: 2000, pollMs: 300, commandMs: 500, heartbeatMs: 100 } })
  planes.intercept = (path, body) => (path === '/sync/events' ? '' : body)
  const { sync, deployer } = await planes.connected({ limits: { firstRetryMs: 5, longestRetryMs: 10, silenceMs: 50, pollForMs: 60_000 } })
  await until(() => sync.state().connection === 'poll')
  expect((await deploy(estate())).live.length).toBe(1)
  expect((await deploy(estate('two'))).live.length).toBe(1)
  expect(deployer.commits.length).toBe(2)
})

test('commands reach connected gateways and their answers come back; status and debug events arrive', async () => {
  planes = await openPlanes({ compile })
  const { sync } = await planes.connected()
  await planes.connected()
  const answers = await planes.control.gateways.command({ do: 'inject', node: 'a' })
  expect(answers.map(({ result }) => result)).toEqual([{ did: 'inject' }, { did: 'inject' }])
  const failed = await planes.control.gateways.command({ do: 'inject', node: 'nowhere' })
  expect(failed.map(({ error }) => error)).toEqual(['there is no such node', 'there is no such node'])
  const seen: unknown[] = []
  planes.control.on((event) => void ((event.kind === 'status' || event.kind === 'debug') && seen.push(event)))
  const circle: Record<string, unknown> = {}
  circle.self = circle
  sync.publish({ kind: 'status', node: 'a', flow: 't1', status: { text: 'hello' } })
  sync.publish({ kind: 'debug', flow: 't1', entry: { id: 'a', msg: circle } })
  sync.publish({ kind: 'debug', flow: 't1', entry: { id: 'a', msg: 'x'.repeat(100_000) } })
  await until(() => seen.length === 3)
  expect(seen[0]).toEqual({ kind: 'status', node: 'a', flow: 't1', status: { text: 'hello' }, gateway: sync.state().gatewayId })
})

test('a store that is full refuses the deploy with a clear text, and everything stays as it was', async () => {
  planes = await openPlanes({ compile })
  const first = await planes.connected()
  const { rev } = await deploy(estate())
  await first.sync.close()
  await planes.stop()
  const { dataDir, close } = planes
  const small = await openPlanes({ compile, dataDir, storeLimitBytes: 4096 * 60 })
  planes = small
  const { deployer } = await planes.connected({ folder: first.folder, token: (await planes.control.gateways.createJoinToken('admin')).token })
  await until(() => deployer.commits.length === 1)
  const failed = await deploy(estate('x'.repeat(2_000_000))).catch((thrown: unknown) => thrown)
  expect(failed).toMatchObject({ code: 'store.unavailable', status: 503 })
  expect((failed as Error).message).toContain('the disk is full')
  expect((await planes.control.flows.current()).rev).toBe(rev)
  await until(() => deployer.discarded.length === 1)
  expect(deployer.commits.length).toBe(1)
  expect((await deploy(estate('small'))).live.length).toBe(1)
  planes = { ...small, close: async () => (await small.close(), await close()) } as Planes
})

test('a second control process on the same folder is told who has it', async () => {
  planes = await openPlanes({ compile })
  const second = await openPlanes({ compile, dataDir: planes.dataDir }).catch((thrown: unknown) => thrown)
  expect(second).toMatchObject({ code: 'store.locked', status: 409 })
  expect((second as Error).message).toContain(`process ${process.pid}`)
})

const postgres = findPostgres()
test.skipIf(postgres === undefined)('on PostgreSQL deploys, rollbacks and restarts work as on the embedded store', async () => {
  const server = await startPostgres(postgres as string)
  onTestFinished(() => server.stop())
  server.createDatabase('sluice')
  planes = await openPlanes({ compile, databaseUrl: server.url('sluice') })
  const { deployer } = await planes.connected()
  await deploy(estate())
  await deploy(estate('two'))
  await planes.control.releases.rollback(1, 'admin')
  await planes.stop()
  await planes.start()
  expect((await planes.control.flows.current()).nodes).toEqual(estate())
  expect((await planes.control.releases.get(2))?.nodes).toEqual(estate('two'))
  await deploy(estate('three'))
  await until(() => deployer.commits.at(-1)?.manifest.id === 4)
})
