import { fault } from '../../../runtime/core/fault.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { ServiceSpec, UpstreamService } from '../../../runtime/core/upstream/upstream-service.ts'
import { compileUrl } from './callout-url.ts'
import { openTls } from './open-tls.ts'
import { parseStatuses } from './statuses.ts'
import type { UpstreamConfig } from './upstream-config.ts'
import { toBreaker, toBulkhead, toTries, type UpstreamOptions } from './upstream-options.ts'

/** @throws Fault `config.invalid` when a variable is not set, or a target with it is no address */
export function toServiceSpec(config: UpstreamConfig, scope: Pick<Scope, 'configNode' | 'env'>): ServiceSpec {
  const tls = openTls(config.tls, scope)
  const targets = config.targets.filter(({ url }) => url.trim() !== '').map(({ url, weight }) => ({ url: toTarget(url, scope), weight: Number(weight ?? 1) || 1 }))
  const breaker = toBreaker(config)
  const bulkhead = toBulkhead(config)
  return {
    name: config.name,
    targets: {
      targets,
      balance: config.balance,
      ejection: { after: config.ejectAfter, baseMs: config.ejectMs, maxMs: config.ejectMs * 10, maxShare: config.ejectPercent / 100 },
      ...(config.checkPath === '' ? {} : { check: { path: config.checkPath, intervalMs: config.checkIntervalMs, timeoutMs: config.checkTimeoutMs, statuses: parseStatuses(config.checkStatus) ?? new Set([200]), downAfter: config.checkDownAfter, upAfter: config.checkUpAfter } }),
      slowStartMs: config.slowStartMs,
      ...(tls ? { tls } : {}),
      http2: config.http2,
    },
    tries: toTries(config),
    retryShare: config.retryPercent / 100,
    ...(breaker ? { breaker } : {}),
    ...(bulkhead ? { bulkhead } : {}),
  }
}

/** The memory of a callout that calls a URL of its own. */
export function toOwnSpec(name: string, options: UpstreamOptions): ServiceSpec {
  const breaker = toBreaker(options)
  const bulkhead = toBulkhead(options)
  return { name, tries: toTries(options), retryShare: options.retryPercent / 100, ...(breaker ? { breaker } : {}), ...(bulkhead ? { bulkhead } : {}) }
}

/**
 * The upstream under a key: one for all nodes and deployments of the gateway. A deploy's spec holds from when it is live.
 * `undefined` where callouts are answered by a test.
 */
export function openService(scope: Scope, key: string, spec: ServiceSpec): UpstreamService | undefined {
  const { open } = scope.upstream
  if (!open) return undefined
  const text = JSON.stringify(spec, (_, value: unknown) => (value instanceof Set ? [...value] : value))
  const shared = scope.share(`*${key}`, () => ({ service: open(spec), text }), ({ service }) => service.close())
  scope.whenLive(() => {
    if (shared.text === text) return
    shared.text = text
    shared.service.configure(spec)
  }, true)
  return shared.service
}

function toTarget(url: string, scope: Pick<Scope, 'env'>): string {
  const { constant, render } = compileUrl(url, scope)
  if (constant) return render({})
  throw fault('config.invalid', { message: `“${url}” is no address of an upstream.` })
}
