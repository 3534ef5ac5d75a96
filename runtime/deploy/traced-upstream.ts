import type { Upstream } from '../core/upstream.ts'

/** The upstream of one node: callouts of runs that are written down are noted under its id. */
export function tracedUpstream(upstream: Upstream, node: string): Upstream {
  return Object.assign(Object.create(upstream) as Upstream, {
    request: ((request, run) => {
      const { trace } = run
      return trace === undefined ? upstream.request(request, run) : trace.callout(node, request, (given) => upstream.request(given, run))
    }) satisfies Upstream['request'],
  })
}
