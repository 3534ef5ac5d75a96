import { randomUUID } from 'node:crypto'
import { toDocumentText } from '../../runtime/compile/document-text.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Acknowledgement, ClientsPointer, CommandReply, SealedCredentials, SyncMessage } from '../../runtime/core/sync-wire.ts'
import { toCredentials, type CredentialMap } from '../credentials/kept-credentials.ts'
import type { KnownGateway } from '../gateways/registry.ts'
import { seal } from '../../runtime/core/secrets/seal.ts'
import type { LoadedRelease } from '../releases/current.ts'
import type { Attempt, Rollout } from '../releases/rollout.ts'
import type { Session } from './session.ts'

export interface SyncLimits {
  /** A gateway that says nothing for so long is behind. */
  readonly silenceMs: number
  /** A gateway that says it is preparing gets no longer than this. */
  readonly prepareMs: number
  readonly commandMs: number
  readonly heartbeatMs: number
  /** Longest wait of one poll: its answer is the sign of life by which a gateway knows that its records of callers are fresh. */
  readonly pollMs: number
}

export const syncLimits: SyncLimits = { silenceMs: 5000, prepareMs: 60_000, commandMs: 5000, heartbeatMs: 2000, pollMs: 4000 }

/** What the attempt under way waits for from one gateway. */
interface Waiting {
  readonly release: number
  readonly hear: (ack: Acknowledgement | 'gone') => void
}

/** `withinMs`: how long it may take to answer. `any`: one gateway is enough, whichever. */
export interface AskOptions {
  readonly withinMs?: number
  readonly any?: boolean
}

export interface HubParts {
  readonly clock: Clock
  readonly log: Log
  readonly limits: SyncLimits
  current(): LoadedRelease | undefined
  credentials(): CredentialMap
  /** Told when a gateway came or went. */
  changed(gateway: string): void
  /** Which state of the callers' records is current. */
  clients(): ClientsPointer
}

