import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow } from '../kit/flow-builder.ts'
import type { Contestant } from './contestant.ts'
import { hand } from './hand.ts'
import { nginxLua, proxied } from './nginx.ts'
import { nodeRed } from './node-red.ts'
import { ours } from './ours.ts'

export const fanOutPath = '/fan-out'

/** Three upstream calls at once, joined into one JSON document, by everybody who can. */
export function fanOutContestants(upstream: number, withLua: boolean): readonly Contestant[] {
  return [
    ours(fanOutNodes(upstream), { SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream}` }),
    hand('fan-out', String(upstream)),
    nodeRed(chained(upstream)),
    ...(withLua ? [nginxLua(upstream, inLua, fanOutPath)] : []),
  ]
}

const names = ['a', 'b', 'c'] as const

/** Three callouts at once, by a parallel node. */
export function fanOutNodes(upstream: number): EditorNode[] {
  const branches = names.map((name) => ({ name, ifFails: 'fail', value: 'null', valueType: 'json', timeoutMs: 0, unread: false }))
  const built = flow('fan').httpIn('GET', fanOutPath).node('parallel', { branches }, names.length + 1).as('all')
  for (const [port, name] of names.entries()) built.from('all', port).node('service callout', { method: 'GET', url: `http://127.0.0.1:${upstream}/${name}` }, 3).node('end', {}, 0)
  return built.from('all', names.length).httpResponse().nodes()
}

/** Stock Node-RED asks one after the other: its join node mixes callers, so that under load some are answered twice and some never. */
function chained(upstream: number): EditorNode[] {
  const request = (name: string) => ({ ret: 'obj', method: 'GET', paytoqs: 'ignore', url: `http://127.0.0.1:${upstream}/${name}`, tls: '', persist: true, proxy: '', insecureHTTPParser: false, authType: '', senderr: false, headers: [] })
  const built = flow('fan').httpIn('GET', fanOutPath)
  for (const name of names) built.node('http request', request(name)).fn(`msg.all = { ...msg.all, ${name}: msg.payload }\nreturn msg`)
  return built.fn('msg.payload = msg.all\nmsg.headers = {}\nreturn msg').httpResponse().nodes()
}

const inLua = `
  ${names.map((name) => `location /${name} { internal; ${proxied} }`).join('\n  ')}
  location = ${fanOutPath} {
    default_type application/json;
    content_by_lua_block {
      local cjson = require 'cjson'
      local a, b, c = ngx.location.capture_multi { { '/a' }, { '/b' }, { '/c' } }
      ngx.say(cjson.encode { a = cjson.decode(a.body), b = cjson.decode(b.body), c = cjson.decode(c.body) })
    }
  }`
