import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow, set, type FlowBuilder } from '../kit/flow-builder.ts'

/** What the chain's function computes; the hand-written app does the same. */
const greet = `const name = msg.name
let sum = 0
for (let i = 0; i < name.length; i++) sum += name.charCodeAt(i)
msg.payload = { hello: name, sum }
return msg`


/** `http in → http response`, nothing between: the reply is the empty query object. */
export function bare(path = '/hello', id = 'hello'): FlowBuilder {
  return flow(id).httpIn('GET', path).httpResponse()
}

/** An answer that is kept: after the first request every one is a hit. */
export function cached(): FlowBuilder {
  return flow('cached').httpIn('GET', '/cached').node('response cache', { ttlSeconds: 86_400 }, 2).httpResponse()
}

/** `http in → change → function → switch → change → http response`. */
export function chain(path = '/chain', id = 'chain', code = greet): FlowBuilder {
  return flow(id)
    .httpIn('GET', path)
    .change({ t: 'set', p: 'name', pt: 'msg', to: 'payload.name', tot: 'msg' })
    .fn(code)
    .switch('payload.sum', { t: 'gt', v: '100', vt: 'num' }, { t: 'else' })
    .change(set('payload.large', true))
    .httpResponse()
}

/** A JSON body goes through one function node and back. */
export function json20k(): FlowBuilder {
  return flow('json').httpIn('POST', '/json').fn('msg.payload.touched = msg.payload.items.length\nreturn msg').httpResponse()
}

/** As stock Node-RED can say it. */
export function proxyWithHttpRequest(upstream: number): FlowBuilder {
  return flow('proxy')
    .httpIn('GET', '/proxy')
    .node('http request', { method: 'GET', ret: 'txt', paytoqs: 'ignore', url: `http://127.0.0.1:${upstream}/`, tls: '', persist: true, proxy: '', insecureHTTPParser: false, authType: '', senderr: false, headers: [] })
    .httpResponse()
}

export function nodesOf(flows: readonly FlowBuilder[]): EditorNode[] {
  return flows.flatMap((one) => one.nodes())
}

/** A JSON document of about 20 KB. */
export function document20k(): string {
  const items = Array.from({ length: 160 }, (_, index) => ({
    id: index, name: `station ${index}`, district: '松山區', lat: 25.05 + index / 1000, lng: 121.55 - index / 1000, bikes: index % 30, open: index % 7 !== 0,
  }))
  return JSON.stringify({ items })
}

/** Ours: the callout's answer goes back as it came, by a respond node. */
export function proxyWithCallout(upstream: number): FlowBuilder {
  return flow('proxy').httpIn('GET', '/proxy').node('service callout', { method: 'GET', url: `http://127.0.0.1:${upstream}/` }, 2).node('respond', {}, 0)
}

/** One of 200 tabs that hold 10,000 routes between them; tab `t` has every route whose number ends on it modulo 200. */
export function routesOfTab(tab: number): FlowBuilder {
  const one = flow(`routes${tab}`)
  for (let index = tab; index < 10_000; index += 200) one.httpIn('GET', `/api${tab}/route${index}`).httpResponse()
  return one
}
