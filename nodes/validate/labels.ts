import { LabelMap, type LabelOrigin, unionOf } from '../../runtime/core/labels/label-map.ts'
import { type LabelPath, labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { atAllPlaces } from '../../runtime/core/labels/of-request.ts'
import { labelsOfSchema, mayHoldLabels } from '../../runtime/core/labels/of-schema.ts'
import type { ValidateConfig } from './validate-config.ts'

type Json = Readonly<Record<string, unknown>>
type From = Omit<LabelOrigin, 'path'>

/** Where the parts of a request lie in a message. */
const places: Readonly<Record<string, LabelPath>> = { query: ['req', 'query'], path: ['req', 'params'], params: ['req', 'params'], header: ['req', 'headers'], headers: ['req', 'headers'], cookie: ['req', 'cookies'], cookies: ['req', 'cookies'] }

/** Labels that the schemas of a node give to what fits them, by `x-label`. */
export function labelsOfSchemas(config: ValidateConfig, from: From): LabelMap {
  const given = config.by === 'operation' ? ofOperation(config, from) : ofParts(config, from)
  return config.side === 'request' ? atAllPlaces(given) : given
}

function ofParts(config: ValidateConfig, from: From): LabelMap {
  const body = labelsOfText(config.body, from).under(labelPathOf(config.property) ?? [])
  const parts = config.side === 'answer'
    ? [labelsOfText(config.headers, from).under(['headers'])]
    : (['query', 'params', 'headers', 'cookies'] as const).map((part) => labelsOfText(config[part], from).under(places[part] ?? []))
  return unionOf([body, ...parts])
}

function ofOperation({ operation, side }: ValidateConfig, from: From): LabelMap {
  const root = read(operation)
  const found: LabelMap[] = []
  const bodies = (content: unknown) => {
    for (const media of Object.values(asObject(content))) found.push(labelsOfSchema(asObject(media)['schema'], from, root).under(['payload']))
  }
  if (side === 'answer') {
    for (const response of Object.values(asObject(root['responses']))) {
      const { content, headers } = asObject(deref(response, root))
      bodies(content)
      for (const [name, header] of Object.entries(asObject(headers))) found.push(labelsOfSchema(asObject(deref(header, root))['schema'], from, root).under(['headers', name.toLowerCase()]))
    }
    return unionOf(found)
  }
  const body = asObject(deref(root['requestBody'], root))
  bodies(body['content'])
  for (const one of Array.isArray(root['parameters']) ? root['parameters'] : []) {
    const parameter = asObject(deref(one, root))
    const place = places[String(parameter['in'])]
    const name = String(parameter['name'])
    if (!place) continue
    const labels = labelsOfSchema({ ...asObject(parameter['schema']), ...('x-label' in parameter ? { 'x-label': parameter['x-label'] } : {}) }, from, root)
    found.push(labels.under([...place, parameter['in'] === 'header' ? name.toLowerCase() : name]))
  }
  return unionOf(found)
}

function labelsOfText(text: string, from: From): LabelMap {
  return mayHoldLabels(text) ? labelsOfSchema(read(text), from) : LabelMap.none
}

/** What is no JSON was refused before. */
function read(text: string): Json {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return {}
  }
}

function deref(given: unknown, root: Json): unknown {
  const { $ref } = asObject(given)
  if (typeof $ref !== 'string' || !$ref.startsWith('#/')) return given
  let at: unknown = root
  for (const part of $ref.slice(2).split('/')) at = asObject(at)[part.replaceAll('~1', '/').replaceAll('~0', '~')]
  return at
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}
