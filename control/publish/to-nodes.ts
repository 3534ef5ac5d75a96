import { sha256 } from '../../runtime/compile/hash.ts'
import { tabProperties } from '../../runtime/core/tab-properties.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { Operation } from './operation.ts'
import type { Mock } from './to-mock.ts'

export interface FlowInput {
  readonly id: string
  readonly name: string
  readonly organisation: string
  readonly version?: string
  /** Callers show an API key. */
  readonly auth: boolean
  /** Said in a comment at the top. */
  readonly origin: string
  readonly operations: readonly Operation[]
}

/** A flow as it is generated: what makes up the tab, and where it is said what was generated. */
export interface GeneratedFlow {
  readonly tab: EditorNode
  /** Without the tab and the note. */
  readonly nodes: readonly EditorNode[]
  readonly note: EditorNode
}

/** Ids are made of what they are for, so that the same input gives the same flow. */
export const idOf = (...parts: readonly string[]) => sha256(JSON.stringify(['registered', ...parts])).slice(0, 16)

/** Id of the tab that an API is registered on: always the same. */
export const tabIdOf = (api: string) => idOf(api)
const noteIdOf = (api: string) => idOf(api, 'note')

/** Headers of a request that the service gets as they came. */
const passedOn = ['accept', 'accept-language', 'if-match', 'if-none-match', 'if-modified-since', 'prefer']

/** Between routes that stand below each other, and between blocks of them. */
export const rowHeight = 50
export const blockWidth = 1180
const grid = { left: 190, top: 120, rows: 60, blocksAtMost: 6 }
const columns = { 'http in': 0, auth: 250, validate: 390, 'service callout': 620, respond: 560, 'http response': 850 }

/** A flow that asks a service and gives its answer: per route one `http in`, an `auth`, a `validate`, a `service callout` and an `http response`; or a `respond` in place of the latter two. */
export function toNodes({ id, name, organisation, version, auth, origin, operations }: FlowInput): GeneratedFlow {
  const z = tabIdOf(id)
  // The canvas of the editor ends at 8000: routes stand below each other, and from a certain number on in several blocks.
  const blocks = Math.min(Math.ceil(operations.length / grid.rows), grid.blocksAtMost)
  const rows = Math.max(1, Math.ceil(operations.length / Math.max(blocks, 1)))
  const nodes = operations.flatMap((operation, index) => {
    const place = { x: grid.left + Math.floor(index / rows) * blockWidth, y: grid.top + (index % rows) * rowHeight }
    return toRoute(id, z, operation, auth, place)
  })
  const env = [
    { name: tabProperties.organisation, value: organisation, type: 'str' },
    ...(version === undefined ? [] : [{ name: tabProperties.apiVersion, value: version, type: 'str' }]),
  ]
  return {
    tab: { id: z, type: 'tab', label: version === undefined ? name : `${name} ${version}`, disabled: false, info: '', env },
    nodes,
    note: { id: noteIdOf(id), type: 'comment', z, name: origin, info: '', x: grid.left + 60, y: 60, wires: [] },
  }
}

function toRoute(api: string, z: string, { method, path, upstream, name, headers, contract, mock }: Operation, auth: boolean, { x, y }: { x: number; y: number }): EditorNode[] {
  const id = (role: string) => idOf(api, method, path, role)
  const at = (type: keyof typeof columns) => ({ x: x + columns[type], y })
  const answering = mock ? 'mock' : 'callout'
  const first = contract === undefined ? answering : 'validate'
  return [
    { id: id('in'), type: 'http in', z, name: '', url: path, method: method.toLowerCase(), upload: false, skipBodyParsing: false, swaggerDoc: '', ...at('http in'), wires: [[id(auth ? 'auth' : first)]] },
    ...(auth ? [{ id: id('auth'), type: 'auth', z, name: '', methods: [{ kind: 'key header', name: 'x-api-key' }], ...at('auth'), wires: [[id(first)], []] }] : []),
    ...(contract === undefined ? [] : [{ id: id('validate'), type: 'validate', z, name: '', by: 'operation', operation: contract, coerce: false, ...at('validate'), wires: [[id(answering)], []] }]),
    ...(mock ? [toMockNode(mock, { id: id('mock'), z, name }, at('respond'))] : [{
      id: id('callout'), type: 'service callout', z, name, method, url: upstream, query: [],
      headers: [...passedOn, ...headers.filter((header) => !passedOn.includes(header))].map((header) => ({ name: header, value: `req.headers["${header}"]`, valueType: 'msg' })),
      bodyFrom: 'auto', passQuery: true, expectedStatus: '200-599', ...at('service callout'), wires: [[id('reply')], []],
    }, { id: id('reply'), type: 'http response', z, name: '', statusCode: '', headers: {}, ...at('http response'), wires: [] }]),
  ]
}

function toMockNode({ status, contentType, body }: Mock, own: { readonly id: string; readonly z: string; readonly name: string }, place: object): EditorNode {
  const headers = contentType === undefined ? [] : [{ name: 'Content-Type', value: contentType, valueType: 'str' }]
  return { ...own, type: 'respond', status: String(status), statusType: 'num', headers, body: JSON.stringify(body ?? null), bodyType: 'json', ...place, wires: [] }
}
