import type { JsonSchema, NodeProblem } from '../node.ts'
import { type LabelEntry, LabelMap } from './label-map.ts'
import { type LabelPath, LabelPathError, parseLabelPath } from './label-path.ts'

/** A label given where data comes in, as the editor writes it. */
export interface LabelRow {
  readonly path: string
  readonly label: string
}

/** What a node that is asked for labels may know of where it stands. */
export interface LabelFacts {
  readonly node: { readonly flow: string; readonly id: string }
  /** What came back out of the branch behind a port, or of the flow that was called (`call`). */
  returned(port: string): LabelMap
  /** What messages inside the branches of the node carried: a Catch node may be shown any of them. */
  readonly inside: LabelMap
}

/** What leaves a node: the same on every port, or by port. */
export type LabelsOut = LabelMap | Readonly<Record<string, LabelMap>>

/** Where labelled values must not go in clear. */
export type LeakTo = 'answer' | 'callout' | 'log' | 'cache' | 'queue' | 'store'

/** Something of a message that leaves the flow by a node. */
export interface Leak {
  readonly to: LeakTo
  /** What of it, for people: `body`, `the header X-Id`, `payload`. */
  readonly what: string
  readonly property?: string
  /** What it carries; what is protected may pass. */
  readonly labels: LabelMap
}

export const labelName = /^[a-z][a-z0-9-]{0,39}$/

/** The property by which a node says what comes in is labelled; edited as a table. */
export const labelRowsSchema: JsonSchema = {
  type: 'array', default: [], maxItems: 100, title: 'Data labels',
  description: 'What comes in here is about people, or secret: where (payload.person.id, $.people[*].id, req.headers["x-id"]) and what (pid, pan, secret, or a name of yours). It may leave only tokenized, masked, encrypted or released.',
  'x-form': { 'zh-TW': { title: '資料標籤', description: '此處進入的個人或機密資料：位置（payload.person.id、$.people[*].id、req.headers["x-id"]）與標籤（pid、pan、secret 或自訂名稱）。只有經代碼化、遮罩、加密或解除標籤後才能離開。' } },
  items: {
    type: 'object',
    properties: {
      path: { type: 'string', default: '', title: 'Where', 'x-form': { 'zh-TW': { title: '位置' } } },
      label: { type: 'string', default: 'pid', title: 'Label', 'x-form': { 'zh-TW': { title: '標籤' } } },
    },
    required: ['path', 'label'],
  },
}

/** The same for nodes of Node-RED's: a flow that does not have the property stays as it is. */
export const stockLabelRowsSchema: JsonSchema = Object.fromEntries(Object.entries(labelRowsSchema).filter(([keyword]) => keyword !== 'default'))

/** What is wrong with rows of labels. */
export function checkLabelRows(rows: readonly LabelRow[] | undefined, property = 'labels'): NodeProblem[] {
  return (rows ?? []).flatMap(({ path, label }) => [...checkPath(path, property), ...checkName(label, property)])
}

export function checkName(label: string, property: string): NodeProblem[] {
  if (labelName.test(label)) return []
  return [{ code: 'label.name', property, message: `“${label}” is not a data label.`, remedy: 'Write pid, pan, secret, or a name of small letters, digits and hyphens that begins with a letter.' }]
}

export function checkPath(path: string, property: string): NodeProblem[] {
  try {
    parseLabelPath(path)
    return []
  } catch (error) {
    if (!(error instanceof LabelPathError)) throw error
    return [{ code: 'label.path', property, message: `“${path}” is not a path to labelled data: ${error.message} at position ${error.position}.`, remedy: 'Write it like payload.people[*].id, $.people[*].id or req.headers["x-id"].' }]
  }
}

/** The rows as knowledge of the message; what cannot be read was refused before. */
export function labelsOfRows(rows: readonly LabelRow[] | undefined, { node }: Pick<LabelFacts, 'node'>): LabelMap {
  return LabelMap.of((rows ?? []).flatMap(({ path, label }): LabelEntry[] => {
    if (checkPath(path, '').length > 0 || !labelName.test(label)) return []
    return parseLabelPath(path).map((written) => ({ path: withLowerHeader(written.path), label, from: { flow: node.flow, node: node.id, path } }))
  }))
}

/** Names of headers tell no capital letters apart (RFC 9110 §5.1); in messages they are small. */
function withLowerHeader(path: LabelPath): LabelPath {
  const at = path[0] === 'headers' ? 1 : path[0] === 'req' && path[1] === 'headers' ? 2 : undefined
  const name = at === undefined ? undefined : path[at]
  return typeof name === 'string' ? path.with(at as number, name.toLowerCase()) : path
}

/** For nodes that send on the message that came, by whatever ports. */
export function unchanged(_config: unknown, input: LabelMap): LabelMap {
  return input
}

/** For nodes by which nothing of a message leaves its flow: it is neither kept, nor told to anybody. */
export function nothing(): readonly Leak[] {
  return []
}

/** For nodes that send on what came, with these fields set to something of their own. */
export function setting(...fields: readonly string[]): (config: unknown, input: LabelMap) => LabelMap {
  return (_config, input) => fields.reduce((map, field) => map.without([field]), input)
}
