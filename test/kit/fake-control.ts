import { toAccess } from '../../control/consumers/rights.ts'
import { createDataProtection } from '../../control/vault/create-data-protection.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createHash, randomBytes } from 'node:crypto'
import { type RefusalDecisions, Refused, type Actor, type Consumers, type Publishing, type Watching, type Control, type ControlEvent, type DeployInput, type Doer, type FlowRights, type GatewayInfo, type ReleaseInfo, type Role, type User } from '../../control/contract.ts'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { EditorNode, Problem } from '../../runtime/core/flow.ts'

/** A control plane in memory that does what the contract says, for tests of what stands before it. */
export interface FakeControl extends Control {
  /** What `deploy` finds wrong; errors refuse it. */
  findProblems: (nodes: readonly EditorNode[]) => readonly Problem[]
  readonly deploys: DeployInput[]
  readonly commands: GatewayCommand[]
  /** Addresses that tried to sign in, in order. */
  readonly signInsFrom: string[]
  answerCommand: (command: GatewayCommand) => { result?: unknown; error?: string }
  emit(event: ControlEvent): void
  addUser(name: string, role: Role, password: string): void
}

export function createFakeControl(): FakeControl {
  const people = new Map<string, { user: User; password: string }>()
  const tokens = new Map<string, string>()
  const documents = new Map<string, unknown>()
  const stored: { info: Omit<ReleaseInfo, 'current'>; nodes: readonly EditorNode[] }[] = []
  const listeners = new Set<(event: ControlEvent) => void>()
  const gateways: GatewayInfo[] = [
    { id: 'g1', name: 'gateway-1', connected: true, state: 'live', lastSeenAt: '2026-01-05T08:00:00.000Z', url: 'http://127.0.0.1:9/', version: '0.1.0' },
    { id: 'g2', name: 'gateway-2', connected: false, state: 'behind', release: 1, lastSeenAt: '2026-01-04T08:00:00.000Z', clients: { version: 7, state: 'away', staleMs: 10_000, whenStale: 'refuse' } },
  ]
  const secret = () => randomBytes(9).toString('base64url')
  const revOf = (nodes: readonly EditorNode[]) => createHash('sha256').update(JSON.stringify(nodes)).digest('hex')
  const current = () => stored.at(-1)?.nodes ?? []
  const put = (user: User, password: string) => void people.set(user.name, { user, password })
  const need = (name: string) => {
    const person = people.get(name)
    if (!person) throw new Refused('user.none', 404, `There is no user “${name}”.`)
    return person
  }
  const endSessions = (name: string) => {
    for (const [token, owner] of tokens) if (owner === name) tokens.delete(token)
    control.emit({ kind: 'sessions', user: name })
  }
  const change = (name: string, fields: Partial<User>) => {
    const { user, password } = need(name)
    const others = [...people.values()].filter((one) => one.user.name !== name && one.user.role === 'admin' && !one.user.disabled)
    if (user.role === 'admin' && others.length === 0) throw new Refused('user.last_admin', 409, 'The last administrator stays.')
    put({ ...user, ...fields }, password)
    return { ...user, ...fields }
  }

  function store(nodes: readonly EditorNode[], user: string, comment: string, rollbackOf?: number) {
    const before = new Map(current().filter((node) => node.type === 'tab').map((node) => [node.id, node]))
    const of = (all: readonly EditorNode[], id: string) => JSON.stringify(all.filter((node) => node.id === id || node.z === id))
    const changed = nodes.filter((node) => node.type === 'tab' && of(nodes, node.id) !== of(current(), node.id)).map((node) => ({
      flow: node.id, label: String(node.label ?? node.id), change: before.has(node.id) ? ('changed' as const) : ('added' as const),
    }))
    const id = stored.length + 1
    const createdAt = new Date(Date.UTC(2026, 0, 5, 8, id)).toISOString()
    stored.push({ info: { id, createdAt, user, comment, hash: revOf(nodes), changed, ...(rollbackOf === undefined ? {} : { rollbackOf }) }, nodes })
    const result = { rev: revOf(nodes), release: id, live: ['gateway-1'], behind: [] }
    for (const listener of listeners) listener({ kind: 'release', release: id, rev: result.rev, user })
    return result
  }
  const infoOf = (info: Omit<ReleaseInfo, 'current'>): ReleaseInfo => ({ ...info, current: info.id === stored.length })

  const draws: readonly Role[] = ['admin', 'editor', 'creator', 'publisher']
  /** Here a role holds everywhere: whose a flow is, is tested with a real control. */
  function rightsOf({ role }: Actor): FlowRights {
    const [reads, writes] = [role !== 'subscriber', draws.includes(role)]
    return { mayRead: () => reads, mayWrite: () => writes, readsEverything: reads, writesEverything: writes }
  }
  function nameOfWriter(user: Doer): string {
    if (typeof user === 'string') return user
    if (!rightsOf(user).mayWrite()) throw new Refused('auth.role', 403, 'You may not change flows.')
    return user.name
  }

  const calledIn = (id: number) => (id === 1 ? [{ flow: 'tab', label: 'Weather', name: 'by county', revision: 'a'.repeat(64), calls: [{ flow: 'tab', label: 'Old app', node: 'n', name: 'ask', revision: 'b'.repeat(64), pinned: true }] }] : [])
  const control: FakeControl = {
    caches: {
      list: async () => [{ reach: 'flow', owner: 'tab', cache: 'default', label: 'Bikes', gateways: [{ gateway: 'g1', store: 'memory', entries: 12 }, { gateway: 'g2', store: 'redis' }] }],
      purge: async (what) => ({ entries: 'tags' in what ? 7 : 12, complete: false, caches: [], gateways: [{ gateway: 'g1', name: 'gateway-1', store: 'memory', entries: 7 }, { gateway: 'g2', name: 'gateway-2', error: 'It is not connected.' }] }),
    },
    dataFlows: {
      list: async () => [{
        flow: 'tab', label: 'People', routes: ['POST /people'],
        data: [{
          label: 'pid', from: { flow: 'tab', node: 'in', type: 'http in', name: 'entry', path: 'payload.pid' },
          passes: [{ flow: 'tab', node: 'm', type: 'mask', at: ['payload.pid'], inClear: true }],
          protected: [{ flow: 'tab', node: 'm', type: 'mask', by: 'mask' }, { flow: 'tab', node: 'r', type: 'release label', by: 'released', reason: 'Own <record>.' }],
          leaves: [{ flow: 'tab', node: 'out', type: 'http response', to: 'answer', what: 'payload', as: 'mask' }],
        }],
      }],
    },
    ledgers: {
      list: async () => [],
      get: noLedger,
      entries: noLedger,
      verify: noLedger,
      prove: noLedger,
      proveGrowth: noLedger,
      exportPage: noLedger,
      witnesses: async () => [],
      witnessesAway: 0,
      key: noLedger,
    },
    deploys: [],
    commands: [],
    signInsFrom: [],
    findProblems: () => [],
    answerCommand: () => ({ result: {} }),
    emit: (event) => listeners.forEach((listener) => listener(event)),
    addUser: (name, role, password) => put({ name, role, disabled: false, createdAt: '2026-01-01T00:00:00.000Z' }, password),
    users: {
      async authenticate(name, password, from) {
        control.signInsFrom.push(from)
        const person = people.get(name)
        return person && !person.user.disabled && person.password === password ? person.user : undefined
      },
      get: async (name) => people.get(name)?.user,
      list: async () => [...people.values()].map(({ user }) => user),
      async create({ name, role, password = secret() }) {
        if (people.has(name)) throw new Refused('user.exists', 409, `There is a user “${name}” already.`)
        if (!/^[\w.@-]{1,64}$/.test(name)) throw new Refused('user.name', 422, 'A name has letters, digits, dots and dashes.')
        control.addUser(name, role, password)
        return { user: need(name).user, password }
      },
      setRole: async (name, role) => change(name, { role }),
      async setDisabled(name, disabled) {
        const user = change(name, { disabled })
        if (disabled) endSessions(name)
        return user
      },
      async resetPassword(name, _by, password = secret()) {
        put(need(name).user, password)
        endSessions(name)
        return { password }
      },
      async endSessions() {},
      signInFrom: () => Promise.reject(new Refused('signin.unknown', 403, 'Nobody is known elsewhere.')),
      link: async (name) => need(name).user,
      async changeOwnPassword(name, given, next) {
        if (need(name).password !== given) throw new Refused('user.password', 403, 'The current password is wrong.')
        put(need(name).user, next)
        endSessions(name)
      },
      async issueToken(name) {
        const token = randomBytes(24).toString('base64url')
        tokens.set(token, name)
        return { token, expiresAt: '2099-01-01T00:00:00.000Z' }
      },
      async verifyToken(token) {
        const name = tokens.get(token)
        const user = name === undefined ? undefined : people.get(name)?.user
        return user && !user.disabled ? user : undefined
      },
      async revokeToken(token) {
        tokens.delete(token)
      },
    },
    flows: {
      async current(by) {
        if (by && !rightsOf(by).mayRead()) throw new Refused('auth.role', 403, 'You may not see flows.')
        return { nodes: current(), rev: revOf(current()) }
      },
      rights: async (by) => rightsOf(by),
      async deploy(input) {
        if (input.rev !== undefined && input.rev !== revOf(current())) throw new Refused('deploy.conflict', 409, 'Somebody else deployed first.')
        const writer = nameOfWriter(input.user)
        control.deploys.push(input)
        const problems = control.findProblems(input.nodes)
        const errors = problems.filter((problem) => problem.severity === 'error')
        if (errors.length > 0) throw new Refused('deploy.refused', 422, 'The deploy was refused.', problems)
        return { ...store(input.nodes, writer, input.comment ?? ''), warnings: problems }
      },
      check: async (nodes) => control.findProblems(nodes),
      credentials: async () => ({}),
    },
    releases: {
      async list({ before = Infinity, limit = 50 } = {}) {
        return stored.filter(({ info }) => info.id < before).toReversed().slice(0, limit).map(({ info }) => infoOf(info))
      },
      async get(id) {
        const found = stored[id - 1]
        return found && { info: infoOf(found.info), nodes: found.nodes, calls: calledIn(id) }
      },
      async rollback(id, user, comment = '', flow) {
        const found = stored[id - 1]
        if (!found) throw new Refused('release.none', 404, `There is no release ${id}.`)
        if (flow !== undefined) {
          const of = (node: EditorNode) => node.id === flow || node.z === flow
          return { ...store([...(stored.at(-1)?.nodes ?? []).filter((node) => !of(node)), ...found.nodes.filter(of)], nameOfWriter(user), comment), warnings: [] }
        }
        return { ...store(found.nodes, nameOfWriter(user), comment, id), warnings: [] }
      },
    },
    gateways: {
      list: async () => gateways,
      createJoinToken: async () => ({ token: `join-${secret()}`, expiresAt: '2026-01-05T09:00:00.000Z' }),
      async revoke(id) {
        const at = gateways.findIndex((gateway) => gateway.id === id)
        if (at < 0) throw new Refused('gateway.none', 404, 'There is no such gateway.')
        gateways.splice(at, 1)
      },
      async command(command) {
        control.commands.push(command)
        return [{ gateway: 'gateway-1', ...control.answerCommand(command) }]
      },
    },
    documents: {
      get: async (key) => documents.get(key),
      async set(key, value) {
        documents.set(key, value)
      },
      list: async (prefix) => [...documents.keys()].filter((key) => key.startsWith(prefix)),
    },
    // Nobody keeps consumers here: what is about them is tested with a real control (openControl) in a temporary folder.
    consumers: {} as Consumers,
    accepted: { list: async () => [], get: noJob, act: noJob, move: noJob, flows: async () => [], actOnFlow: noJob },
    dataProtection: createDataProtection({ store: undefined as never, audit: { add: async () => {} }, clock: systemClock, log: silentLog, access: async (by) => toAccess(by, []), markKey: Buffer.alloc(32) }),
    queues: {
      list: async () => [],
      get: async () => Promise.reject(new Refused('record.none', 404, 'No gateway that is connected has a queue of this name.')),
      act: async () => Promise.reject(new Refused('record.none', 404, 'No gateway that is connected has a queue of this name.')),
    },
    decisions: {} as RefusalDecisions,
    publishing: {} as Publishing,
    descriptions: { reference: async () => Promise.reject(new Refused('record.none', 404, 'There is no such API.')) },
    watching: {} as Watching,
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  control.addUser('admin', 'admin', 'open sesame')
  control.addUser('eve', 'editor', 'open sesame')
  control.addUser('vera', 'viewer', 'open sesame')
  return control
}

async function noJob(): Promise<never> {
  throw new Refused('record.none', 404, 'No gateway that is connected has a job of this id.')
}

const noLedger = () => Promise.reject(new Refused('record.none', 404, 'There is no ledger here.'))
