import type { CacheName, CacheSweep, KnownCache } from './state/cache.ts'
import type { Problem } from './flow.ts'
import type { LineAct } from './lines/line-desk.ts'
import type { Priority } from './lines/priority.ts'
import type { FlowWork, JobQuery } from './jobs/jobs.ts'
import type { TraceCommand } from './cases.ts'
import type { DebugEntry } from './node.ts'
import type { Release } from './release.ts'
import type { NodeStatus } from './sandbox.ts'

/** A release that is compiled and could go live at once. */
export interface Prepared {
  readonly release: Release
  readonly warnings: readonly Problem[]
}

export type PrepareResult = { readonly ok: true; readonly prepared: Prepared } | { readonly ok: false; readonly problems: readonly Problem[] }

/** What is live in a gateway. `prepare` changes nothing that callers can see; `commit` moves one pointer and cannot fail. */
export interface Deployer {
  /**
   * `checked`: it was prepared before by this version, so what nodes say of texts that are compiled anyway is not asked again.
   * `patient`: it ran before; flows whose secrets cannot be had wait for them, and do not keep the others from being served.
   */
  prepare(release: Release, checked?: boolean, patient?: boolean): Promise<PrepareResult>
  commit(prepared: Prepared): void
  /** Closes what a prepared release opened, when it is not to go live. */
  discard(prepared: Prepared): Promise<void>
  /** The release that new requests run on. */
  live(): { readonly id: number; readonly hash: string; readonly since: string } | undefined
  /** Answers a command of the editor; rejects with a fault when the node is not there. */
  command(command: GatewayCommand): Promise<unknown>
}

/** What the editor, and whoever asks why a call was refused, can ask of a running gateway. */
export type GatewayCommand =
  | TraceCommand
  | { readonly do: 'inject'; readonly node: string; readonly props?: readonly unknown[] }
  | { readonly do: 'debug'; readonly node: string; readonly active: boolean }
  | { readonly do: 'context.get'; readonly scope: 'node' | 'flow' | 'global'; readonly id?: string; readonly key?: string }
  /** Gives the decision, or nothing when it is not one of the newest. */
  | { readonly do: 'decision.get'; readonly id: string }
  /** Gives a list of LineReport. */
  | { readonly do: 'lines.list' }
  /** Gives a list of JobFacts, newest first. */
  | { readonly do: 'jobs.list'; readonly query: JobQuery }
  /** Gives JobFacts, or nothing when there is no such job. */
  | { readonly do: 'jobs.get'; readonly id: string }
  /** Gives JobFacts as they are after it, or nothing. */
  | { readonly do: 'jobs.act'; readonly id: string; readonly act: 'cancel' | 'retry' }
  /** Gives JobFacts as they are after it, or nothing. */
  | { readonly do: 'jobs.move'; readonly id: string; readonly to: Priority }
  /** Gives FlowWorkReport. */
  | { readonly do: 'jobs.flows' }
  /** Gives nothing. */
  | { readonly do: 'jobs.flow'; readonly flow: string; readonly act: 'pause' | 'resume' }
  /** Gives CacheReport. */
  | { readonly do: 'caches.list' }
  /** Gives CachePurgeReport. */
  | { readonly do: 'caches.purge'; readonly caches: readonly CacheName[]; readonly what: CacheSweep }
  /** Gives whether there is such a line. */
  | { readonly do: 'lines.act'; readonly line: string; readonly act: LineAct }
  | { readonly do: 'context.delete'; readonly scope: 'node' | 'flow' | 'global'; readonly id?: string; readonly key?: string }

/** Caches that the live flows of one gateway use. `label`: of the flow. */
export interface CacheReport {
  /** Where it keeps: in its own memory, or with others in Redis. */
  readonly store: 'memory' | 'redis'
  readonly caches: readonly (KnownCache & { readonly label?: string })[]
}

/** How many values and answers went. */
export interface CachePurgeReport {
  readonly store: CacheReport['store']
  readonly entries: number
}

/** Accepted work by flow, as one gateway knows it. */
export interface FlowWorkReport {
  /** The other gateways on the same store say the same. */
  readonly shared: boolean
  readonly flows: readonly FlowWork[]
}

/** What a gateway tells the editor while it runs. Bounded: what nobody reads in time is dropped and counted. */
export type GatewayEvent =
  | { readonly kind: 'status'; readonly node: string; readonly flow: string; readonly status: NodeStatus }
  | { readonly kind: 'debug'; readonly flow: string; readonly entry: DebugEntry }
