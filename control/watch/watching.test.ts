import { describe, expect, it } from 'vitest'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { Actor, CasesReport, FlowCase, FlowRights } from '../contract.ts'
import { createCasesGate } from './gate.ts'
import { createWatching, type Answered } from './open-watching.ts'
import { pickNodes } from './pick-nodes.ts'

const drawer: Actor = { name: 'eve', role: 'editor', from: '' }
const viewer: Actor = { name: 'vera', role: 'viewer', from: '' }
const one: FlowCase = { name: 'a', request: { url: '/a' }, expect: { status: 200 } }

function open(answer: (command: GatewayCommand) => Answered | undefined = () => ({ gateway: 'g', result: {} })) {
  const documents = new Map<string, unknown>()
  const commands: GatewayCommand[] = []
  const audited: string[] = []
  const parts = createWatching({
    audit: { add: async (_by, action) => void audited.push(action) },
    clock: { now: () => 0 },
    rights: async (by) => ({ mayRead: (id) => id !== 'hidden', mayWrite: (id) => by.name === 'eve' && id !== 'theirs', readsEverything: false, writesEverything: false }) satisfies FlowRights,
    async command(command) {
      commands.push(command)
      const answered = answer(command)
      return answered ? [answered] : []
    },
    documents: { get: async (key) => documents.get(key), set: async (key, value) => void documents.set(key, value) },
  })
  return { ...parts, commands, audited }
}

describe('watching', () => {
  it('is for those who may change the flow, and written into the audit log', async () => {
    const { watching, commands, audited } = open()
    await expect(watching.watch({ flow: 'f', next: 1, forMs: 1000 }, viewer)).rejects.toMatchObject({ code: 'auth.role', status: 403 })
    await expect(watching.watch({ flow: 'theirs', next: 1, forMs: 1000 }, drawer)).rejects.toMatchObject({ code: 'auth.role' })
    await expect(watching.list({ flow: 'theirs', limit: 1 }, drawer)).rejects.toMatchObject({ code: 'auth.role' })
    await expect(watching.cases('f', viewer)).rejects.toMatchObject({ code: 'auth.role' })
    expect(commands).toEqual([])
    expect(await watching.watch({ flow: 'f', next: 500, forMs: 1e9 }, drawer)).toMatchObject({ flow: 'f', next: 100, until: '1970-01-01T00:15:00.000Z', gateways: 1 })
    expect(audited).toEqual(['flow.watch'])
  })

  it('gives out a token that gateways know by its hash only', async () => {
    const { watching, commands } = open()
    const { token } = await watching.watch({ flow: 'f', next: 1, forMs: 1000, token: true }, drawer)
    expect(token).toMatch(/^[\w-]{32}$/)
    expect(JSON.stringify(commands)).not.toContain(token)
  })

  it('shows no run of a flow that is not one’s own, whatever its id', async () => {
    const { watching } = open(() => ({ gateway: 'g', result: { id: 'r', flow: 'theirs', steps: [] } }))
    await expect(watching.get('r', drawer)).rejects.toMatchObject({ code: 'auth.role' })
    await expect(watching.toCase('r', 'n', drawer)).rejects.toMatchObject({ code: 'auth.role' })
    await expect(watching.replay('r', [], drawer)).rejects.toMatchObject({ code: 'auth.role' })
    // Nor that there was one, where even the flow is not to be seen.
    const said = (result: unknown) => open(() => ({ gateway: 'g', result })).watching.get('r', drawer).catch((refused: Error) => refused)
    expect(await said({ id: 'r', flow: 'hidden', steps: [] })).toEqual(await said(undefined))
  })

  it('says so when no gateway is there, and when none has the run', async () => {
    await expect(open(() => undefined).watching.watch({ flow: 'f', next: 1, forMs: 1000 }, drawer)).rejects.toMatchObject({ code: 'gateway.none', status: 503 })
    await expect(open(() => ({ gateway: 'g', result: undefined })).watching.get('r', drawer)).rejects.toMatchObject({ code: 'record.none', status: 404 })
  })

  it('takes cases of the right shape only, and says which one is wrong', async () => {
    const { watching } = open()
    await expect(watching.saveCases('f', [one, { ...one, name: 'b', request: { url: 'b' } }], drawer)).rejects.toMatchObject({ code: 'cases.malformed', status: 422, message: expect.stringContaining('case 2 “b”') })
    await expect(watching.saveCases('f', [one, one], drawer)).rejects.toMatchObject({ message: expect.stringContaining('two cases') })
    await expect(watching.saveCases('f', [null as unknown as FlowCase], drawer)).rejects.toMatchObject({ code: 'cases.malformed' })
    await watching.saveCases('f', [one], drawer)
    expect(await watching.cases('f', drawer)).toEqual([one])
  })
})

