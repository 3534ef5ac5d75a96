import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import type { VaultLink } from './vault-link.ts'

/** A vault, and whether it answers. */
export interface WatchedLink extends VaultLink {
  /** False from the first failure until it has answered a look: nobody waits for it meanwhile. */
  readonly answers: boolean
  /** It did not answer. */
  failed(reason: string): void
}

const firstLookMs = 50
const longestLookMs = 1000

/** A breaker that closes by itself: a vault that failed is looked at, soon and then once a second, until it answers. */
export function watchLink(link: VaultLink, clock: Clock, log: Log, lookTimeoutMs: number): WatchedLink {
  let answers = true
  let cancel: (() => void) | undefined
  let closed = false

  function lookAfter(waitMs: number): void {
    cancel = clock.setTimer(() => {
      link.send('GET', '/v1/ready', undefined, lookTimeoutMs).then(
        ({ status }) => seen(status, waitMs),
        () => again(waitMs),
      )
    }, waitMs)
  }

  function seen(status: number, waitMs: number): void {
    if (closed) return
    if (status === 204) {
      answers = true
      log.info({ vault: link.url }, 'the vault answers again')
      return
    }
    if (status === 401 || status === 403) log.error({ vault: link.url, status }, 'the vault does not take what this gateway shows: its token or certificate is not one of a gateway')
    again(waitMs)
  }

  function again(waitMs: number): void {
    if (!closed) lookAfter(Math.min(waitMs * 2, longestLookMs))
  }

  return {
    url: link.url,
    renew: link.renew,
    send: (method, path, body, timeoutMs) => link.send(method, path, body, timeoutMs),
    get answers() {
      return answers
    },
    failed(reason) {
      if (!answers || closed) return
      answers = false
      log.warn({ vault: link.url, reason }, 'the vault does not answer')
      lookAfter(firstLookMs)
    },
    close() {
      closed = true
      cancel?.()
      link.close()
    },
  }
}
