import { compose } from './compose.ts'
import { deployScenario } from './deploy.ts'
import { bare, cached, chain, document20k, json20k, nodesOf, proxyWithCallout, proxyWithHttpRequest, routesOfTab } from './flows.ts'
import { hand, sockets, startUpstream, startWeatherUpstream } from './hand.ts'
import { large } from './large.ts'
import { late } from './late.ts'
import { limits } from './limits.ts'
import { neighbours } from './neighbours.ts'
import { hasLua, nginxLua, proxied } from './nginx.ts'
import { nodeRed } from './node-red.ts'
import { ours } from './ours.ts'
import type { Scenario } from './scenario.ts'
import { start } from './start.ts'
import { throughput } from './throughput.ts'
import { tokens } from './tokens.ts'
import { tokenizeScenario } from './tokenize.ts'
import { trace } from './trace.ts'
import { untouchedNodes, untouchedPath } from './untouched.ts'

const fifty = Array.from({ length: 50 }, (_, index) => index)
const routeCount = 10_000

/** The table of the benchmark, in its order. */
export const scenarios: readonly Scenario[] = [
  throughput({
    name: 'hello',
    load: { paths: ['/hello'], connections: 32 },
    atLeast: { hand: 0.8, nodeRed: 6 },
    async prepare() {
      const nodes = bare().nodes()
      return { contestants: [ours(nodes), hand('hello'), nodeRed(nodes), sockets()] }
    },
  }),
  throughput({
    name: 'chain',
    load: { paths: ['/chain?name=taipei'], connections: 32 },
    atLeast: { hand: 0.7, nodeRed: 10 },
    async prepare() {
      const nodes = chain().nodes()
      return { contestants: [ours(nodes), hand('chain'), nodeRed(nodes)] }
    },
  }),
  throughput({
    name: 'chain50',
    load: { paths: fifty.map((index) => `/chain/${index}?name=taipei`), connections: 32 },
    atLeast: { hand: 0.6 },
    async prepare() {
      const nodes = nodesOf(fifty.map((index) => chain(`/chain/${index}`, `chain${index}`)))
      return { contestants: [ours(nodes), hand('chain', '50')] }
    },
  }),
  throughput({
    name: 'chain4',
    load: { paths: ['/chain?name=taipei'], connections: 4 },
    atLeast: { hand: 0 },
    saturate: false,
    async prepare() {
      return { contestants: [ours(chain().nodes()), hand('chain')] }
    },
  }),
  throughput({
    name: 'proxy',
    load: { paths: ['/proxy'], connections: 32 },
    atLeast: { hand: 0.9, nodeRed: 9 },
    async prepare() {
      const upstream = await startUpstream()
      return {
        contestants: [
          ours(proxyWithCallout(upstream.port).nodes(), { SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream.port}` }),
          hand('proxy', String(upstream.port)),
          nodeRed(proxyWithHttpRequest(upstream.port).nodes()),
          sockets(String(upstream.port)),
          // nginx as a gateway: something is looked at in Lua before the request is passed on.
          ...(hasLua() ? [nginxLua(upstream.port, `location /proxy { access_by_lua_block { if ngx.req.get_headers()['x-blocked'] then return ngx.exit(403) end } ${proxied} }`, '/proxy')] : []),
        ],
        close: () => upstream.stop(),
      }
    },
  }),
  throughput({
    name: 'json20k',
    load: { method: 'POST', paths: ['/json'], body: document20k(), connections: 32 },
    atLeast: { hand: 0.6 },
    async prepare() {
      const nodes = json20k().nodes()
      return { contestants: [ours(nodes), hand('json'), nodeRed(nodes)] }
    },
  }),
  throughput({
    name: 'routes10k',
    load: { paths: Array.from({ length: routeCount }, (_, index) => `/api${index % 200}/route${index}`), connections: 32 },
    atLeast: { hello: 0.9 },
    async prepare() {
      const nodes = nodesOf(Array.from({ length: 200 }, (_, tab) => routesOfTab(tab)))
      return { contestants: [ours(nodes), { ...ours(bare().nodes()), name: 'hello', paths: ['/hello'] }, hand('routes', String(routeCount))] }
    },
  }),
  throughput({
    name: 'cache',
    load: { paths: ['/cached'], connections: 32 },
    atLeast: { hello: 0.9 },
    async prepare() {
      return { contestants: [ours(cached().nodes()), { ...ours(bare().nodes()), name: 'hello', paths: ['/hello'] }] }
    },
  }),
  throughput({
    name: 'untouched',
    load: { paths: [untouchedPath], connections: 32 },
    atLeast: { hand: 1 },
    async prepare() {
      const upstream = await startWeatherUpstream()
      return {
        contestants: [ours(untouchedNodes(upstream.port), { SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream.port}` }), hand('untouched', String(upstream.port))],
        close: () => upstream.stop(),
      }
    },
  }),
  late,
  compose,
  trace,
  deployScenario('deploy', 'deployMs', 'deploy among 200 flows', () => nodesOf(Array.from({ length: 199 }, (_, index) => chain(`/chain/${index}`, `chain${index}`)))),
  deployScenario('deploy10k', 'deploy10kMs', 'deploy among 10,000 routes', () => nodesOf(Array.from({ length: 200 }, (_, tab) => routesOfTab(tab)))),
  start,
  neighbours,
  large,
  limits,
  tokenizeScenario,
  tokens,
]
