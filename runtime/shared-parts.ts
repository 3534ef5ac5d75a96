import type { Clock } from './core/time/clock.ts'
import type { Log } from './core/log.ts'
import { openClusterLines, type ClusterLines } from './schedule/cluster/cluster-lines.ts'
import { openRedisJobs, type RedisJobs } from './schedule/jobs/redis-jobs.ts'
import type { Settings } from './settings.ts'
import { openRedisCache } from './state/redis-cache.ts'
import { openRedisState, type RedisState } from './state/redis-state.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What gateways share through Redis, each part where the settings name a Redis for it. */
export interface SharedParts {
  readonly cache?: ReturnType<typeof openRedisCache>
  readonly state?: RedisState
  readonly lines?: ClusterLines
  readonly jobs?: RedisJobs
}

export interface SharedPartsOptions {
  /** Certificates that Redis may show beside those that the machine trusts. */
  readonly ca?: readonly string[]
  readonly cacheKey: Buffer | undefined
  readonly jobKey: Buffer | undefined
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/**
 * Opens what gateways share. In a file of its own because the libraries of Redis are a sixth of all files that a gateway
 * would load: one without Redis begins without them.
 */
export function openSharedParts(settings: Settings, { ca, cacheKey, jobKey, clock, log, metrics }: SharedPartsOptions): SharedParts {
  const common = { prefix: settings.redisPrefix, ...(ca ? { ca: [...ca] } : {}), clock, log, metrics }
  const { redisUrl, cacheRedisUrl, stateTimeoutMs: timeoutMs, stateShares: shares = 1 } = settings
  const cache = cacheRedisUrl === undefined ? undefined : openRedisCache({ ...common, url: cacheRedisUrl, timeoutMs, key: cacheKey })
  if (redisUrl === undefined) return cache ? { cache } : {}
  const redis = { ...common, url: redisUrl }
  return {
    ...(cache ? { cache } : {}),
    state: openRedisState({ ...redis, timeoutMs, shares, cacheKey, ...(cache ? { cache: cache.cache } : {}) }),
    lines: openClusterLines({ ...redis, shares }),
    jobs: openRedisJobs({ ...redis, key: jobKey, whenUnsafe: settings.jobsWhenUnsafe }),
  }
}
