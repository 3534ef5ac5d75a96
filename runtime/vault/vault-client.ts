import type { AskReply, SecretsReply, SecretsRequest } from '../../vault/contract.ts'
import type { Clock } from '../core/time/clock.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Vault, VaultAnswer, VaultAsk, VaultOptions } from '../core/secrets/vault.ts'
import { createVaultLink, type VaultReply, type VaultTrust } from './vault-link.ts'
import { watchLink, type WatchedLink } from './watched-link.ts'

export interface VaultClientOptions extends VaultTrust {
  /** Vaults on one database: who is next stands in for who does not answer. At least one. */
  readonly urls: readonly string[]
  /** How long one vault is waited for. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Log
  /** Until it resolves, asks wait: the vault is being started. Never longer than {@link startMs}. */
  readonly started?: Promise<void>
}

/** The vault as a gateway has it. */
export interface VaultClient extends Vault {
  /** @throws Fault `vault.unavailable` */
  secrets(request: SecretsRequest): Promise<SecretsReply>
  /** Whether one of the vaults answered when it was last asked. */
  readonly available: boolean
  /** Shows and trusts this from now on. What is under way is answered as it was asked. */
  renew(trust: VaultTrust): void
  /** Since the start. */
  readonly counts: { readonly asks: number; readonly requests: number; readonly failed: number }
  close(): void
}

/** Asks of one message. */
interface Group {
  /** JSON of the asks, without the brackets around them. */
  readonly text: string
  readonly length: number
  settle(answers: readonly VaultAnswer[]): void
  fail(fault: Fault): void
  /** Nobody waits for it any more. */
  gone: boolean
}

/** Requests that are under way at once. The more wait meanwhile, the more travel in the next. */
const mostRequests = 8
/** What travels together; a message that has more goes alone. */
const mostAsksTogether = 1000
const mostTextTogether = 1024 * 1024
/** What may wait, in UTF-16 units. Beyond that the vault is too slow for what is asked of it. */
const mostTextWaiting = 64 * 1024 * 1024
/** How long a vault that is being started is waited for. */
export const startMs = 10_000

/**
 * The way of a gateway to the vault. What is asked in one turn of the event loop, and what has come while others were under way,
 * travels together. When no vault answers, everybody is told at once.
 */
