import type { Deployment, Route, RunInput } from '../core/deployment.ts'
import type { HttpEntry } from '../core/entry.ts'
import { toFault, type Fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import { buildRoutes } from './route-table.ts'

/** What a route of a fake deployment does: gives a reply, a promise of one, or nothing and keeps the input. */
export type FakeFlow = (input: RunInput) => Message | Promise<Message> | undefined

export interface FakeRoute extends Partial<Omit<HttpEntry, 'on'>> {
  readonly path: string
  readonly flow: FakeFlow
}

/** A deployment without an engine, for tests of the front. `aborted` lists the reasons runs were aborted for. */
export function fakeDeployment(list: readonly FakeRoute[]): Deployment & { readonly aborted: Fault[] } {
  const flows = new Map<Route, FakeFlow>()
  const routes = list.map(({ flow, ...entry }, place) => {
    const route: Route = { entry: { on: 'http', method: 'GET', ...entry }, flow: 'tab', node: `node-${place}`, revision: 'r1' }
    flows.set(route, flow)
    return route
  })
  const { table, conflicts } = buildRoutes(routes)
  if (conflicts.length > 0) throw new Error(conflicts.map((conflict) => conflict.reason).join(' '))
  const aborted: Fault[] = []
  return {
    release: 1,
    hash: 'h1',
    routes: table,
    aborted,
    enter(route, input) {
      try {
        const reply = (flows.get(route) as FakeFlow)(input)
        if (reply instanceof Promise) {
          reply.then((message) => input.reply(message)).catch((error: unknown) => input.fail(toFault(error)))
        } else if (reply) input.reply(reply)
      } catch (error) {
        input.fail(toFault(error))
      }
      return { abort: (reason) => aborted.push(reason) }
    },
    noticeOf: () => undefined,
    limitMsOf: () => Infinity,
    expect: () => () => {},
  }
}
