import type { Upstream } from '../core/upstream/upstream.ts'

/** The upstream of one node: callouts of runs that are written down are noted under its id. */
export function tracedUpstream(upstream: Upstream, node: string): Upstream {
  const { openStream, openTunnel } = upstream
  return Object.assign(Object.create(upstream) as Upstream, {
    request: (request, run) => (run.trace === undefined ? upstream.request(request, run) : run.trace.callout(node, request, (given) => upstream.request(given, run))),
    ...(openStream ? { openStream: (request, run) => (run.trace === undefined ? openStream(request, run) : run.trace.stream(node, request, (given) => openStream(given, run))) } : {}),
    ...(openTunnel ? { openTunnel: (request, run) => (run.trace === undefined ? openTunnel(request, run) : run.trace.tunnel(node, request, (given) => openTunnel(given, run))) } : {}),
  } satisfies Upstream)
}
