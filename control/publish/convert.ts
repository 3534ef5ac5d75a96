import { setImmediate } from 'node:timers/promises'
import type { Problem } from '../../runtime/core/flow.ts'
import { problem } from '../consumers/check.ts'
import type { Desk } from '../consumers/records.ts'
import { Refused, type Actor, type Consumers } from '../contract.ts'
import { createOpenapiCheck } from './check-openapi.ts'
import type { ApiRegistration, ApiRegistrations } from './contract.ts'
import { fromOpenapi } from './from-openapi.ts'
import { fromUrl } from './from-url.ts'
import type { Operation } from './operation.ts'
import { at, refuseProblems } from './problems.ts'
import { readDocument } from './read-document.ts'
import { needWrite, type RecordPlan } from './records.ts'
import { keepExamples } from './keep-examples.ts'
import { tabIdOf, toNodes, type GeneratedFlow } from './to-nodes.ts'

/** One API, converted; nothing of what is there has been looked at. */
export interface Converted {
  readonly registration: ApiRegistration
  /** Before the pointers of its problems: empty when it came alone. */
  readonly base: string
  readonly plan: RecordPlan
  readonly operations: readonly Operation[]
  readonly generated: GeneratedFlow
  readonly warnings: readonly Problem[]
}

/**
 * Makes flows and plans of records of what is sent; nothing is written.
 * @throws Refused `record.invalid` and `openapi.invalid` 422 with everything that is wrong, `auth.role` 403
 */
export function createConverter({ consumers, desk }: { readonly consumers: Pick<Consumers, 'check'>; readonly desk: Pick<Desk, 'access'> }): (input: ApiRegistration | ApiRegistrations, by: Actor) => Promise<Converted[]> {
  const checkDocument = createOpenapiCheck()

  async function convertAll(input: ApiRegistration | ApiRegistrations, by: Actor): Promise<Converted[]> {
    const many = 'apis' in input
    consumers.check(many ? 'ApiRegistrations' : 'ApiRegistration', input)
    const list = many ? input.apis : [input]
    // Who may not write learns nothing of what is wrong.
    const access = await desk.access(by)
    for (const { organisation } of list) needWrite({ access }, organisation)
    const twice = list.findIndex(({ id }, index) => list.findIndex((other) => other.id === id) !== index)
    if (twice >= 0) refuseProblems([problem(`/apis/${twice}/id`, `“${list[twice]?.id}” is in the list twice.`, 'Give each API its own id.')])
    const converted: Converted[] = []
    const problems: Problem[] = []
    for (const [index, registration] of list.entries()) {
      const base = many ? `/apis/${index}` : ''
      // Large documents take a while each; others get their turn between them.
      if (index > 0) await setImmediate()
      try {
        converted.push(await at(base, () => convert(registration, base)))
      } catch (thrown) {
        if (!(thrown instanceof Refused) || thrown.status !== 422 || thrown.problems.length === 0) throw thrown
        problems.push(...thrown.problems)
      }
    }
    refuseProblems(problems)
    return converted
  }

  async function convert(registration: ApiRegistration, base: string): Promise<Converted> {
    const { id, url, openapi, organisation, version, family, auth = true, upstream, visibility, description, tags } = registration
    if ((url === undefined) === (openapi === undefined)) {
      refuseProblems([problem('/url', 'An API is made of a URL or of an OpenAPI document: exactly one of “url” and “openapi”.', 'Send one of the two.')])
    }
    if (url !== undefined && upstream !== undefined) refuseProblems([problem('/upstream', '“upstream” goes with an OpenAPI document; a URL names its own.', 'Leave it out.')])
    for (const field of ['validate', 'mock'] as const) {
      if (url !== undefined && registration[field] !== undefined) refuseProblems([problem(`/${field}`, `“${field}” goes with an OpenAPI document; a URL says nothing of its requests and answers.`, 'Leave it out.')])
    }
    if (registration.mock === true && upstream !== undefined) refuseProblems([problem('/mock', 'Either examples are answered, or “upstream” is asked.', 'Leave one of the two out.')])
    const read = url !== undefined ? fromUrl(registration) : await at('/openapi', () => readOperations(registration))
    const title = 'title' in read ? read.title : undefined
    // What people wrote into the record since stays, unless the input says otherwise.
    const described = 'description' in read ? read.description : undefined
    const name = registration.name ?? (title || id)
    const initial = {
      name, ...(described === undefined ? {} : { description: described }),
      // Who asks nobody for a key serves everybody; a record that is not public would let nobody in.
      ...(auth ? {} : { visibility: 'public' as const }),
    }
    const input = {
      organisation, flow: tabIdOf(id),
      ...(registration.name === undefined ? {} : { name }), ...(version === undefined ? {} : { apiVersion: version }), ...(family === undefined ? {} : { family }), ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }), ...(tags === undefined ? {} : { tags }),
    }
    const generated = toNodes({
      id, name, organisation, auth, operations: read.operations, origin: title === undefined ? `Registered from ${shownUrl(url ?? '')}` : `Registered from the OpenAPI document “${title}”`,
      ...(version === undefined ? {} : { version }),
    })
    const { flow, warnings } = keepExamples(generated)
    return { registration, base, plan: { id, input, initial, registration }, operations: read.operations, generated: flow, warnings: [...read.warnings, ...warnings] }
  }

  async function readOperations(registration: ApiRegistration) {
    const document = readDocument(registration.openapi)
    refuseProblems(await checkDocument(document))
    // Its own fields are named as such, the rest is in the document.
    return await fromOpenapi(document, registration)
  }

  return convertAll
}

/** Without query: keys travel there. */
function shownUrl(url: string): string {
  return (url.split('?', 1)[0] as string).slice(0, 200)
}