export function createVaultClient(options: VaultClientOptions): VaultClient {
  const { urls, timeoutMs, clock, log } = options
  const links = urls.map((url) => watchLink(createVaultLink(url.replace(/\/$/, ''), options, clock), clock, log, Math.min(timeoutMs, 1000)))
  const counts = { asks: 0, requests: 0, failed: 0 }
  let queue: Group[] = []
  let textWaiting = 0
  let underWay = 0
  let isDue = false
  let closed = false
  let starting = options.started
  if (starting) {
    const begin = () => {
      if (!starting) return
      starting = undefined
      stop()
      flush()
    }
    const stop = clock.setTimer(begin, startMs)
    starting.then(begin, begin)
  }

  function due(): void {
    if (isDue || starting) return
    isDue = true
    setImmediate(() => {
      isDue = false
      flush()
    })
  }

  function flush(): void {
    while (queue.length > 0 && underWay < mostRequests) {
      if (!links.some((link) => link.answers)) return failAll()
      void carry(takeBatch())
    }
  }

  function takeBatch(): Group[] {
    let asks = 0
    let text = 0
    let end = 0
    while (end < queue.length) {
      const group = queue[end] as Group
      if (end > 0 && (asks + group.length > mostAsksTogether || text + group.text.length > mostTextTogether)) break
      asks += group.length
      text += group.text.length
      end += 1
    }
    const batch = queue.slice(0, end)
    queue = end === queue.length ? [] : queue.slice(end)
    textWaiting -= text
    return batch.filter((group) => !group.gone)
  }

  async function carry(batch: readonly Group[]): Promise<void> {
    if (batch.length === 0) return
    underWay += 1
    try {
      const reply = await send('POST', '/v1/ask', `{"asks":[${batch.map((group) => group.text).join(',')}]}`)
      if (reply.status === 413) return tellAll(batch, fault('vault.too_large'))
      const { answers } = read<AskReply>(reply)
      const asked = batch.reduce((sum, group) => sum + group.length, 0)
      if (!Array.isArray(answers) || answers.length !== asked) throw away(`${asked} answers were expected`)
      let at = 0
      for (const group of batch) group.settle(answers.slice(at, (at += group.length)))
    } catch (thrown) {
      tellAll(batch, thrown as Fault)
    } finally {
      underWay -= 1
      flush()
    }
  }

  /**
   * Asks one vault after the other, beginning with the first that answers. One that broke off in the middle may have done what was asked:
   * the next is asked all the same, since a second token or a second line in the record does no harm.
   * @throws Fault `vault.unavailable`
   */
  async function send(method: 'GET' | 'POST', path: string, body?: string): Promise<VaultReply> {
    let reason = 'none of them answered lately'
    for (const link of links) {
      if (!link.answers) continue
      counts.requests += 1
      try {
        const reply = await link.send(method, path, body, timeoutMs)
        if (!isAway(reply.status)) return reply
        reason = `it answered ${reply.status}`
      } catch (thrown) {
        const { code, message } = thrown as NodeJS.ErrnoException
        reason = code ?? message
      }
      failed(link, reason)
    }
    throw away(reason)
  }

  function failed(link: WatchedLink, reason: string): void {
    counts.failed += 1
    if (!closed) link.failed(reason)
  }

  function failAll(): void {
    const all = queue
    queue = []
    textWaiting = 0
    tellAll(all, away('none of them answered lately'))
  }

  return {
    ask(asks, ask: VaultOptions = {}) {
      if (asks.length === 0) return Promise.resolve([])
      counts.asks += asks.length
      const { signal, deadline } = ask
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      if (closed || (!starting && !links.some((link) => link.answers))) return Promise.reject(away('none of them answered lately'))
      const text = toText(asks)
      if (textWaiting + text.length > mostTextWaiting) return Promise.reject(away('too much is waiting to be asked'))
      return new Promise((resolve, reject) => {
        let stop: (() => void) | undefined
        const aborted = () => leave(signal?.reason)
        const done = () => {
          stop?.()
          signal?.removeEventListener('abort', aborted)
        }
        const group: Group = {
          text,
          length: asks.length,
          gone: false,
          settle(answers) {
            done()
            resolve(answers)
          },
          fail(told) {
            done()
            reject(told)
          },
        }
        function leave(reason: unknown): void {
          group.gone = true
          done()
          reject(reason as Error)
        }
        signal?.addEventListener('abort', aborted, { once: true })
        if (deadline !== undefined) {
          const leftMs = deadline - clock.now()
          if (leftMs <= 0) return leave(fault('vault.unavailable'))
          // What is sooner ends it anyhow.
          if (leftMs < timeoutMs || starting) stop = clock.setTimer(() => leave(fault('vault.unavailable')), leftMs)
        }
        queue.push(group)
        textWaiting += text.length
        due()
      })
    },
    async secrets(request) {
      if (starting) await starting
      return read<SecretsReply>(await send('POST', '/v1/secrets', JSON.stringify(request)))
    },
    get available() {
      return links.some((link) => link.answers)
    },
    renew(trust) {
      for (const link of links) link.renew(trust)
    },
    counts,
    close() {
      closed = true
      failAll()
      for (const link of links) link.close()
    },
  }

  function read<T>({ status, text }: VaultReply): T {
    if (status !== 200) throw away(`it answered ${status}`)
    try {
      return JSON.parse(text) as T
    } catch {
      throw away('it answered something that is no JSON') // the parser's own words quote the text
    }
  }
}

/** Nothing that a request could be blamed for: another vault may do better. */
function isAway(status: number): boolean {
  return status >= 500 || status === 401 || status === 403 || status === 404 || status === 429
}

function away(reason: string): Fault {
  return fault('vault.unavailable', {}, new Error(`The vault: ${reason}.`))
}

function tellAll(batch: readonly Group[], told: Fault): void {
  for (const group of batch) group.fail(told)
}

function toText(asks: readonly VaultAsk[]): string {
  const text = JSON.stringify(asks)
  return text.slice(1, -1)
}
