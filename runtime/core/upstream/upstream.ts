import type { Body } from '../http/body.ts'
import type { ByteStream } from '../http/byte-stream.ts'
import type { Tunnel } from '../http/tunnel.ts'
import type { Run } from '../run.ts'
import type { HideText } from '../secrets/secret-forms.ts'
import type { ServiceSpec, UpstreamService } from './upstream-service.ts'

/** One HTTP call to an upstream. */
export interface UpstreamRequest {
  readonly method: string
  /** Absolute http or https URL. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Buffer | string | undefined
  /** Limit for the whole call; the run's deadline applies as well. */
  readonly timeoutMs: number
  /** Largest answer taken after decompression, bytes. */
  readonly responseLimitBytes: number
  /** Redirects followed; 0 gives a 3xx answer back as it is. Each hop passes the egress policy again. */
  readonly redirects: number
  /** Node-RED compatible TLS settings; verification cannot be switched off by ours. */
  readonly tls?: UpstreamTls
  /** What proves who calls. It goes to the origin of `url` and no other, and stands in no reply, fault or log. */
  readonly secret?: UpstreamSecret
  /** Finds secrets of the flow in a text: headers that hold one, and a body that does, go to the origin of `url` and no other. */
  readonly hideSecrets?: HideText
  /** Send `X-Request-Deadline` (milliseconds left) and `traceparent` along: for services of one's own. */
  readonly tellBudget?: boolean
  /** Speak HTTP/2 where the server offers it in TLS. */
  readonly http2?: boolean
}

/** A header or a parameter of the query that proves who calls. */
export interface UpstreamSecret {
  readonly in: 'header' | 'query'
  readonly name: string
  readonly value: string
}

export interface UpstreamTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** PKCS #12, base64: certificate, key and authorities in one. */
  readonly pfx?: string
  readonly passphrase?: string
  readonly servername?: string
  /** Lowest version spoken; TLSv1.2 when absent. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface UpstreamReply {
  readonly status: number
  /** Lower-case names; `set-cookie` is a list. */
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: Body
  /** The URL that answered, after redirects. */
  readonly url: string
  /** URLs that redirected, in order. */
  readonly redirects: readonly { readonly url: string; readonly status: number; readonly setCookie?: readonly string[] }[]
  /** Tries that it took, when it was more than one. */
  readonly attempts?: number
}

/** A call whose bodies are passed on while they come. */
export interface StreamRequest {
  readonly method: string
  /** Absolute http or https URL. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: ByteStream | Buffer | undefined
  /** Until the answer begins; the run's deadline applies as well. */
  readonly timeoutMs: number
  /** Longest silence within the answer. */
  readonly idleMs: number
  readonly tls?: UpstreamTls
  /** What proves who calls. It stands in no reply, fault or log. */
  readonly secret?: UpstreamSecret
  /** Send `X-Request-Deadline` (milliseconds left until the answer is to begin) and `traceparent` along. */
  readonly tellBudget?: boolean
  /** Speak HTTP/2 where the server offers it in TLS. */
  readonly http2?: boolean
}

/** An answer that has begun. Its body is as it came: nothing is unpacked. */
export interface StreamReply {
  readonly status: number
  /** Lower-case names; `set-cookie` is a list. */
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: ByteStream
  /** The URL that answered. */
  readonly url?: string
  /** Tries that it took until it began, when it was more than one. */
  readonly attempts?: number
}

/** A call that asks to speak WebSocket. */
export interface TunnelRequest {
  /** Absolute http or https URL. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Until the upstream agrees; the run's deadline applies as well. */
  readonly timeoutMs: number
  /** Longest silence afterwards. */
  readonly idleMs: number
  readonly tls?: UpstreamTls
  /** What proves who calls. It stands in no reply, fault or log. */
  readonly secret?: UpstreamSecret
  /** Send `X-Request-Deadline` (milliseconds left until the upstream is to agree) and `traceparent` along. */
  readonly tellBudget?: boolean
}

/** An upstream that speaks WebSocket from now on. */
export interface AgreedTunnel {
  readonly status: 101
  /** Lower-case names, without those of the connection. */
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly tunnel: Tunnel
  /** Tries that it took until one agreed, when it was more than one. */
  readonly attempts?: number
}

/** A WebSocket; or what the upstream answered instead, as it answers any other call. */
export type TunnelReply = AgreedTunnel | StreamReply

/** The only door to other servers: pools connections, applies the egress policy at connect time, keeps limits. */
export interface Upstream {
  /** @throws Fault `upstream.*` or `egress.denied`; rejects at once when `run.signal` aborts */
  request(request: UpstreamRequest, run: Run): Promise<UpstreamReply>
  /**
   * Calls without holding either body. Redirects are given back as they are. Absent: as `open`.
   * @throws Fault `upstream.*` or `egress.denied`
   */
  openStream?(request: StreamRequest, run: Run): Promise<StreamReply>
  /** Opens a WebSocket. Who refuses gives an answer. Absent: as `open`. @throws Fault `upstream.*`, `upstream.upgrade` when another protocol is spoken, or `egress.denied` */
  openTunnel?(request: TunnelRequest, run: Run): Promise<TunnelReply>
  /** Why no call may go to a URL whose host is an address, written out. `undefined` also for what only a call can tell. */
  whyRefused?(url: string): string | undefined
  /** Opens an upstream that remembers: instances, retries, breaker. Absent: there is none (tests of flows answer callouts themselves). */
  open?(spec: ServiceSpec): UpstreamService
}
