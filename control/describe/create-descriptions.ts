import { createAssembler, type Assembly } from '../../runtime/compile/assemble.ts'
import { createCatalogue, type NotYet } from '../../runtime/compile/catalogue.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { none } from '../consumers/unit.ts'
import { Refused, type Actor, type Consumers, type ManagedApi } from '../contract.ts'
import type { Descriptions } from './contract.ts'
import { toDocument } from './to-document.ts'

export interface DescriptionParts {
  readonly definitions: readonly NodeDefinition[]
  readonly notYet?: readonly NotYet[] | undefined
  readonly apis: Pick<Consumers['apis'], 'get'>
  /** A record, whoever asks; undefined when it is not there or retired. */
  apiOf(id: string): Promise<ManagedApi | undefined>
  /** What is deployed. */
  current(): { readonly revisions: readonly Revision[] } | undefined
}

/** Offered to callers: what is not opened yet is nobody's to read. */
const offered: ReadonlySet<string> = new Set(['PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'DEPRECATED'])

/** Describes APIs by what is deployed. What was put together for one release serves all who ask until the next. */
export function createDescriptions({ definitions, notYet, apis, apiOf, current }: DescriptionParts): Descriptions {
  let assemble: ReturnType<typeof createAssembler> | undefined
  let last: { readonly of: object; readonly assembly: Assembly } | undefined

  function assembly(): Assembly | undefined {
    const release = current()
    if (!release) return undefined
    if (last?.of !== release) {
      assemble ??= createAssembler(createCatalogue(definitions, notYet))
      last = { of: release, assembly: assemble(release.revisions, true) }
    }
    return last.assembly
  }

  return {
    async reference(id: string, by: Actor | undefined, { servers }) {
      const known = await apiOf(id)
      const isOpen = known?.visibility === 'public' && offered.has(known.lifecycle)
      const api = isOpen ? known : by ? await apis.get(id, by) : undefined
      if (!api) throw none('apis', id)
      const found = assembly()
      const flow = found?.flows.find(({ flow: { document } }) => document.id === api.flow)
      if (!found || !flow) throw new Refused('describe.flow', 404, 'The flow that serves this API is not deployed.')
      const { name, lifecycle, organisation } = api
      return { api: { id, name, lifecycle, organisation }, document: toDocument(api, flow, found.linkIns, servers) }
    },
  }
}
