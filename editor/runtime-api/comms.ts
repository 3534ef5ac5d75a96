import type { Actor, Control, ControlEvent, FlowRights } from '../../control/contract.ts'
import type { CommsClient, EditorUser, NodeRed } from '../node-red.ts'

/** Messages that may wait for one browser; more are dropped, the newest first. */
const queueLimit = 1000
/** Bytes that may lie unsent on one browser's socket. */
const bufferLimitBytes = 4 * 1024 * 1024

/** What the stock editor answers with its sign-in dialog. */
const sessionLost = JSON.stringify({ auth: 'fail' })

/** The live connection to the editors: statuses, debug lines, and news of deployments. */
export interface Comms {
  /** Node-RED's `runtimeAPI.comms`. */
  readonly api: {
    addConnection(options: { client: CommsClient }): Promise<void>
    removeConnection(options: { client: CommsClient }): Promise<void>
    subscribe(options: { client: CommsClient; topic: string }): Promise<void>
    unsubscribe(): Promise<void>
    receive(): Promise<void>
  }
  publish(topic: string, data: unknown, retain?: boolean): void
  /** Messages that nobody read in time. */
  dropped(): number
  close(): void
}

/**
 * Fans events of control out to the connected editors. A connection is one signed-in user's; it ends
 * when that user's token does, and tells nothing of flows that he may not see. `tokenOf` says which token a user object came
 * with, `actorOf` who it is.
 */
export function createComms(control: Control, util: NodeRed['util'], tokenOf: (user: EditorUser) => string | undefined, actorOf: (user: EditorUser) => Actor | undefined): Comms {
  /** Connections, with what each may see; nothing of flows as long as that is not known. */
  const clients = new Map<CommsClient, FlowRights | undefined>()
  // The stock editor dims the buttons of inject and debug nodes, and ignores clicks on them, until it hears that flows run.
  const retained = new Map<string, unknown>([['notification/runtime-state', { state: 'start', deploy: false }]])
  /** Flow of each retained status, by topic. */
  const flowOf = new Map<string, string>()
  let droppedCount = 0

  function send(client: CommsClient, topic: string, data: unknown): void {
    if (client.stack.length >= queueLimit || client.ws.bufferedAmount > bufferLimitBytes) {
      droppedCount++
      return
    }
    client.send(topic, data)
  }

  /** `flow`: whom it concerns; absent: everybody. */
  function publish(topic: string, data: unknown, retain = false, flow?: string): void {
    if (retain) retained.set(topic, data)
    else retained.delete(topic)
    for (const [client, rights] of clients) if (flow === undefined || maySee(rights, flow)) send(client, topic, data)
  }

  function publishEvent(event: ControlEvent): void {
    switch (event.kind) {
      case 'status':
        return publishStatus(event)
      case 'debug':
        return publishDebug(event)
      case 'release':
        void clearStatuses(event.release)
        return publish('notification/runtime-deploy', { revision: event.rev }, true)
      case 'sessions':
        return void dropEnded(event.user)
      case 'gateway':
        return
    }
  }

  function publishStatus({ node, flow, status }: Extract<ControlEvent, { kind: 'status' }>): void {
    const { fill, shape, text } = status
    const shown = fill !== undefined || shape !== undefined || (text !== undefined && text !== '')
    const topic = `status/${node}`
    publish(topic, shown ? { fill, shape, text } : {}, shown, flow)
    if (shown) flowOf.set(topic, flow)
    else flowOf.delete(topic)
  }

  /** Statuses of flows that a release changed belong to what ran before; those of the others still hold. */
  async function clearStatuses(release: number): Promise<void> {
    const before = new Map([...flowOf].map(([topic, flow]) => [topic, { flow, data: retained.get(topic) }]))
    if (before.size === 0) return
    const [newest] = await control.releases.list({ limit: 1 }).catch(() => [])
    const changed = newest?.id === release ? new Set(newest.changed.map((one) => one.flow)) : undefined
    for (const [topic, { flow, data }] of before) {
      if ((changed && !changed.has(flow)) || retained.get(topic) !== data) continue // the latter was told meanwhile
      flowOf.delete(topic)
      publish(topic, {}, false, flow)
    }
  }

  function publishDebug({ flow, entry }: Extract<ControlEvent, { kind: 'debug' }>): void {
    const levels = { error: 20, warn: 30, info: 40 } as const
    const line = {
      id: entry.id,
      z: flow,
      path: flow,
      name: entry.name,
      topic: entry.topic,
      property: entry.property,
      msg: structuredCloneOrText(entry.msg), // encodeObject writes into what it is given
      ...(entry.level && entry.level !== 'info' ? { level: levels[entry.level] } : {}),
    }
    publish('debug', util.util.encodeObject(line, { maxLength: 1000 }), false, flow)
  }

  const unsubscribe = control.on(publishEvent)
  const recheck = setInterval(() => void dropEnded(), 10_000)
  recheck.unref()

  /** Ends connections whose session has ended; only those of one user when it is named. */
  async function dropEnded(name?: string): Promise<void> {
    for (const client of clients.keys()) {
      if (name !== undefined && client.user?.username !== name) continue
      const token = client.user && tokenOf(client.user)
      const user = token ? await control.users.verifyToken(token).catch(() => undefined) : undefined
      if (user) {
        if (clients.has(client)) clients.set(client, await rightsOf(client)) // roles may have changed
        continue
      }
      client.ws.send(sessionLost)
      client.ws.close()
    }
  }

  async function rightsOf({ user }: CommsClient): Promise<FlowRights | undefined> {
    const actor = user && actorOf(user)
    return actor && (await control.flows.rights(actor).catch(() => undefined))
  }

  return {
    api: {
      async addConnection({ client }) {
        clients.set(client, undefined)
        const rights = await rightsOf(client)
        if (clients.has(client)) clients.set(client, rights)
      },
      async removeConnection({ client }) {
        clients.delete(client)
      },
      async subscribe({ client, topic }) {
        const rights = clients.get(client) ?? (await rightsOf(client))
        for (const [name, data] of retained) {
          const flow = flowOf.get(name)
          if (matchesTopic(topic, name) && (flow === undefined || maySee(rights, flow))) send(client, name, data)
        }
      },
      unsubscribe: async () => {},
      receive: async () => {},
    },
    publish,
    dropped: () => droppedCount,
    close() {
      clearInterval(recheck)
      unsubscribe()
    },
  }
}

/** A flow within an instance of a subflow is told by its path: the tab comes first. */
function maySee(rights: FlowRights | undefined, flow: string): boolean {
  return rights !== undefined && (rights.readsEverything || rights.mayRead(flow.split('/')[0]))
}

/** MQTT-like filters of the editor: `status/#`, `notification/+`. Compared by segment: a filter comes from outside. */
function matchesTopic(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const given = topic.split('/')
  for (const [i, segment] of wanted.entries()) {
    if (segment === '#') return true
    if (given[i] === undefined || (segment !== '+' && segment !== given[i])) return false
  }
  return wanted.length === given.length
}

function structuredCloneOrText(value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch {
    return String(value)
  }
}
