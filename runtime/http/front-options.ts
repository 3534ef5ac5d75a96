import type { TlsOptions } from './tls.ts'

export interface FrontOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Lets several processes listen on one port; the kernel spreads the connections (Linux). */
  readonly reusePort?: boolean
  /** Largest request body after decompression; an entry may set its own. Default 5 MB. */
  readonly bodyLimitBytes?: number
  /** Request line and headers together. Default 16 KB. */
  readonly headerLimitBytes?: number
  /** From the first byte of a request to the end of its headers. Default 20 s. */
  readonly headersTimeoutMs?: number
  /** From the first byte of a request to the end of its body. Default 120 s. */
  readonly requestTimeoutMs?: number
  /** How long an idle keep-alive connection stays. Default 72 s: longer than common load balancers keep theirs. */
  readonly keepAliveTimeoutMs?: number
  /** A connection on which nothing moved for so long is closed, even inside a request. Default 300 s. */
  readonly socketTimeoutMs?: number
  /** How often the first two limits are looked at. Default 1 s. */
  readonly timeoutCheckMs?: number
  /** Addresses and CIDR ranges (`loopback`, `private`) whose X-Forwarded-* and X-Request-Id are believed. Default none. */
  readonly trustedProxies?: readonly string[]
  /**
   * `asked` (default): an entity tag is made only for a request that carries If-None-Match; `always`: for every
   * answer to GET with status 200, as Express does.
   */
  readonly etag?: 'asked' | 'always'
  /** Tell callers how long they waited for turns, as X-Queue-Wait-Ms; default true. */
  readonly showWait?: boolean
  readonly tls?: TlsOptions
}

export type FrontLimits = Readonly<
  Required<Pick<FrontOptions, 'bodyLimitBytes' | 'headerLimitBytes' | 'headersTimeoutMs' | 'requestTimeoutMs' | 'keepAliveTimeoutMs' | 'socketTimeoutMs' | 'timeoutCheckMs'>>
>

/** The limits with their defaults. */
export function toLimits(options: FrontOptions): FrontLimits {
  const requestTimeoutMs = options.requestTimeoutMs ?? 120_000
  return {
    bodyLimitBytes: options.bodyLimitBytes ?? 5 * 1024 * 1024,
    headerLimitBytes: options.headerLimitBytes ?? 16 * 1024,
    headersTimeoutMs: Math.min(options.headersTimeoutMs ?? 20_000, requestTimeoutMs),
    requestTimeoutMs,
    keepAliveTimeoutMs: options.keepAliveTimeoutMs ?? 72_000,
    socketTimeoutMs: options.socketTimeoutMs ?? 300_000,
    timeoutCheckMs: options.timeoutCheckMs ?? 1000,
  }
}
