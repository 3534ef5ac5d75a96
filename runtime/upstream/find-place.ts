import type { UpstreamTls } from '../core/upstream/upstream.ts'
import type { Lane } from './lane.ts'
import type { Place, Pools } from './pools.ts'
import { toUpstreamFault } from './to-fault.ts'

/** Where a URL is called; a lane may have a place of its own for it. @throws Fault for a URL that cannot be called, or may not be */
export function findPlace(pools: Pools, url: string, tls: UpstreamTls | undefined, http2?: boolean, lane?: Lane): Place {
  try {
    return lane?.placeOf(url) ?? pools.find(url, tls, http2)
  } catch (error) {
    throw toUpstreamFault(error, URL.canParse(url) ? new URL(url).host : url, false)
  }
}