describe('what a flow runs with', () => {
  const nodes = [
    { id: 'mine', type: 'tab' }, { id: 'shared', type: 'tab' }, { id: 'other', type: 'tab' }, { id: 'policies', type: 'tab' }, { id: 'sub', type: 'subflow' }, { id: 'in-sub', type: 'function', z: 'sub' },
    { id: 'config', type: 'tls-config', credentials: { key: 'secret' } }, { id: 'out', type: 'link out', z: 'mine', links: ['entry'] }, { id: 'entry', type: 'link in', z: 'shared' }, { id: 'x', type: 'function', z: 'other' }, { id: 'p', type: 'global policy', z: 'policies' },
  ] as unknown as EditorNode[]

  it('is its tab, the tabs its links lead to, policies, subflows and config nodes, and no secret', () => {
    const picked = pickNodes(nodes, 'mine')
    expect(picked.map(({ id }) => id)).toEqual(['mine', 'shared', 'policies', 'sub', 'in-sub', 'config', 'out', 'entry', 'p'])
    expect(JSON.stringify(picked)).not.toContain('secret')
  })

  it('is every tab when a link call chooses as it runs', () => {
    expect(pickNodes([...nodes, { id: 'call', type: 'link call', z: 'mine', linkType: 'dynamic' } as unknown as EditorNode], 'mine').map(({ id }) => id)).toContain('x')
  })
})

describe('the gate of a deploy', () => {
  const tab = (id: string, value?: string) => ({ id, kind: 'tab' as const, label: id, nodes: [{ id, type: 'tab', ...(value === undefined ? {} : { env: [{ name: 'SLUICE_CASES', value, type: 'str' }] }) }] as unknown as EditorNode[] })
  const report = (ok: boolean): CasesReport => ({ results: [{ name: 'a', ok, failures: ok ? [] : ['status: expected 200, got 500'], tookMs: 1 }], problems: [], leftOut: 0 })
  const gateOf = (ok: boolean, cases: readonly FlowCase[] = [one], ran: string[] = []) => createCasesGate({ stored: async () => cases, runOn: async (_nodes, flow) => (ran.push(flow), report(ok)) })

  it('stops a flow that asks for it while one of its cases fails', async () => {
    const problems = await gateOf(false)([tab('f', 'gate')], [tab('f', 'gate')], [])
    expect(problems).toEqual([expect.objectContaining({ severity: 'error', code: 'cases.failed', flow: 'f', message: expect.stringContaining('“a”') })])
    expect(await gateOf(true)([tab('f', 'gate')], [tab('f', 'gate')], [])).toEqual([])
  })

  it('runs nothing of flows that do not ask, or that the deploy does not touch', async () => {
    const ran: string[] = []
    await gateOf(false, [one], ran)([tab('f'), tab('g', 'gate')], [tab('f')], [])
    expect(ran).toEqual([])
    await gateOf(true, [one], ran)([tab('f'), tab('g', 'gate')], [{ id: 'global', kind: 'global', label: '', nodes: [] }], [])
    expect(ran).toEqual(['g'])
  })

  it('warns of a value that it does not know', async () => {
    expect(await gateOf(false)([tab('f', 'gates')], [tab('f', 'gates')], [])).toEqual([expect.objectContaining({ severity: 'warning', code: 'cases.value', remedy: expect.stringContaining('gate') })])
  })

  it('warns of a flow that asks and has no cases, and refuses when nobody can run them', async () => {
    expect(await gateOf(true, [])([tab('f', 'gate')], [tab('f', 'gate')], [])).toEqual([expect.objectContaining({ severity: 'warning', code: 'cases.none' })])
    const { stored, runOn } = open(() => undefined)
    const away = createCasesGate({ stored: async (flow) => [one, ...(await stored(flow))], runOn })
    expect(await away([tab('f', 'gate')], [tab('f', 'gate')], [])).toEqual([expect.objectContaining({ severity: 'error', code: 'cases.not_run', remedy: expect.stringContaining('SLUICE_CASES') })])
  })
})