/** Connected gateways, and what is said to all of them: the two phases of a deploy, and commands. */
export function createHub({ clock, log, limits, current, credentials, changed, clients }: HubParts) {
  const sessions = new Map<string, Session>()
  const waiting = new Map<string, Waiting>()
  const calls = new Map<string, { readonly gateway: string; readonly done: (reply: CommandReply | undefined) => void }>()
  /** The release being prepared: gateways may ask for its parts before it is current. */
  let pending: { readonly release: LoadedRelease; readonly credentials: CredentialMap } | undefined

  function send(message: SyncMessage, to: Iterable<string> = sessions.keys()): void {
    for (const id of to) sessions.get(id)?.send(message)
  }

  /** Waits for one gateway's word on a release; `undefined` when it stays silent or goes away. */
  function hear(id: string, release: number): Promise<Acknowledgement | undefined> {
    return new Promise((resolve) => {
      const endsAt = clock.elapsed() + limits.prepareMs
      let cancel = () => {}
      const wait = () => {
        cancel()
        cancel = clock.setTimer(() => done(undefined), Math.min(limits.silenceMs, endsAt - clock.elapsed()))
      }
      const done = (ack: Acknowledgement | undefined) => {
        cancel()
        waiting.delete(id)
        resolve(ack)
      }
      waiting.set(id, {
        release,
        hear: (ack) => {
          if (ack === 'gone') done(undefined)
          else if (ack.state === 'preparing') wait()
          else done(ack)
        },
      })
      wait()
    })
  }

  const rollout: Rollout = {
    async prepare(release, documents, nextCredentials, before) {
      const ids = [...sessions.keys()]
      if (ids.length === 0) return { release, ready: [], silent: [], problems: [], warnings: [nobody] }
      pending = { release, credentials: nextCredentials }
      const had = new Set(before?.revisions.map(({ hash }) => hash))
      const revisions = documents
        .filter(({ revision }) => !had.has(revision.hash))
        .map(({ revision, text }) => ({ hash: revision.hash, text: text ?? toDocumentText(revision.document) }))
      const secretsChanged = before?.manifest.credentialsHash !== release.manifest.credentialsHash
      const answers = ids.map((id) => hear(id, release.manifest.id))
      for (const id of ids) {
        const gateway = sessions.get(id)?.gateway
        if (!gateway) continue
        const sealed = secretsChanged ? { credentials: sealFor(gateway, release.manifest.credentialsHash, nextCredentials) } : {}
        send({ do: 'prepare', id: release.manifest.id, manifest: release.text, signature: release.signature, revisions, ...sealed }, [id])
      }
      const heard = await Promise.all(answers)
      const ready = ids.filter((_, index) => heard[index]?.state === 'ready')
      const silent = ids.filter((_, index) => heard[index] === undefined)
      const problems = ids.flatMap((id, index) => (heard[index]?.state === 'refused' ? refusals(id, heard[index]) : []))
      const warnings = ids.flatMap((_, index) => heard[index]?.problems?.filter(({ severity }) => severity === 'warning') ?? [])
      return { release, ready, silent, problems, warnings }
    },
    async commit({ release, ready, silent }: Attempt) {
      pending = undefined
      const { id, hash, credentialsHash } = release.manifest
      const answers = ready.map((gateway) => (sessions.has(gateway) ? hear(gateway, id) : Promise.resolve(undefined)))
      // Everybody is told: those that were silent or came meanwhile go on by themselves.
      send({ do: 'commit', id, hash, credentialsHash })
      const heard = await Promise.all(answers)
      const live = ready.filter((_, index) => heard[index]?.state === 'live' && heard[index]?.hash === hash)
      const behind = [...silent, ...ready.filter((gateway) => !live.includes(gateway))]
      if (behind.length > 0) log.warn({ release: id, gateways: behind }, 'gateways are behind the release')
      return { live, behind }
    },
    abort({ release }) {
      pending = undefined
      send({ do: 'abort', id: release.manifest.id })
    },
  }

  return {
    rollout,
    /** To all that are connected. */
    broadcast: (message: SyncMessage) => send(message),
    isConnected: (id: string) => sessions.has(id),
    connected: () => [...sessions.keys()],
    session: (id: string) => sessions.get(id),
    /** Takes a gateway's new connection; an older one of the same gateway is closed. */
    add(session: Session): void {
      const { id } = session.gateway
      const older = sessions.get(id)
      sessions.set(id, session)
      older?.close()
      const release = current()
      const pointer = release && { id: release.manifest.id, hash: release.manifest.hash, credentialsHash: release.manifest.credentialsHash }
      session.send({ do: 'hello', current: pointer ?? null, heartbeatMs: limits.heartbeatMs, clients: clients() })
      changed(id)
    },
    remove(session: Session): void {
      const { id } = session.gateway
      if (sessions.get(id) !== session) return
      sessions.delete(id)
      waiting.get(id)?.hear('gone')
      for (const call of calls.values()) if (call.gateway === id) call.done(undefined)
      changed(id)
    },
    /** A release that a gateway may have: the current one or the one being prepared. */
    release(id: number | 'current'): { release: LoadedRelease; credentials: CredentialMap } | undefined {
      if (pending && pending.release.manifest.id === id) return pending
      const release = current()
      if (!release || (id !== 'current' && release.manifest.id !== id)) return undefined
      return { release, credentials: credentials() }
    },
    acknowledge(id: string, ack: Acknowledgement): void {
      const wanted = waiting.get(id)
      if (wanted?.release === ack.release) wanted.hear(ack)
    },
    /** Asks all that are connected; each answer comes by itself, `undefined` for who stays silent. */
    ask(command: GatewayCommand, { withinMs = limits.commandMs, any = false }: AskOptions = {}): readonly Promise<{ gateway: string; result?: unknown; error?: string } | undefined>[] {
      return [...sessions.values()].slice(0, any ? 1 : undefined).map(async (session) => {
        const gateway = session.gateway.id
        const call = randomUUID()
        const reply = await new Promise<CommandReply | undefined>((resolve) => {
          const cancel = clock.setTimer(() => resolve(undefined), withinMs)
          calls.set(call, {
            gateway,
            done: (reply) => {
              cancel()
              resolve(reply)
            },
          })
          session.send({ do: 'command', call, command })
        })
        calls.delete(call)
        return reply && { gateway, ...(reply.error === undefined ? { result: reply.result } : { error: reply.error }) }
      })
    },
    async command(command: GatewayCommand, options?: AskOptions): Promise<readonly { gateway: string; result?: unknown; error?: string }[]> {
      return (await Promise.all(this.ask(command, options))).filter((answer) => answer !== undefined)
    },
    reply(gateway: string, reply: CommandReply): void {
      const call = calls.get(reply.call)
      if (call?.gateway === gateway) call.done(reply)
    },
    close(): void {
      for (const session of sessions.values()) session.close()
    },
  }
}

export type Hub = ReturnType<typeof createHub>

/** Node credentials for one gateway only: nobody else has its key. */
export function sealFor(gateway: KnownGateway, credentialsHash: string, credentials: CredentialMap): SealedCredentials {
  return { credentialsHash, sealed: seal(gateway.sealKey, JSON.stringify(toCredentials(credentials)), credentialsHash) }
}

const nobody: Problem = {
  severity: 'warning',
  code: 'gateway.none',
  message: 'No gateway is connected: the release was checked as far as possible without one, and is stored as the current one.',
  remedy: 'Start a gateway; it loads the current release by itself.',
}

function refusals(gateway: string, ack: Acknowledgement | undefined): readonly Problem[] {
  const errors = ack?.problems?.filter(({ severity }) => severity === 'error') ?? []
  if (errors.length > 0) return errors
  const message = `Gateway ${gateway} could not prepare the release${ack?.detail ? `: ${ack.detail}` : '.'}`
  return [{ severity: 'error', code: 'gateway.refused', message, remedy: 'Look at the log of that gateway.' }]
}
